"""The task that a session works on, with its earlier versions; the only place that writes it.

Every session has its own. A version is a TaskSpec and never changes; an edit appends one. What was wrong with an edit
is kept for the page to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from n3core.descriptions import ClassDescription, TaskSpec
from n3core.errors import InputError

__all__ = [
    "add_class",
    "current",
    "first",
    "previous",
    "remove_class",
    "replace_text",
    "report",
    "start",
    "take_error",
    "undo",
]

_VERSIONS = "task_versions"
_ERROR = "task_error"
_KEPT = 50


def current() -> TaskSpec | None:
    """The task as it stands, or None before one is opened."""
    versions = _versions()
    return versions[-1] if versions else None


def previous() -> TaskSpec | None:
    """The task before the last edit, or None where there was no edit."""
    versions = _versions()
    return versions[-2] if len(versions) > 1 else None


def first() -> TaskSpec | None:
    """The task as it was opened."""
    versions = _versions()
    return versions[0] if versions else None


def start(task: TaskSpec) -> None:
    """Open a task in place of the present one."""
    st.session_state[_VERSIONS] = (task,)
    st.session_state.pop(_ERROR, None)


def replace_text(name: str, text: str) -> bool:
    """Give a class of the task another description; tell whether that was possible."""
    return _edit(
        lambda task: replace(
            task,
            classes=tuple(ClassDescription(name, text) if entry.name == name else entry for entry in task.classes),
        )
    )


def add_class(name: str, text: str) -> bool:
    """Append a class; tell whether that was possible."""
    return _edit(lambda task: replace(task, classes=(*task.classes, ClassDescription(name, text))))


def remove_class(name: str) -> bool:
    """Take a class out; tell whether that was possible."""
    return _edit(lambda task: replace(task, classes=tuple(entry for entry in task.classes if entry.name != name)))


def undo() -> None:
    """Go back to the version before the last edit."""
    versions = _versions()
    if len(versions) > 1:
        st.session_state[_VERSIONS] = versions[:-1]


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
    try:
        edited = change(versions[-1])
    except InputError as error:
        report(str(error))
        return False
    if edited != versions[-1]:
        st.session_state[_VERSIONS] = (versions[0], *versions[1:][-(_KEPT - 2) :], edited)
    return True
