"""Editing the descriptions of the task: one class at a time in a form, adding and removing, undo."""

from __future__ import annotations

import streamlit as st

from n3core.descriptions import TaskSpec
from pages.components import task_state
from pages.components.plain import count_words, literal
from pages.components.resources import dropped_words

__all__ = ["show"]

_CLASS = "edited_class"
_NEW_NAME, _NEW_TEXT = "new_class_name", "new_class_text"


def show(task: TaskSpec) -> None:
    """Show the form for the chosen class and the buttons around it."""
    if st.session_state.get(_CLASS) not in task.names:
        st.session_state[_CLASS] = task.names[0]
    name = st.selectbox("Class to edit", task.names, key=_CLASS, persist_state="session")
    text = task.texts[task.names.index(name)]
    if error := task_state.take_error():
        st.error(literal(error), icon=":material/error:")
    _show_form(name, text)
    _show_truncation(name, text)
    opened = dict(zip(task_state.first().names, task_state.first().texts, strict=True))
    with st.container(horizontal=True):
        _show_new_class()
        st.button(
            "Restore",
            icon=":material/history:",
            help="The description as it was when the task was opened",
            disabled=opened.get(name, text) == text,
            on_click=_restore,
            args=(name, opened.get(name, text)),
        )
        st.button("Remove", icon=":material/delete:", on_click=task_state.remove_class, args=(name,))
        st.button(
            "Undo",
            icon=":material/undo:",
            shortcut="Ctrl+Alt+Z",
            disabled=task_state.previous() is None,
            on_click=task_state.undo,
        )


def _show_form(name: str, text: str) -> None:
    key = f"text of {name}: {hash(text)}"
    with st.form("description", border=False):
        st.text_area(f"Description of {literal(name)}", text, key=key, height=210)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                "Apply",
                type="primary",
                icon=":material/auto_awesome:",
                on_click=_apply,
                args=(name, key),
                help="Synthesize the network anew (Ctrl+Enter in the text)",
            )
            st.caption(f"{count_words(text)} in use")


def _show_truncation(name: str, text: str) -> None:
    if dropped := dropped_words(text):
        st.warning(
            f"The text encoder does not read the last {count_words('w ' * dropped)} of {literal(name)}: shorten it.",
            icon=":material/content_cut:",
        )


def _show_new_class() -> None:
    with (
        st.popover("Add a class", icon=":material/add:", key="new_class", on_change="rerun"),
        st.form("new class", border=False),
    ):
        st.text_input("Name", key=_NEW_NAME, max_chars=200)
        st.text_area("Description", key=_NEW_TEXT, height=140)
        st.form_submit_button("Add", type="primary", on_click=_add)


def _apply(name: str, key: str) -> None:
    task_state.replace_text(name, st.session_state[key])


def _restore(name: str, text: str) -> None:
    task_state.replace_text(name, text)


def _add() -> None:
    name = st.session_state[_NEW_NAME].strip()
    if task_state.add_class(name, st.session_state[_NEW_TEXT]):
        st.session_state[_NEW_NAME] = st.session_state[_NEW_TEXT] = ""
        st.session_state[_CLASS] = task_state.current().names[-1]
