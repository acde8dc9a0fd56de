"""Animals with Attributes 2: 37,322 photographs of 50 animals with 85 attributes each.

https://cvml.ista.ac.at/AwA2/ (AwA2-data.zip, 13 GB). Unpack it into $N3_DATA/awa2, with or without its folder
Animals_with_Attributes2. Read are

    classes.txt                        "1 antelope"; words of a name are joined by "+", as in "grizzly+bear"
    trainclasses.txt, testclasses.txt  40 and 10 names: the standard split SS
    JPEGImages/antelope/*.jpg          there is no list of files, so the number of images is what is checked
    predicate-matrix-continuous.txt    85 numbers per class, -1 where unknown; only where attributes are asked for

Licence: free licences, chosen image by image (folder licenses of the archive); no single one covers the whole.

Splits: see `class_splits`. SS takes the test classes of testclasses.txt; the ten that validate are drawn, because the
papers publish no list. Owns this layout; knows no model.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from n3core.datasets.attributes import read_attributes
from n3core.datasets.class_splits import Sizes, SplitRules
from n3core.datasets.images import IMAGE_SUFFIXES
from n3core.datasets.listings import check_inside, read_keyed, require
from n3core.datasets.published import Archive, Contents, PublishedDataset, unpacked
from n3core.errors import InputError

__all__ = ["AWA2", "is_awa2", "open_awa2", "read_awa2_attributes"]

AWA2 = Archive(
    "awa2",
    "Animals with Attributes 2",
    "https://cvml.ista.ac.at/AwA2/",
    classes=50,
    images=37_322,
    inner=("Animals_with_Attributes2",),
)
SIZES = {name: Sizes(30, 10, 10) for name in ("SS", "PS", "RANDOM")}
_LISTS = ("classes.txt", "trainclasses.txt", "testclasses.txt")


def is_awa2(folder: Path) -> bool:
    """Whether the folder has the layout of this reader, be it with files missing."""
    folder = unpacked(folder, AWA2, "JPEGImages")
    return (folder / "JPEGImages").is_dir() and any((folder / name).is_file() for name in _LISTS)


def open_awa2(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open Animals with Attributes 2; arguments and errors as `PublishedDataset`, and for a class without images."""
    folder = unpacked(folder, AWA2, "JPEGImages")
    require(folder, (*_LISTS, "JPEGImages/"), AWA2.page)
    listed = folder / "classes.txt"
    names = {check_inside(key, listed): " ".join(key.split("+")) for key in read_keyed(listed).values()}
    images = {class_id: _list_images(folder / "JPEGImages", class_id) for class_id in names}
    empty = [class_id for class_id, paths in images.items() if not paths]
    if empty:
        more = ", ..." if len(empty) > 3 else ""
        raise InputError(
            f"{folder / 'JPEGImages'} lacks the images of {len(empty)} of {len(names)} classes "
            f"({', '.join(empty[:3])}{more}); unpack the whole archive of {AWA2.page} there"
        )
    rules = SplitRules(AWA2.name, SIZES, ("RANDOM",), own_lists={"SS": folder})
    contents = Contents(folder, folder / "JPEGImages", names, images, rules)
    return PublishedDataset(AWA2, contents, split, descriptions, strict=strict, undescribed=undescribed)


def read_awa2_attributes(folder: Path) -> np.ndarray:
    """The attributes of Animals with Attributes 2.

    Args:
        folder: of the dataset.

    Returns:
        (K, 85) float32, classes in the order of classes.txt, 0 to 100, -1 where unknown.

    Raises:
        InputError: a file missing or damaged, NaN, or an attribute that is constant.
    """
    folder = unpacked(folder, AWA2, "JPEGImages")
    classes = read_keyed(folder / "classes.txt")
    return read_attributes(folder / "predicate-matrix-continuous.txt", len(classes))


def _list_images(root: Path, class_id: str) -> list[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(root / class_id) if entry.is_file())
    except OSError:
        return []
    return [f"{class_id}/{name}" for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
