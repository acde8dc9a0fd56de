"""Classes as text: a description, a task of ordered classes, and how texts find their classes.

Owns the task format and the matching of texts to classes; knows no dataset, no file syntax and no model.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from n3core.class_entries import read_entries
from n3core.documents import check_suffix, dump_document, parse_document, read_document, write_text
from n3core.errors import InputError
from n3core.text_checks import (
    MAX_NAME_CHARACTERS,
    check_name,
    check_names,
    check_text,
    first_control,
    list_number,
    loose_keys,
    match_key,
)

__all__ = [
    "ClassDescription",
    "MatchedDescriptions",
    "TaskSpec",
    "class_finder",
    "dump_task",
    "load_descriptions",
    "load_task",
    "match_descriptions",
    "parse_descriptions",
    "parse_task",
    "save_task",
]

_MAX_COMPARED = 1000  # texts without class that are compared with the name of a class without text
_LOOSE = ("loose", "possessive")  # forms in which the number of a list is left out


class NamedClass(Protocol):
    """Anything with an id and a name, such as a dataset's class."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class ClassDescription:
    """One class of a task: its name and the text that stands for it. Checked on construction."""

    name: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name))
        object.__setattr__(self, "text", check_text(self.text, self.name))


@dataclass(frozen=True)
class TaskSpec:
    """An ordered set of described classes; at least two, no name twice. Checked on construction."""

    classes: tuple[ClassDescription, ...]
    dataset: str | None = None
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        check_names(self.names, self.title or "the task")

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in order."""
        return tuple(entry.name for entry in self.classes)

    @property
    def texts(self) -> tuple[str, ...]:
        """Class texts in order."""
        return tuple(entry.text for entry in self.classes)


@dataclass(frozen=True)
class MatchedDescriptions:
    """Texts by class id, in the order of the classes, and one line per text that found no class."""

    texts: Mapping[str, str]
    problems: tuple[str, ...]


def load_descriptions(path: Path | str) -> dict[str, str]:
    """Read class texts from a descriptions file or a task file.

    Args:
        path: json object or yaml mapping name -> text, a list of entries with name and text, csv of two columns (or
            more under a header that names them), or a task file.

    Returns:
        Class key -> text, in the order of the file.

    Raises:
        InputError: unreadable or malformed file, duplicate class, or a name or text that fails its check.
    """
    return {entry.name: entry.text for entry in _entries(read_document(path), Path(path).name)}


def parse_descriptions(data: bytes, name: str) -> dict[str, str]:
    """As `load_descriptions`, from uploaded bytes and the upload's file name."""
    return {entry.name: entry.text for entry in _entries(parse_document(data, name), name)}


def load_task(path: Path | str) -> TaskSpec:
    """Read a task file; a plain descriptions file is a task without title and dataset.

    Args:
        path: json or yaml with `title`, `dataset` and `classes` (a list of `name`, `description`), or any descriptions
            file.

    Returns:
        The task.

    Raises:
        InputError: as `load_descriptions`, or fewer than 2 classes.
    """
    return _task(read_document(path), Path(path).name)


def parse_task(data: bytes, name: str) -> TaskSpec:
    """As `load_task`, from uploaded bytes and the upload's file name."""
    return _task(parse_document(data, name), name)


def save_task(task: TaskSpec, path: Path | str) -> None:
    """Write a task atomically; csv keeps names and texts only.

    Args:
        task: what to save.
        path: file with a json, yaml or csv suffix; replaced if it exists.

    Raises:
        InputError: unknown suffix, or the file cannot be written (an old one stays as it was).
    """
    path = Path(path)
    write_text(path, dump_task(task, check_suffix(path)))


def dump_task(task: TaskSpec, suffix: str = ".json") -> str:
    """The text of a task file; see `save_task`."""
    if suffix in (".csv", ".tsv"):
        return dump_document([["name", "description"], *([entry.name, entry.text] for entry in task.classes)], suffix)
    classes = [{"name": entry.name, "description": entry.text} for entry in task.classes]
    return dump_document({"title": task.title, "dataset": task.dataset, "classes": classes}, suffix)


def match_descriptions(
    texts: Mapping[str, str],
    classes: Iterable[NamedClass],
    *,
    among: Iterable[NamedClass] | None = None,
    strict: bool = False,
    partial: bool = False,
) -> MatchedDescriptions:
    """Give every class its text, by the forms of `class_finder`; nothing is guessed.

    Args:
        texts: class key -> text, as from `load_descriptions`.
        classes: the classes that need a text.
        among: all classes of the dataset where `classes` is one split of it: a text for a class outside the split is
            no problem then.
        strict: raise on a text without class instead of listing it.
        partial: leave out a class without text instead of raising.

    Returns:
        Texts by class id and the texts that found no class.

    Raises:
        InputError: (unless partial) a class without text, two texts for one class, or (strict) a text without class.
    """
    wanted = list(classes)
    find = class_finder(among if among is not None else wanted)
    by_id: dict[str, str] = {}
    keys: dict[str, str] = {}
    strays: list[str] = []
    for key, text in texts.items():
        found = find(key)
        if len(found) > 1:
            ids = ", ".join(sorted(found))
            raise InputError(f"the description {key!r} fits {len(found)} classes; use one of the ids {ids}")
        if not found:
            strays.append(key)
            continue
        (class_id,) = found
        if class_id in by_id:
            raise InputError(f"the descriptions {keys[class_id]!r} and {key!r} are for the same class; remove one")
        by_id[class_id], keys[class_id] = text, key
    problems = [f"the description {key!r} belongs to no class; rename it or leave it out" for key in strays]
    if strict and problems:
        raise InputError(problems[0])
    missing = [entry for entry in wanted if entry.id not in by_id]
    if missing and not partial:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        hint = _hint(missing[0].name, strays)
        raise InputError(f"the class {missing[0].name!r}{more} has no description; add one under that name{hint}")
    return MatchedDescriptions({entry.id: by_id[entry.id] for entry in wanted if entry.id in by_id}, tuple(problems))


def _hint(name: str, strays: Sequence[str]) -> str:
    """Which text without class may be meant for a class without text."""
    keys = {match_key(key): key for key in reversed(strays[:_MAX_COMPARED])}
    if close := difflib.get_close_matches(match_key(name), keys, n=1):
        return f"; the description {keys[close[0]]!r} belongs to no class, did you mean {name!r}?"
    if not strays:
        return ""
    more = f" (and {len(strays) - 1} more)" if len(strays) > 1 else ""
    return f"; the description {strays[0]!r}{more} belongs to no class"


def class_finder(classes: Iterable[NamedClass]) -> Callable[[str], frozenset[str]]:
    """Look classes up by id, by name, by `match_key` and last by `loose_keys`; the strictest form that fits wins.

    In the last form the number of a list ("001.Crow") is left out only where the other side has the same or none.

    Args:
        classes: where to look.

    Returns:
        A function from a key to the ids of the classes it fits: none, one, or several where it is ambiguous.
    """
    entries = list(classes)
    numbers = {entry.id: list_number(entry.id) or list_number(entry.name) for entry in entries}
    owners: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries:
        for form in _forms(entry.name)[1:] + (("id", entry.id),):
            owners[form] = owners.get(form, frozenset()) | {entry.id}
    for entry in entries:  # after all names: a name goes before another class's id
        for form in _forms(entry.id)[2:]:
            owners.setdefault(form, frozenset({entry.id}))

    def find(key: str) -> frozenset[str]:
        number = list_number(key)
        for form in _forms(key):
            found = owners.get(form, frozenset())
            if number and form[0] in _LOOSE:
                same = frozenset(found_id for found_id in found if numbers[found_id] == number)
                found = same or frozenset(found_id for found_id in found if not numbers[found_id])
            if found:
                return found
        return frozenset()

    return find


def _forms(key: str) -> tuple[tuple[str, str], ...]:
    kept, dropped = loose_keys(key)
    return ("id", key), ("name", key), ("folded", match_key(key)), ("loose", kept), ("possessive", dropped)


def _task(document: Any, where: str) -> TaskSpec:
    title = dataset = None
    if isinstance(document, dict) and isinstance(document.get("classes"), list):
        title, dataset = (_optional(document.get(key), key, where) for key in ("title", "dataset"))
    entries = _entries(document, where)
    check_names([entry.name for entry in entries], where)
    return TaskSpec(entries, dataset, title or "")


def _optional(value: Any, key: str, where: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARACTERS or first_control(value):
        raise InputError(f"{where}: {key!r} must be one line of at most {MAX_NAME_CHARACTERS} characters")
    return value


def _entries(document: Any, where: str) -> tuple[ClassDescription, ...]:
    pairs = read_entries(document, where)
    if not pairs:
        raise InputError(f"{where} has no class; add names with their descriptions")
    try:
        entries = tuple(ClassDescription(name, text) for name, text in pairs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if len(entries) > 1:
        check_names([entry.name for entry in entries], where)
    return entries
