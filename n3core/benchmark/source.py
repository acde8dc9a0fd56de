"""Which images and texts a run uses, by reference: nothing is decoded or encoded here.

Owns the meeting of a dataset, a split and a descriptions file, and which images of seen classes are held out; knows
no network and no system.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from n3core.benchmark.splits import ClassSplit, split_classes
from n3core.datasets.base import ClassInfo, Dataset, ImageRef
from n3core.descriptions import load_descriptions
from n3core.errors import InputError
from n3core.selection import match_file, open_described

__all__ = ["IMAGE_PARTS", "Source", "open_source"]

# What images are for: fitting; gamma of generalized learning; the seen half of its test; settings; the test; and, of
# every class whatever its role, the two parts of the continual setting.
IMAGE_PARTS = (
    "train", "calibration", "seen_test", "validation", "test", "continual_train", "continual_test",
)  # fmt: skip
_HELD_OUT = 5  # one image of so many is held out, where a dataset does not keep training images apart
_LEAST_HELD_OUT = 2  # one for gamma, one for the test

Refs = Mapping[str, tuple[ImageRef, ...]]


@dataclass(frozen=True)
class Source:
    """Classes, texts and images of a run.

    dataset: where the images come from.
    split: which classes play which role.
    texts: class id -> text, for the classes of the split and, where the dataset has them, all others.
    refs: part of `IMAGE_PARTS` -> class id -> images.
    limit: at most so many images of each class and part, the first ones; None takes all.
    warnings: one line per thing that was left out.
    """

    dataset: Dataset
    split: ClassSplit
    texts: Mapping[str, str]
    refs: Mapping[str, Refs]
    limit: int | None
    warnings: tuple[str, ...]

    def count(self, part: str) -> int:
        """Number of images of a part."""
        return sum(len(refs) for refs in self.refs[part].values())

    def classes_of(self, part: str) -> tuple[ClassInfo, ...]:
        """The classes whose images a part has, in the order its labels count them."""
        split = self.split
        if part.startswith("continual"):
            return (*split.seen, *split.validation, *split.unseen)
        return {"validation": split.validation, "test": split.unseen}.get(part, split.seen)

    @property
    def texts_digest(self) -> str:
        """16 hex digits of the texts of the split's classes."""
        used = [self.texts[info.id] for part in ("train", "validation", "test") for info in self.classes_of(part)]
        return hashlib.sha256(json.dumps(used).encode()).hexdigest()[:16]


def open_source(
    data: str,
    *,
    split: str | None = None,
    split_file: Path | None = None,
    descriptions: Path | None = None,
    limit: int | None = None,
) -> Source:
    """Find everything a run reads.

    Args:
        data: name or path of a dataset.
        split: one of the dataset's own splits where it has several, such as "SCE" of grocery.
        split_file: file of classes instead; see `split_classes`.
        descriptions: texts to use instead of the dataset's; they must cover the classes of the split.
        limit: at most so many images of each class and part, the first ones.

    Returns:
        References only.

    Raises:
        InputError: anything that cannot be opened or does not fit together.
    """
    given = load_descriptions(descriptions) if descriptions is not None else None
    dataset = open_described(f"{data}:{split}" if split else data, descriptions)
    name = split or (data.rpartition(":")[2] if ":" in data and dataset.name == data else "")
    chosen = split_classes(dataset, name, split_file)
    texts = {info.id: info.texts["description"] for info in dataset.classes if "description" in info.texts}
    problems: tuple[str, ...] = ()
    used = (*chosen.seen, *chosen.validation, *chosen.unseen)
    if descriptions is not None and given is not None:
        matched = match_file(descriptions, given, used, dataset)
        texts, problems = dict(matched.texts), matched.problems
    missing = [info for info in used if info.id not in texts]
    if missing:
        raise InputError(
            f"{dataset.name} has no description of {missing[0].name!r} ({len(missing)} such); give --descriptions FILE"
        )
    refs = _choose_images(dataset, chosen, limit)
    return Source(dataset, chosen, texts, refs, limit, tuple(dict.fromkeys((*dataset.problems, *problems))))


def _choose_images(dataset: Dataset, split: ClassSplit, limit: int | None) -> dict[str, Refs]:
    """Part -> class id -> images. Seen classes are divided the same way whatever the setting, so that fits agree."""
    parts: dict[str, dict[str, tuple[ImageRef, ...]]] = {part: {} for part in IMAGE_PARTS}
    for info in split.seen:
        train, held_out = _hold_out(dataset, info.id)
        parts["train"][info.id] = train[:limit]
        parts["calibration"][info.id] = held_out[0::2][:limit]
        parts["seen_test"][info.id] = held_out[1::2][:limit]
    for info in (*split.seen, *split.validation, *split.unseen):
        train, held_out = _hold_out(dataset, info.id)
        parts["continual_train"][info.id] = train[:limit]
        parts["continual_test"][info.id] = held_out[:limit]
    for part, classes in (("validation", split.validation), ("test", split.unseen)):
        for info in classes:
            parts[part][info.id] = dataset.image_refs(info.id, subset="evaluate")[:limit]
    for part in ("train", "validation", "test"):
        for class_id, refs in parts[part].items():
            if not refs:
                raise InputError(f"{dataset.name} has no image of the class {class_id!r}; leave it out of the split")
    return parts


def _hold_out(dataset: Dataset, class_id: str) -> tuple[tuple[ImageRef, ...], tuple[ImageRef, ...]]:
    """Images to fit on and images held out: the dataset's own evaluation images, or a fifth drawn by hash."""
    train = dataset.image_refs(class_id, subset="train")
    apart = dataset.image_refs(class_id, subset="evaluate")
    if {ref.id for ref in train}.isdisjoint(ref.id for ref in apart):
        return train, apart
    count = max(_LEAST_HELD_OUT, len(train) // _HELD_OUT)
    if len(train) <= count:
        return train, ()
    drawn = sorted(train, key=lambda ref: hashlib.sha256(ref.id.encode()).digest())[:count]
    chosen = {ref.id for ref in drawn}
    return tuple(ref for ref in train if ref.id not in chosen), tuple(drawn)
