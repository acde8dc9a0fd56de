"""The top of every page: its title, what it is for, and the model that all pages use, where there are several."""

from __future__ import annotations

import streamlit as st

from n3core.descriptions import TaskSpec
from pages.components import task_state
from pages.components.address import choose_model, chosen_model
from pages.components.plain import literal
from pages.components.resources import models

__all__ = ["show", "show_task"]

_MODEL = "model"


def show(title: str, purpose: str, *, with_model: bool = True) -> None:
    """Show the top of a page.

    Args:
        title: the page's name.
        purpose: one or two sentences, Markdown.
        with_model: whether what the page shows depends on the model.
    """
    known = models()
    wanted = chosen_model()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            st.title(title, anchor=False, width="content")
        if with_model and len(known) > 1:
            st.session_state[_MODEL] = wanted if wanted in known else next(iter(known))
            st.selectbox(
                "Model",
                list(known),
                key=_MODEL,
                on_change=_choose,
                width=230,
                help="The checkpoint that reads the descriptions, on all pages. Results of another one stay as they "
                "were and are shown again when you go back to it.",
            )
    st.caption(purpose)
    if wanted is not None and wanted not in known:
        st.warning(
            f"There is no model “{literal(wanted[:80])}” here; this page uses “{literal(next(iter(known)))}”.",
            icon=":material/warning:",
        )


def show_task(task: TaskSpec) -> None:
    """Show what a task is called, and whether it is still what was opened under that name."""
    linked = task_state.linked()
    with st.container(gap="xsmall"):  # of its own: a line that comes and goes must not move the rest of the page
        st.header(literal(task.title or "A task without a title"), anchor=False)
        if linked != task:
            reload = "opens it without the edits" if linked else "does not open it as it stands"
            st.caption(
                f":material/edit: A link or a reload {reload}: *Task (json)* on the page Describe keeps it in a file."
            )


def _choose() -> None:
    choose_model(st.session_state[_MODEL])
