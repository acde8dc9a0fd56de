"""NABirds: 48,562 photographs of North American birds, its 555 classes merged to 404 species.

https://dl.allaboutbirds.org/nabirds (nabirds.tar.gz, 9 GB, after agreeing to the terms). Unpack it into
$N3_DATA/nabirds, with or without its folder nabirds. Read are

    images.txt              "0000139e-21dc-4d0c-bfe1-4cae3c85c829 0817/0000139e21dc4d0cbfe14cae3c85c829.jpg"
    image_class_labels.txt  "0000139e-21dc-4d0c-bfe1-4cae3c85c829 817"
    classes.txt             "817 Oak Titmouse", "295 Common Eider (Adult male)", and the categories above them
    hierarchy.txt           "817 115": class, parent
    images/0817/*.jpg

Licence: the terms of the Cornell Lab of Ornithology: non-commercial research and education, no redistribution.

Merge (N3 section 4.1, after Elhoseiny et al. 2017): classes whose names differ only in a parenthesis at the end, which
tells sex, age, season, morph or form, are one species: "American Kestrel (Adult male)" and "American Kestrel (Female,
immature)" become "American Kestrel". That gives 404 species. The paper speaks of 48,000 images, the archive has 48,562.

Splits: see `class_splits`. SCE (81 unseen, as in Elhoseiny et al. 2017): the super-category is the nearest category
above a species in hierarchy.txt that is not the species itself. Owns this layout; knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from n3core.datasets.class_splits import Sizes, SplitRules
from n3core.datasets.listings import check_inside, read_keyed, require
from n3core.datasets.published import Archive, Contents, PublishedDataset, unpacked
from n3core.errors import InputError

__all__ = ["NABIRDS", "is_nabirds", "open_nabirds", "species_of"]

NABIRDS = Archive(
    "nabirds", "NABirds", "https://dl.allaboutbirds.org/nabirds", classes=404, images=48_562, inner=("nabirds",)
)
_MOST, _EXCLUSIVE = Sizes(324, 40, 40), Sizes(283, 40, 81)
SIZES = {"SS": _MOST, "PS": _MOST, "RANDOM": _MOST, "SCE": _EXCLUSIVE}
_LISTS = ("images.txt", "classes.txt", "image_class_labels.txt", "hierarchy.txt")
_VARIANT = re.compile(r"\s*\([^()]*\)\s*$")


def is_nabirds(folder: Path) -> bool:
    """Whether the folder has the layout of this reader, be it with files missing."""
    folder = unpacked(folder, NABIRDS, "hierarchy.txt")
    return (folder / "hierarchy.txt").is_file() and any((folder / name).is_file() for name in _LISTS[:3])


def species_of(class_name: str) -> str:
    """The species of a class: its name without the parenthesis at its end."""
    return " ".join(_VARIANT.sub("", class_name).split()) or class_name


def open_nabirds(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open NABirds; arguments and errors as `PublishedDataset`, and for lists that contradict each other."""
    given, folder = folder, unpacked(folder, NABIRDS, "hierarchy.txt")
    require(folder, (*_LISTS, "images/"), NABIRDS.page)
    files, labels = read_keyed(folder / "images.txt"), read_keyed(folder / "image_class_labels.txt")
    classes, parents = _by_number(folder / "classes.txt"), _by_number(folder / "hierarchy.txt")
    if files.keys() != labels.keys():
        odd = min(files.keys() ^ labels.keys())
        raise InputError(
            f"{folder}: the image {odd[:80]!r} is not in both images.txt and image_class_labels.txt; unpack it again"
        )
    images: dict[str, list[str]] = {}
    groups: dict[str, str] = {}
    for number in sorted({_number(label, folder / "image_class_labels.txt") for label in labels.values()}):
        if number not in classes:
            raise InputError(f"{folder / 'classes.txt'} lacks the class {number} of image_class_labels.txt")
        species = species_of(classes[number])
        images.setdefault(species, [])
        groups.setdefault(species, _category(number, species, classes, parents, folder))
    for key, path in files.items():
        species = species_of(classes[int(labels[key])])
        images[species].append(check_inside(path, folder / "images.txt"))
    names = {species: species for species in images}
    texts = {species: {"coarse": group} for species, group in groups.items()}
    rules = SplitRules(NABIRDS.name, SIZES, ("RANDOM", "SCE"), groups)
    contents = Contents(folder, folder / "images", names, images, rules, texts=texts, given=given)
    return PublishedDataset(NABIRDS, contents, split, descriptions, strict=strict, undescribed=undescribed)


def _by_number(path: Path) -> dict[int, str]:
    return {_number(key, path): value for key, value in read_keyed(path).items()}


def _number(key: str, path: Path) -> int:
    if not key.isdecimal() or len(key) > 9:
        raise InputError(f"{path}: {key[:80]!r} is no number of a class; unpack the archive again")
    return int(key)


def _category(number: int, species: str, classes: Mapping[int, str], parents: Mapping[int, str], folder: Path) -> str:
    """The nearest category above a class that has another name than its species."""
    where = folder / "hierarchy.txt"
    passed = {number}
    while number in parents:
        number = _number(parents[number], where)
        if number not in classes or number in passed:
            raise InputError(
                f"{where}: the categories above {species!r} do not end in a root; unpack the archive again"
            )
        passed.add(number)
        if species_of(classes[number]) != species:
            return classes[number]
    raise InputError(f"{where} has no category above {species!r}; unpack the archive again")
