"""Describe: edit the descriptions of a task and see the predictions of the synthesized network change."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import editor, export, task_chooser, task_state, wall
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.verdicts import judge, pictures_of

st.title("Describe", anchor=False)
st.caption("The network knows these classes by their descriptions alone. Change a text, and it is synthesized anew.")

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/edit_note:")
    task_chooser.show()
    st.stop()
with st.expander("Open another task", icon=":material/folder_open:", on_change="rerun", key="another") as another:
    if another.open:
        task_chooser.show()
try:
    get_engine()
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
    st.stop()

st.header(literal(task.title or "A task without a title"), anchor=False)
figures = st.container()
left, right = st.columns([5, 7], gap="large")
with left:
    editor.show(task)
with right:
    filters = wall.show_filters(edited=task_state.previous() is not None)
    try:
        refs, truth, missing = pictures_of(task, filters.each)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        refs, truth, missing = (), (), ()
    if missing and refs:
        st.caption(f"Without pictures: {literal(', '.join(missing))}")
if not refs:
    right.info(
        "This task has no pictures to judge: its classes are in no dataset. Name them as a dataset does and open "
        "the task from there; the classifier can be exported all the same.",
        icon=":material/image_not_supported:",
    )
    export.show(task)
    st.stop()

before, opened = task_state.previous(), task_state.first()
now_verdicts = judge(task, refs, truth)
before_verdicts = judge(before, refs, truth) if before else None
with figures:
    wall.show_figures(now_verdicts, before_verdicts, judge(opened, refs, truth) if before else None)
with left:
    wall.show_chosen(now_verdicts, before_verdicts)
with right:
    wall.show_wall(now_verdicts, before_verdicts, filters.kind)
table, files = st.columns([5, 7], gap="large")
with table:
    wall.show_classes(task, now_verdicts, before_verdicts)
with files:
    export.show(task)
