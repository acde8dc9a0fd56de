"""Saliency: where in a picture the networks look, fully adapted and with the last layer alone generated."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import heading, saliency, saliency_pictures, saliency_source, task_chooser, task_state
from pages.components.plain import literal
from pages.components.resources import get_engine

heading.show(
    "Saliency",
    "Which pixels move the decision: in the network that the descriptions adapted throughout, and in one of which they "
    "generated the last layer alone.",
)

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/edit_note:")
    task_chooser.show()
    st.stop()
heading.show_task(task)
try:
    engine = get_engine()
    verdicts = saliency_source.show(task)
    if verdicts is None:
        st.stop()
    choice = saliency.show(task, labelled=bool(verdicts.known.all()))
    if set(engine.config.adapt) == {"fc"}:
        st.caption("This checkpoint generates the last layer only: both networks are the same.")
    view = st.segmented_control(
        "Look at",
        saliency_pictures.VIEWS,
        default=saliency_pictures.VIEWS[0],
        required=True,
        key=saliency_pictures.VIEW_KEY,
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == saliency_pictures.VIEWS[0]:
        saliency_pictures.show_one(task, verdicts, choice)
    else:
        saliency_pictures.show_many(task, verdicts, choice)
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
