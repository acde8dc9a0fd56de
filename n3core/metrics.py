"""The measures that several rooms take: accuracy averaged over classes, and rank correlation."""

from __future__ import annotations

import numpy as np

__all__ = ["accuracy_within_classes", "per_class_accuracy", "rank_correlation"]


def per_class_accuracy(guesses: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the classes of the accuracy within each, in percent (paper equation 7).

    Args:
        guesses: (N,) predicted classes, as numbers or names.
        labels: (N,) true classes, likewise; a class without images does not count.

    Returns:
        0 to 100; nan without images.
    """
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    right = np.bincount(place, guesses == labels, minlength=len(counts))
    return 100 * float((right / counts).mean()) if len(counts) else float("nan")


def accuracy_within_classes(guesses: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Share of the images of each class that are predicted rightly, in percent.

    Args:
        guesses: (N,) index of the predicted class.
        labels: (N,) index of the true class.
        classes: K.

    Returns:
        (K,); nan without images.
    """
    totals = np.bincount(labels, minlength=classes)
    right = np.bincount(labels, guesses == labels, minlength=classes)
    return np.divide(100 * right, totals, out=np.full(classes, np.nan), where=totals > 0)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation, ties sharing their mean rank.

    Args:
        one, other: (M,) values; pairs with a nan are left out.

    Returns:
        -1 to 1; nan where fewer than 3 pairs remain or all values of one are equal.
    """
    from scipy.stats import spearmanr  # imported here: most commands do not need it

    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3 or np.ptp(one[both]) == 0 or np.ptp(other[both]) == 0:
        return float("nan")
    return float(spearmanr(one[both], other[both]).statistic)
