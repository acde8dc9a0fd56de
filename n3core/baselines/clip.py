"""CLIP, which many would reach for instead (Radford et al. 2021): nothing is fitted, texts and
images meet in the space it was trained for.

Owns where its weights are looked for and how a class is worded; models and preparation are those of transformers'
zero-shot image classification. Knows no base network: it sees the run's pixels, enlarged to its own size.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial
from n3core.errors import InputError

__all__ = ["CLIP", "ENTRY", "CLIPSettings"]

_WEIGHTS = "model.safetensors"
_PATIENCE = 5.0  # seconds until the hub counts as out of reach
_BATCH = 64  # images or texts a pass


@dataclass(frozen=True)
class CLIPSettings:
    """Which CLIP, and how a class is worded.

    text: "name" is "a photo of a NAME", "description" the class's text, "both" one after the other; what exceeds the
        length that CLIP reads, 77 tokens, is cut off.
    model: hub id; the environment variable N3_CLIP names a local folder instead.
    """

    text: Literal["name", "description", "both"] = "both"
    model: str = "openai/clip-vit-base-patch32"


class CLIP:
    """Zero-shot image classification behind the two verbs.

    Weights are read from safetensors only. Image embeddings of the last image set are kept, because a run asks about
    the same images with many texts.

    Args:
        settings: which CLIP and which wording.
        device: where it runs.

    Raises:
        InputError: the weights cannot be loaded.
    """

    def __init__(self, settings: CLIPSettings, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        self._model, self._processor = _load(settings.model, device)
        self._seen: tuple[str, Tensor] | None = None

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Do nothing: CLIP is used as it is."""

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Scaled cosines of images and worded classes; see ZeroShotMethod."""
        with torch.inference_mode():
            scores = self._model.logit_scale.exp() * self._embed_images(images) @ self._embed_texts(texts).mT
        return scores.float().cpu().numpy()

    def word(self, name: str, text: str) -> str:
        """What CLIP is told of a class."""
        prompt = f"a photo of a {name}"
        return {"name": prompt, "description": text, "both": f"{prompt}. {text}"}[self.settings.text]

    def _embed_texts(self, texts: ClassTexts) -> Tensor:
        """Unit vectors (K, P)."""
        worded = [self.word(name, text) for name, text in zip(texts.names, texts.texts, strict=True)]
        longest = self._model.config.text_config.max_position_embeddings
        embedded = []
        for start in range(0, len(worded), _BATCH):
            tokens = self._processor.tokenizer(
                worded[start : start + _BATCH], padding=True, truncation=True, max_length=longest, return_tensors="pt"
            )
            pooled = self._model.text_model(
                input_ids=tokens["input_ids"].to(self.device), attention_mask=tokens["attention_mask"].to(self.device)
            ).pooler_output
            embedded.append(functional.normalize(self._model.text_projection(pooled), dim=-1))
        return torch.cat(embedded)

    def _embed_images(self, images: ImageSet) -> Tensor:
        """Unit vectors (N, P)."""
        if images.pixels is None:
            raise ValueError("CLIP reads ImageSet.pixels")
        pixels = np.ascontiguousarray(images.pixels)
        key = hashlib.sha256(pixels.data).hexdigest() if len(pixels) else ""
        if self._seen is None or self._seen[0] != key:
            embedded = [torch.empty(0, self._model.config.projection_dim, device=self.device)]
            for start in range(0, len(pixels), _BATCH):
                batch = list(pixels[start : start + _BATCH])
                prepared = self._processor.image_processor(
                    batch, input_data_format="channels_last", return_tensors="pt"
                )
                pooled = self._model.vision_model(prepared["pixel_values"].to(self.device)).pooler_output
                embedded.append(functional.normalize(self._model.visual_projection(pooled), dim=-1))
            self._seen = (key, torch.cat(embedded))
        return self._seen[1]


@lru_cache(maxsize=1)
def _load(name: str, device: str) -> tuple[Any, Any]:
    """Model and processor, shared by the instances of a run, which only read them."""
    from transformers import CLIPModel, CLIPProcessor
    from transformers.utils.logging import disable_progress_bar

    source = os.environ.get("N3_CLIP") or name
    disable_progress_bar()
    try:
        model = CLIPModel.from_pretrained(source, use_safetensors=True)
        processor = CLIPProcessor.from_pretrained(source)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"CLIP {source!r} cannot be loaded ({reason}); set N3_CLIP to a folder that holds it"
        ) from None
    return model.to(device).eval().requires_grad_(False), processor


def _unavailable(base: BaseNetwork) -> str | None:
    """Why CLIP has no weights here; asks the hub only where they are neither in a folder nor in its cache."""
    folder = os.environ.get("N3_CLIP")
    if folder:
        path = Path(folder)
        if not (path / "config.json").is_file():
            return f"weights not available: N3_CLIP names {folder!r}, which holds no config.json"
        return None if any(path.glob("model*.safetensors")) else f"weights not available: no {_WEIGHTS} in {folder!r}"
    return _missing_on_hub(CLIPSettings().model)


@lru_cache(maxsize=4)
def _missing_on_hub(name: str) -> str | None:
    """Why a model is neither in the hub's cache nor downloadable; asked once a process."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import OfflineModeIsEnabled

    if all(isinstance(try_to_load_from_cache(name, file), str) for file in (_WEIGHTS, "config.json")):
        return None
    looked = f"weights not available: {name} is not in the Hugging Face cache"
    way_out = "set N3_CLIP to a folder that holds it"
    try:
        HfApi().model_info(name, timeout=_PATIENCE)
    except OfflineModeIsEnabled:
        return f"{looked}, and HF_HUB_OFFLINE forbids to download it; {way_out}"
    except Exception as error:  # of whichever HTTP library the hub's client is built on
        return f"{looked}, and the hub cannot be reached ({type(error).__name__}); {way_out}"
    return None


def _build(settings: Settings, base: BaseNetwork, seed: int) -> CLIP:
    return CLIP(CLIPSettings(**settings), base.device)


def _suggest(trial: Trial) -> Settings:
    return {"text": trial.suggest_categorical("text", ["name", "description", "both"])}


ENTRY = MethodEntry(
    name="clip",
    title="CLIP",
    source="Radford et al. 2021",
    needs=frozenset({"pixels"}),
    build=_build,
    suggest=_suggest,
    default={"text": CLIPSettings().text},
    unavailable=_unavailable,
    note="not fitted here: trained on 400 million captioned images; may read class names; sees these pixels enlarged",
    fitted=False,
)
