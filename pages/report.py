"""Report: the present task in one file that opens anywhere, with its tables and figures."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import heading, report, task_chooser, task_state
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.verdicts import pictures_of

heading.show(
    "Report",
    "The task as it stands in one HTML file: setting, accuracy, confusion, worst descriptions, examples with evidence "
    "and saliency, layers, versions and seeds.",
)

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/description:")
    task_chooser.show()
    st.stop()
heading.show_task(task)
try:
    get_engine()
    has_pictures = bool(pictures_of(task, 1)[0])
    if not has_pictures:
        st.info(
            "This task has no pictures of a dataset: the report tells what the descriptions say and how far they move "
            "the network. Pictures of your own are judged on the pages Describe, Evidence, Saliency and Diagnose.",
            icon=":material/image_not_supported:",
        )
    report.show(task, report.show_settings(has_pictures, task_state.chosen_image()))
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
