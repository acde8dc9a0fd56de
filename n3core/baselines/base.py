"""What every system is given and what it must answer: fit on seen classes, predict on any described classes.

Owns the types of texts and images that all systems share, and the entry by which the benchmark knows a system; knows
no system and no dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from n3core.config import TextConfig
from n3core.indices import check_rows

__all__ = [
    "BaseNetwork",
    "ClassTexts",
    "ImageSet",
    "MethodEntry",
    "Settings",
    "Trial",
    "ZeroShotMethod",
    "require_fit",
]

Settings = Mapping[str, Any]  # hyper-parameters by name, JSON values


@dataclass(frozen=True, eq=False)
class ClassTexts:
    """What is said of K classes, as the systems read it.

    ids, names, texts: K each.
    states: token states of the frozen encoder (K, L, H) float32, zero where `mask` is False.
    mask: (K, L) bool.
    semantics: one vector a class (K, M) float32: max-pooled token states, or attributes where a dataset has them.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...]
    states: Tensor
    mask: Tensor
    semantics: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | np.ndarray) -> ClassTexts:
        """The classes `rows`, in that order; see `check_rows`."""
        index = check_rows(rows, len(self))
        picked = [tuple(values[k] for k in index) for values in (self.ids, self.names, self.texts)]
        return ClassTexts(*picked, self.states[index], self.mask[index], self.semantics[index])


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images at three depths of one frozen base network; `pixels` and `maps` only where they are asked for.

    features: penultimate activations (N, F) float32.
    maps: last feature map (N, F, h, w), float16 or float32.
    pixels: (N, S, S, 3) uint8.
    """

    features: np.ndarray
    maps: np.ndarray | None = None
    pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Sequence[int] | np.ndarray) -> ImageSet:
        """The images `rows`, in that order; see `check_rows`."""
        index = check_rows(rows, len(self))
        return replace(
            self,
            features=self.features[index],
            maps=None if self.maps is None else self.maps[index],
            pixels=None if self.pixels is None else self.pixels[index],
        )


class ZeroShotMethod(Protocol):
    """One system with its settings and its seed."""

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Learn from seen classes.

        Args:
            images: N images.
            labels: (N,) index into `texts`.
            texts: the seen classes.

        Raises:
            InputError: labels that do not fit images and texts.
        """
        ...

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score images for K described classes, seen or not; the largest score wins.

        Args:
            images: N images.
            texts: K classes.

        Returns:
            Scores (N, K) float32.

        Raises:
            RuntimeError: before `fit`.
        """
        ...


def require_fit(method: object, part: str) -> None:
    """Check that `fit` has come before, which leaves a system with the attribute `part`.

    Raises:
        RuntimeError: it has not.
    """
    if getattr(method, part, None) is None:
        raise RuntimeError(f"{type(method).__name__} is not fitted; fit comes before predict")


@dataclass(frozen=True, eq=False)
class BaseNetwork:
    """The frozen network that all systems of a run share.

    name: resnet18, googlenet or squeezenet1_1.
    tensors: its state dict without classifier; never mutated.
    image_size: side in pixels of the images it sees.
    text: the encoder whose token states the systems are given.
    device: "cpu" or "cuda".
    checkpoint: folder of the shipped N3, for the system that uses it as it is; None where there is none.
    """

    name: str
    tensors: Mapping[str, Tensor]
    image_size: int
    text: TextConfig = field(default_factory=TextConfig)
    device: str = "cpu"
    checkpoint: Path | None = None


class Trial(Protocol):
    """The part of an Optuna trial that a search space uses."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...
    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


@dataclass(frozen=True)
class MethodEntry:
    """One system as the benchmark knows it.

    name: on the command line and in files, such as "pdcnn-fc".
    title: in tables, such as "PDCNN fc".
    source: the paper, such as "Lei Ba et al. 2015".
    needs: what `fit` and `predict` read beside features and semantics: a set of "maps", "pixels" and "token states".
    build: settings, base network and seed -> the system.
    suggest: search space; the same number of settings is tried for every system.
    default: settings where nothing is tuned; keys as `suggest` returns them.
    unavailable: reason why the system cannot run here, or None; asked before a run, never replaced by a number.
    note: what a reader of the table must know of this row, or "".
    fitted: whether `fit` learns from the seen classes of the run, as the others do; False sets the row apart.
    """

    name: str
    title: str
    source: str
    needs: frozenset[str]
    build: Callable[[Settings, BaseNetwork, int], ZeroShotMethod]
    suggest: Callable[[Trial], Settings]
    default: Settings
    unavailable: Callable[[BaseNetwork], str | None] = lambda base: None
    note: str = ""
    fitted: bool = True
