"""Which classes of which dataset a command works on, by which texts, and their images.

Owns the meeting of a dataset, a split or list of classes, and a descriptions file; knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n3core.class_entries import read_name_list
from n3core.datasets.base import ClassInfo, Dataset, class_by_key, classes_of, is_split, load_pixels, spread_refs
from n3core.datasets.registry import open_dataset
from n3core.descriptions import MatchedDescriptions, load_descriptions, match_descriptions
from n3core.documents import MAX_FILE_BYTES, read_document
from n3core.errors import InputError

__all__ = ["Selection", "match_file", "open_described", "read_class_names", "select"]


@dataclass(frozen=True)
class Selection:
    """Classes of a dataset with one text each.

    split: its name; None where a file named the classes.
    classes_file: that file's name; None where a split chose them.
    texts: one per class, in the order of `classes`.
    foreign_texts: descriptions of the dataset's other classes.
    warnings: one line per thing that was left out.
    """

    dataset: Dataset
    split: str | None
    classes_file: str | None
    classes: tuple[ClassInfo, ...]
    texts: tuple[str, ...]
    foreign_texts: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of `classes`."""
        return tuple(info.name for info in self.classes)

    @property
    def chosen_by(self) -> str:
        """What chose the classes: the split or the file."""
        return self.split or self.classes_file or ""

    def load_images(self, size: int, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Evaluation images of the classes.

        Args:
            size: side in pixels.
            limit: at most so many images of each class, spread evenly over those there are.

        Returns:
            Pixels (N, size, size, 3) uint8, and labels (N,) as index into `classes`.

        Raises:
            InputError: an image that cannot be read.
        """
        refs = [spread_refs(self.dataset.image_refs(info.id), limit) for info in self.classes]
        labels = np.repeat(np.arange(len(refs)), [len(group) for group in refs])
        return load_pixels(self.dataset, [ref for group in refs for ref in group], size), labels


def select(
    data: str,
    *,
    split: str | None = None,
    classes_file: Path | None = None,
    descriptions: Path | None = None,
    kind: str | None = None,
) -> Selection:
    """Open a dataset and choose classes and texts.

    Args:
        data: name or path of the dataset.
        split: "train", "val", "test" or "all"; when nothing is given "test", or "all" where the dataset has no splits.
        classes_file: a file that names the classes instead of a split.
        descriptions: descriptions or task file whose texts replace the dataset's; it must cover every chosen class.
        kind: which of the dataset's texts to use: "description" (the default), "gloss", "name"...

    Returns:
        The selection.

    Raises:
        InputError: anything that cannot be opened or does not fit together.
    """
    if split is not None and classes_file is not None:
        raise InputError(f"--split {split!r} and --classes {str(classes_file)!r} both choose classes; give one of them")
    if kind is not None and descriptions is not None:
        raise InputError(
            f"--text {kind!r} and --descriptions {str(descriptions)!r} both choose texts; give one of them"
        )
    given = load_descriptions(descriptions) if descriptions is not None else None
    names = read_class_names(classes_file) if classes_file is not None else None
    dataset, refusal = _open(data, descriptions)
    if names is None:
        where = split = split or ("test" if is_split(dataset) else "all")
        classes = classes_of(dataset, split)
    else:
        where = str(classes_file)
        classes = _named(dataset, names, where)
    if len(classes) < 2:
        raise InputError(f"{where!r} of {dataset.name} has {len(classes)} class; a classifier needs at least 2")
    problems: tuple[str, ...] = ()
    if descriptions is not None and given is not None:
        matched = match_file(descriptions, given, classes, dataset)
        texts, problems = tuple(matched.texts[info.id] for info in classes), matched.problems
    else:
        if (
            refusal is not None
            and kind in (None, "description")
            and not any("description" in info.texts for info in dataset.classes)
        ):
            raise refusal
        texts = tuple(_text(dataset, info, kind or "description") for info in classes)
    chosen = {info.id for info in classes}
    foreign = tuple(
        info.description for info in dataset.classes if info.id not in chosen and "description" in info.texts
    )
    warnings = tuple(dict.fromkeys((*dataset.problems, *problems)))
    return Selection(dataset, split, classes_file.name if classes_file else None, classes, texts, foreign, warnings)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class ids or names: a list, or those of a descriptions or task file.

    A list is a line for each (.txt; a number and a tab before every name are left out), a list in json or yaml, or one
    column in csv.

    Raises:
        InputError: unreadable, or not such a list.
    """
    if path.suffix.lower() != ".txt":
        listed = read_name_list(read_document(path))
        if listed is None:
            return tuple(load_descriptions(path))
        names = listed
    else:
        try:
            if path.exists() and not path.is_file():
                raise InputError(f"{path} is no regular file; name a file with one class name per line")
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            if len(content) > MAX_FILE_BYTES:
                raise InputError(f"{path} is larger than {MAX_FILE_BYTES // 1_000_000} MB; it holds no class names")
            names = _without_numbers(content.decode("utf-8-sig").splitlines())
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    found = tuple(name.strip() for name in names if name.strip())
    if not found:
        raise InputError(f"{path} names no class; write one per line")
    return found


def _without_numbers(lines: list[str]) -> list[str]:
    """The names of a list such as classes.txt of AWA2, whose lines are a number, a tab and a name."""
    numbered = [re.fullmatch(r"\s*\d+\t\s*(\S.*)", line) for line in lines if line.strip()]
    return [found[1] for found in numbered if found] if all(numbered) else lines


def _named(dataset: Dataset, names: tuple[str, ...], where: str) -> tuple[ClassInfo, ...]:
    chosen: dict[str, ClassInfo] = {}
    for name in names:
        info = class_by_key(dataset, name)
        if info.id in chosen:
            raise InputError(f"{where} names the class {info.name!r} twice; remove one")
        chosen[info.id] = info
    return tuple(chosen.values())


def match_file(
    path: Path, given: Mapping[str, str], classes: Sequence[ClassInfo], dataset: Dataset
) -> MatchedDescriptions:
    """As `match_descriptions` among all classes of a dataset; errors name the file the texts were read from."""
    try:
        return match_descriptions(given, classes, among=dataset.classes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def open_described(data: str, descriptions: Path | None) -> Dataset:
    """Open a dataset; texts of one's own images may lie with them or come from the given file alone."""
    try:
        return open_dataset(data)
    except InputError:
        if descriptions is None:
            raise
        return open_dataset(data, descriptions=descriptions)


def _open(data: str, descriptions: Path | None) -> tuple[Dataset, InputError | None]:
    """As `open_described`, but only the classes that are chosen later need a text; and what the strict way objected."""
    try:
        return open_dataset(data), None
    except InputError as error:
        return open_dataset(data, descriptions=descriptions, undescribed=True), error


def _text(dataset: Dataset, info: ClassInfo, kind: str) -> str:
    if kind == "description":
        return info.description
    if kind not in info.texts:
        raise InputError(f"{dataset.name} has no text {kind!r} for {info.name!r}; use one of {', '.join(info.texts)}")
    return info.texts[kind]
