"""Diagnose: which description spoils the task, why, and mending it on the spot."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import diagnose, diagnose_fix, diagnose_matrix, diagnose_source, heading, task_chooser, task_state
from pages.components.plain import literal
from pages.components.resources import get_engine

heading.show(
    "Diagnose",
    "Which description spoils the task: the entries ranked, worst first, with reasons, and a place to mend them.",
)

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/stethoscope:")
    task_chooser.show()
    st.stop()
try:
    get_engine()
    heading.show_task(task)
    case = diagnose_source.show(task)
    trial = diagnose_fix.pending(task)
    measured = diagnose.was_measured(task, case) and (trial is None or diagnose.was_measured(trial.before, case))
    found = diagnose.examine(task, case, measured)
    before = diagnose.examine(trial.before, case, measured) if trial else None
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
    st.stop()

diagnose.show_figures(found)
wide = diagnose_matrix.is_wide(task)
if case is not None and wide:
    diagnose_matrix.show(task, case, found)
left, right = st.columns([5, 7], gap="large")
with left, st.container(key="mend"):
    diagnose_fix.show(task, case, found, before)
with right:
    if case is not None and not wide:
        diagnose_matrix.show(task, case, found)
    diagnose.show_ranking(task, case, found)
