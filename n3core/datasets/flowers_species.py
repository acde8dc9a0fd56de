"""Flowers-Species: those classes of Oxford Flowers 102 that are species, 55 of 102 (N3 section 4.1).

https://www.robots.ox.ac.uk/~vgg/data/flowers/102/ (102flowers.tgz, imagelabels.mat, setid.mat). Put into
$N3_DATA/flowers-species, or into a folder flowers-102 or 102flowers there,

    jpg/image_00001.jpg ... image_08189.jpg
    imagelabels.mat   variable `labels`: class of every image, 1 to 102
    setid.mat         variables `trnid`, `valid`, `tstid`: image split for supervised learning; checked and not used

Licence: none is stated; the photographs were collected from the web, for research.

The archive names no classes: names and their order are those of the dataset's page. Which are species is decided by
the rule in data/flowers.yaml, because the papers publish no list; a total other than the paper's 3,545 images is a
line in `problems`. Both .mat files are compared with the published MD5 sums.

Splits: see `class_splits`; lists may name all 102 classes, those that are left out are passed over. Owns this layout
and that list; knows no model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from n3core.datasets.class_splits import NUMBER_KIND, Sizes, SplitRules
from n3core.datasets.listings import require
from n3core.datasets.matlab import one_based_rows, read_matlab, read_vector
from n3core.datasets.published import Archive, Contents, PublishedDataset, unpacked
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = ["FLOWERS_SPECIES", "FlowerClass", "flower_classes", "is_flowers", "open_flowers_species"]

FLOWERS_SPECIES = Archive(
    "flowers-species",
    "Flowers-Species",
    "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
    classes=102,
    images=3_545,
    inner=("flowers-102", "102flowers"),
)
SIZES = {name: Sizes(35, 10, 10) for name in ("SS", "PS", "RANDOM")}
ALL_IMAGES = 8_189
_LIST = Path(__file__).with_name("data") / "flowers.yaml"
# published MD5 sums, as torchvision checks them
_SUMS = {
    "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
    "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
}


@dataclass(frozen=True)
class FlowerClass:
    """One of the 102 classes; `species` is empty where the name is not that of one species, and `reason` says why."""

    label: int
    name: str
    species: str
    reason: str


@cache
def flower_classes() -> tuple[FlowerClass, ...]:
    """The 102 classes in the order of their labels, from 1."""
    return tuple(
        FlowerClass(
            int(entry["label"]), entry["name"], entry.get("species", ""), entry.get("left_out", entry.get("note", ""))
        )
        for entry in read_document(_LIST)
    )


def is_flowers(folder: Path) -> bool:
    """Whether the folder has the layout of this reader, be it with files missing."""
    folder = unpacked(folder, FLOWERS_SPECIES, "imagelabels.mat")
    return (folder / "imagelabels.mat").is_file()


def open_flowers_species(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open Flowers-Species; arguments and errors as `PublishedDataset`, and for labels that are not 1 to 102."""
    given, folder = folder, unpacked(folder, FLOWERS_SPECIES, "imagelabels.mat")
    require(folder, (*_SUMS, "jpg/"), FLOWERS_SPECIES.page)
    labels = _read_labels(folder)
    numbers = {entry.name: entry.label for entry in flower_classes()}
    species = {entry.name: entry.name for entry in flower_classes() if entry.species}
    dropped = {entry.name: entry.name for entry in flower_classes() if not entry.species}
    images: dict[str, list[str]] = {name: [] for name in species}
    by_label = {numbers[name]: name for name in species}
    for row, label in enumerate(labels, start=1):
        if label in by_label:
            images[by_label[label]].append(f"image_{row:05d}.jpg")
    empty = [name for name, paths in images.items() if not paths]
    if empty:
        raise InputError(
            f"{folder / 'imagelabels.mat'} has no image of {len(empty)} of the {len(images)} species "
            f"({', '.join(empty[:3])}{', ...' if len(empty) > 3 else ''}); get the file of {FLOWERS_SPECIES.page}"
        )
    texts = {name: {NUMBER_KIND: str(number)} for name, number in numbers.items()}
    rules = SplitRules(FLOWERS_SPECIES.name, SIZES, ("RANDOM",))
    problems = (*_sum_problems(folder), *_count_problems(labels))
    contents = Contents(folder, folder / "jpg", species, images, rules, dropped, texts, problems, given)
    return PublishedDataset(FLOWERS_SPECIES, contents, split, descriptions, strict=strict, undescribed=undescribed)


def _read_labels(folder: Path) -> list[int]:
    """The class of every image, and a check that setid.mat is about the same images."""
    where = folder / "imagelabels.mat"
    labels = read_vector(read_matlab(where, ("labels",))["labels"], f"{where}: 'labels'")
    count = len(flower_classes())
    if len(labels) == 0 or labels.min() < 1 or labels.max() > count:
        raise InputError(f"{where}: 'labels' must be 1 to {count}; get the file of {FLOWERS_SPECIES.page}")
    stored = read_matlab(folder / "setid.mat", ("trnid", "valid", "tstid"))
    sets = {
        name: one_based_rows(values, len(labels), f"{folder / 'setid.mat'}: {name!r}")
        for name, values in stored.items()
    }
    rows = [row for positions in sets.values() for row in positions.tolist()]
    if sorted(rows) != list(range(len(labels))):
        raise InputError(
            f"{folder / 'setid.mat'} must name each of the {len(labels):,} images of imagelabels.mat once; "
            f"get both files of {FLOWERS_SPECIES.page}"
        )
    return labels.tolist()


def _sum_problems(folder: Path) -> tuple[str, ...]:
    sums = {name: hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest() for name in _SUMS}
    return tuple(f"{name} is not the published file (MD5 {sums[name]})" for name in _SUMS if sums[name] != _SUMS[name])


def _count_problems(labels: list[int]) -> tuple[str, ...]:
    if len(labels) == ALL_IMAGES:
        return ()
    return (f"imagelabels.mat has {len(labels):,} labels, Oxford Flowers 102 has {ALL_IMAGES:,} images",)
