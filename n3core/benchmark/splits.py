"""Which classes of a dataset are seen, which choose the settings, and which are judged (papers: train, val, test).

Owns the checks that keep the three apart; knows no image and no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from n3core.datasets.base import ClassInfo, Dataset, class_by_key
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = ["ClassSplit", "split_classes"]

_PARTS = ("train", "val", "test")
_EXAMPLE = '{"train": [classes], "val": [classes], "test": [classes]}'


@dataclass(frozen=True)
class ClassSplit:
    """Three disjoint sets of classes.

    name: the split's name or its file.
    seen: fitted on.
    validation: on which settings are chosen; may be empty.
    unseen: judged, and used for nothing else.
    """

    name: str
    seen: tuple[ClassInfo, ...]
    validation: tuple[ClassInfo, ...]
    unseen: tuple[ClassInfo, ...]

    @property
    def digest(self) -> str:
        """16 hex digits of the class ids of all three parts, order included."""
        ids = [[info.id for info in part] for part in (self.seen, self.validation, self.unseen)]
        return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]


def split_classes(dataset: Dataset, name: str = "", file: Path | None = None) -> ClassSplit:
    """Divide the classes of a dataset.

    Args:
        dataset: whose "train", "val" and "test" splits are taken where no file is given.
        name: what to call the dataset's own split in results.
        file: json or yaml, "train", "val" (may be missing) and "test" -> class ids or names.

    Returns:
        The three parts.

    Raises:
        InputError: a malformed file, an unknown class, one named twice or in two parts, fewer than 2 seen or unseen
            classes.
    """
    where = str(file) if file is not None else f"the split of {dataset.name}"
    parts = _read(dataset, file) if file is not None else {part: dataset.splits.get(part, ()) for part in _PARTS}
    chosen = {part: _classes(dataset, keys, f"{where}: {part!r}") for part, keys in parts.items()}
    for one, other in combinations(_PARTS, 2):
        others = {info.id for info in chosen[other]}
        shared = [info for info in chosen[one] if info.id in others]
        if shared:
            raise InputError(
                f"{where}: the class {shared[0].name!r} is both in {one!r} and in {other!r} ({len(shared)} in all); "
                "seen and unseen classes must differ, give a --split-file"
            )
    for part, role in (("train", "seen"), ("test", "unseen")):
        if len(chosen[part]) < 2:
            raise InputError(
                f"{where}: {part!r} has {len(chosen[part])} class(es); at least 2 {role} classes are needed, "
                "give a --split-file"
            )
    return ClassSplit(file.name if file is not None else name or "default", *(chosen[part] for part in _PARTS))


def _read(dataset: Dataset, file: Path) -> dict[str, Sequence[str]]:
    document = read_document(file)
    if not isinstance(document, dict) or not {"train", "test"} <= set(document) <= set(_PARTS):
        raise InputError(f"{file} must be like {_EXAMPLE}")
    for part, keys in document.items():
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise InputError(f"{file}: {part!r} must be a list of class ids or names of {dataset.name}")
    return {part: document.get(part, []) for part in _PARTS}


def _classes(dataset: Dataset, keys: Sequence[str], where: str) -> tuple[ClassInfo, ...]:
    by_id = {info.id: info for info in dataset.classes}
    found: dict[str, ClassInfo] = {}
    for key in keys:
        try:
            info = by_id.get(key) or class_by_key(dataset, key)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if info.id in found:
            raise InputError(f"{where} has the class {info.name!r} twice; remove one")
        found[info.id] = info
    return tuple(found.values())
