"""Buttons to the picture before and after the chosen one, the same on every page, with their shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import task_state

__all__ = ["show_steps"]

# With an arrow, Alt is the browser's Back, or a jump by a word; with Ctrl and a letter it is how some keyboards type.
_STEPS = (
    ("Previous", ":material/arrow_back:", "Alt+PageUp", -1),
    ("Next", ":material/arrow_forward:", "Alt+PageDown", 1),
)


def show_steps(ids: Sequence[str], place: int) -> None:
    """Let the user go one picture back or on.

    Args:
        ids: images in the order of the page.
        place: index of the chosen one.
    """
    for label, icon, shortcut, step in _STEPS:
        index = place + step
        inside = 0 <= index < len(ids)
        st.button(
            label,
            icon=icon,
            shortcut=shortcut,
            disabled=not inside,
            on_click=task_state.choose_image,
            args=(ids[index] if inside else "",),
        )
