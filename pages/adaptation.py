"""Adaptation: how far the descriptions move the network, layer by layer, and which layers matter."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import adaptation, adaptation_importance, adaptation_versions, heading, task_chooser, task_state
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.verdicts import pictures_of

heading.show(
    "Adaptation",
    "What the descriptions add to each tensor of the pre-trained network, in network order, and what that is worth.",
)

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/layers:")
    task_chooser.show()
    st.stop()
try:
    get_engine()
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
    st.stop()

heading.show_task(task)
view, scale, each = adaptation.show_controls()
try:
    if view == adaptation.VIEWS[1]:
        adaptation_versions.show(task_state.comparable(), scale)
        st.stop()
    refs, truth, _ = pictures_of(task, each)
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
    refs, truth = (), ()
if view == adaptation.VIEWS[2]:
    adaptation_importance.show(task, refs, truth, scale)
else:
    adaptation.show(task, refs, scale)
