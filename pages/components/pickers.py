"""Choosing a dataset, a split and classes. The choices are shared by all pages and stand in the address of the page."""

from __future__ import annotations

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset
from n3core.datasets.registry import DATA_VARIABLE, available_datasets
from n3core.errors import InputError
from pages.components.plain import literal
from pages.components.resources import get_dataset

__all__ = ["show_classes", "show_dataset", "show_split"]

_OWN = "my own folder or file"
_SPLITS = {"train": "seen", "val": "validation", "test": "unseen"}


def show_dataset() -> tuple[str, Dataset] | None:
    """Let the user choose a dataset.

    Returns:
        Its name or path and the dataset, or None (and a message) where there is none yet.
    """
    options = [*available_datasets(), _OWN]
    name = st.selectbox(
        "Dataset",
        options,
        key="data",
        bind="query-params",
        help=None
        if len(options) > 3
        else f"Set the environment variable {DATA_VARIABLE} to the folder that holds tiny-imagenet and grocery to add "
        "photographs.",
    )
    if name == _OWN:
        name = st.text_input(
            "Path of a folder or parquet file",
            key="path",
            bind="query-params",
            placeholder="/home/me/pictures",
            help="A folder with one sub-folder of images per class, or a parquet file with an image and a class-name "
            "column; beside it a descriptions file (json, csv or yaml): class name and text.",
        ).strip()
        if not name:
            st.info("Type the path of a folder or parquet file above.", icon=":material/folder_open:")
            return None
    try:
        return name, get_dataset(name)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def show_split(dataset: Dataset) -> str:
    """Let the user choose a split of the dataset; splits without classes are not offered.

    Returns:
        What `classes_of` takes.
    """
    splits = {_SPLITS.get(split, split): split for split in ("test", "val", "train") if dataset.splits.get(split)}
    splits |= {split: split for split in dataset.splits if split not in _SPLITS and dataset.splits[split]}
    splits["all"] = "all"
    chosen = st.selectbox(
        "Split",
        list(splits),
        key="split",
        bind="query-params",
        help="Seen classes may be trained on; unseen classes are known to the network by their descriptions alone.",
    )
    return splits[chosen]


def show_classes(classes: tuple[ClassInfo, ...], *, label: str, key: str, placeholder: str) -> list[ClassInfo]:
    """Let the user choose some of the classes; equal names are told apart by their ids."""
    names = [info.name for info in classes]
    labels = {info.id: info.name if names.count(info.name) == 1 else f"{info.name} ({info.id})" for info in classes}
    chosen = st.multiselect(
        label,
        list(labels),
        format_func=lambda class_id: labels.get(class_id, class_id),
        key=key,
        placeholder=placeholder,
        persist_state="session",
    )
    return [info for info in classes if info.id in set(chosen)]
