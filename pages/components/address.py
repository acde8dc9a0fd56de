"""What stands in the address of every page: how to open the task again, the chosen picture, and the chosen model.

Streamlit empties the address on the way to another page; all are written again from the session. Choices that belong
to a widget are not here: the widgets bind themselves to the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

__all__ = ["choose_image", "choose_model", "chosen_image", "chosen_model", "keep_link", "set_link"]

_LINK = "task_link"  # session state: parameters that open the same task in another session
_LINK_PARAMETERS = ("task", "of", "part", "class")  # a sample's title; or a dataset with a split or with classes
_CHOICE, _SEEN = "chosen_", "seen_"  # session state, before the name of a parameter: ours, and the address's last


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
    """The id of the picture that all pages look at, or None before one is chosen."""
    return _chosen("image")


def choose_image(image_id: str) -> None:
    """Make a picture the one that all pages look at."""
    _choose("image", image_id)


def chosen_model() -> str | None:
    """The title of the model that all pages use, or None before one is chosen; a link may name one that is not here."""
    return _chosen("model")


def choose_model(title: str) -> None:
    """Make a model the one that all pages use."""
    _choose("model", title)


def _chosen(parameter: str) -> str | None:
    """What was chosen last. A link brings its choice along, and browser history goes back to the one before."""
    address, choice = st.query_params.get(parameter), st.session_state.get(_CHOICE + parameter)
    seen = st.session_state.get(_SEEN + parameter)
    if address and address != seen:
        choice = st.session_state[_CHOICE + parameter] = st.session_state[_SEEN + parameter] = address
    if choice and not address:  # another page was opened, and Streamlit emptied the address
        _choose(parameter, choice)
    return choice


def _choose(parameter: str, value: str) -> None:
    st.session_state[_CHOICE + parameter] = st.session_state[_SEEN + parameter] = value
    if st.query_params.get(parameter) != value:
        st.query_params[parameter] = value
