"""Texts beyond one description a class, for training: more texts of seen classes, and described things whose pictures
look like those of seen classes.

Owns the file in which they are written and which images stand for a thing. A likeness has no image of its own: in an
episode, images of the seen classes that it is said to look like stand for it, so that the label path learns to read the
texts of many more things than there are photographs of. Knows no network.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3core.datasets.base import ClassInfo, Dataset
from n3core.descriptions import class_finder
from n3core.documents import read_document
from n3core.errors import InputError
from n3core.text_checks import check_name, check_names, check_text, kind_of

__all__ = ["Likeness", "Likenesses", "load_likenesses", "rows_that_stand"]

_IMAGES = 400  # that stand for one thing
_MOST_WEIGHT = 1e6


@dataclass(frozen=True)
class Likeness:
    """A described thing and the seen classes its pictures look like: class id -> how much, above 0."""

    name: str
    texts: tuple[str, ...]
    like: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """Class id -> share of the pictures that stand for the thing.

        In proportion to the square of the weight: weights are judged on a scale, and what looks very alike counts for
        more than the scale says.
        """
        squares = {class_id: weight**2 for class_id, weight in self.like.items()}
        total = sum(squares.values())
        return {class_id: square / total for class_id, square in squares.items()}


@dataclass(frozen=True)
class Likenesses:
    """What a file adds to the seen classes of one dataset.

    data: label of the dataset in a run.
    texts: class id -> further texts.
    things: at least 2 likenesses.
    digest: hash of all of it.
    """

    data: str
    texts: Mapping[str, tuple[str, ...]]
    things: tuple[Likeness, ...]
    digest: str


def load_likenesses(path: Path | str, datasets: Mapping[str, Dataset]) -> Likenesses:
    """Read a json or yaml file: "data", a dataset; "texts", class -> texts; "likenesses", a list of things with "name",
    "texts" and "like", class -> weight. Classes are named by id or name.

    Args:
        path: the file.
        datasets: label -> dataset, those of the run.

    Raises:
        InputError: the file cannot be read or has another form, it is for another dataset, a text or name is not
            valid, a weight is no positive number, a class is unknown or not a seen one, or a thing has the name of a
            class that is held out.
    """
    document = _mapping(read_document(path), str(path), ("data", "texts", "likenesses"))
    data = document.get("data")
    if not isinstance(data, str) or data not in datasets:
        known = ", ".join(datasets) or "no dataset with seen classes"
        raise InputError(f"{path} is for the dataset {str(data)[:80]!r}, and this run has {known}; give it as --data")
    dataset = datasets[data]
    reader = _Reader(str(path), dataset)
    given = _mapping(document.get("texts", {}), f"{path}: 'texts'")
    texts = {class_id: reader.texts(value, key) for class_id, key, value in reader.by_class(given, "'texts'")}
    entries = document.get("likenesses")
    if not isinstance(entries, list):
        raise InputError(f"{path}: 'likenesses' is a {kind_of(entries)}; it must be a list of things")
    things = tuple(reader.thing(entry) for entry in entries)
    check_names([thing.name for thing in things], str(path))
    whole = [data, sorted(texts.items()), [[thing.name, thing.texts, sorted(thing.like.items())] for thing in things]]
    digest = hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:16]
    return Likenesses(data, texts, things, digest)


def rows_that_stand(
    thing: Likeness, class_ids: Sequence[str], rows_of: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Draw the images that stand for a thing, from each class in proportion to its share.

    Args:
        thing: what they stand for.
        class_ids: the seen classes.
        rows_of: per class, its images.
        rng: source of the randomness.

    Returns:
        Rows, at least one of each class that it is like.
    """
    shares = thing.shares
    parts = []
    for class_id, rows in zip(class_ids, rows_of, strict=True):
        if class_id in shares:
            count = max(1, round(_IMAGES * shares[class_id]))
            parts.append(rng.choice(rows, count, replace=count > len(rows)))
    return np.concatenate(parts)


class _Reader:
    """Checks the parts of one file against one dataset."""

    def __init__(self, where: str, dataset: Dataset) -> None:
        self.where = where
        self.dataset = dataset
        self.seen = frozenset(dataset.splits.get("train", ()))
        held_out: list[ClassInfo] = [info for info in dataset.classes if info.id not in self.seen]
        self._find = class_finder(dataset.classes)
        self._find_held_out = class_finder(held_out)

    def seen_id(self, key: str) -> str:
        found = self._find(str(key))
        if len(found) != 1:
            many = f"{len(found)} classes" if found else "no class"
            raise InputError(
                f"{self.where}: {self.dataset.name} has {many} {str(key)[:80]!r}; use the id of a seen one"
            )
        (class_id,) = found
        if class_id not in self.seen:
            raise InputError(f"{self.where}: {str(key)[:80]!r} is no seen class of {self.dataset.name}; leave it out")
        return class_id

    def by_class(self, values: Mapping[str, Any], what: str) -> list[tuple[str, str, Any]]:
        """Class id, key as written and value of each entry of a mapping; by id and by name is twice."""
        found = [(self.seen_id(key), str(key), value) for key, value in values.items()]
        keys: dict[str, str] = {}
        for class_id, key, _ in found:
            if class_id in keys:
                both = f"{keys[class_id][:80]!r} and {key[:80]!r}"
                raise InputError(f"{self.where}: {what} has {both}, which are one class; keep one of the two")
            keys[class_id] = key
        return found

    def texts(self, value: Any, name: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise InputError(f'{self.where}: the texts of {str(name)[:80]!r} are no list of texts; write ["..."]')
        return tuple(check_text(text, str(name)) for text in value)

    def thing(self, entry: Any) -> Likeness:
        entry = _mapping(entry, f"{self.where}: a likeness", ("name", "texts", "like"))
        name = check_name(entry.get("name"))
        if self._find_held_out(name):
            raise InputError(f"{self.where}: {name[:80]!r} is a class that is held out of training; leave it out")
        like = _mapping(entry.get("like"), f"{self.where}: what {name[:80]!r} is like")
        told = self.by_class(like, f"what {name[:80]!r} is like")
        weights = {class_id: self._weight(value, name) for class_id, _, value in told}
        if not weights:
            raise InputError(f"{self.where}: {name[:80]!r} is like no class; name some or leave it out")
        return Likeness(name, self.texts(entry.get("texts"), name), weights)

    def _weight(self, value: Any, name: str) -> float:
        try:
            weight = float(value)
        except (TypeError, ValueError):
            weight = math.nan
        if isinstance(value, bool) or not 0 < weight <= _MOST_WEIGHT:
            way_out = f"use one above 0, up to {_MOST_WEIGHT:g}"
            raise InputError(f"{self.where}: a weight of {name[:80]!r} is {str(value)[:40]!r}; {way_out}")
        return weight


def _mapping(value: Any, where: str, keys: Collection[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is a {kind_of(value)}; it must be a mapping")
    other = next((key for key in value if keys is not None and key not in keys), None)
    if other is not None:
        raise InputError(f"{where} has the key {str(other)[:80]!r}; the keys are {', '.join(keys or ())}")
    return value
