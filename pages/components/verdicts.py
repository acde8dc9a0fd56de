"""What the network says of pictures: which pictures a task has, and their predictions; no widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from n3core.datasets.base import ClassInfo, Dataset, ImageRef, class_by_key, spread_refs
from n3core.descriptions import ClassDescription, TaskSpec
from n3core.errors import InputError
from n3core.metrics import per_class_accuracy
from n3core.results import Prediction
from pages.components.resources import get_dataset, predict

__all__ = ["Verdicts", "class_ids_of", "find_picture", "judge", "pictures_of", "task_of", "title_of", "top_classes"]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """N pictures of a dataset and what a task's classifier makes of them.

    truth: name of the class that each picture shows, (N,) str; "" where it is not known.
    guesses: name of the most probable class, (N,) str.
    """

    data: str
    refs: tuple[ImageRef, ...]
    truth: np.ndarray
    guesses: np.ndarray
    prediction: Prediction

    @property
    def known(self) -> np.ndarray:
        """Whether the class of each picture is known, (N,) bool."""
        return self.truth != ""

    @property
    def right(self) -> np.ndarray:
        """Whether each picture is named rightly, (N,) bool; False where the class is not known."""
        return self.truth == self.guesses

    @property
    def wrong(self) -> np.ndarray:
        """Whether each picture is named wrongly, (N,) bool; False where the class is not known."""
        return self.known & ~self.right

    def accuracy(self, name: str) -> float:
        """Share of the pictures of one class that are named rightly, in percent; nan without pictures."""
        hits = self.right[self.truth == name]
        return 100 * float(hits.mean()) if len(hits) else float("nan")

    @property
    def per_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have pictures, in percent (paper equation 7); nan without any."""
        return per_class_accuracy(self.guesses[self.known], self.truth[self.known])


def title_of(ref: ImageRef, truth: str, guess: str) -> str:
    """One line of plain text for a list: what a picture shows ("" where that is not known), and how it is named."""
    verdict = "✓" if truth == guess else f"✗ named {guess}" if truth else f"named {guess}"
    return f"{truth or 'own picture'}, {ref.id} {verdict}"


def task_of(data: str, classes: Sequence[ClassInfo], title: str) -> TaskSpec:
    """Make a task of classes of a dataset; classes of one name go by their ids.

    Raises:
        InputError: fewer than 2 classes, or a class without description.
    """
    names = [info.name for info in classes]
    entries = tuple(
        ClassDescription(info.name if names.count(info.name) == 1 else info.id, info.description) for info in classes
    )
    return TaskSpec(entries, data, title)


def class_ids_of(task: TaskSpec, dataset: Dataset) -> Mapping[str, str]:
    """Class id in the dataset -> name in the task, for the classes of the task that the dataset has."""
    found = {}
    for name in task.names:
        try:
            found[class_by_key(dataset, name).id] = name
        except InputError:
            continue
    return found


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
    groups: list[list[tuple[ImageRef, str]]] = []
    by_name: dict[str, str] = {}
    if task.dataset:
        dataset = get_dataset(task.dataset)
        by_name = {name: class_id for class_id, name in class_ids_of(task, dataset).items()}
        for name, class_id in by_name.items():
            groups.append([(ref, name) for ref in spread_refs(dataset.image_refs(class_id), each)])
    pairs = [pair for row in zip_longest(*groups) for pair in row if pair is not None]
    missing = tuple(name for name in task.names if name not in {name for _, name in pairs})
    return tuple(ref for ref, _ in pairs), tuple(name for _, name in pairs), missing


def find_picture(task: TaskSpec, image_id: str | None) -> tuple[ImageRef, str] | None:
    """Find a picture of one of the task's classes in its dataset.

    Args:
        task: its `dataset` names where to look.
        image_id: such as `task_state.chosen_image()` gives; it may be of another dataset.

    Returns:
        The picture and the name of its class, or None.

    Raises:
        InputError: the dataset cannot be opened.
    """
    if not image_id or not task.dataset:
        return None
    dataset = get_dataset(task.dataset)
    for class_id, name in class_ids_of(task, dataset).items():
        for ref in dataset.image_refs(class_id):
            if ref.id == image_id:
                return ref, name
    return None


def judge(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...], data: str | None = None) -> Verdicts:
    """Classify pictures into the classes of a task.

    Args:
        task: described classes.
        refs: N pictures.
        truth: name of the class that each shows, "" where it is not known.
        data: name or path of the dataset that the pictures are from; by default the task's.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    data = data if data is not None else task.dataset or ""
    prediction = predict(task, data, refs)
    guesses = np.array(prediction.class_names)[prediction.labels]
    return Verdicts(data, refs, np.array(truth, dtype=object).astype(str), guesses, prediction)


def top_classes(prediction: Prediction, image: int) -> str:
    """The most probable classes of one image in words, for those who cannot see the bars."""
    return ", ".join(f"{name} {100 * value:.0f} %" for name, value in prediction.top(image))
