"""What stands in the address of every page: how to open the task again, and the chosen picture.

Streamlit empties the address on the way to another page; both are written again from the session. Choices that belong
to a widget are not here: the widgets bind themselves to the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

__all__ = ["choose_image", "chosen_image", "keep_link", "set_link"]

_LINK = "task_link"  # session state: parameters that open the same task in another session
_LINK_PARAMETERS = ("task", "of", "part", "class")  # a sample's title; or a dataset with a split or with classes
_IMAGE, _CHOSEN, _SEEN = "image", "chosen_image", "seen_image"  # parameter; session state: ours, and the address's last


def set_link(link: Mapping[str, Sequence[str]]) -> None:
    """Remember what leads to the task that was opened.

    Args:
        link: parameter -> values, of `task`, `of`, `part` and `class`; empty where no link can lead to it.
    """
    st.session_state[_LINK] = {key: list(values) for key, values in link.items()}


def keep_link() -> None:
    """Write the link to the task into the address where it is missing."""
    link = st.session_state.get(_LINK, {})
    changed = {key: values for key, values in link.items() if st.query_params.get_all(key) != values}
    if changed:
        st.query_params.update(changed)
    for key in _LINK_PARAMETERS:
        if key not in link and key in st.query_params:
            del st.query_params[key]


def chosen_image() -> str | None:
    """The id of the picture that all pages look at, or None before one is chosen.

    A link brings its picture along, and browser history goes back to the one before.
    """
    address, seen = st.query_params.get(_IMAGE), st.session_state.get(_SEEN)
    if address and address != seen:
        st.session_state[_CHOSEN] = st.session_state[_SEEN] = address
    chosen = st.session_state.get(_CHOSEN)
    if chosen and not address:  # another page was opened, and Streamlit emptied the address
        choose_image(chosen)
    return chosen


def choose_image(image_id: str) -> None:
    """Make a picture the one that all pages look at."""
    st.session_state[_CHOSEN] = st.session_state[_SEEN] = image_id
    if st.query_params.get(_IMAGE) != image_id:
        st.query_params[_IMAGE] = image_id
