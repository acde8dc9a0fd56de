"""Animals with Attributes 2: 37,322 photographs of 50 animals with 85 attributes each.

https://cvml.ista.ac.at/AwA2/ (AwA2-data.zip, 13 GB). Unpack it into $N3_DATA/awa2, with or without its folder
Animals_with_Attributes2. Read are

    classes.txt                        "1 antelope"; words of a name are joined by "+", as in "grizzly+bear"
    trainclasses.txt, testclasses.txt  40 and 10 names
    JPEGImages/antelope/*.jpg          there is no list of files, so the number of images is what is checked
    predicate-matrix-continuous.txt    85 numbers per class, -1 where unknown; only where attributes are asked for

Licence: free licences, chosen image by image (folder licenses of the archive); no single one covers the whole.

Splits: see `class_splits`. The two lists of names are called by the ten test classes they have: SS (Lampert et al.
2009), PS (Xian et al. 2019), or LISTS where they are neither's; the ten that validate are drawn where no list names
them. Owns this layout; knows no model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from n3core.datasets.attributes import read_attributes
from n3core.datasets.base import ClassInfo
from n3core.datasets.class_splits import Sizes, SplitRules
from n3core.datasets.image_files import is_image_name, is_passed_over
from n3core.datasets.listings import check_inside, read_keyed, read_lines, require
from n3core.datasets.published import Archive, Contents, PublishedDataset, unpacked
from n3core.descriptions import class_finder
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
SIZES = {name: Sizes(30, 10, 10) for name in ("SS", "PS", "LISTS", "RANDOM")}
# The ten of Lampert, Nickisch and Harmeling 2009, and those of testclasses.txt in xlsa17.zip (Xian et al. 2019).
_UNSEEN = {
    "SS": "chimpanzee giant+panda hippopotamus humpback+whale leopard persian+cat pig raccoon rat seal",
    "PS": "bat blue+whale bobcat dolphin giraffe horse rat seal sheep walrus",
}
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
    given, folder = folder, unpacked(folder, AWA2, "JPEGImages")
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
    label = _name_lists(folder, names)
    rules = SplitRules(AWA2.name, SIZES, ("RANDOM",), own_lists={label: folder})
    odd = "testclasses.txt names neither the test classes of SS nor those of PS; what it names is the split LISTS"
    problems = (odd,) if label == "LISTS" else ()
    contents = Contents(folder, folder / "JPEGImages", names, images, rules, problems=problems, given=given)
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


def _name_lists(folder: Path, names: Mapping[str, str]) -> str:
    """The split whose test classes, as far as this copy has them, testclasses.txt names."""
    find = class_finder([ClassInfo(key, name, {}) for key, name in names.items()])
    listed = [find(name) for name in read_lines(folder / "testclasses.txt")]
    unseen = {class_id for fitting in listed for class_id in fitting} if all(listed) else None
    published = {split: set(names) & set(classes.split()) for split, classes in _UNSEEN.items()}
    return next((split for split, classes in published.items() if classes == unseen), "LISTS")


def _list_images(root: Path, class_id: str) -> list[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(root / class_id) if entry.is_file())
    except OSError:
        return []
    return [f"{class_id}/{name}" for name in names if is_image_name(name) and not is_passed_over(name)]
