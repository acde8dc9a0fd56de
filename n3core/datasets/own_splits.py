"""Which classes of a dataset of one's own are seen, validate and are unseen: from the file that says so.

Owns where that file may lie, what may stand in it, and what about it deserves a line in `problems`. Knows no layout.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from n3core.datasets.base import ClassInfo
from n3core.datasets.images import IMAGE_SUFFIXES
from n3core.datasets.split_files import SPLIT_PARTS, SPLIT_SUFFIXES, rename_validation
from n3core.descriptions import class_finder
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = ["read_splits"]

_NO_SPLITS = (".parquet", ".pq", *IMAGE_SUFFIXES)  # ends of files that nobody takes for one of splits
_NAMED = 3  # classes named one by one


def read_splits(
    candidates: Sequence[Path], classes: Sequence[ClassInfo]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Read the splits file; without one every class is in every split.

    Args:
        candidates: paths in one folder, without suffix, in order of preference; a file is a json object or its like in
            yaml, "train", "val", "test" -> list of class names.
        classes: the classes of the dataset.

    Returns:
        Split -> class ids, and one line per class that two splits should not share, about the classes in none, and per
        file that looks like one of splits and is not read.

    Raises:
        InputError: two files for one candidate, a malformed file, a name that fits no class or several, a class twice
            in a split.
    """
    path = _find(candidates)
    strange = _list_unread(candidates, path)
    if path is None:
        everything = tuple(info.id for info in classes)
        return dict.fromkeys(SPLIT_PARTS, everything), strange
    document = read_document(path)
    if not isinstance(document, dict) or not document:
        raise InputError(f'{path.name} must be like {{"train": [class names], "test": [class names]}}')
    find = class_finder(classes)
    splits: dict[str, tuple[str, ...]] = {}
    for split, keys in rename_validation(document, path.name).items():
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise InputError(f"{path.name}: {split[:80]!r} must be a list of class names")
        if split == "all":
            raise InputError(f"{path.name}: 'all' always means every class; give the split another name")
        chosen: dict[str, None] = {}
        for key in keys:
            class_id = _only(find(key), key, f"{path.name}: {split[:80]!r}", classes)
            if class_id in chosen:
                raise InputError(f"{path.name}: {split[:80]!r} has the class {class_id!r} twice; remove one")
            chosen[class_id] = None
        splits[split] = tuple(chosen)
    return splits, (*_list_overlaps(splits), *_list_unused(splits, classes), *strange)


def _find(candidates: Sequence[Path]) -> Path | None:
    for stem in candidates:
        found = [path for end in SPLIT_SUFFIXES if (path := stem.with_name(stem.name + end)).is_file()]
        if len(found) > 1:
            raise InputError(f"{stem.parent} has {found[0].name} and {found[1].name}; keep one of them")
        if found:
            return found[0]
    return None


def _only(fitting: frozenset[str], key: str, where: str, classes: Sequence[ClassInfo]) -> str:
    """The one class that a name fits."""
    if len(fitting) == 1:
        return next(iter(fitting))
    if fitting:
        ids = ", ".join(sorted(fitting))
        raise InputError(f"{where} names {key[:80]!r}, which fits {len(fitting)} classes; use one of the names {ids}")
    close = difflib.get_close_matches(key[:200], [info.id for info in classes], n=1)
    way_out = f"did you mean {close[0]!r}?" if close else "remove it"
    raise InputError(f"{where} names the class {key[:80]!r}, which has no images; {way_out}")


def _list_overlaps(splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    train, val, test = (dict.fromkeys(splits.get(part, ())) for part in SPLIT_PARTS)
    seen = (f"the class {key!r} is both seen (train) and unseen; its result is not zero-shot" for key in train)
    both = (f"the class {key!r} is in val and in test; what is chosen by it is no test of the choice" for key in val)
    return (
        *(line for key, line in zip(train, seen, strict=True) if key in val or key in test),
        *(line for key, line in zip(val, both, strict=True) if key in test),
    )


def _list_unused(splits: Mapping[str, tuple[str, ...]], classes: Sequence[ClassInfo]) -> tuple[str, ...]:
    used = {class_id for ids in splits.values() for class_id in ids}
    unused = [info.id for info in classes if info.id not in used]
    if not unused:
        return ()
    named = ", ".join(unused[:_NAMED]) + (", ..." if len(unused) > _NAMED else "")
    return (f"{len(unused)} of {len(classes)} classes are in no split ({named}); they are neither seen nor tested",)


def _list_unread(candidates: Sequence[Path], read: Path | None) -> tuple[str, ...]:
    """One line per file whose name is near those that are read."""
    folder, last = candidates[0].parent, candidates[-1].name
    starts = tuple(stem.name.casefold().removesuffix("s") for stem in candidates)
    known = {stem.name + end for stem in candidates for end in SPLIT_SUFFIXES}
    names = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            near = path.name.casefold().startswith(starts) and path.suffix.casefold() not in ("", *_NO_SPLITS)
            # Where case does not count, the file that is read may be written Splits.json.
            if near and path.name not in known and path.is_file() and not (read and path.samefile(read)):
                names.append(path.name)
    why = "" if read else ", and without one every class is in every split"
    return tuple(f"{name!r} is not read: splits are those of {last}.json or {last}.yaml{why}" for name in names)
