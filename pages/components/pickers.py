"""Choosing a dataset and what of it: split, classes, groups, training or evaluation images.

The choices are shared by all pages and stand in the address of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset, Subset, is_split
from n3core.datasets.registry import DATA_VARIABLE, TEXTS_MARK, available_datasets
from n3core.errors import InputError
from pages.components import uploads
from pages.components.plain import literal
from pages.components.resources import get_dataset

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

__all__ = [
    "OWN",
    "SPLITS",
    "UPLOADED",
    "kingdoms",
    "show_classes",
    "show_dataset",
    "show_groups",
    "show_kingdom",
    "show_split",
    "show_subsets",
]

_DATA, _KINGDOM = "data", "kingdom"

OWN, UPLOADED = "my own folder or file", "my uploaded pictures"
SPLITS = {"train": "seen", "val": "validation", "test": "unseen"}  # as a dataset and as the pages call them
_FIELDBOOK = "fieldbook-"


def show_dataset(below: DeltaGenerator | None = None) -> tuple[str, Dataset] | None:
    """Let the user choose a dataset.

    Args:
        below: container for what else has to be said or given, such as a path; by default it follows at once.

    Returns:
        Its name or path and the dataset, or None (and a message) where there is none yet.
    """
    options = [*available_datasets(), UPLOADED, OWN]
    _warn_of_link(_DATA, "dataset", options)
    name = st.selectbox(
        "Dataset",
        options,
        key=_DATA,
        bind="query-params",
        help=None
        if len(options) > 4
        else f"Set the environment variable {DATA_VARIABLE} to the folder that holds tiny-imagenet and grocery to add "
        "photographs.",
    )
    with below if below is not None else nullcontext():
        if name == UPLOADED:
            uploads.show_uploader()
            pictures = uploads.held()
            if pictures is None:
                st.info("Drop pictures into the box above, or a zip of them.", icon=":material/add_photo_alternate:")
                return None
            return pictures.name, pictures
        if name == OWN and not (name := _show_path()):
            st.info("Type the path of a folder or parquet file above.", icon=":material/folder_open:")
            return None
        try:
            return name, get_dataset(name)
        except InputError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return None


def _warn_of_link(parameter: str, what: str, options: Sequence[str]) -> None:
    """Say that the link which began the session asks for what is not here, before the widget replaces it."""
    wanted = st.query_params.get(parameter)
    first_look = not st.session_state.get(f"{parameter}_linked")
    st.session_state[f"{parameter}_linked"] = True
    if first_look and wanted and wanted not in options:
        st.warning(f"There is no {what} “{literal(wanted[:80])}” here.", icon=":material/warning:")


def _show_path() -> str:
    """Let the user type where a dataset of their own lies.

    Returns:
        What `get_dataset` takes, or "".
    """
    path = st.text_input(
        "Path of a folder or parquet file",
        key="path",
        bind="query-params",
        placeholder="/home/me/pictures",
        help="On the machine that runs the studio: a folder with one sub-folder of images per class, or a parquet file "
        "with an image and a class-name column.",
    ).strip()
    texts = st.text_input(
        "Path of the descriptions (optional)",
        key="texts",
        bind="query-params",
        placeholder="/home/me/descriptions.yaml",
        help="A json, csv or yaml file of class names and descriptions. By default the one that lies with the images.",
    ).strip()
    return f"{path}{TEXTS_MARK}{texts}" if path and texts else path


def kingdoms() -> list[str]:
    """The datasets of the Fieldbook."""
    return [name for name in available_datasets() if name.startswith(_FIELDBOOK)]


def show_kingdom(data: str) -> None:
    """Let the user pass from one kingdom of the Fieldbook to another; shows nothing for other datasets."""
    if data not in kingdoms():
        return
    st.session_state[_KINGDOM] = data
    st.segmented_control(
        "Kingdom",
        kingdoms(),
        required=True,
        format_func=lambda name: name.removeprefix(_FIELDBOOK),
        key=_KINGDOM,
        on_change=_change_kingdom,
    )


def _change_kingdom() -> None:
    st.session_state[_DATA] = st.session_state[_KINGDOM]


def show_groups(classes: tuple[ClassInfo, ...]) -> tuple[ClassInfo, ...]:
    """Let the user keep some groups of classes, where the dataset sorts its classes into groups.

    Returns:
        The classes that are left.
    """
    groups = sorted({info.texts["coarse"] for info in classes if "coarse" in info.texts})
    if len(groups) < 2:
        return classes
    chosen = st.multiselect("Groups", groups, key="groups", bind="query-params", placeholder=f"All {len(groups)}")
    return tuple(info for info in classes if not chosen or info.texts.get("coarse") in chosen)


def show_subsets(dataset: Dataset) -> tuple[Subset, ...]:
    """Let the user choose training or evaluation images, where the dataset keeps them apart.

    Returns:
        The subsets to look at.
    """
    some = dataset.classes[0].id if dataset.classes else ""
    if not some or dataset.image_refs(some, subset="train") == dataset.image_refs(some):
        return ("evaluate",)
    subsets: dict[str, tuple[Subset, ...]] = {
        "all": ("evaluate", "train"),
        "for evaluation": ("evaluate",),
        "for training": ("train",),
    }
    return subsets[st.selectbox("Images", list(subsets), key="images", bind="query-params")]


def show_split(dataset: Dataset) -> str:
    """Let the user choose a split of the dataset; splits without classes are not offered.

    Returns:
        What `classes_of` takes.
    """
    known = [split for split in dataset.splits if dataset.splits[split] and is_split(dataset)]
    splits = {SPLITS[split]: split for split in ("test", "val", "train") if split in known}
    splits |= {split: split for split in known if split not in SPLITS}
    splits["all"] = "all"
    _warn_of_link("split", "split", list(splits))
    chosen = st.selectbox(
        "Split",
        list(splits),
        key="split",
        bind="query-params",
        help="Seen classes may be trained on; unseen classes are known to the network by their descriptions alone.",
    )
    return splits[chosen]


def show_classes(
    classes: tuple[ClassInfo, ...], *, label: str, key: str, placeholder: str, in_address: bool = False
) -> list[ClassInfo]:
    """Let the user choose some of the classes; equal names are told apart by their ids.

    Args:
        classes: what there is to choose from.
        label: of the widget.
        key: of the session, and of the address.
        placeholder: what an empty choice means.
        in_address: whether the choice stands in the address.
    """
    names = [info.name for info in classes]
    labels = {info.id: info.name if names.count(info.name) == 1 else f"{info.name} ({info.id})" for info in classes}
    chosen = st.multiselect(
        label,
        list(labels),
        format_func=lambda class_id: labels.get(class_id, class_id),
        key=key,
        placeholder=placeholder,
        persist_state="session",
        bind="query-params" if in_address else None,
    )
    return [info for info in classes if info.id in set(chosen)]
