"""N3 behind the two verbs: meta-trained on images, on features for the classification layer alone, or as it shipped.

Owns how a fresh N3 is meta-trained in memory on the seen classes of a run (N3 paper, section 3.3); model and episodes
are those of n3core.model and n3core.episodes. Knows no dataset, no search space and no file but the checkpoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n3core.backbone import build_network, to_float
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, Settings, require_fit
from n3core.checkpoint import load_checkpoint
from n3core.config import N3Config, TrainConfig
from n3core.episodes import EpisodeSource, TextPool, draw_episode
from n3core.feature_training import (
    FeatureSource,
    Outcome,
    RunEpisode,
    classification_layer,
    feature_episodes,
    meta_train,
)
from n3core.indices import check_labels
from n3core.model import N3
from n3core.pixels import PixelSet, augment, draw_augmentation
from n3core.train import centre_features, classify

__all__ = ["FeatureN3", "N3Settings", "PixelN3", "ShippedN3"]


@dataclass(frozen=True)
class N3Settings:
    """What an N3 is and how it is meta-trained; see N3Config and TrainConfig.

    steps: of the parts that `adapt` names, `batch_size` images each.
    feature_steps, feature_learning_rate: before them, of the classification layer alone on cached features; see
        PixelN3.
    classes: an episode's K is drawn uniformly between these, or up to the number of seen classes where they are fewer.
    text_noise: see EpisodeSource.
    """

    steps: int = 80
    batch_size: int = 96
    feature_steps: int = 400
    feature_learning_rate: float = 1e-3
    classes: tuple[int, int] = (10, 60)
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    confusable: float = 0.5
    word_dropout: float = 0.1
    text_noise: float = 2.0
    width: int = 128
    heads: int = 4
    gamma: float = 1.0
    mu: float = 1e-3
    adapt: tuple[str, ...] = ("conv", "norm", "fc")
    label_normalization: bool = False

    @classmethod
    def of(cls, values: Settings, **fixed: Any) -> N3Settings:
        """Defaults, then what makes the system what it is, then the values of a trial; lists become tuples."""
        given = {**fixed, **values}
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})

    def on_features(self) -> N3Settings:
        """How the classification layer alone is trained first."""
        rate = self.feature_learning_rate
        return replace(self, steps=self.feature_steps, batch_size=256, learning_rate=rate, adapt=("fc",))

    def model_config(self, base: BaseNetwork) -> N3Config:
        """The N3 over a base network."""
        return N3Config(
            base.name,
            base.image_size,
            width=self.width,
            heads=self.heads,
            adapt=self.adapt,
            gamma=self.gamma,
            mu=self.mu,
            label_normalization=self.label_normalization,
            text=base.text,
        )

    def train_config(self, seed: int) -> TrainConfig:
        """Its meta-training."""
        names = TrainConfig.__dataclass_fields__.keys() - {"data", "seed", "feature_steps", "feature_learning_rate"}
        return TrainConfig((), seed=seed, **{name: value for name, value in asdict(self).items() if name in names})


class _MetaTrained(ABC):
    """What both ways to train a fresh N3 share: seeding, texts and the loop over episodes.

    No class is held out within a fit: the last step is kept. Seen classes without an image are left out.
    """

    def __init__(self, settings: N3Settings, base: BaseNetwork, seed: int) -> None:
        self.settings, self.base, self.seed = settings, base, seed
        self._device = torch.device(base.device)
        self._start: dict[str, Tensor] = {}
        self._model: N3 | None = None

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Meta-train on the seen classes; see ZeroShotMethod."""
        labels = check_labels(labels, len(images), len(texts))
        seen, labels = np.unique(labels, return_inverse=True)
        texts = texts.take(seen)
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            model = self._build().to(self._device)
            centre_features(model, torch.from_numpy(np.asarray(images.features, np.float32)).to(self._device))
            config = self.settings.train_config(self.seed)
            meta_train(model, config, self._episodes(model, config, images, labels, texts))
        self._model = model

    @property
    def model(self) -> N3:
        """The trained N3."""
        require_fit(self, "_model")
        assert self._model is not None
        return self._model

    @abstractmethod
    def _build(self) -> N3: ...

    @abstractmethod
    def _episodes(
        self, model: N3, config: TrainConfig, images: ImageSet, labels: np.ndarray, texts: ClassTexts
    ) -> RunEpisode: ...


class PixelN3(_MetaTrained):
    """N3 as published: the adapted network sees augmented images, gradients reach Gamma through it (section 3.3).

    Gamma starts from that of a classification layer trained on cached features: as long as the adaptation of the other
    layers is small, logits are nearly the same, and a step there runs no network.
    """

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Meta-train on the seen classes; see ZeroShotMethod."""
        if self.settings.feature_steps:
            start = FeatureN3(self.settings.on_features(), self.base, self.seed)
            start.fit(images, labels, texts)
            self._start = start.model.state_dict()
            del self._start["log_mu"]  # it scales no layer there
        super().fit(images, labels, texts)

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Synthesize the classifier of the described classes and run it; see ZeroShotMethod."""
        return _predict_pixels(self.model, images, texts)

    def _build(self) -> N3:
        model = N3(self.settings.model_config(self.base), self.base.tensors)
        model.load_state_dict(self._start, strict=False)
        return model

    def _episodes(
        self, model: N3, config: TrainConfig, images: ImageSet, labels: np.ndarray, texts: ClassTexts
    ) -> RunEpisode:
        pixels = PixelSet("seen", _pixels_of(images), texts.ids, labels, {}, {})
        source = EpisodeSource.of(pixels, _text_pool(texts), text_noise=self.settings.text_noise)
        skeleton = build_network(self.base.name, 2).to(self._device, memory_format=torch.channels_last).eval()
        skeleton.requires_grad_(False)

        def run_episode(rng: np.random.Generator) -> Outcome:
            episode = draw_episode(source, config, rng)
            drawn = draw_augmentation(len(episode.pixels), rng)
            batch = augment(to_float(episode.pixels, self._device), drawn, self.base.image_size)
            batch = batch.to(memory_format=torch.channels_last)
            with torch.autocast(self._device.type, torch.bfloat16):
                logits = model(skeleton, episode.states.to(self._device), episode.mask.to(self._device), batch)
            return Outcome(logits, episode.labels.to(self._device))

        return run_episode


class FeatureN3(_MetaTrained):
    """N3 that generates the classification layer alone, trained on the cached features of the base.

    The base never changes, so logits are w'(f - m) + b without a pass through the network. Features are those of whole
    images: no crop, no mirror. SqueezeNet rectifies its logits at every position before it pools them; on pooled
    features that step has no counterpart and is left out.
    """

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Generate the classification layer of the described classes and apply it; see ZeroShotMethod."""
        with torch.inference_mode():
            weight, bias = classification_layer(self.model, _label_embeddings(self.model, texts))
        features = torch.from_numpy(np.asarray(images.features, np.float32))
        return functional.linear(features, weight.cpu(), bias.cpu()).numpy()

    def _build(self) -> N3:
        return N3(replace(self.settings, adapt=("fc",)).model_config(self.base), {})  # the base is in the features

    def _episodes(
        self, model: N3, config: TrainConfig, images: ImageSet, labels: np.ndarray, texts: ClassTexts
    ) -> RunEpisode:
        rows_of = [np.flatnonzero(labels == k) for k in range(len(texts))]
        source = FeatureSource(images.features, _text_pool(texts), rows_of, self.settings.text_noise)
        return feature_episodes(model, config, [source], [1.0])


class ShippedN3:
    """The checkpoint that ships with the project, as it is: what it was trained on stands in its entry's note."""

    def __init__(self, base: BaseNetwork) -> None:
        self.base = base
        self._model: N3 | None = None

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Do nothing: the checkpoint is used as it is."""

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Synthesize the classifier of the described classes and run it; see ZeroShotMethod."""
        if self._model is None:
            assert self.base.checkpoint is not None
            self._model = load_checkpoint(self.base.checkpoint).to(self.base.device)
        return _predict_pixels(self._model, images, texts)


def _text_pool(texts: ClassTexts) -> TextPool:
    """One text a class."""
    lengths = texts.mask.sum(1).tolist()
    states = texts.states[texts.mask].half().numpy()  # (total tokens, H)
    return TextPool.of(states, np.cumsum([0, *lengths]), [[1.0]] * len(texts))


def _label_embeddings(model: N3, texts: ClassTexts) -> Tensor:
    """c (K, d): each text is read alone, without padding, so its embedding does not depend on the others."""
    device = model.log_mu.device
    embedded = []
    for states, mask in zip(texts.states, texts.mask, strict=True):
        alone = states[mask][None].to(device)  # (1, L, H)
        embedded.append(model.tokens2label(alone, torch.ones(alone.shape[:2], dtype=torch.bool, device=device)))
    return torch.cat(embedded)


def _predict_pixels(model: N3, images: ImageSet, texts: ClassTexts) -> np.ndarray:
    with torch.inference_mode():
        embedded = _label_embeddings(model, texts)
    return classify(model.synthesize_labels(embedded, texts.ids), _pixels_of(images))


def _pixels_of(images: ImageSet) -> np.ndarray:
    if images.pixels is None:
        raise ValueError("N3 with adapted layers needs pixels, and the image set has none")
    return images.pixels
