"""The four N3s of the benchmark: every layer adapted, classification layer only, with Class Normalization, as shipped.

Owns their names, search spaces and notes; how they are trained is n3_training.py's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from n3core.baselines.base import BaseNetwork, MethodEntry, Settings, Trial
from n3core.baselines.n3_training import FeatureN3, N3Settings, PixelN3, ShippedN3
from n3core.config import N3Config, from_json

__all__ = ["ENTRIES"]

_PAPER = "N3 (final version)"
_TUNED = ("learning_rate", "mu", "text_noise", "word_dropout", "confusable")
_TUNED_FEATURES = ("learning_rate", "weight_decay", "steps", "text_noise", "word_dropout", "confusable")
_FEATURE_SETTINGS: Mapping[str, Any] = {"steps": 400, "batch_size": 256, "learning_rate": 1e-3}


def _suggest(trial: Trial) -> Settings:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-3, log=True),
        "mu": trial.suggest_float("mu", 3e-4, 1e-2, log=True),
        "text_noise": trial.suggest_float("text_noise", 0.0, 4.0),
        "word_dropout": trial.suggest_float("word_dropout", 0.0, 0.4),
        "confusable": trial.suggest_float("confusable", 0.0, 1.0),
    }


def _suggest_features(trial: Trial) -> Settings:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 1.0, log=True),
        "steps": trial.suggest_categorical("steps", [200, 400]),
        "text_noise": trial.suggest_float("text_noise", 0.0, 4.0),
        "word_dropout": trial.suggest_float("word_dropout", 0.0, 0.4),
        "confusable": trial.suggest_float("confusable", 0.0, 1.0),
    }


def _shipped_unavailable(base: BaseNetwork) -> str | None:
    """Why the shipped checkpoint cannot read this run's images or texts."""
    if base.checkpoint is None:
        return "no checkpoint is given"
    path = base.checkpoint / "config.json"
    try:
        config = from_json(N3Config, json.dumps(json.loads(path.read_text(encoding="utf-8"))["n3"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"checkpoint config {path} is not readable ({(str(error) or type(error).__name__).splitlines()[0]})"
    if config.image_size != base.image_size:
        return f"the checkpoint sees {config.image_size} pixels, this run's images have {base.image_size}"
    if config.text != base.text:
        wanted, given = (f"{text.name} {text.mode}" for text in (config.text, base.text))
        return f"the checkpoint reads texts by {wanted}, this run encodes them by {given}"
    return None


def _default(names: tuple[str, ...], **fixed: Any) -> Settings:
    settings = N3Settings.of({}, **fixed)
    return {name: getattr(settings, name) for name in names}


ENTRIES: tuple[MethodEntry, ...] = (
    MethodEntry(
        "n3",
        "N3",
        _PAPER,
        frozenset({"pixels", "token states"}),
        lambda settings, base, seed: PixelN3(N3Settings.of(settings), base, seed),
        _suggest,
        _default(_TUNED),
        note="starts from a classification layer trained on the features of whole images",
    ),
    MethodEntry(
        "n3-fc",
        "N3, classification layer only",
        _PAPER,
        frozenset({"token states"}),
        lambda settings, base, seed: FeatureN3(N3Settings.of(settings, **_FEATURE_SETTINGS), base, seed),
        _suggest_features,
        _default(_TUNED_FEATURES, **_FEATURE_SETTINGS),
        note="trained on the features of whole images, without augmentation",
    ),
    MethodEntry(
        "n3-cn",
        "N3 with Class Normalization",
        f"{_PAPER}; Skorokhodov and Elhoseiny 2021",
        frozenset({"pixels", "token states"}),
        lambda settings, base, seed: PixelN3(N3Settings.of(settings, label_normalization=True), base, seed),
        _suggest,
        _default(_TUNED),
        note="as N3; Class Normalization of the label embeddings, before the encoder over classes",
    ),
    MethodEntry(
        "n3-shipped",
        "N3, shipped checkpoint",
        _PAPER,
        frozenset({"pixels", "token states"}),
        lambda settings, base, seed: ShippedN3(base),
        lambda trial: {},
        {},
        unavailable=_shipped_unavailable,
        note="not fitted here: meta-trained on Tiny ImageNet's seen classes and Fieldbook varieties; its own base",
        fitted=False,
    ),
)
