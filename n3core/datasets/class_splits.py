"""Seen, validation and unseen classes of the published datasets: from the files of their authors, or by a stated rule.

The splits, as the papers name them (N3 section 4.2 and appendix B):

- SS, standard split, and PS, proposed split (no test class among ImageNet's): only from files. They lie in
  `splits/SS` or `splits/PS` of the dataset's folder, those of PS also in the folder itself: the class lists of
  xlsa17.zip (trainclasses1.txt, valclasses1.txt, testclasses.txt; or trainclasses.txt, valclasses.txt, testclasses.txt;
  or trainvalclasses.txt, testclasses.txt), or att_splits.mat with the res101.mat whose images it counts.
  `splits/SS.json`, {"train": [...], "val": [...], "test": [...]}, does for any split and goes first.
- SCE, super-category exclusive: whole super-categories are unseen.
- U40: 160 classes seen, of which 40 validate, and 40 unseen, as in Lei Ba et al. 2015.
- RANDOM: classes drawn with the counts of N3's table 1.

The papers publish no list for the last three. They are drawn here: classes (for SCE super-categories) are ordered by
the SHA-256 of dataset, split and name; the first are unseen, the next validate, the others are seen. So the draw is the
same on every machine and does not depend on the order of files. SCE takes a super-category whole or not at all and
passes over one that is too large for what is left.

Where files name seen classes but not those that validate, these are drawn from the seen ones in the same way.

With att_splits.mat the images of `test_seen_loc` are held out: seen classes train on the others and are evaluated on
these, and validation classes leave them out. Files that do not tell which images these are, or none of the dataset's,
are refused.

Owns these rules; knows no dataset's images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from n3core.datasets.base import ClassInfo
from n3core.datasets.gbu import FEATURE_FILE, GBU_PAGE, SPLIT_FILE
from n3core.datasets.split_files import (
    SPLIT_PARTS,
    SPLIT_SUFFIXES,
    NamedSplit,
    read_class_lists,
    read_locations,
    read_split_folder,
)
from n3core.descriptions import class_finder
from n3core.errors import InputError

__all__ = ["NUMBER_KIND", "ClassSplit", "Sizes", "SplitRules", "find_split"]

NUMBER_KIND = "number"  # text kind of a class under which a dataset gives its own number


@dataclass(frozen=True)
class Sizes:
    """Number of classes that are seen, that validate and that are unseen."""

    train: int
    val: int
    test: int

    @property
    def total(self) -> int:
        """All classes."""
        return self.train + self.val + self.test

    def scaled(self, total: int) -> Sizes:
        """The sizes for a dataset of another number of classes, in the same proportion."""
        if total == self.total:
            return self
        test, val = (max(2, round(part * total / self.total)) for part in (self.test, self.val))
        return Sizes(max(0, total - test - val), val, test)


@dataclass(frozen=True)
class SplitRules:
    """What a dataset offers.

    dataset: its name; part of what the draw is made from.
    sizes: split -> numbers of classes in the papers, in the order in which a default is looked for.
    drawn: the splits that can be drawn; the first of them is taken where no file gives another.
    groups: class id -> super-category, for SCE.
    own_lists: split -> folder with class lists that belong to the dataset itself.
    """

    dataset: str
    sizes: Mapping[str, Sizes]
    drawn: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    own_lists: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassSplit:
    """One split.

    name: such as "PS".
    parts: "train", "val" and "test" -> class ids.
    held_out: class id -> paths, on the machine of the authors, of the images of a seen class that are only tested on.
    where: the file or folder of the split.
    problems: one line per thing that is not as in the papers.
    """

    name: str
    parts: Mapping[str, tuple[str, ...]]
    held_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    where: str = ""
    problems: tuple[str, ...] = ()


def find_split(
    split: str | None,
    classes: Sequence[ClassInfo],
    dropped: Sequence[ClassInfo],
    folders: Sequence[Path],
    rules: SplitRules,
) -> ClassSplit:
    """Find a split or draw it.

    Args:
        split: its name; None takes the first that has files, otherwise the first that can be drawn.
        classes: the classes of the dataset.
        dropped: further classes that lists may name and that this dataset leaves out.
        folders: of the dataset: that of its lists, and a further one where split files may lie.
        rules: what the dataset offers.

    Returns:
        The split; its parts are disjoint and in the order of `classes`.

    Raises:
        InputError: unknown split, no files for it, a class that is unknown, named twice or both seen and unseen; a
            file of splits that does not say which split it is, where none is asked for.
    """
    folder = folders[0]
    if split is not None and split not in rules.sizes:
        offered = ", ".join(f"{rules.dataset}:{name}" for name in rules.sizes)
        raise InputError(f"{rules.dataset} has no split {split[:80]!r}; use one of {offered}")
    if split is None:
        _refuse_nameless(folders, rules)
    for name in (split,) if split is not None else rules.sizes:
        found = _from_files(name, [*classes, *dropped], folders, rules)
        if found is not None:
            listed = _finish(name, _resolve(name, found, classes, dropped, rules), classes, rules, found.where)
            return replace(listed, held_out=_resolve_held_out(found, classes, dropped))
    name = split or rules.drawn[0]
    if name not in rules.drawn:
        raise InputError(
            f"{rules.dataset}:{name} needs the authors' class lists: put trainclasses1.txt, valclasses1.txt and "
            f"testclasses.txt, or {SPLIT_FILE} and {FEATURE_FILE}, of {GBU_PAGE} into {folder / 'splits' / name}"
        )
    note = f"no split file lies in {folder}: classes are drawn by rule ({name}), not those of published figures"
    drawn = _finish(name, _draw(name, classes, rules), classes, rules, str(folder))
    return drawn if split is not None else replace(drawn, problems=(*drawn.problems, note))


def _refuse_nameless(folders: Sequence[Path], rules: SplitRules) -> None:
    for folder in folders:
        for path in (folder / f"splits{end}" for end in SPLIT_SUFFIXES):
            if path.is_file():
                names = " or ".join(rules.sizes)
                raise InputError(
                    f"{path} does not say which split it is; move it to {folder / 'splits'}/NAME.json ({names})"
                )


def _from_files(
    name: str, classes: Sequence[ClassInfo], folders: Sequence[Path], rules: SplitRules
) -> NamedSplit | None:
    """The files called by the split's name go first; those that hold images out go before lists of classes."""

    def numbered() -> list[str]:
        numbers = {info.id: info.texts.get(NUMBER_KIND, "") for info in classes}
        known = all(number.isdigit() for number in numbers.values())
        return sorted(numbers, key=lambda key: int(numbers[key])) if known else list(numbers)

    for folder in folders:
        if found := read_split_folder(folder / "splits" / name, numbered):
            return found
    for folder in folders if name == "PS" else ():
        if found := read_locations(folder, numbered):
            return found
    for folder in folders:
        lists_here = [split for split, place in rules.own_lists.items() if place == folder] or ["PS"]
        if name in lists_here and (found := read_class_lists(folder)):
            return found
    return None


def _resolve(
    split: str, found: NamedSplit, classes: Sequence[ClassInfo], dropped: Sequence[ClassInfo], rules: SplitRules
) -> dict[str, tuple[str, ...]]:
    """Class ids for the names of a list; validation classes are drawn where it names none."""
    find = class_finder([*classes, *dropped])
    kept = {info.id for info in classes}
    parts: dict[str, tuple[str, ...]] = {}
    for part, names in found.names.items():
        ids: dict[str, None] = {}
        for name in names:
            fitting = find(name)
            if len(fitting) != 1:
                what = f"fits {len(fitting)} classes" if fitting else "is no class of the dataset"
                raise InputError(f"{found.where}: {name[:80]!r} ({part}) {what}; take the list of the archive")
            (class_id,) = fitting
            if class_id in ids:
                raise InputError(f"{found.where}: {part} names the class {class_id!r} twice; remove one")
            ids[class_id] = None
        parts[part] = tuple(class_id for class_id in ids if class_id in kept)
    for one, other in combinations(parts, 2):
        shared = [class_id for class_id in parts[one] if class_id in set(parts[other])]
        if shared:
            raise InputError(
                f"{found.where}: the class {shared[0]!r} is in {one} and in {other} ({len(shared)} in all); seen and "
                "unseen classes must differ, take the list of the archive"
            )
    if "val" not in parts:
        count = rules.sizes[split].scaled(len(kept)).val
        drawn = frozenset(_ordered(parts["train"], f"{rules.dataset}|{split}|val")[:count])
        parts["train"] = tuple(class_id for class_id in parts["train"] if class_id not in drawn)
        parts["val"] = tuple(drawn)
    return parts


def _resolve_held_out(
    found: NamedSplit, classes: Sequence[ClassInfo], dropped: Sequence[ClassInfo]
) -> dict[str, Sequence[str]]:
    """Class ids for the names whose images are held out; classes that the dataset leaves out are passed over."""
    find, kept = class_finder([*classes, *dropped]), {info.id for info in classes}
    ids = {name: find(name) & kept for name in found.held_out}
    return {class_id: found.held_out[name] for name, fitting in ids.items() for class_id in fitting}


def _draw(split: str, classes: Sequence[ClassInfo], rules: SplitRules) -> dict[str, tuple[str, ...]]:
    ids = [info.id for info in classes]
    sizes = rules.sizes[split].scaled(len(ids))
    groups: dict[str, list[str]] = {}
    for class_id in ids:
        groups.setdefault(rules.groups[class_id] if split == "SCE" else class_id, []).append(class_id)
    chosen: dict[str, list[str]] = {"test": [], "val": []}
    for group in _ordered(groups, f"{rules.dataset}|{split}"):
        for part, wanted in (("test", sizes.test), ("val", sizes.val)):
            if len(chosen[part]) + len(groups[group]) <= wanted:
                chosen[part] += groups[group]
                break
    taken = {*chosen["test"], *chosen["val"]}
    train = tuple(class_id for class_id in ids if class_id not in taken)
    return {"train": train, "val": tuple(chosen["val"]), "test": tuple(chosen["test"])}


def _ordered(keys: Iterable[str], seed: str) -> list[str]:
    return sorted(keys, key=lambda key: hashlib.sha256(f"{seed}|{key}".encode()).digest())


def _finish(
    name: str,
    parts: Mapping[str, tuple[str, ...]],
    classes: Sequence[ClassInfo],
    rules: SplitRules,
    where: str,
) -> ClassSplit:
    """Parts in the order of the classes, checked for size and against the counts of the papers."""
    order = {info.id: position for position, info in enumerate(classes)}
    parts = {part: tuple(sorted(parts[part], key=order.__getitem__)) for part in SPLIT_PARTS}
    for part in ("train", "test"):
        if len(parts[part]) < 2:
            raise InputError(
                f"{where}: {rules.dataset}:{name} has {len(parts[part])} {part} class(es) of {len(order)}; at least 2 "
                "are needed, so the dataset or the split file is incomplete"
            )
    expected = rules.sizes[name]
    counts = tuple(len(parts[part]) for part in SPLIT_PARTS)
    if counts == (expected.train, expected.val, expected.test):
        return ClassSplit(name, parts, where=where)
    have, want = " / ".join(map(str, counts)), f"{expected.train} / {expected.val} / {expected.test}"
    problem = f"{name} has {have} classes (train / val / test), the paper has {want}"
    return ClassSplit(name, parts, where=where, problems=(problem,))
