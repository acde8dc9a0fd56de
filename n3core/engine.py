"""What pages and commands call: described classes and images in, results out.

Owns the loaded checkpoint, its text encoder, caching by content and thread safety; knows no screen and no training.
The N3 module is only read, under a lock; every classifier it yields owns its tensors, so predictions need no lock.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from n3core.backbone import IMAGENET_MEAN, IMAGENET_STD, to_float
from n3core.checkpoint import load_checkpoint
from n3core.config import N3Config
from n3core.datasets.base import square_pixels
from n3core.datasets.images import load_rgb
from n3core.descriptions import TaskSpec
from n3core.devices import choose_device
from n3core.errors import InputError
from n3core.files import cache_folder, write_atomically
from n3core.known_checkpoints import default_checkpoint, weight_hashes
from n3core.model import N3, SynthesizedClassifier
from n3core.results import Prediction
from n3core.results.evidence import TokenEvidence
from n3core.results.saliency import SaliencyMaps, SaliencySettings
from n3core.tensor_files import to_bytes
from n3core.text_encoder import TextEncoder, TextLength
from n3core.token_states import TokenStates, join_states
from n3core.versions import OWN_PACKAGE, package_versions

__all__ = ["Engine"]

Pictures = np.ndarray | Sequence[Image.Image | np.ndarray]  # (N, H, W, 3) uint8, or N of PIL or (H, W, 3) uint8

_BATCH = 128  # images per forward pass
_MOST_NOTED = 5_000_000  # characters of descriptions in an export; in json up to 14 bytes each, of 100 MB that may be


def _place_of(name: str, task: TaskSpec) -> int:
    if name not in task.names:
        raise InputError(f"class {str(name)[:80]!r} is not in the task; it has {', '.join(task.names[:20])}")
    return task.names.index(name)


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise InputError(f"texts are {texts[:80]!r}, one of them; give a list")


def _to_rgb(picture: Image.Image | np.ndarray, place: int) -> Image.Image:
    if isinstance(picture, np.ndarray):
        if picture.dtype == np.uint8 and picture.shape[2:] == (3,) and picture.size:
            return Image.fromarray(picture)
        kind = f"an array {picture.shape} of {picture.dtype}"
    elif isinstance(picture, Image.Image):
        return load_rgb(picture, str(place))
    else:
        kind = f"a {type(picture).__name__}"
    raise InputError(f"image {place} is {kind}; give pictures of PIL or uint8 arrays (H, W, 3)")


class Engine:
    """A checkpoint at work. Safe to share between threads; results do not depend on what ran before.

    Args:
        checkpoint: folder of a trained N3; None takes `default_checkpoint()`.
        device: "auto", "cpu" or "cuda".
        max_texts: token states of so many descriptions stay in memory (others are on disk).
        max_classifiers: so many synthesized networks stay in memory (45 MB each for ResNet-18).

    Raises:
        InputError: missing or damaged checkpoint, unknown text encoder, no such device.
    """

    def __init__(
        self,
        checkpoint: Path | str | None = None,
        *,
        device: str = "auto",
        max_texts: int = 512,
        max_classifiers: int = 8,
    ) -> None:
        self.checkpoint = Path(checkpoint) if checkpoint is not None else default_checkpoint()
        self.device = choose_device(device)
        self._model = load_checkpoint(self.checkpoint).to(self.device)
        self.weight_hashes = weight_hashes(self.checkpoint)  # now: a training may replace the folder later
        self._encoder = TextEncoder(self._model.config.text, cache_folder() / "texts", device=self.device)
        self._texts: OrderedDict[str, TokenStates] = OrderedDict()
        self._labels: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._classifiers: OrderedDict[str, SynthesizedClassifier] = OrderedDict()
        self._max_texts, self._max_classifiers = max_texts, max_classifiers
        self._text_lock, self._synthesis_lock = threading.Lock(), threading.Lock()

    @property
    def config(self) -> N3Config:
        """Settings of the checkpoint."""
        return self._model.config

    @property
    def image_size(self) -> int:
        """Side in pixels of the square the network sees."""
        return self._model.config.image_size

    @property
    def model(self) -> N3:
        """The N3 itself: frozen, in eval mode, to be read only."""
        return self._model

    def encode(self, texts: Sequence[str]) -> TokenStates:
        """Token states of K texts, each encoded once, alone or as the cache on the disk has it, whatever the others.

        Raises:
            InputError: one text instead of a list.
        """
        _check_texts(texts)
        with self._text_lock:
            parts: dict[str, TokenStates] = {}
            for text in dict.fromkeys(texts):
                parts[text] = self._texts[text] if text in self._texts else self._encoder.encode([text])
                self._texts[text] = parts[text]
                self._texts.move_to_end(text)
            while len(self._texts) > self._max_texts:
                self._texts.popitem(last=False)
        return join_states([parts[text] for text in texts])

    def text_length(self, text: str) -> TextLength:
        """How long a description is for the text encoder, and what of it is not read; nothing is encoded."""
        return self._encoder.measure(text)

    def synthesize(self, task: TaskSpec) -> SynthesizedClassifier:
        """The classifier of a task, from memory where the same task was asked for lately.

        Returns:
            As `synthesize_texts`: shared, so that training it further starts from a `copy.deepcopy` of it.
        """
        return self.synthesize_texts(task.texts, task.names)

    def synthesize_texts(self, texts: Sequence[str], class_names: Sequence[str]) -> SynthesizedClassifier:
        """As `synthesize`, for texts that need not be valid descriptions, such as the empty ones of a control.

        Args:
            texts: K texts.
            class_names: K names.

        Returns:
            A network with its own tensors, in eval mode and channels-last; not to be changed, others may hold it: who
            wants to train it further takes a `copy.deepcopy`.

        Raises:
            InputError: one text instead of a list.
        """
        _check_texts(texts)
        key = hashlib.sha256(json.dumps([list(class_names), list(texts)]).encode()).hexdigest()
        with self._synthesis_lock:
            if key in self._classifiers:
                self._classifiers.move_to_end(key)
                return self._classifiers[key]
        labels = self._embed(texts)
        with self._synthesis_lock:
            if key not in self._classifiers:
                classifier = self._model.synthesize_labels(labels, class_names)
                self._classifiers[key] = classifier.to(memory_format=torch.channels_last)
            self._classifiers.move_to_end(key)
            classifier = self._classifiers[key]
            while len(self._classifiers) > self._max_classifiers:
                self._classifiers.popitem(last=False)
        return classifier

    def predict(self, task: TaskSpec, images: Pictures) -> Prediction:
        """Classify images into the classes of a task.

        Args:
            task: described classes.
            images: (N, H, W, 3) uint8, or a list of N pictures of any size, of PIL or uint8 (H, W, 3); made upright RGB
                as files are, and square at `image_size` where they are not.

        Returns:
            Logits and probabilities of every image.

        Raises:
            InputError: what is no picture, or one of values that say nothing.
        """
        logits = self._logits(self.synthesize(task), self.square(images))
        return Prediction(task.names, logits)

    def explain_tokens(self, task: TaskSpec, images: Pictures, targets: Sequence[str]) -> tuple[TokenEvidence, ...]:
        """Weigh the words of all descriptions in the decision about each image (paper section 5.2, figure 3).

        Args:
            task: described classes.
            images: N, as in `predict`.
            targets: name of the class to explain for each image: the true, the predicted or any other.

        Raises:
            InputError: a target that is no class of the task, or not one for each image.
        """
        from n3core.explain.evidence import explain_tokens

        found = [_place_of(target, task) for target in targets]
        encoded, squares = self.encode(task.texts), self.square(images)
        classifier = self.synthesize(task)
        return explain_tokens(self._model, encoded, task.names, task.texts, squares, found, classifier=classifier)

    def explain_pixels(
        self,
        task: TaskSpec,
        images: Pictures,
        targets: Sequence[str],
        method: str = "gradient",
        *,
        quantity: str = "loss",
        settings: SaliencySettings | None = None,
    ) -> SaliencyMaps:
        """Tell which pixels matter (paper figure 4).

        Args:
            task: described classes.
            images: N, as in `predict`.
            targets: as in `explain_tokens`.
            method: as in `n3core.explain.saliency.explain_pixels`, like what follows.

        Raises:
            InputError: a target that is no class of the task, not one for each image, or what that function refuses.
        """
        from n3core.explain.saliency import explain_pixels  # with captum, which takes its time to load

        found = [_place_of(target, task) for target in targets]
        classifier, squares = self.synthesize(task), self.square(images)
        return explain_pixels(classifier, squares, found, method, quantity=quantity, settings=settings)

    def square(self, images: Pictures) -> np.ndarray:
        """Make images what the network sees, upright squares of `image_size`: (N, S, S, 3) uint8.

        Args:
            images: as in `predict`; an array that has that size already is returned as it is.

        Raises:
            InputError: as `predict`.
        """
        size = self.image_size
        if isinstance(images, np.ndarray):
            if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
                raise InputError(f"images must be uint8 (N, H, W, 3), not {images.dtype} {images.shape}")
            if images.shape[1:3] == (size, size):
                return images
        elif not isinstance(images, Sequence) or isinstance(images, str | bytes):
            raise InputError(
                f"images are a {type(images).__name__}; give a list of pictures of PIL or of uint8 arrays (H, W, 3), "
                "or one uint8 array (N, H, W, 3)"
            )
        squares = [square_pixels(_to_rgb(image, place), size) for place, image in enumerate(images)]
        return np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)

    def predict_function(self, texts: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
        """What `n3core.evaluate` asks for: uint8 images (N, S, S, 3) -> logits (N, K), column k for text k."""
        classifier = self.synthesize_texts(texts, [str(number) for number in range(len(texts))])
        return lambda images: self._logits(classifier, images)

    def export(self, task: TaskSpec, path: Path | str) -> SynthesizedClassifier:
        """Write the classifier of a task for use without this project.

        Args:
            task: described classes.
            path: a file *.safetensors: a state dict of the torchvision network; its metadata hold `base`,
                `class_names` (json), `image_size`, `mean` and `std` (json), and where it comes from: `descriptions`
                (json, name -> text; left out where they fill megabytes), `checkpoint_sha256` and `n3_version`.

        Returns:
            What was written; shared, as `synthesize` returns it.

        Raises:
            InputError: another suffix, or the file cannot be written; an older one stays as it was.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise InputError(f"a classifier is written to *.safetensors, not {path.name!r}; choose such a name")
        classifier = self.synthesize(task)
        tensors = {name: value.cpu().contiguous() for name, value in classifier.network.state_dict().items()}
        notes = {
            "base": classifier.base,
            "class_names": json.dumps(task.names),
            "image_size": str(self.image_size),
            "mean": json.dumps(IMAGENET_MEAN),
            "std": json.dumps(IMAGENET_STD),
            "checkpoint_sha256": self.weight_hashes[0],
            "n3_version": package_versions([OWN_PACKAGE]).get(OWN_PACKAGE, "unknown"),
        }
        if sum(map(len, task.texts)) <= _MOST_NOTED:
            notes["descriptions"] = json.dumps(dict(zip(task.names, task.texts, strict=True)))
        write_atomically(path, to_bytes(tensors, notes))
        return classifier

    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Label embeddings (K, d); each text is read once and alone, so its label does not depend on the others."""
        found: dict[str, torch.Tensor] = {}
        for text in dict.fromkeys(texts):
            with self._synthesis_lock:
                label = self._labels.get(text)
            if label is None:
                encoded = self.encode([text])
                with torch.no_grad():
                    label = self._model.tokens2label(encoded.states.to(self.device), encoded.mask.to(self.device))[0]
            found[text] = label
        with self._synthesis_lock:
            for text, label in found.items():
                self._labels[text] = label
                self._labels.move_to_end(text)
            while len(self._labels) > self._max_texts:
                self._labels.popitem(last=False)
        return torch.stack([found[text] for text in texts])

    def _logits(self, classifier: SynthesizedClassifier, images: np.ndarray) -> np.ndarray:
        parts = [np.empty((0, len(classifier.class_names)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH):
                batch = to_float(images[start : start + _BATCH], self.device)
                parts.append(classifier(batch).float().cpu().numpy())
        return np.concatenate(parts)
