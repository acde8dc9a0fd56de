"""Describe: edit the descriptions of a task and see the predictions of the synthesized network change."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import editor, export, heading, history, task_chooser, task_state, uploads, wall
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.verdicts import class_ids_of, find_picture, judge, pictures_of

heading.show(
    "Describe",
    "The network knows these classes by their descriptions alone. Change a text, and it is synthesized anew.",
)

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

heading.show_task(task)
history.show()
figures = st.container()
left, right = st.columns([5, 7], gap="large")
with left:
    editor.show(task)
before, opened = task_state.previous(), task_state.first()
with right:
    try:
        refs, truth, missing = pictures_of(task, 1)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        refs, truth, missing = (), (), ()
    if not refs and uploads.held() is None:
        st.info(
            "This task has no pictures to judge: its classes are in no dataset that can be opened. Try it on pictures "
            "of your own, or open a task of a dataset and change its texts.",
            icon=":material/image_not_supported:",
        )
    filters = wall.show_filters(edited=before is not None, with_dataset=bool(refs))
    if filters.source == wall.DATASET:
        data = task.dataset or ""
        refs, truth, missing = pictures_of(task, filters.each)
        if missing:
            st.caption(f"Without pictures: {literal(', '.join(missing))}")
    else:
        uploads.show_uploader()
        pictures = uploads.held()
        data, refs = (pictures.name, pictures.refs) if pictures else ("", ())
        names = class_ids_of(task, pictures) if pictures else {}
        truth = tuple(names.get(ref.class_id, "") for ref in refs)
if not refs:
    export.show(task)
    st.stop()

chosen = task_state.chosen_image()
elsewhere = None if chosen in {ref.id for ref in refs} else find_picture(task, chosen)
alone = ((elsewhere[0],), (elsewhere[1],)) if elsewhere and filters.source == wall.DATASET else None
try:
    with figures:
        now_verdicts = judge(task, refs, truth, data)
        before_verdicts = judge(before, refs, truth, data) if before else None
        opened_verdicts = judge(opened, refs, truth, data) if before else None
        one_now = judge(task, *alone, data) if alone else now_verdicts
        one_before = judge(before, *alone, data) if alone and before else before_verdicts
except InputError as error:
    right.error(literal(str(error)), icon=":material/error:")
    export.show(task)
    st.stop()
with figures:
    wall.show_figures(now_verdicts, before_verdicts, opened_verdicts)
with left:
    wall.show_chosen(one_now, one_before, among=tuple(ref.id for ref in refs))
with right:
    wall.show_wall(now_verdicts, before_verdicts, filters.kind)
table, files = st.columns([5, 7], gap="large")
with table:
    if now_verdicts.known.any():
        wall.show_classes(task, now_verdicts, before_verdicts)
with files:
    export.show(task)
