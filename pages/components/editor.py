"""The classes of the task as cards: one open for editing, the others to be opened; adding, pasting, removing.

Owns which card is open. Edits go to `task_state`, and so do their errors.
"""

from __future__ import annotations

import math

import streamlit as st

from n3core.datasets.base import class_by_key
from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.text_checks import MAX_NAME_CHARACTERS
from pages.components import task_state, typing_watch
from pages.components.plain import count_words, literal
from pages.components.resources import get_dataset, text_length

__all__ = ["show"]

_CLASS = "edited_class"
_FILLED = "edited_text"  # session state: the class and the text that its text area was last filled for
_NEW_NAME, _NEW_TEXT, _PASTED, _RENAMED = "new_class_name", "new_class_text", "pasted_text", "renamed_to"
_ADDING, _PASTING, _RENAMING = "new_class", "paste_many", "rename_class"  # popovers: whether they are open
_CARDS_PAGE = "cards_page"
_PER_PAGE = 6
_SHOWN = 160  # characters of a description on a closed card
_EXAMPLE = """rose: A shrub with prickly stems and many-petalled red flowers.
lily: A tall herb with white trumpets.

or a json object, yaml, or csv of names and descriptions"""


def show(task: TaskSpec) -> None:
    """Show the open card, what can be added, and the other cards."""
    if st.session_state.get(_CLASS) not in task.names:
        st.session_state[_CLASS] = task.names[0]
    name = st.selectbox("Class to edit", task.names, key=_CLASS, persist_state="session")
    text = task.texts[task.names.index(name)]
    with st.container(border=True):
        _show_form(name, text)
        _show_actions(task, name, text)
    with st.container(horizontal=True):
        _show_new_class()
        _show_paste()
    with st.expander(f"All {len(task.classes)} classes", icon=":material/cards_stack:"):
        _show_cards(task, name)


def _show_form(name: str, text: str) -> None:
    key, draft = f"description of {name}", _draft_of(name, text)
    if key not in st.session_state or st.session_state.get(_FILLED) != (name, text):
        st.session_state[key] = typing_watch.standing(draft, text)
    st.session_state[_FILLED] = (name, text)
    with st.form("description", border=False):
        with st.container(key=typing_watch.WATCHED):
            st.text_area(f"Description of {literal(name)}", key=key, height=210)
        st.form_submit_button(
            "Apply",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=_apply,
            args=(name, key, draft),
            help="Synthesize the network anew (Ctrl+Enter in the text)",
        )
    typing_watch.show_length(name, text, draft)


def _draft_of(name: str, text: str) -> str:
    """Key of what is typed in place of a text; another one once the text is another."""
    return f"text of {name}: {hash(text)}"


def _show_actions(task: TaskSpec, name: str, text: str) -> None:
    opened = dict(zip(task_state.first().names, task_state.first().texts, strict=True)).get(name)
    written = _text_of_dataset(task, name)
    with st.container(horizontal=True):
        st.button(
            "Reset",
            icon=":material/history:",
            help="The description as it was when the task was opened",
            disabled=opened is None or opened == text,
            on_click=task_state.reset_class,
            args=(name,),
        )
        if written is not None and written not in (text, opened):
            st.button(
                "As in the dataset",
                icon=":material/menu_book:",
                on_click=task_state.reset_class,
                args=(name, written),
            )
        st.button("Duplicate", icon=":material/content_copy:", on_click=_duplicate, args=(name,))
        _show_rename(name)
        few = len(task.classes) <= 2
        st.button(
            "Remove",
            icon=":material/delete:",
            disabled=few,
            help="A classifier needs two classes" if few else None,
            on_click=task_state.remove_class,
            args=(name,),
        )


def _text_of_dataset(task: TaskSpec, name: str) -> str | None:
    try:
        return class_by_key(get_dataset(task.dataset), name).description if task.dataset else None
    except InputError:
        return None


def _show_rename(name: str) -> None:
    popover = st.popover("Rename", icon=":material/edit:", key=_RENAMING, on_change="rerun")
    if not popover.open:
        return
    with popover, st.form("rename class", border=False):
        st.text_input("New name", name, key=f"{_RENAMED} {name}", max_chars=MAX_NAME_CHARACTERS)
        st.form_submit_button("Rename the class", type="primary", on_click=_rename, args=(name,))


def _show_new_class() -> None:
    with (
        st.popover("Add a class", icon=":material/add:", key=_ADDING, on_change="rerun"),
        st.form("new class", border=False),
    ):
        st.text_input("Name", key=_NEW_NAME, max_chars=MAX_NAME_CHARACTERS)
        st.text_area("Description", key=_NEW_TEXT, height=140)
        st.form_submit_button("Add", type="primary", on_click=_add)


def _show_paste() -> None:
    with (
        st.popover("Paste many", icon=":material/content_paste:", key=_PASTING, on_change="rerun"),
        st.form("paste many", border=False),
    ):
        st.text_area(
            "Names and descriptions",
            key=_PASTED,
            height=220,
            placeholder=_EXAMPLE,
            help="A name that the task has gets the new text; other names are added.",
        )
        st.form_submit_button("Take them in", type="primary", on_click=_paste)


@st.fragment
def _show_cards(task: TaskSpec, edited: str) -> None:
    pages = math.ceil(len(task.classes) / _PER_PAGE)
    if st.session_state.get(_CARDS_PAGE, 1) > pages:
        st.session_state[_CARDS_PAGE] = 1
    number = st.pagination(pages, key=_CARDS_PAGE, persist_state="session") if pages > 1 else 1
    opened = dict(zip(task_state.first().names, task_state.first().texts, strict=True))
    grid = st.grid("auto", min_column_width=220, border=True)
    for entry in task.classes[(number - 1) * _PER_PAGE : number * _PER_PAGE]:
        with grid.cell():
            st.markdown(f"**{literal(entry.name)}**")
            marks = [count_words(entry.text)]
            if entry.name not in opened:
                marks.append(":blue[:material/add: new]")
            elif opened[entry.name] != entry.text:
                marks.append(":blue[:material/edit: edited]")
            if typing_watch.standing(_draft_of(entry.name, entry.text), entry.text) != entry.text:
                marks.append(":orange[:material/edit_note: typed, not applied]")
            if dropped := text_length(entry.text).dropped_words:
                marks.append(f":orange[:material/content_cut: last {count_words('w ' * dropped)} not read]")
            st.caption(" · ".join(marks))
            short = entry.text if len(entry.text) <= _SHOWN else f"{entry.text[:_SHOWN].rsplit(' ', 1)[0]} …"
            st.caption(literal(short))
            key = f"edit {entry.name}"
            if st.button("Edit", key=key, disabled=entry.name == edited, on_click=_open, args=(entry.name,)):
                st.rerun()


def _open(name: str) -> None:
    st.session_state[_CLASS] = name


def _apply(name: str, key: str, draft: str) -> None:
    if task_state.replace_text(name, st.session_state[key]):
        typing_watch.forget_draft(draft)


def _duplicate(name: str) -> None:
    if copy := task_state.duplicate_class(name):
        _open(copy)


def _rename(name: str) -> None:
    place = task_state.current().names.index(name)
    if task_state.rename_class(name, st.session_state[f"{_RENAMED} {name}"]):
        _open(task_state.current().names[place])
        st.session_state[_RENAMING] = False


def _add() -> None:
    name = st.session_state[_NEW_NAME].strip()
    if task_state.add_class(name, st.session_state[_NEW_TEXT]):
        st.session_state[_NEW_NAME] = st.session_state[_NEW_TEXT] = ""
        st.session_state[_ADDING] = False
        _open(task_state.current().names[-1])


def _paste() -> None:
    if task_state.paste_many(st.session_state[_PASTED]):
        st.session_state[_PASTED] = ""
        st.session_state[_PASTING] = False
