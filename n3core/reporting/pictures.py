"""The task that a command or page speaks of, where its classes are in a dataset, and their pictures with labels.

Owns the meeting of descriptions, dataset and picture files; knows no model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from n3core.datasets.base import ClassInfo, Dataset, ImageRef, class_by_key, spread_refs, square_pixels
from n3core.datasets.images import decode_image
from n3core.datasets.registry import TEXTS_MARK, dataset_names, open_dataset, portable_name
from n3core.descriptions import ClassDescription, TaskSpec, load_task
from n3core.errors import InputError
from n3core.indices import check_rows
from n3core.selection import select

__all__ = ["Pictures", "TaskSource", "find_classes", "load_files", "load_pictures", "open_source"]

_UNKNOWN = -1  # the label of a picture that nobody has named


@dataclass(frozen=True)
class TaskSource:
    """A task and where to find pictures of its classes.

    classes: the class of the dataset for each of the task's classes; None where it has none.
    chosen_by: what chose the classes: a split, a file by its name, a person.
    split: where it was a split of the dataset, its name.
    warnings: one line per thing that was left out.
    """

    task: TaskSpec
    dataset: Dataset | None
    classes: tuple[ClassInfo | None, ...]
    chosen_by: str
    split: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the task's classes that the dataset does not have."""
        return tuple(name for name, info in zip(self.task.names, self.classes, strict=True) if info is None)


@dataclass(frozen=True, eq=False)
class Pictures:
    """N square pictures and what they show.

    ids: unique names: of the dataset, or paths.
    labels: (N,) int64 index of the true class in the task, -1 where it is not known.
    pixels: (N, S, S, 3) uint8.
    parts, masks: where the dataset draws its pictures, names of parts and (N, S, S) uint8 masks: 0 is background,
        `parts[i]` is `i + 1`.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    pixels: np.ndarray
    parts: tuple[str, ...] = ()
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> bool:
        """Whether the true class of every picture is known."""
        return len(self) > 0 and bool((self.labels >= 0).all())

    def take(self, rows: Sequence[int] | np.ndarray) -> Pictures:
        """Some of the pictures, in the order given; see `check_rows`."""
        chosen = check_rows(rows, len(self))
        masks = self.masks[chosen] if self.masks is not None else None
        ids = tuple(self.ids[row] for row in chosen)
        return Pictures(ids, self.labels[chosen], self.pixels[chosen], self.parts, masks)


def open_source(
    data: str | None,
    descriptions: Path | None,
    *,
    split: str | None = None,
    classes_file: Path | None = None,
    kind: str | None = None,
) -> TaskSource:
    """Put a task together.

    A descriptions file alone is a task: its classes in its order, wherever the dataset has them. With a split or a list
    of classes, those are the classes and the file gives their texts; without a file, the dataset does.

    Args:
        data: name or path of a dataset; None takes the one that the task file names, or none: that file may come from
            another machine, and where its dataset does not open, its texts are a task all the same.
        descriptions: descriptions or task file.
        split, classes_file, kind: as in `n3core.selection.select`.

    Returns:
        The task with its classes in the dataset.

    Raises:
        InputError: neither a dataset nor descriptions, or anything that cannot be opened or does not fit together.
    """
    if data is None and descriptions is None:
        raise InputError("nothing to work on; give --data, --descriptions or both")
    if descriptions is not None and split is None and classes_file is None:
        if kind is not None:
            raise InputError(f"--text {kind!r} and --descriptions {str(descriptions)!r} both choose texts; give one")
        task = load_task(descriptions)
        dataset, warnings = _open_for(task, descriptions, data)
        classes = find_classes(task, dataset)
        if dataset is not None and not any(classes):
            raise InputError(f"{dataset.name} has none of the classes of {descriptions}, such as {task.names[0]!r}")
        return TaskSource(task, dataset, classes, descriptions.name, warnings=warnings)
    name = data or (_dataset_of(load_task(descriptions), descriptions) if descriptions else None)
    if name is None:
        raise InputError(f"{descriptions} names no dataset to take a split or classes of; add --data")
    found = select(name, split=split, classes_file=classes_file, descriptions=descriptions, kind=kind)
    names = [info.name for info in found.classes]
    entries = tuple(
        ClassDescription(info.name if names.count(info.name) == 1 else info.id, text)
        for info, text in zip(found.classes, found.texts, strict=True)
    )
    task = TaskSpec(entries, name, f"{found.dataset.title}, {found.chosen_by}")
    return TaskSource(task, found.dataset, found.classes, found.chosen_by, found.split, found.warnings)


def find_classes(task: TaskSpec, dataset: Dataset | None) -> tuple[ClassInfo | None, ...]:
    """The class of a dataset for each class of a task, by id or name; None where there is none.

    Raises:
        InputError: two classes of the task are one of the dataset.
    """

    def find(name: str) -> ClassInfo | None:
        try:
            return class_by_key(dataset, name) if dataset is not None else None
        except InputError:
            return None

    classes = tuple(find(name) for name in task.names)
    owners: dict[str, str] = {}
    for name, info in zip(task.names, classes, strict=True):
        if info is not None and owners.setdefault(info.id, name) != name:
            raise InputError(f"{owners[info.id]!r} and {name!r} are the same class of {dataset.name}; remove one")
    return classes


def load_pictures(
    source: TaskSource,
    size: int,
    *,
    each: int | None = None,
    also: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Pictures:
    """Load the pictures of a task's classes, class by class.

    Args:
        source: where they are; without a dataset there are none.
        size: side in pixels.
        each: at most so many of each class, spread evenly over those there are.
        also: ids of pictures to take in any case.
        progress: told how many are loaded, of how many.

    Returns:
        The pictures, with masks where the dataset draws them.

    Raises:
        InputError: an image that cannot be read.
    """
    refs: list[ImageRef] = []
    labels: list[int] = []
    for label, info in enumerate(source.classes):
        found = source.dataset.image_refs(info.id) if source.dataset is not None and info is not None else ()
        spread = set(spread_refs(found, each))
        found = tuple(ref for ref in found if ref in spread or ref.id in also)
        refs += found
        labels += [label] * len(found)
    pixels = np.empty((len(refs), size, size, 3), np.uint8)
    parts = _parts(source.dataset)
    masks = np.empty((len(refs), size, size), np.uint8) if parts else None
    for row, ref in enumerate(refs):
        pixels[row], mask = _picture(source.dataset, ref, size, bool(parts))
        if masks is not None:
            masks[row] = mask
        if progress is not None:
            progress(row + 1, len(refs))
    return Pictures(tuple(ref.id for ref in refs), np.array(labels, np.int64), pixels, parts, masks)


def load_files(paths: Sequence[Path], size: int) -> Pictures:
    """Load single image files, of which nobody says what they show.

    Raises:
        InputError: a file that is no image.
    """
    squares = [square_pixels(decode_image(path, str(path)), size) for path in paths]
    pixels = np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)
    return Pictures(tuple(str(path) for path in paths), np.full(len(paths), _UNKNOWN, np.int64), pixels)


def _dataset_of(task: TaskSpec, file: Path) -> str | None:
    """The dataset that a task file names; a relative path leads from the folder of the file where something is there.

    PATH:SPLIT and PATH::FILE as in `open_dataset`, whose names go before paths.
    """
    name = task.dataset
    if name is None or name in dataset_names():
        return name
    path, mark, texts = name.partition(TEXTS_MARK)
    beside = os.path.join(file.parent, path)
    if not os.path.exists(beside) and not os.path.exists(beside.rpartition(":")[0]):
        return name
    if texts and os.path.exists(os.path.join(file.parent, texts)):
        texts = os.path.join(file.parent, texts)
    return f"{beside}{mark}{texts}"


def _open_for(task: TaskSpec, file: Path, data: str | None) -> tuple[Dataset | None, tuple[str, ...]]:
    """The dataset that a person names, else the one that the task file names, where it opens; and what was left out."""
    name = data or _dataset_of(task, file)
    if name is None:
        return None, ()
    try:
        dataset = _open(name, file)
    except InputError:
        if data is not None:
            raise
        called = portable_name(task.dataset or "")[:80]
        return None, (f"{file.name} names the dataset {called!r}, which does not open here: the texts stand alone, "
                      "--data PATH gives them pictures",)  # fmt: skip
    return dataset, dataset.problems


def _open(name: str, descriptions: Path) -> Dataset:
    """Texts of one's own images may lie with them or come from the given file alone, for some of the classes."""
    try:
        return open_dataset(name)
    except InputError:
        return open_dataset(name, descriptions=descriptions, undescribed=True)


def _parts(dataset: Any) -> tuple[str, ...]:
    return tuple(dataset.kingdom.parts) if hasattr(dataset, "plate") else ()


def _picture(dataset: Any, ref: ImageRef, size: int, drawn: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if not drawn:
        return square_pixels(dataset.load_image(ref), size), None
    image, mask = dataset.plate(ref)
    mask = np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))
    return square_pixels(Image.fromarray(image), size), mask
