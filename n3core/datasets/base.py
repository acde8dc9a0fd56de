"""The dataset protocol: classes with texts, splits by class id, images by reference.

Owns the types that every dataset returns and the questions asked of any of them (which class, which split, pixels).
Knows no file format and no model.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image, ImageOps

from n3core.descriptions import class_finder
from n3core.errors import InputError

__all__ = [
    "ClassInfo",
    "Dataset",
    "ImageRef",
    "Subset",
    "class_by_key",
    "classes_of",
    "is_split",
    "load_pixels",
    "spread_refs",
    "square_pixels",
]

Subset = Literal["evaluate", "train"]


@dataclass(frozen=True)
class ClassInfo:
    """One class: `id` is unique and stable, `texts` maps a kind ("name", "gloss", "description") to the text."""

    id: str
    name: str
    texts: Mapping[str, str]

    @property
    def description(self) -> str:
        """The main text of the class.

        Raises:
            InputError: it has none.
        """
        if "description" not in self.texts:
            raise InputError(f"the class {self.name!r} has no description; add one")
        return self.texts["description"]


@dataclass(frozen=True)
class ImageRef:
    """One image; `id` is unique in its dataset and stable between runs."""

    id: str
    class_id: str


@runtime_checkable
class Dataset(Protocol):
    """What pages, commands and training loops see of a dataset.

    `splits` maps "train", "val" and "test" to class ids; `problems` has one line per thing left out on opening;
    `version` changes whenever an image may have changed.
    """

    name: str
    title: str
    classes: tuple[ClassInfo, ...]
    splits: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
    version: str

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The images of a class; `subset` matters only where training images are kept apart."""
        ...

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one image to RGB."""
        ...


def class_by_key(dataset: Dataset, key: str) -> ClassInfo:
    """Find a class by its id or name, in the spellings of `n3core.descriptions.class_finder`, as texts find theirs.

    Args:
        dataset: where to look.
        key: the id or name.

    Returns:
        The class.

    Raises:
        InputError: if no class or more than one answers to the key.
    """
    found = _finder(tuple(_Key(info.id, info.name) for info in dataset.classes))(key)
    if len(found) > 1:
        ids = ", ".join(sorted(found))
        raise InputError(f"{key[:80]!r} names {len(found)} classes of {dataset.name}; use one of the ids {ids}")
    if not found:
        close = ", ".join(_closest(key, [info.name for info in dataset.classes]))
        raise InputError(f"{dataset.name} has no class {key[:80]!r}; the closest are {close}")
    return next(info for info in dataset.classes if info.id in found)


def is_split(dataset: Dataset) -> bool:
    """Whether some split leaves classes out; where none does, nothing is unseen once a model is trained on it."""
    return any(len(set(ids)) < len(dataset.classes) for ids in dataset.splits.values())


def classes_of(dataset: Dataset, split: str) -> tuple[ClassInfo, ...]:
    """The classes of a split, in the split's order.

    Args:
        dataset: whose classes.
        split: "train", "val", "test" or any split of the dataset; "all" gives every class.

    Returns:
        The classes.

    Raises:
        InputError: if the dataset has no such split.
    """
    if split == "all":
        return dataset.classes
    if split not in dataset.splits:
        known = ", ".join(["all", *dataset.splits])
        raise InputError(f"{dataset.name} has no split {split[:80]!r}; use one of {known}")
    by_id = {info.id: info for info in dataset.classes}
    return tuple(by_id[class_id] for class_id in dataset.splits[split])


def spread_refs(refs: Sequence[ImageRef], most: int | None) -> tuple[ImageRef, ...]:
    """Choose images of a class: spread evenly over those there are, since neighbours are often alike.

    Args:
        refs: images of one class, in their order.
        most: how many at most; None takes all.

    Returns:
        Some of them, the first among them, in the same order.
    """
    if most is None or most >= len(refs):
        return tuple(refs)
    return tuple(refs[place] for place in np.linspace(0, len(refs) - 1, most).astype(int))


def square_pixels(image: Image.Image, size: int) -> np.ndarray:
    """Scale the shorter side to `size` and keep the centre square (bicubic, anti-aliased).

    The square is cut out before scaling: a one-pixel-high image must not grow into a decompression bomb.

    Args:
        image: any RGB image.
        size: side of the result in pixels.

    Returns:
        Pixels (size, size, 3), uint8.
    """
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)


def load_pixels(dataset: Dataset, refs: Sequence[ImageRef], size: int) -> np.ndarray:
    """Decode images into one array, without holding the decoded originals.

    Args:
        dataset: where the references come from.
        refs: N images; class by class is the fast order for datasets in parquet files.
        size: side of the square in pixels.

    Returns:
        Pixels (N, size, size, 3), uint8, in the order of `refs`.

    Raises:
        InputError: an image cannot be read.
    """
    pixels = np.empty((len(refs), size, size, 3), dtype=np.uint8)
    for row, ref in enumerate(refs):
        pixels[row] = square_pixels(dataset.load_image(ref), size)
    return pixels


class _Key(NamedTuple):
    id: str
    name: str


@lru_cache(maxsize=16)
def _finder(keys: tuple[_Key, ...]) -> Callable[[str], frozenset[str]]:
    """The finder of a dataset's classes, kept: pages ask for one class after the other."""
    return class_finder(keys)


def _closest(key: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    return difflib.get_close_matches(key[:200], names, n=3, cutoff=0.0) or names[:3]
