"""The files in which authors publish which classes are seen, validate and are unseen; names only, as they stand there.

Owns the three forms: a json object, the class lists of xlsa17.zip, and att_splits.mat with the res101.mat whose images
it counts. Knows no dataset and draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from n3core.datasets.gbu import FEATURE_FILE, GBU_PAGE, LOCATIONS, SPLIT_FILE, check_locations
from n3core.datasets.listings import read_lines
from n3core.datasets.matlab import one_based_rows, read_matlab, read_texts, read_vector
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = [
    "SPLIT_PARTS",
    "SPLIT_SUFFIXES",
    "NamedSplit",
    "read_class_lists",
    "read_locations",
    "read_split_folder",
    "rename_validation",
]

SPLIT_PARTS = ("train", "val", "test")
SPLIT_SUFFIXES = (".json", ".yaml", ".yml")  # of files that map parts to lists of classes
_VALIDATION = ("valid", "validation")  # other words for "val"


@dataclass(frozen=True)
class NamedSplit:
    """A split as its files have it.

    where: the file or folder, for errors.
    names: "train", "test" and, where the files name them, "val" -> class names.
    held_out: class name -> paths, on the machine of the authors, of the images of a seen class that are only tested on.
    """

    where: str
    names: Mapping[str, Sequence[str]]
    held_out: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_split_folder(place: Path, numbered: Callable[[], Sequence[str]]) -> NamedSplit | None:
    """Read the split that lies in a folder, or in a json file beside it that is called like it.

    Args:
        place: the folder, such as splits/PS.
        numbered: gives the class names in the order of the dataset's own numbers, for files without names.

    Returns:
        The split, or None where there are no such files.

    Raises:
        InputError: files that are damaged, contradict each other or miss their other half.
    """
    document = place.with_name(f"{place.name}.json")
    if document.is_file():
        return NamedSplit(str(document), _read_json(document))
    return read_locations(place, numbered) or read_class_lists(place)


def read_class_lists(place: Path) -> NamedSplit | None:
    """Read the class lists of a folder: one name a line, test classes and either kind of training classes.

    Args:
        place: holds testclasses.txt and either trainclasses1.txt with valclasses1.txt, trainclasses.txt with
            valclasses.txt, trainvalclasses.txt or trainclasses.txt.

    Returns:
        The split, or None where there is no list of test classes.

    Raises:
        InputError: the list of training classes is missing, or one cannot be read.
    """
    if not (place / "testclasses.txt").is_file():
        return None
    pairs = [{"train": f"trainclasses{end}", "val": f"valclasses{end}"} for end in ("1", "")]
    whole = [pair for pair in pairs if all((place / f"{stem}.txt").is_file() for stem in pair.values())]
    if whole:
        stems = whole[0]
    elif (place / "trainvalclasses.txt").is_file():
        stems = {"train": "trainvalclasses"}
    else:
        stems = {"train": "trainclasses"}
    stems["test"] = "testclasses"
    return NamedSplit(str(place), {part: read_lines(place / f"{stem}.txt") for part, stem in stems.items()})


def rename_validation(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The content of a split file, with "val" as the one word for what validates.

    Raises:
        InputError: two words for it.
    """
    found = [key for key in document if key == "val" or key in _VALIDATION]
    if len(found) > 1:
        raise InputError(f"{where} has {found[0]!r} and {found[1]!r}; keep one of them")
    return {"val" if key in found else key: value for key, value in document.items()}


def _read_json(path: Path) -> Mapping[str, Sequence[str]]:
    document = read_document(path)
    document = rename_validation(document, str(path)) if isinstance(document, dict) else document
    if not isinstance(document, dict) or not {"train", "test"} <= set(document) <= set(SPLIT_PARTS):
        raise InputError(f'{path} must be like {{"train": [classes], "val": [classes], "test": [classes]}}')
    for part, keys in document.items():
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise InputError(f"{path}: {part!r} must be a list of class names")
    return document


def read_locations(place: Path, numbered: Callable[[], Sequence[str]]) -> NamedSplit | None:
    """Read the classes whose images att_splits.mat points at, and which of these images are held out.

    Args:
        place: the folder that holds it and res101.mat.
        numbered: as in `read_split_folder`.

    Returns:
        The split, or None where there is no att_splits.mat.

    Raises:
        InputError: files that are damaged or contradict each other, no res101.mat, or one that does not tell which
            images to hold out.
    """
    if not (place / SPLIT_FILE).is_file():
        return None
    where, features = str(place / SPLIT_FILE), place / FEATURE_FILE
    if not features.is_file():
        raise InputError(
            f"{where} counts the images of {FEATURE_FILE}, which is missing; get both from {GBU_PAGE}, or put the "
            "lists trainclasses1.txt, valclasses1.txt and testclasses.txt in its place"
        )
    images = read_matlab(features, ("labels",), ("image_files",))
    labels = read_vector(images["labels"], f"{features}: 'labels'") - 1
    stored = read_matlab(place / SPLIT_FILE, [f"{name}_loc" for name in LOCATIONS], ("allclasses_names",))
    named = "allclasses_names" in stored
    names = read_texts(stored["allclasses_names"], f"{where}: 'allclasses_names'") if named else tuple(numbered())
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= len(names):
        raise InputError(f"{features}: 'labels' must be 1 to {len(names)}, the classes of {SPLIT_FILE}")
    rows = {name: one_based_rows(stored[f"{name}_loc"], len(labels), f"{where}: '{name}_loc'") for name in LOCATIONS}
    check_locations(rows, labels, names, where)
    parts = {
        part: [names[number] for number in sorted(set(labels[rows[location]].tolist()))]
        for part, location in (("train", "train"), ("val", "val"), ("test", "test_unseen"))
    }
    files = read_texts(images["image_files"], f"{features}: 'image_files'") if "image_files" in images else ()
    if len(rows["test_seen"]) and len(files) != len(labels):
        raise InputError(
            f"{features} has {len(files)} 'image_files' for {len(labels)} images, so those of test_seen_loc cannot be "
            f"held out; get both files of {GBU_PAGE}, or put the lists trainclasses1.txt, valclasses1.txt and "
            "testclasses.txt in their place"
        )
    held_out: dict[str, list[str]] = {}
    for row in rows["test_seen"]:
        held_out.setdefault(names[labels[row]], []).append(files[row])
    return NamedSplit(where, parts, held_out)
