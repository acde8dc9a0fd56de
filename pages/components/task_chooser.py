"""Opening a task: from a link, a sample, classes of a dataset, pasted descriptions, or a task file."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset, class_by_key, classes_of
from n3core.datasets.uploads import UploadedPictures
from n3core.descriptions import TaskSpec, parse_task
from n3core.errors import InputError
from pages.components import pickers, task_state
from pages.components.plain import literal
from pages.components.resources import get_dataset, sample_tasks, thumbnail
from pages.components.verdicts import task_of

__all__ = ["open_linked", "show", "show_samples_to_start", "show_start"]

_WAYS = ("A sample task", "Classes of a dataset", "Pasted descriptions", "A task file")
_MOST_BYTES = 8  # megabytes of an uploaded task file
_PASTED = "pasted_task"
_FOLLOWED = "task_link_followed"  # session state: the address was read, which happens once
_DESCRIBE = "pages/describe.py"


def show() -> None:
    """Let the user open a task; one that the address names is opened at once."""
    if open_linked():
        st.rerun()
    way = st.segmented_control("Start from", _WAYS, default=_WAYS[0], required=True, key="task_way")
    if way == _WAYS[0]:
        _show_samples()
    elif way == _WAYS[1]:
        _show_dataset()
    elif way == _WAYS[2]:
        _show_paste()
    else:
        _show_upload()
    if error := task_state.take_error():
        st.error(literal(error), icon=":material/error:")


def open_linked() -> bool:
    """Open the task that the address names, once in a session; tell whether there was one."""
    if st.session_state.get(_FOLLOWED) or task_state.current() is not None:
        return False
    st.session_state[_FOLLOWED] = True
    title, data = st.query_params.get("task"), st.query_params.get("of")
    try:
        if title:
            _open_sample(title)
        elif data:
            _open_classes(data, st.query_params.get("part"), st.query_params.get_all("class"))
    except InputError as error:
        task_state.report(f"the link names a task that cannot be opened: {error}")
    return task_state.current() is not None


def _open_sample(title: str) -> None:
    task = next((task for task in sample_tasks() if task.title == title), None)
    if task is None:
        raise InputError(f"there is no sample {title[:80]!r}; choose one below")
    task_state.start(task, {"task": (task.title,)})


def _open_classes(data: str, split: str | None, keys: Sequence[str]) -> None:
    dataset = get_dataset(data)
    if keys:
        classes = tuple(class_by_key(dataset, key) for key in dict.fromkeys(keys))
        task = task_of(data, classes, dataset.title)
        task_state.start(task, {"of": (data,), "class": task.names})
    else:
        _start_from(data, dataset, classes_of(dataset, split or "all"), split or "all")


def show_samples_to_start() -> None:
    """Offer the sample tasks on a page that is about something else; opening one leads to Describe."""
    with st.expander(
        "Sample tasks to start from", icon=":material/play_arrow:", on_change="rerun", key="samples"
    ) as box:
        if box.open and _show_samples():
            st.switch_page(_DESCRIBE, query_params={})


def show_start(data: str, dataset: Dataset, classes: tuple[ClassInfo, ...], split: str) -> None:
    """Show the button that makes a task of the classes on the page; it leads to Describe.

    Args:
        data: name or path of the dataset.
        dataset: the same, open.
        classes: of the task.
        split: where they are from.
    """
    if isinstance(dataset, UploadedPictures) or len(classes) < 2:
        return
    if st.button(
        f"Describe these {len(classes)} classes",
        icon=":material/edit_note:",
        help="Open them as a task: edit the descriptions and watch the predictions",
    ):
        _start_from(data, dataset, classes, split)
        st.switch_page(_DESCRIBE, query_params={})


def _show_samples() -> bool:
    """Show the samples; tell whether one was opened in this run."""
    grid = st.grid("auto", min_column_width=260, border=True)
    opened = False
    for number, task in enumerate(sample_tasks()):
        with grid.cell():
            _show_strip(task)
            st.markdown(f"**{literal(task.title)}**")
            st.caption(f"{len(task.classes)} classes of {literal(task.dataset or 'no dataset')}")
            opened |= st.button(
                "Open",
                key=f"open sample {number}",
                icon=":material/play_arrow:",
                on_click=task_state.start,
                args=(task, {"task": (task.title,)}),
                type="primary" if number == 0 else "secondary",
            )
    return opened


def _show_strip(task: TaskSpec) -> None:
    """The first pictures of the first classes, as an ornament."""
    try:
        dataset = get_dataset(task.dataset or "")
        refs = [dataset.image_refs(class_by_key(dataset, name).id)[0] for name in task.names[:4]]
        st.image([thumbnail(task.dataset or "", ref) for ref in refs], width=52, alt=[""] * len(refs))
    except (InputError, IndexError):
        return


def _show_dataset() -> None:
    columns = st.columns([3, 3, 5])
    below = st.container()
    with columns[0]:
        chosen = pickers.show_dataset(below)
    if chosen is None:
        return
    name, dataset = chosen
    if isinstance(dataset, UploadedPictures):
        below.info(
            "Your pictures come without descriptions. Paste or write some, and try them.", icon=":material/edit:"
        )
        return
    with columns[1]:
        split = pickers.show_split(dataset)
    classes = classes_of(dataset, split)
    with columns[2]:
        wanted = pickers.show_classes(
            classes, label="Classes of the task", key="task_classes", placeholder=f"All {len(classes)} of the split"
        )
    st.button(
        "Open these classes",
        icon=":material/play_arrow:",
        type="primary",
        on_click=_start_from,
        args=(name, dataset, tuple(wanted) or classes, split),
    )


def _start_from(name: str, dataset: Dataset, classes: tuple[ClassInfo, ...], split: str) -> None:
    try:
        task = task_of(name, classes, f"{dataset.title}, {split}")
        whole = classes == classes_of(dataset, split)
        task_state.start(task, {"of": (name,), **({"part": (split,)} if whole else {"class": task.names})})
    except InputError as error:
        task_state.report(str(error))


def _show_paste() -> None:
    with st.form("pasted task", border=False):
        st.text_area(
            "Names and descriptions",
            key=_PASTED,
            height=220,
            placeholder="rose: A shrub with many-petalled red flowers.\nlily: A tall herb with white trumpets.",
            help="One class a line, or json, yaml or csv. The classes may be in no dataset: try them on pictures of "
            "your own.",
        )
        st.form_submit_button("Open them", type="primary", icon=":material/play_arrow:", on_click=_paste)


def _paste() -> None:
    task_state.paste_new(st.session_state[_PASTED], _find_fieldbook)


def _find_fieldbook(names: Sequence[str]) -> str | None:
    """The kingdom of the Fieldbook that has all classes of these names: its pictures are at hand."""
    for data in pickers.kingdoms():
        dataset = get_dataset(data)
        try:
            for name in names:
                class_by_key(dataset, name)
        except InputError:
            continue
        return data
    return None


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
