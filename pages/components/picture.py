"""One picture large, in a dialog: its class and description, its parts, what the task calls it, next and previous.

Owns whether the dialog is open, which stands in the address; the picture is the one that all pages look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from n3core.datasets.base import ClassInfo, ImageRef
from n3core.errors import InputError
from pages.components import task_state
from pages.components.outcomes import Outcome
from pages.components.plain import literal
from pages.components.resources import large_picture
from pages.components.resources_browse import has_parts, mark_parts

__all__ = ["open_picture", "show_linked"]

_LARGE = "large"  # parameter of the address
_LINKED = "large_linked"  # session state: the address was followed, which happens once
_VIEWS = ("Picture", "Parts")


def show_linked(data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo]) -> None:
    """Open the dialog where the address that began the session says so."""
    if not st.session_state.get(_LINKED) and st.query_params.get(_LARGE):
        open_picture(data, refs, classes, {})
    st.session_state[_LINKED] = True


def open_picture(
    data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo], outcomes: Mapping[str, Outcome]
) -> None:
    """Show the chosen picture large.

    Args:
        data: name or path of the dataset.
        refs: what next and previous step through.
        classes: class id -> class.
        outcomes: image id -> what it was named, where there are predictions.
    """
    st.query_params[_LARGE] = "1"
    _show(data, refs, classes, outcomes)


def _close() -> None:
    st.query_params.pop(_LARGE, None)


@st.dialog("Picture", width="large", icon=":material/local_florist:", on_dismiss=_close)
def _show(
    data: str, refs: tuple[ImageRef, ...], classes: Mapping[str, ClassInfo], outcomes: Mapping[str, Outcome]
) -> None:
    chosen = task_state.chosen_image()
    index = next((number for number, ref in enumerate(refs) if ref.id == chosen), 0)
    ref, info = refs[index], classes[refs[index].class_id]
    picture, words = st.columns([3, 2], gap="medium")
    with picture:
        _show_picture(data, ref, info)
    with words:
        st.subheader(literal(info.name), anchor=False)
        if ref.id in outcomes:
            st.markdown(f"Named {outcomes[ref.id].mark}")
        st.markdown(literal(info.description))
        st.caption(f"Picture {literal(ref.id)}, {index + 1:,} of {len(refs):,}")
        with st.container(horizontal=True):
            _show_step("Previous", "Left", refs, index - 1)
            _show_step("Next", "Right", refs, index + 1)


def _show_picture(data: str, ref: ImageRef, info: ClassInfo) -> None:
    try:
        view = _VIEWS[0]
        if has_parts(data):
            view = st.segmented_control(
                "View of the picture",
                _VIEWS,
                default=_VIEWS[0],
                required=True,
                key="large_view",
                persist_state="session",
                label_visibility="collapsed",
            )
        if view == _VIEWS[0]:
            st.image(large_picture(data, ref), alt=f"{info.name}, picture {ref.id}, large", width="stretch")
            return
        marked = mark_parts(data, ref)
        named = ", ".join(name for name, _, _ in marked.parts)
        st.image(marked.picture, alt=f"{info.name}, picture {ref.id}, parts in colour: {named}", width="stretch")
        with st.container(horizontal=True, vertical_alignment="center"):
            for name, share, swatch in marked.parts:
                st.image(swatch, width=16, alt=f"colour of {name}")
                st.caption(f"{literal(name)} {share:.1f} %", width="content")
        st.caption("Share of the picture that each part covers")
    except InputError as error:
        st.error(literal(str(error)))


def _show_step(label: str, shortcut: str, refs: tuple[ImageRef, ...], index: int) -> None:
    inside = 0 <= index < len(refs)
    st.button(
        label,
        shortcut=shortcut,
        disabled=not inside,
        on_click=task_state.choose_image,
        args=(refs[index].id if inside else "",),
    )
