"""The task that a session works on, its versions and snapshots; nothing else writes them.

Every session has its own. A version is a TaskSpec and never changes: an edit appends one, undo and redo move between
them. What was wrong with an edit is kept for the page to show. The chosen picture, which belongs to the same state, is
kept by `address` and offered here as well. Knows no widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import streamlit as st

from n3core.descriptions import ClassDescription, TaskSpec
from n3core.errors import InputError
from n3core.pasted import parse_pasted
from n3core.text_checks import MAX_NAME_CHARACTERS
from pages.components.address import choose_image, chosen_image, keep_link, set_link

__all__ = [
    "add_class",
    "can_redo",
    "choose_image",
    "chosen_image",
    "comparable",
    "current",
    "duplicate_class",
    "first",
    "linked",
    "paste_many",
    "paste_new",
    "previous",
    "redo",
    "remove_class",
    "remove_snapshot",
    "rename_class",
    "replace_text",
    "report",
    "reset_class",
    "restore_snapshot",
    "snapshots",
    "start",
    "take_error",
    "take_snapshot",
    "undo",
]

_LINKED = "task_linked"  # what the address leads to; None where that is another task or none
_VERSIONS = "task_versions"  # oldest first; the last one is the task as it stands
_UNDONE = "task_undone"  # versions that undo took back, the next to redo last
_SNAPSHOTS = "task_snapshots"
_ERROR = "task_error"
_KEPT = 50
_MOST_SNAPSHOTS = 20
_MOST_SNAPSHOT_CHARACTERS = 60
_NOW, _BEFORE, _OPENED = "Now", "Before the last edit", "As opened"


def current() -> TaskSpec | None:
    """The task as it stands, or None before one is opened. What opened it stands in the address, on every page."""
    versions = _versions()
    if not versions:
        return None
    keep_link()
    return versions[-1]


def previous() -> TaskSpec | None:
    """The task before the last edit, or None where there was no edit."""
    versions = _versions()
    return versions[-2] if len(versions) > 1 else None


def first() -> TaskSpec | None:
    """The task as it was opened."""
    versions = _versions()
    return versions[0] if versions else None


def linked() -> TaskSpec | None:
    """The task that a link or a reload opens; None where that has other descriptions, or there is none."""
    return st.session_state.get(_LINKED)


def start(task: TaskSpec, link: Mapping[str, Sequence[str]] | None = None) -> None:
    """Open a task in place of the present one; the present one, if it was edited, is kept as a snapshot.

    Args:
        task: what to open.
        link: parameters for the address (`task`, or `of` with `part` or `class`) that lead to it; by default its
            dataset and classes, which lead to the descriptions of the dataset.
    """
    versions = _versions()
    if len(versions) > 1 and versions[-1] != task and versions[-1] not in snapshots().values():
        _keep_snapshot(_free_name(f"Left: {versions[-1].title or 'untitled'}", snapshots()), versions[-1])
    st.session_state[_LINKED] = task if link else None
    if link is None:
        link = {"of": (task.dataset,), "class": task.names} if task.dataset else {}
    st.session_state[_VERSIONS] = (task,)
    st.session_state[_UNDONE] = ()
    set_link(link)
    st.session_state.pop(_ERROR, None)


def replace_text(name: str, text: str) -> bool:
    """Give a class of the task another description; tell whether that was possible."""
    return _edit(lambda task: _with_texts(task, {name: text}))


def rename_class(name: str, new_name: str) -> bool:
    """Give a class of the task another name; tell whether that was possible."""
    return _edit(
        lambda task: replace(
            task,
            classes=tuple(
                ClassDescription(new_name, entry.text) if entry.name == name else entry for entry in task.classes
            ),
        )
    )


def reset_class(name: str, text: str | None = None) -> bool:
    """Give a class the description it was opened with; tell whether that was possible.

    Args:
        name: a class of the task.
        text: what to go back to instead, such as the text of the dataset.
    """
    opened = dict(zip(first().names, first().texts, strict=True)) if first() else {}
    return replace_text(name, text if text is not None else opened.get(name, ""))


def add_class(name: str, text: str) -> bool:
    """Append a class; tell whether that was possible."""
    return _edit(lambda task: replace(task, classes=(*task.classes, ClassDescription(name, text))))


def duplicate_class(name: str) -> str | None:
    """Put a copy of a class behind it.

    Returns:
        The name of the copy, or None where that was not possible.
    """
    task = current()
    if task is None or name not in task.names:
        return None
    copy = _free_name(f"{name[: MAX_NAME_CHARACTERS - 12]} copy", task.names)
    place = task.names.index(name)
    entry = ClassDescription(copy, task.texts[place])
    done = _edit(lambda task: replace(task, classes=(*task.classes[: place + 1], entry, *task.classes[place + 1 :])))
    return copy if done else None


def remove_class(name: str) -> bool:
    """Take a class out; tell whether that was possible."""
    return _edit(lambda task: replace(task, classes=tuple(entry for entry in task.classes if entry.name != name)))


def paste_new(text: str, find_dataset: Callable[[Sequence[str]], str | None] = lambda names: None) -> bool:
    """Open a task of pasted descriptions; tell whether that was possible.

    Args:
        text: json, csv, yaml or lines `name: text`.
        find_dataset: told the names of the classes, gives the name of a dataset that has them all, if one does.
    """
    try:
        task = TaskSpec(parse_pasted(text), title="Pasted descriptions")
        start(replace(task, dataset=find_dataset(task.names)), {})
    except InputError as error:
        report(str(error))
        return False
    return True


def paste_many(text: str) -> bool:
    """Take in many descriptions at once: known names get the new text, others are appended, all in one edit.

    Args:
        text: json, csv, yaml or lines `name: text`. Without a task open, the classes become one.

    Returns:
        Whether that was possible.
    """
    if current() is None:
        return paste_new(text)
    try:
        entries = parse_pasted(text)
    except InputError as error:
        report(str(error))
        return False

    def merge(task: TaskSpec) -> TaskSpec:
        known = {entry.name: entry.text for entry in entries if entry.name in task.names}
        added = tuple(entry for entry in entries if entry.name not in known)
        merged = _with_texts(task, known)
        return replace(merged, classes=(*merged.classes, *added))

    return _edit(merge)


def undo() -> None:
    """Go back to the version before the last edit."""
    versions = _versions()
    if len(versions) > 1:
        st.session_state[_VERSIONS] = versions[:-1]
        st.session_state[_UNDONE] = (*st.session_state.get(_UNDONE, ()), versions[-1])


def redo() -> None:
    """Go forward to the version that was undone last."""
    undone = st.session_state.get(_UNDONE, ())
    if undone and _versions():
        st.session_state[_VERSIONS] = (*_versions(), undone[-1])
        st.session_state[_UNDONE] = undone[:-1]


def can_redo() -> bool:
    """Whether there is an undone edit."""
    return bool(st.session_state.get(_UNDONE))


def snapshots() -> Mapping[str, TaskSpec]:
    """The named snapshots, oldest first."""
    return MappingProxyType(dict(st.session_state.get(_SNAPSHOTS, ())))


def take_snapshot(name: str = "") -> bool:
    """Keep the task as it stands under a name; tell whether that was possible.

    Args:
        name: one line; without one the snapshot is numbered.
    """
    task = current()
    name = " ".join(name.split()) or _free_name("Snapshot", snapshots(), first_number=1)
    if task is None:
        report("there is no task to keep; open one first")
    elif len(name) > _MOST_SNAPSHOT_CHARACTERS:
        report(f"the name of the snapshot has {len(name)} characters; use at most {_MOST_SNAPSHOT_CHARACTERS}")
    elif name in snapshots() or name in (_NOW, _BEFORE, _OPENED):
        report(f"there is a snapshot {name!r} already; choose another name")
    elif len(snapshots()) >= _MOST_SNAPSHOTS:
        report(f"there are {_MOST_SNAPSHOTS} snapshots already; remove one first")
    else:
        _keep_snapshot(name, task)
        return True
    return False


def remove_snapshot(name: str) -> None:
    """Forget a snapshot."""
    st.session_state[_SNAPSHOTS] = tuple((key, task) for key, task in snapshots().items() if key != name)


def restore_snapshot(name: str) -> bool:
    """Make a snapshot the task again, as an edit that can be undone; tell whether that was possible."""
    kept = snapshots().get(name)
    if kept is None:
        report(f"there is no snapshot {name[:80]!r}; it was removed")
        return False
    if current() is None:
        start(kept)
        return True
    return _edit(lambda task: kept)


def comparable() -> Mapping[str, TaskSpec]:
    """All that two of can be set side by side: as opened, the snapshots, before the last edit, and now."""
    states = {_OPENED: first(), **snapshots(), _BEFORE: previous(), _NOW: current()}
    return MappingProxyType({name: task for name, task in states.items() if task is not None})


def report(error: str) -> None:
    """Keep an error for the page that shows it."""
    st.session_state[_ERROR] = error


def take_error() -> str | None:
    """What was wrong with the last edit, once."""
    return st.session_state.pop(_ERROR, None)


def _versions() -> tuple[TaskSpec, ...]:
    return st.session_state.get(_VERSIONS, ())


def _edit(change: Callable[[TaskSpec], TaskSpec]) -> bool:
    versions = _versions()
    if not versions:
        report("there is no task to edit; open one first")
        return False
    try:
        edited = change(versions[-1])
    except InputError as error:
        report(str(error))
        return False
    if edited != versions[-1]:
        st.session_state[_VERSIONS] = (versions[0], *versions[1:][-(_KEPT - 2) :], edited)
        st.session_state[_UNDONE] = ()
    return True


def _with_texts(task: TaskSpec, texts: Mapping[str, str]) -> TaskSpec:
    return replace(
        task,
        classes=tuple(
            ClassDescription(entry.name, texts[entry.name]) if entry.name in texts else entry for entry in task.classes
        ),
    )


def _keep_snapshot(name: str, task: TaskSpec) -> None:
    kept = [*snapshots().items(), (name, task)]
    st.session_state[_SNAPSHOTS] = tuple(kept[-_MOST_SNAPSHOTS:])


def _free_name(stem: str, taken: Mapping[str, TaskSpec] | tuple[str, ...], first_number: int | None = None) -> str:
    """`stem`, with the lowest number behind it that makes it free."""
    if first_number is None and stem not in taken:
        return stem
    number = first_number or 2
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"
