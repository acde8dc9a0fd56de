"""What the network says of the pictures of a task, now and before the last edit; no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from n3core.datasets.base import ImageRef, class_by_key
from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.results import Prediction
from pages.components.resources import get_dataset, predict

__all__ = ["Verdicts", "judge", "pictures_of"]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """N pictures of a dataset and what a task's classifier makes of them.

    truth: name of the class that each picture shows, (N,) str.
    guesses: name of the most probable class, (N,) str.
    """

    data: str
    refs: tuple[ImageRef, ...]
    truth: np.ndarray
    guesses: np.ndarray
    prediction: Prediction

    @property
    def right(self) -> np.ndarray:
        """Whether each picture is named rightly, (N,) bool."""
        return self.truth == self.guesses

    def accuracy(self, name: str) -> float:
        """Share of the pictures of one class that are named rightly, in percent; nan without pictures."""
        hits = self.right[self.truth == name]
        return 100 * float(hits.mean()) if len(hits) else float("nan")

    @property
    def per_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have pictures, in percent (paper equation 7)."""
        return float(np.mean([self.accuracy(name) for name in np.unique(self.truth)]))


def pictures_of(task: TaskSpec, each: int) -> tuple[tuple[ImageRef, ...], tuple[str, ...], tuple[str, ...]]:
    """Find pictures for the classes of a task in its dataset.

    Args:
        task: its `dataset` names where to look.
        each: pictures of each class, spread evenly over those there are; the classes take turns.

    Returns:
        The pictures, the class name of each, and the classes for which the dataset has none.

    Raises:
        InputError: the dataset cannot be opened.
    """
    dataset = get_dataset(task.dataset) if task.dataset else None
    groups: list[list[tuple[ImageRef, str]]] = []
    missing: list[str] = []
    for name in task.names:
        try:
            found = dataset.image_refs(class_by_key(dataset, name).id) if dataset is not None else ()
        except InputError:
            found = ()
        if not found:
            missing.append(name)
        chosen = np.linspace(0, len(found) - 1, min(each, len(found))).astype(int)
        groups.append([(found[index], name) for index in chosen])
    pairs = [pair for row in zip_longest(*groups) for pair in row if pair is not None]
    return tuple(ref for ref, _ in pairs), tuple(name for _, name in pairs), tuple(missing)


def judge(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...]) -> Verdicts:
    """Classify pictures into the classes of a task.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    data = task.dataset or ""
    prediction = predict(task, data, refs)
    guesses = np.array(prediction.class_names)[prediction.labels]
    return Verdicts(data, refs, np.array(truth), guesses, prediction)
