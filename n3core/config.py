"""Frozen settings of every stage, with a JSON round trip. Knows no tensor."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["N3Config", "PretrainConfig", "TextConfig", "TrainConfig", "check_config", "from_json", "to_json"]

Config = TypeVar("Config")


@dataclass(frozen=True)
class TextConfig:
    """Which frozen encoder reads the descriptions."""

    name: str = "minilm"  # "minilm" is the embedded default; else a hub id or a local directory
    mode: str = "contextual"  # "static": input word embeddings only, for the ablation BERT / static
    max_tokens: int = 512  # L; the paper cuts there, too
    hidden_size: int = 384  # H, checked against the encoder on load


@dataclass(frozen=True)
class N3Config:
    """The meta-model Phi(D; Gamma) and the base network it adapts."""

    base: str = "resnet18"  # resnet18, googlenet or squeezenet1_1 of torchvision
    image_size: int = 64  # pixels, side of the square the base sees
    width: int = 128  # d, width of label embeddings and decoders
    heads: int = 4
    tokens2label_layers: int = 1  # paper: 2 (SS) or 1 (PS)
    labels2adaptation_layers: int = 1
    dropout: float = 0.1
    adapt: tuple[str, ...] = ("conv", "norm", "fc")  # layer kinds that receive a delta; fc is always generated
    gamma: float = 1.0
    mu: float = 1e-3  # initial value of the trainable scale
    mu_per_tensor: bool = True  # False: the paper's single global mu
    temperature: float = 10.0  # initial; logits are it times unit directions times features over their mean norm
    label_normalization: bool = False  # Class Normalization of the label embeddings (Skorokhodov and Elhoseiny 2021)
    text: TextConfig = TextConfig()


@dataclass(frozen=True)
class PretrainConfig:
    """Supervised training of the base on seen classes."""

    data: tuple[str, ...] = ("tiny-imagenet",)
    image_size: int = 64
    epochs: float = 10.0
    batch_size: int = 128
    learning_rate: float = 0.2  # peak, SGD with Nesterov momentum
    anneal: bool = True  # False holds the peak rate, for a first stage that another continues
    weight_decay: float = 5e-4
    plates: float = 0.25  # share of Fieldbook varieties in a batch, beside photographs
    label_smoothing: float = 0.0  # smoothing makes features that transfer less (Kornblith et al. 2021)
    seed: int = 0


@dataclass(frozen=True)
class TrainConfig:
    """Meta-training by episodes (paper section 3.3)."""

    data: tuple[str, ...] = ("tiny-imagenet",)
    steps: int = 4000
    batch_size: int = 96
    plates: float = 0.9  # chance of an episode of Fieldbook varieties: the few classes of photographs are soon learned
    classes: tuple[int, int] = (10, 60)  # K is drawn uniformly between these
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    confusable: float = 0.5  # share of episodes whose classes are neighbours in text space
    word_dropout: float = 0.1
    feature_steps: int = 0  # before the episodes: the classification layer alone, on features of whole images
    feature_learning_rate: float = 1e-3  # peak of those
    seed: int = 0


# field of N3Config or its TextConfig -> least and largest value that a file may hold; only whole ones where these are
_RANGES: dict[str, tuple[float, float]] = {
    "image_size": (16, 1024),
    "width": (1, 4096),
    "heads": (1, 64),
    "tokens2label_layers": (1, 32),
    "labels2adaptation_layers": (1, 32),
    "dropout": (0.0, 0.99),
    "gamma": (-100.0, 100.0),
    "mu": (1e-12, 100.0),
    "temperature": (1e-6, 1e6),
    "max_tokens": (4, 8192),
    "hidden_size": (1, 16384),
}


def check_config(config: N3Config) -> None:
    """Check the numbers of a config that was read from a file.

    Raises:
        ValueError: one is no number, or out of any sensible range; the message names it.
    """
    for name, (low, high) in _RANGES.items():
        value = getattr(config if hasattr(config, name) else config.text, name)
        kinds = (int,) if isinstance(low, int) else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise ValueError(f"{name} is {str(value)[:40]!r}, not a number from {low:g} to {high:g}")


def to_json(config: Any) -> str:
    """Serialise a config dataclass, nested ones included."""
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(kind: type[Config], text: str) -> Config:
    """Rebuild a config of type `kind`; unknown keys raise TypeError."""
    return _build(kind, json.loads(text))


def _build(kind: Any, values: dict[str, Any]) -> Any:
    nested = {"text": TextConfig}
    fields = {
        key: _build(nested[key], value)
        if key in nested and isinstance(value, dict)
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
    return kind(**fields)
