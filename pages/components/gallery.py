"""Pictures page by page, classes as cards, and their counts. Owns the page number, which stands in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset, ImageRef, is_split
from n3core.errors import InputError
from pages.components import picture, task_state
from pages.components.outcomes import Outcome
from pages.components.pickers import SPLITS
from pages.components.plain import literal
from pages.components.resources import thumbnail

__all__ = ["show_cards", "show_counts", "show_gallery"]

_PICTURES = 24
_CARDS = 10
_MANY_PAGES = 20
_PAGE, _WANTED = "page", "wanted_page"


@st.fragment
def show_gallery(
    data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo], outcomes: Mapping[str, Outcome]
) -> None:
    """Show pictures in a grid with paging; each opens large.

    Args:
        data: name or path of the dataset.
        refs: all pictures, in order.
        classes: class id -> class.
        outcomes: image id -> what it was named, where there are predictions.
    """
    start = _show_pages(len(refs), _PICTURES, "pictures")
    grid = st.grid("auto", min_column_width=112, gap="small")
    for index in range(start, min(start + _PICTURES, len(refs))):
        ref = refs[index]
        name, outcome = classes[ref.class_id].name, outcomes.get(ref.id)
        with grid.cell(), st.container(gap="xxsmall"):
            named = f", predicted {outcome.guess}" if outcome else ""
            try:
                st.image(thumbnail(data, ref), alt=f"{name}{named}, picture {ref.id}", width="stretch")
            except InputError as error:
                st.caption(literal(str(error)))
                continue
            if st.button(literal(name), key=f"open {index}", type="tertiary", help="Open the picture large", wrap=True):
                task_state.choose_image(ref.id)
                picture.open_picture(data, refs, classes, outcomes)
            if outcome:
                st.caption(outcome.mark)


@st.fragment
def show_cards(
    data: str, classes: tuple[ClassInfo, ...], counts: Mapping[str, int], first: Mapping[str, ImageRef]
) -> None:
    """Show classes as cards: one picture, the name, the number of pictures and the description.

    Args:
        data: name or path of the dataset.
        classes: what to show, in order.
        counts: class id -> number of its pictures.
        first: class id -> a picture of it, where there is one.
    """
    start = _show_pages(len(classes), _CARDS, "classes")
    grid = st.grid("auto", min_column_width=300, border=True)
    for info in classes[start : start + _CARDS]:
        with grid.cell():
            with st.container(horizontal=True, vertical_alignment="center"):
                if info.id in first:
                    _show_thumbnail(data, first[info.id], info)
                with st.container(gap="xsmall", width=150):
                    st.subheader(literal(info.name), anchor=False)
                    st.caption(f"{counts[info.id]:,} pictures")
            st.markdown(literal(info.description))


def _show_thumbnail(data: str, ref: ImageRef, info: ClassInfo) -> None:
    try:
        st.image(thumbnail(data, ref), alt=f"{info.name}, picture {ref.id}", width=96)
    except InputError as error:
        st.caption(literal(str(error)))


def show_counts(dataset: Dataset, classes: tuple[ClassInfo, ...], counts: Mapping[str, int]) -> None:
    """Show a table of the classes: split, number of pictures, and length of the description.

    Args:
        dataset: for its splits.
        classes: what to show, in order.
        counts: class id -> number of its pictures.
    """
    splits = {class_id: SPLITS.get(split, split) for split, ids in dataset.splits.items() for class_id in ids}
    numbers = [counts[info.id] for info in classes]
    rows = {
        "Class": [info.name for info in classes],
        "Split": [splits.get(info.id, "") for info in classes],
        "Pictures": numbers,
        "Words": [len(info.description.split()) for info in classes],
    }
    if not is_split(dataset):
        del rows["Split"]
    least, most = min(numbers), max(numbers)
    each = f"{least:,} to {most:,}" if least < most else f"{most:,}"
    st.caption(f"{sum(numbers):,} pictures of {len(classes):,} classes, {each} of each")
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Pictures": st.column_config.ProgressColumn(
                format="%d", min_value=0, max_value=max(1, *numbers), help="Number of pictures of the class"
            ),
            "Words": st.column_config.NumberColumn(help="Length of the description in words"),
        },
        alt="Number of pictures and length of the description of every class",
    )


def _show_pages(total: int, size: int, what: str) -> int:
    pages = max(1, math.ceil(total / size))
    if st.session_state.get(_PAGE, 1) > pages:
        st.session_state[_PAGE] = 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        line = st.empty()
        # In a row the pager would take itself for too narrow to show two numbers.
        width = 120 + 40 * min(pages, 7)
        number = st.pagination(pages, key=_PAGE, bind="query-params", width=width) if pages > 1 else 1
        if pages > _MANY_PAGES:
            st.number_input(
                "Go to page",
                1,
                pages,
                value=None,
                key=_WANTED,
                placeholder=f"Go to page, 1 to {pages:,}",
                label_visibility="collapsed",
                width=190,
                on_change=_go,
            )
        start = (number - 1) * size
        line.caption(f"{start + 1:,} to {min(start + size, total):,} of {total:,} {what}")
    return start


def _go() -> None:
    if wanted := st.session_state.get(_WANTED):
        st.session_state[_PAGE] = int(wanted)
        st.session_state[_WANTED] = None
