"""Pictures page by page, and one of them large. Owns the page number (in the address) and the picture that is open."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from n3core.datasets.base import ClassInfo, ImageRef
from n3core.errors import InputError
from pages.components.plain import literal
from pages.components.resources import large_picture, thumbnail

__all__ = ["show_cards", "show_gallery"]

_PICTURES = 24
_CARDS = 10
_OPEN = "open_picture"  # session state: index of the picture in the dialog


@st.fragment
def show_gallery(data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo]) -> None:
    """Show pictures in a grid with paging; each opens large.

    Args:
        data: name or path of the dataset.
        refs: all pictures, in order.
        classes: class id -> class.
    """
    start = _show_pages(len(refs), _PICTURES, "pictures")
    grid = st.grid("auto", min_column_width=112, gap="small")
    for index in range(start, min(start + _PICTURES, len(refs))):
        ref = refs[index]
        name = classes[ref.class_id].name
        with grid.cell(), st.container(gap="xxsmall"):
            try:
                st.image(thumbnail(data, ref), alt=f"{name}, picture {ref.id}", width="stretch")
            except InputError as error:
                st.caption(literal(str(error)))
                continue
            if st.button(literal(name), key=f"open {index}", type="tertiary", help="Open the picture large", wrap=True):
                st.session_state[_OPEN] = index
                _show_large(data, refs, classes)


@st.dialog("Picture", width="large", icon=":material/local_florist:")
def _show_large(data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo]) -> None:
    index = min(st.session_state.get(_OPEN, 0), len(refs) - 1)
    ref, info = refs[index], classes[refs[index].class_id]
    picture, words = st.columns([3, 2], gap="medium")
    try:
        picture.image(large_picture(data, ref), alt=f"{info.name}, picture {ref.id}, large", width="stretch")
    except InputError as error:
        picture.error(literal(str(error)))
    with words:
        st.subheader(literal(info.name), anchor=False)
        st.markdown(literal(info.description))
        st.caption(f"Picture {literal(ref.id)}, {index + 1:,} of {len(refs):,}")
        with st.container(horizontal=True):
            st.button(
                "Previous",
                icon=":material/arrow_back:",
                shortcut="Left",
                disabled=index == 0,
                on_click=_turn,
                args=(index - 1,),
            )
            st.button(
                "Next",
                icon=":material/arrow_forward:",
                shortcut="Right",
                disabled=index == len(refs) - 1,
                on_click=_turn,
                args=(index + 1,),
            )


def _turn(index: int) -> None:
    st.session_state[_OPEN] = index


@st.fragment
def show_cards(data: str, classes: tuple[ClassInfo, ...], pictures: Mapping[str, tuple[ImageRef, ...]]) -> None:
    """Show classes as cards: one picture, the name, the number of pictures and the description.

    Args:
        data: name or path of the dataset.
        classes: what to show, in order.
        pictures: class id -> its pictures.
    """
    start = _show_pages(len(classes), _CARDS, "classes")
    grid = st.grid("auto", min_column_width=300, border=True)
    for info in classes[start : start + _CARDS]:
        refs = pictures[info.id]
        with grid.cell():
            with st.container(horizontal=True, vertical_alignment="center"):
                if refs:
                    st.image(thumbnail(data, refs[0]), alt=f"{info.name}, picture {refs[0].id}", width=96)
                with st.container(gap="xsmall", width=150):
                    st.subheader(literal(info.name), anchor=False)
                    st.caption(f"{len(refs):,} pictures")
            st.markdown(literal(info.description))


def _show_pages(total: int, size: int, what: str) -> int:
    pages = max(1, math.ceil(total / size))
    if st.session_state.get("page", 1) > pages:
        st.session_state["page"] = 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        line = st.empty()
        number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        start = (number - 1) * size
        line.caption(f"{start + 1:,} to {min(start + size, total):,} of {total:,} {what}")
    return start
