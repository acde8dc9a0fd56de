"""What the engine and the evaluation return: frozen types of names and numpy arrays. Knows no torch and no screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["ConfusionMatrix", "Controls", "Evaluation", "Interval", "Prediction", "Spread"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a classifier says of N images.

    class_names: the K classes, in the order of the columns.
    logits: (N, K) float32.
    """

    class_names: tuple[str, ...]
    logits: np.ndarray

    def __len__(self) -> int:
        return len(self.logits)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, (N, K); rows sum to 1."""
        shifted = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    @property
    def labels(self) -> np.ndarray:
        """Index of the most probable class of every image, (N,) int64."""
        return self.logits.argmax(axis=1)

    def top(self, image: int, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The most probable classes of one image with their probabilities, best first."""
        order = np.argsort(-self.logits[image], kind="stable")[:count]
        return tuple((self.class_names[k], float(self.probabilities[image, k])) for k in order)


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often images of one class are given another.

    counts: (K, K) int64, row = true class, column = predicted class.
    """

    class_names: tuple[str, ...]
    counts: np.ndarray

    @property
    def column_sums(self) -> np.ndarray:
        """Images given to each class, (K,); far above the row sum, the class swallows others."""
        return self.counts.sum(axis=0)


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, in percent."""

    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Per-class accuracy over several orders of the classes, in percent; `spread` is largest minus smallest."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The papers' "medium value"."""
        return float(np.median(self.values))

    @property
    def spread(self) -> float:
        """Largest minus smallest."""
        return max(self.values) - min(self.values)


@dataclass(frozen=True)
class Controls:
    """Per-class accuracy in percent where the texts are taken away: what is left is not reading.

    shuffled: every class described by another one's text, mean over several draws.
    name_only: class names instead of texts.
    empty: no text at all.
    """

    shuffled: float
    name_only: float
    empty: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of one classifier on one labelled set of images; accuracies in percent.

    per_class_accuracy: mean over the classes of the accuracy within each (paper equation 7).
    class_accuracies: (K,) the accuracy within each class.
    top5: as `per_class_accuracy`, the true class among the five best (among all, below five classes).
    interval: of `per_class_accuracy` on these very classes, from resampling the images of every class.
    class_interval: the same for classes of this kind, from resampling the classes and the images of each: wider, as
        classes differ far more than pictures of one class do.
    """

    confusion: ConfusionMatrix
    per_class_accuracy: float
    class_accuracies: np.ndarray
    top5: float
    interval: Interval
    class_interval: Interval
    permutations: Spread | None = None
    controls: Controls | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The K classes in the order of the confusion matrix."""
        return self.confusion.class_names

    @property
    def images(self) -> int:
        """Number of images judged."""
        return int(self.confusion.counts.sum())

    @property
    def chance(self) -> float:
        """Per-class accuracy of guessing, in percent."""
        return 100 / len(self.class_names)
