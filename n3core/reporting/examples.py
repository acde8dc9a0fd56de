"""Which pictures a report explains. Knows predictions and labels only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n3core.errors import InputError
from n3core.reporting.pictures import Pictures
from n3core.results import Prediction

__all__ = ["choose_examples"]


def choose_examples(
    pictures: Pictures, prediction: Prediction, count: int, chosen: Sequence[str] = ()
) -> tuple[int, ...]:
    """Choose pictures worth a look: those asked for, then by turns a wrong and a right one, class after class.

    The surest come first: a sure mistake tells most about a description. Without labels the least and the most certain
    ones take turns.

    Args:
        pictures: N of them.
        prediction: of the same.
        count: how many in all; more where more are asked for.
        chosen: ids asked for.

    Returns:
        Rows of the pictures.

    Raises:
        InputError: a picture that is not among them.
    """
    place = {name: row for row, name in enumerate(pictures.ids)}
    for name in chosen:
        if name not in place:
            raise InputError(
                f"no picture {name[:80]!r} among those judged, such as {pictures.ids[0]!r}; use such an id"
            )
    rows = list(dict.fromkeys(place[name] for name in chosen))
    guesses, sure = prediction.labels, prediction.probabilities.max(axis=1)
    surest = np.argsort(-sure, kind="stable")
    if pictures.labelled:
        right = guesses == pictures.labels
        shelves = [
            _each_class_first(surest[~right[surest]], guesses),
            _each_class_first(surest[right[surest]], guesses),
        ]
    else:
        shelves = [_each_class_first(surest[::-1], guesses), _each_class_first(surest, guesses)]
    while len(rows) < count and any(shelves):
        for shelf in shelves:
            while shelf and shelf[0] in rows:
                shelf.pop(0)
            if shelf and len(rows) < count:
                rows.append(shelf.pop(0))
    return tuple(rows)


def _each_class_first(rows: np.ndarray, guesses: np.ndarray) -> list[int]:
    """The first row of every guessed class, then the others, each group in the order given."""
    first = dict.fromkeys(guesses[rows].tolist())
    for row in rows.tolist():
        if first[int(guesses[row])] is None:
            first[int(guesses[row])] = row
    leading = [row for row in first.values() if row is not None]
    return leading + [row for row in rows.tolist() if row not in set(leading)]
