"""Caltech-UCSD Birds: CUB-200-2011 (11,788 photographs) and CUB-200-2010 (6,033), 200 kinds of birds.

CUB-200-2011: https://www.vision.caltech.edu/datasets/cub_200_2011/ (CUB_200_2011.tgz). Unpack it into
$N3_DATA/cub-200-2011, with or without its folder CUB_200_2011. Read are

    images.txt               "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg"
    classes.txt              "1 001.Black_footed_Albatross"
    image_class_labels.txt   "1 1": image, class
    train_test_split.txt     "1 0": image, whether it trains a supervised classifier; checked and not used
    images/001.Black_footed_Albatross/*.jpg
    attributes/class_attribute_labels_continuous.txt, 312 numbers per class; only where attributes are asked for

CUB-200-2010: https://www.vision.caltech.edu/datasets/cub_200_2010/ (images.tgz, lists.tgz). Unpack both into
$N3_DATA/cub-200-2010. Read are lists/files.txt, or lists/train.txt and lists/test.txt where it is missing, one path of
images/ a line; the class is the folder of the path.

Licence: the authors allow non-commercial research and education; the photographs belong to their photographers.

Splits: see `class_splits`. SCE (160 seen, 40 unseen): the super-category is the last word of the class name, so
"Laysan Albatross" and "Sooty Albatross" are seen or unseen together. U40 is the setting of N3's appendix B.

Owns these two layouts; knows no model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from n3core.datasets.attributes import read_attributes
from n3core.datasets.class_splits import Sizes, SplitRules
from n3core.datasets.listings import check_inside, read_keyed, read_lines, require
from n3core.datasets.published import Archive, Contents, PublishedDataset, unpacked
from n3core.errors import InputError

__all__ = [
    "CUB_2010",
    "CUB_2011",
    "is_cub_2010",
    "is_cub_2011",
    "open_cub_2010",
    "open_cub_2011",
    "read_cub_attributes",
]

CUB_2011 = Archive(
    "cub-200-2011",
    "CUB-200-2011",
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    classes=200,
    images=11_788,
    inner=("CUB_200_2011",),
)
CUB_2010 = Archive(
    "cub-200-2010",
    "CUB-200-2010",
    "https://www.vision.caltech.edu/datasets/cub_200_2010/",
    classes=200,
    images=6_033,
    inner=("CUB_200_2010", "CUB_200"),
)
_LISTS = ("images.txt", "classes.txt", "image_class_labels.txt", "train_test_split.txt")
_HALF, _FORTY = Sizes(100, 50, 50), Sizes(120, 40, 40)
SIZES_2011 = {"SS": _HALF, "PS": _HALF, "RANDOM": _HALF, "SCE": _FORTY, "U40": _FORTY}
SIZES_2010 = {"U40": _FORTY, "SCE": _FORTY}


def is_cub_2011(folder: Path) -> bool:
    """Whether the folder has the layout of CUB-200-2011, be it with files missing."""
    folder = unpacked(folder, CUB_2011, "images.txt")
    lists = sum((folder / name).is_file() for name in _LISTS)
    return lists > 1 and (folder / "images").is_dir() and not (folder / "hierarchy.txt").is_file()


def is_cub_2010(folder: Path) -> bool:
    """Whether the folder has the layout of CUB-200-2010, be it with files missing."""
    folder = unpacked(folder, CUB_2010, "lists")
    lists = any((folder / "lists" / name).is_file() for name in ("files.txt", "train.txt"))
    return lists and (folder / "images").is_dir()


def open_cub_2011(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open CUB-200-2011; arguments and errors as `PublishedDataset`, and for lists that contradict each other."""
    given, folder = folder, unpacked(folder, CUB_2011, "images.txt")
    require(folder, (*_LISTS, "images/"), CUB_2011.page)
    files, labels = read_keyed(folder / "images.txt"), read_keyed(folder / "image_class_labels.txt")
    classes, trains = read_keyed(folder / "classes.txt"), read_keyed(folder / "train_test_split.txt")
    for name, other in (("image_class_labels.txt", labels), ("train_test_split.txt", trains)):
        if files.keys() != other.keys():
            odd = min(files.keys() ^ other.keys())
            raise InputError(f"{folder}: the image {odd[:80]!r} is not in both images.txt and {name}; unpack it again")
    wrong = [key for key, value in trains.items() if value not in ("0", "1")]
    if wrong:
        raise InputError(
            f"{folder / 'train_test_split.txt'}: image {wrong[0][:80]!r} is neither 0 nor 1; unpack it again"
        )
    images: dict[str, list[str]] = {class_id: [] for class_id in classes.values()}
    for key, path in files.items():
        path = check_inside(path, folder / "images.txt")
        class_id = classes.get(labels[key])
        if class_id is None or not path.startswith(f"{class_id}/"):
            raise InputError(
                f"{folder}: {path[:120]!r} is of class {labels[key][:20]!r} in image_class_labels.txt, which is "
                f"{str(class_id)[:80]!r}; unpack the archive again"
            )
        images[class_id].append(path)
    return _dataset(
        CUB_2011, given, folder, images, SIZES_2011, ("RANDOM", "SCE", "U40"), split, descriptions, strict, undescribed
    )


def open_cub_2010(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open CUB-200-2010; arguments and errors as `PublishedDataset`, and for lists that contradict each other."""
    given, folder = folder, unpacked(folder, CUB_2010, "lists")
    require(folder, ("lists/", "images/"), CUB_2010.page)
    whole = folder / "lists" / "files.txt"
    if whole.is_file():
        paths = read_lines(whole)
    else:
        require(folder, ("lists/train.txt", "lists/test.txt"), CUB_2010.page)
        paths = (*read_lines(whole.with_name("train.txt")), *read_lines(whole.with_name("test.txt")))
    images: dict[str, list[str]] = {}
    for path in sorted(check_inside(path, whole) for path in paths):
        class_id, slash, _ = path.partition("/")
        if not slash:
            raise InputError(f"{whole}: {path[:120]!r} has no class folder; unpack the archive again")
        if path in images.get(class_id, ()):
            raise InputError(f"{folder / 'lists'} names {path[:120]!r} twice; unpack the archive again")
        images.setdefault(class_id, []).append(path)
    return _dataset(
        CUB_2010, given, folder, images, SIZES_2010, ("U40", "SCE"), split, descriptions, strict, undescribed
    )


def read_cub_attributes(folder: Path) -> np.ndarray:
    """The attributes of CUB-200-2011.

    Args:
        folder: of the dataset.

    Returns:
        (K, 312) float32, classes in the order of classes.txt, in percent of annotations.

    Raises:
        InputError: a file missing or damaged, NaN, or an attribute that is constant.
    """
    folder = unpacked(folder, CUB_2011, "images.txt")
    classes = read_keyed(folder / "classes.txt")
    return read_attributes(folder / "attributes" / "class_attribute_labels_continuous.txt", len(classes))


def _dataset(
    archive: Archive,
    given: Path,
    folder: Path,
    images: dict[str, list[str]],
    sizes: dict[str, Sizes],
    drawn: tuple[str, ...],
    split: str | None,
    descriptions: Path | None,
    strict: bool,
    undescribed: bool,
) -> PublishedDataset:
    names = {class_id: _name(class_id) for class_id in images}
    groups = {class_id: name.split()[-1].casefold() for class_id, name in names.items()}
    texts = {class_id: {"coarse": group} for class_id, group in groups.items()}
    rules = SplitRules(archive.name, sizes, drawn, groups)
    contents = Contents(folder, folder / "images", names, images, rules, texts=texts, given=given)
    return PublishedDataset(archive, contents, split, descriptions, strict=strict, undescribed=undescribed)


def _name(class_id: str) -> str:
    """ "001.Black_footed_Albatross" without its number and underscores."""
    number, dot, name = class_id.partition(".")
    name = name if dot and number.isdigit() else class_id
    return " ".join(name.replace("_", " ").split()) or class_id
