"""Opening a task: a sample, classes of a dataset, or a task file."""

from __future__ import annotations

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset, class_by_key, classes_of
from n3core.descriptions import ClassDescription, TaskSpec, parse_task
from n3core.errors import InputError
from pages.components import pickers, task_state
from pages.components.plain import literal
from pages.components.resources import get_dataset, sample_tasks, thumbnail

__all__ = ["show"]

_WAYS = ("A sample task", "Classes of a dataset", "A task file")
_MOST_BYTES = 8  # megabytes of an uploaded task file


def show() -> None:
    """Let the user open a task."""
    way = st.segmented_control("Start from", _WAYS, default=_WAYS[0], required=True, key="task_way")
    if way == _WAYS[0]:
        _show_samples()
    elif way == _WAYS[1]:
        _show_dataset()
    else:
        _show_upload()


def _show_samples() -> None:
    grid = st.grid("auto", min_column_width=260, border=True)
    for number, task in enumerate(sample_tasks()):
        with grid.cell():
            _show_strip(task)
            st.markdown(f"**{literal(task.title)}**")
            st.caption(f"{len(task.classes)} classes of {literal(task.dataset or 'no dataset')}")
            st.button(
                "Open",
                key=f"open sample {number}",
                icon=":material/play_arrow:",
                on_click=task_state.start,
                args=(task,),
                type="primary" if number == 0 else "secondary",
            )


def _show_strip(task: TaskSpec) -> None:
    """The first pictures of the first classes, as an ornament."""
    try:
        dataset = get_dataset(task.dataset or "")
        refs = [dataset.image_refs(class_by_key(dataset, name).id)[0] for name in task.names[:4]]
        st.image([thumbnail(task.dataset or "", ref) for ref in refs], width=52, alt=[""] * len(refs))
    except (InputError, IndexError):
        return


def _show_dataset() -> None:
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(width=260):
            chosen = pickers.show_dataset()
        if chosen is None:
            return
        name, dataset = chosen
        with st.container(width=260):
            split = pickers.show_split(dataset)
    classes = classes_of(dataset, split)
    wanted = pickers.show_classes(
        classes, label="Classes of the task", key="task_classes", placeholder=f"All {len(classes)} classes of the split"
    )
    st.button(
        "Open these classes",
        icon=":material/play_arrow:",
        type="primary",
        on_click=_start_from,
        args=(name, dataset, tuple(wanted) or classes, split),
    )
    if error := task_state.take_error():
        st.error(literal(error), icon=":material/error:")


def _start_from(name: str, dataset: Dataset, classes: tuple[ClassInfo, ...], split: str) -> None:
    names = [info.name for info in classes]
    try:
        entries = tuple(
            ClassDescription(info.name if names.count(info.name) == 1 else info.id, info.description)
            for info in classes
        )
        task_state.start(TaskSpec(entries, name, f"{dataset.title}, {split}"))
    except InputError as error:
        task_state.report(str(error))


def _show_upload() -> None:
    file = st.file_uploader(
        "Task or descriptions file",
        type=["json", "yaml", "yml", "csv", "tsv"],
        max_upload_size=_MOST_BYTES,
        help="A task file as the studio saves it, or any json, yaml or csv of class names and descriptions.",
    )
    if file is None:
        st.caption("Drop a file here; a task that names its dataset brings its pictures along.")
        return
    try:
        task = parse_task(file.getvalue(), file.name)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.caption(f"{literal(task.title or file.name)}: {len(task.classes)} classes")
    st.button("Open the file", icon=":material/play_arrow:", type="primary", on_click=task_state.start, args=(task,))
