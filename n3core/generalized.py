"""Seen and unseen classes together: U, S, H, calibrated stacking and the area under the seen-unseen curve.

Owns the figures of generalized zero-shot learning (H; calibrated stacking and its area of Chao
et al. 2016, exact by sorting the gaps). Takes scores; knows no model and no dataset.

Calibrated stacking predicts argmax_c (score_c + gamma [c is unseen]). Among the seen columns, and among the unseen
ones, gamma changes nothing, so an image is judged unseen exactly when gamma exceeds its gap

    gap = max over seen columns of the score - max over unseen columns of the score

and everything below follows from one sort of the gaps, in O(N log N) after the two maxima. Gaps are taken in float64,
where the difference of two float32 scores of like size is exact. Equal gaps switch together: between two images that
no gamma tells apart the curve has no point. Accuracies are means over the classes that have images, in percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3core.errors import InputError
from n3core.indices import check_labels
from n3core.results.benchmark import GeneralizedScores

__all__ = [
    "ausuc",
    "choose_gamma",
    "generalized_scores",
    "harmonic_mean",
    "seen_unseen_accuracies",
    "seen_unseen_curve",
    "thin_curve",
]

Columns = Sequence[int] | np.ndarray  # indices of columns, or a mask (C,) bool

_CURVE_POINTS = 200  # as many as a figure can show


@dataclass(frozen=True, eq=False)
class _Judged:
    """N images as the sweep over gamma sees them.

    gaps: (N,) float64.
    unseen_first: (N,) bool, whether the best unseen column stands before the best seen one.
    seen_gain, unseen_gain: (N,) percent that the image adds to S while judged seen, to U while judged unseen.
    """

    gaps: np.ndarray
    unseen_first: np.ndarray
    seen_gain: np.ndarray
    unseen_gain: np.ndarray


def harmonic_mean(unseen: float, seen: float) -> float:
    """H = 2 U S / (U + S); 0 where both are 0."""
    total = unseen + seen
    return 2 * unseen * seen / total if total else 0.0


def seen_unseen_accuracies(
    scores: np.ndarray, labels: np.ndarray, unseen_columns: Columns, gamma: float = 0.0
) -> tuple[float, float]:
    """U and S at one gamma.

    Args:
        scores: (N, C), of every image for every class; -inf for some of the seen or some of the unseen at most.
        labels: (N,) column of the true class.
        unseen_columns: which of the C classes are unseen.
        gamma: what is added to the scores of unseen classes.

    Returns:
        U and S: per-class accuracy of the images of unseen and of seen classes among all C classes, percent. Among
        equal scores the first column wins, as with `numpy.argmax`.

    Raises:
        InputError: no class, or no image, of one of the two kinds; labels that do not fit; scores that are no numbers.
    """
    judged = _judge(scores, labels, unseen_columns)
    return _accuracies_at(judged, gamma)


def choose_gamma(scores: np.ndarray, labels: np.ndarray, unseen_columns: Columns) -> float:
    """Find the gamma with the largest H, exactly; to be called on held-out seen classes that play the unseen ones.

    Args:
        scores, labels, unseen_columns: as in `seen_unseen_accuracies`.

    Returns:
        The middle of the interval between two gaps on which H is largest; of several such intervals that whose middle
        is nearest to 0.

    Raises:
        InputError: no class, or no image, of one of the two kinds; labels that do not fit; scores that are no numbers.
    """
    judged = _judge(scores, labels, unseen_columns)
    gaps, unseen, seen = _sweep(judged)
    if not len(gaps):  # every image is wrong at every gamma
        return 0.0
    # Beyond the outermost gaps any gamma does; one step beyond them is as good.
    ends = np.concatenate([[min(gaps[0], 0.0) - 1], gaps, [max(gaps[-1], 0.0) + 1]])
    middles = ends[:-1] + (ends[1:] - ends[:-1]) / 2
    total = unseen + seen
    harmonic = np.divide(2 * unseen * seen, total, out=np.zeros_like(total), where=total > 0)
    best = np.flatnonzero(harmonic >= harmonic.max() - 1e-9)  # percent; equal but for rounding
    return float(middles[best[np.argmin(np.abs(middles[best]))]])


def seen_unseen_curve(scores: np.ndarray, labels: np.ndarray, unseen_columns: Columns) -> np.ndarray:
    """Every (U, S) that some gamma gives.

    Args:
        scores, labels, unseen_columns: as in `seen_unseen_accuracies`.

    Returns:
        (P, 2) float64, U and S in percent, from "all judged seen" (U = 0) to "all judged unseen" (S = 0). One point
        per interval between gaps at which U or S changes, P <= N + 1; U never falls, S never rises.

    Raises:
        InputError: no class, or no image, of one of the two kinds; labels that do not fit; scores that are no numbers.
    """
    _, unseen, seen = _sweep(_judge(scores, labels, unseen_columns))
    return np.stack([unseen, seen], axis=1)


def ausuc(curve: np.ndarray | Sequence[tuple[float, float]]) -> float:
    """Area under a seen-unseen curve by the trapezoidal rule.

    Args:
        curve: (P, 2), U and S in percent, as `seen_unseen_curve` returns it.

    Returns:
        The area in [0, 1].
    """
    unseen, seen = np.asarray(curve, np.float64).T / 100
    return float(np.trapezoid(seen, unseen))


def thin_curve(curve: np.ndarray, count: int) -> np.ndarray:
    """Leave out points of a curve for a figure or a file.

    Args:
        curve: (P, 2).
        count: most points to keep, at least 2.

    Returns:
        At most `count` of the points, in order: both ends, and those between that are spread most evenly along the
        curve's length. No point is moved, so the area of what is left may differ from `ausuc` of the whole.

    Raises:
        ValueError: `count` below 2.
    """
    if count < 2:
        raise ValueError(f"a curve of {count} points has no two ends; keep at least 2")
    curve = np.asarray(curve, np.float64)
    if len(curve) <= count:
        return curve
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(curve, axis=0)).sum(axis=1))])
    wanted = np.linspace(0, length[-1], count)
    right = np.clip(np.searchsorted(length, wanted), 1, len(length) - 1)
    nearest = np.where(wanted - length[right - 1] < length[right] - wanted, right - 1, right)
    nearest[[0, -1]] = 0, len(curve) - 1
    return curve[np.unique(nearest)]


def generalized_scores(
    scores: np.ndarray,
    labels: np.ndarray,
    unseen_columns: Columns,
    gamma: float,
    *,
    curve_points: int = _CURVE_POINTS,
) -> GeneralizedScores:
    """Collect every figure of generalized zero-shot learning.

    Args:
        scores, labels, unseen_columns: as in `seen_unseen_accuracies`; test images of seen and unseen classes.
        gamma: what is added to the scores of unseen classes, from `choose_gamma` on other classes.
        curve_points: most points of the curve to keep; the area is always that of the whole curve.

    Returns:
        The figures.

    Raises:
        InputError: no class, or no image, of one of the two kinds; labels that do not fit; scores that are no numbers.
    """
    judged = _judge(scores, labels, unseen_columns)
    _, unseen, seen = _sweep(judged)
    curve = np.stack([unseen, seen], axis=1)
    calibrated, plain = _accuracies_at(judged, gamma), _accuracies_at(judged, 0.0)
    thin = tuple((float(u), float(s)) for u, s in thin_curve(curve, curve_points))
    return GeneralizedScores(*calibrated, float(gamma), *plain, ausuc(curve), thin)


def _judge(scores: np.ndarray, labels: np.ndarray, unseen_columns: Columns) -> _Judged:
    """Reduce the scores to gaps, and the labels to what each image is worth."""
    scores = np.asarray(scores)
    labels = check_labels(labels, len(scores), scores.shape[1])
    is_unseen = np.zeros(scores.shape[1], bool)
    is_unseen[np.asarray(unseen_columns)] = True  # takes indices and masks alike
    unseen, seen = np.flatnonzero(is_unseen), np.flatnonzero(~is_unseen)
    if not len(unseen) or not len(seen):
        raise InputError(f"{len(seen)} seen and {len(unseen)} unseen classes to score together; give some of both")
    best_seen = seen[scores[:, seen].argmax(axis=1)]
    best_unseen = unseen[scores[:, unseen].argmax(axis=1)]
    rows = np.arange(len(scores))
    gaps = scores[rows, best_seen].astype(np.float64) - scores[rows, best_unseen].astype(np.float64)
    if not np.isfinite(gaps).all():
        row = int(np.argmin(np.isfinite(gaps)))
        raise InputError(f"the scores of image {row} are no numbers; the model has diverged, or the image is damaged")
    counts = np.bincount(labels, minlength=len(is_unseen))
    classes = {kind: np.count_nonzero(counts[columns]) for kind, columns in (("unseen", unseen), ("seen", seen))}
    for kind, present in classes.items():
        if not present:
            raise InputError(f"no image of {'an' if kind == 'unseen' else 'a'} {kind} class to score; add some")
    worth = 100 / (counts[labels] * np.where(is_unseen[labels], classes["unseen"], classes["seen"]))
    return _Judged(gaps, best_unseen < best_seen, worth * (best_seen == labels), worth * (best_unseen == labels))


def _accuracies_at(judged: _Judged, gamma: float) -> tuple[float, float]:
    """U and S at one gamma, the first column winning a tie."""
    as_unseen = (judged.gaps < gamma) | ((judged.gaps == gamma) & judged.unseen_first)
    return float(judged.unseen_gain[as_unseen].sum()), float(judged.seen_gain[~as_unseen].sum())


def _sweep(judged: _Judged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move gamma over all gaps.

    Returns:
        (P - 1,) distinct gaps at which U or S changes, ascending, then U and S (P,) on the intervals around them.
    """
    matters = (judged.seen_gain > 0) | (judged.unseen_gain > 0)
    gaps, places = np.unique(judged.gaps[matters], return_inverse=True)
    gained = np.bincount(places, judged.unseen_gain[matters], minlength=len(gaps))
    lost = np.bincount(places, judged.seen_gain[matters], minlength=len(gaps))
    unseen = np.concatenate([[0.0], np.cumsum(gained)])
    seen = np.concatenate([np.cumsum(lost[::-1])[::-1], [0.0]])  # from the far end, which is exactly 0
    return gaps, unseen, seen
