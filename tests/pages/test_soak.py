"""A long session: 500 edits with their predictions, and the memory stays where it was."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[[str], AppTest]
EDITS, WARM = 500, 150
ALLOWED = 60  # megabytes; the caches are full after `WARM` edits


def resident() -> float:
    """Memory of this process that is in use, in megabytes."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _session() -> None:
    import streamlit as st

    from n3core.descriptions import load_task
    from pages.components import task_state
    from pages.components.verdicts import judge, pictures_of

    if task_state.current() is None:
        task_state.start(load_task("assets/tasks/flowers.json"))
    for number in range(st.session_state.get("first", 0), st.session_state.get("last", 0)):
        task_state.replace_text("windflower", f"A flower with {number} petals, edit {number}.")
        refs, truth, _ = pictures_of(task_state.current(), 2)
        verdicts = judge(task_state.current(), refs, truth)
    if st.session_state.get("last"):
        st.metric("accuracy", verdicts.per_class_accuracy)
        st.caption(task_state.current().texts[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_500_edits_leave_memory_where_it_was(open_page: OpenPage) -> None:
    open_page("describe")
    session = AppTest.from_function(_session, default_timeout=500).run()
    levels = []
    for first, last in ((0, WARM), (WARM, EDITS)):
        session.session_state["first"], session.session_state["last"] = first, last
        session.run()
        assert not session.exception
        levels.append(resident())
    assert session.caption[0].value == f"A flower with {EDITS - 1} petals, edit {EDITS - 1}."
    assert levels[1] - levels[0] < ALLOWED, levels
