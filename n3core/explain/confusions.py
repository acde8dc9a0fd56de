"""What the predictions on some pictures say against a description, with labels and without.

Owns the thresholds; knows no text and no model.
"""

from __future__ import annotations

import numpy as np

from n3core.results.diagnosis import Reason
from n3core.results.predictions import ConfusionMatrix, Prediction

__all__ = ["find_picture_faults"]

_SWALLOWS = 1.6  # times the share that a class would draw if all drew alike
_STARVES = 0.35
_UNSURE = 0.75  # times the confidence of the usual class


def find_picture_faults(
    prediction: Prediction, confusion: ConfusionMatrix | None = None
) -> tuple[tuple[Reason, ...], ...]:
    """Judge every class by what it draws and loses.

    Args:
        prediction: what a task's classifier says of N pictures.
        confusion: of the same, where the labels are known.

    Returns:
        The reasons against each class, in the order of the task.
    """
    if confusion is None:
        found = _without_labels(prediction)
    else:
        found = [
            [*_drawn(confusion, index), *_missed(confusion, index), *_swapped(confusion, index)]
            for index in range(len(confusion.class_names))
        ]
    confidences = _confidences(prediction)
    usual = float(np.nanmedian(confidences)) if not np.isnan(confidences).all() else float("nan")
    for index, value in enumerate(confidences):
        if value < _UNSURE * usual:
            sentence = (
                f"Wins narrowly: where it is the most probable class it has {100 * value:.0f} % on average "
                f"(the usual class {100 * usual:.0f} %)."
            )
            found[index].append(Reason("unsure", min(1.0, 1.5 * (1 - value / (_UNSURE * usual)) + 0.1), sentence))
    return tuple(tuple(reasons) for reasons in found)


def _without_labels(prediction: Prediction) -> list[list[Reason]]:
    pictures, classes = prediction.logits.shape
    due = pictures / classes
    drawn = np.bincount(prediction.labels, minlength=classes)
    mass = 100 * prediction.probabilities.mean(axis=0)
    found: list[list[Reason]] = [[] for _ in range(classes)]
    for index, count in enumerate(drawn.tolist()):
        ratio = count / due
        if ratio >= _SWALLOWS and count - due >= 2:
            sentence = (
                f"Swallows: {count} of {pictures} pictures are named so, {ratio:.1f} times its share of {due:.0f}; it "
                f"holds {mass[index]:.0f} % of all probability."
            )
            found[index].append(Reason("swallows", min(1.0, (ratio - 1) / 2), sentence))
        elif ratio <= _STARVES and due - count >= 2:
            named = f"only {count}" if count else "none"
            sentence = (
                f"Hardly ever chosen: {named} of {pictures} pictures {'is' if count < 2 else 'are'} named so, its "
                f"share would be {due:.0f}; it holds {mass[index]:.0f} % of all probability."
            )
            found[index].append(Reason("hardly chosen", 1 - ratio, sentence))
    return found


def _drawn(confusion: ConfusionMatrix, index: int) -> list[Reason]:
    column = confusion.counts[:, index].copy()
    own, total = int(confusion.counts[index].sum()), int(column.sum())
    column[index] = 0
    wrong = int(column.sum())
    due = confusion.counts.sum() / len(confusion.class_names)
    if wrong < max(1.0, 0.15 * due):
        return []
    order = [int(place) for place in np.argsort(-column, kind="stable") if column[place]]
    rows = confusion.counts.sum(axis=1)
    sources = ", ".join(
        f"{column[place]} of the {rows[place]} of {confusion.class_names[place]}" for place in order[:3]
    )
    more = f" and of {len(order) - 3} more" if len(order) > 3 else ""
    sentence = (
        f"Draws {_pictures(wrong)} of other classes: {sources}{more}. Its column sums to {total}, its own are {own}."
    )
    return [Reason("draws false positives", min(1.0, wrong / due), sentence, other=confusion.class_names[order[0]])]


def _missed(confusion: ConfusionMatrix, index: int) -> list[Reason]:
    row = confusion.counts[index].copy()
    own, right = int(row.sum()), int(row[index])
    if not own or right >= 0.75 * own:
        return []
    row[index] = 0
    order = [int(place) for place in np.argsort(-row, kind="stable") if row[place]]
    places = ", ".join(f"{row[place]} for {confusion.class_names[place]}" for place in order[:3])
    sentence = (
        f"Misses its own pictures: {right} of {own} are named rightly; {own - right} are taken for others ({places})."
    )
    return [Reason("misses", 1 - right / own, sentence, other=confusion.class_names[order[0]])]


def _swapped(confusion: ConfusionMatrix, index: int) -> list[Reason]:
    """The one sign that names its own cure: most pictures of either class are taken for the other."""
    rows = np.maximum(confusion.counts.sum(axis=1), 1)
    for other, name in enumerate(confusion.class_names):
        there, back = confusion.counts[index, other] / rows[index], confusion.counts[other, index] / rows[other]
        if other != index and min(there, back) > 0.5:
            sentence = (
                f"Its text seems to be that of {name}, and the other way round: {100 * there:.0f} % of its pictures "
                f"are taken for {name}, {100 * back:.0f} % of that class's for this one."
            )
            return [Reason("swapped", float(min(there, back)), sentence, other=name)]
    return []


def _confidences(prediction: Prediction) -> np.ndarray:
    """Mean probability of each class where it is the most probable, (K,); nan where it never is."""
    chosen = prediction.labels
    found = np.full(len(prediction.class_names), np.nan)
    for index in np.unique(chosen):
        found[index] = prediction.probabilities[chosen == index, index].mean()
    return found


def _pictures(count: int) -> str:
    return f"{count} picture" + ("" if count == 1 else "s")
