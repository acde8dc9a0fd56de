"""The bar above a task: undo, redo, snapshots, comparing two of them. Shows what was wrong with the last edit."""

from __future__ import annotations

import streamlit as st

from pages.components import compare, task_state
from pages.components.plain import literal

__all__ = ["show"]

_NAME = "snapshot_name"


def show() -> None:
    """Show the bar; the task must be open."""
    place = st.container()  # always there: an error shifts nothing, so that all below keeps its place and the focus
    if error := task_state.take_error():
        place.error(literal(error), icon=":material/error:")
        st.toast(literal(error), icon=":material/error:", duration="long")  # the bar may be off the screen
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Undo",
            icon=":material/undo:",
            shortcut="Ctrl+Alt+Z",
            disabled=task_state.previous() is None,
            on_click=task_state.undo,
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            shortcut="Ctrl+Alt+Y",
            disabled=not task_state.can_redo(),
            on_click=task_state.redo,
        )
        count = len(task_state.snapshots())
        with st.popover(f"Snapshots ({count})" if count else "Snapshots", icon=":material/bookmark:", key="snapshots"):
            _show_snapshots()
        if st.button(
            "Compare",
            icon=":material/compare_arrows:",
            disabled=len(task_state.comparable()) < 3 and task_state.previous() is None,
            help="Two versions of the task side by side: texts, accuracy, changed predictions",
        ):
            compare.show()


def _show_snapshots() -> None:
    with st.form("snapshot", border=False):
        st.text_input("Name", key=_NAME, placeholder="Snapshot", max_chars=60)
        st.form_submit_button("Keep the task as it is now", type="primary", on_click=_take)
    for name, task in task_state.snapshots().items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{literal(name)}: {len(task.classes)} classes")
            st.button("Restore", key=f"restore {name}", on_click=task_state.restore_snapshot, args=(name,))
            st.button(
                "Forget", key=f"forget {name}", type="tertiary", on_click=task_state.remove_snapshot, args=(name,)
            )


def _take() -> None:
    if task_state.take_snapshot(st.session_state[_NAME]):
        st.session_state[_NAME] = ""
