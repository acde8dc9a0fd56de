"""Saliency: where in a picture the networks look, fully adapted and with the last layer alone generated."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import heading, saliency, saliency_pictures, task_chooser, task_state
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.verdicts import judge, pictures_of

_EACH = 10  # pictures of every class
_EVERY = 1_000_000  # more pictures than any class has

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
    refs, truth, _ = pictures_of(task, _EACH)
    if not refs:
        st.info(
            "This task has no pictures to look at: it is of no dataset. Open one that is, on the page Describe; "
            "pictures of your own are looked at there and on the page Evidence.",
            icon=":material/image_not_supported:",
        )
        st.stop()
    chosen = task_state.chosen_image()
    if chosen is not None and chosen not in {ref.id for ref in refs}:  # chosen on another page, from all there are
        every, names, _ = pictures_of(task, _EVERY)
        added = [(ref, name) for ref, name in zip(every, names, strict=True) if ref.id == chosen]
        refs, truth = (*refs, *(ref for ref, _ in added)), (*truth, *(name for _, name in added))
    verdicts = judge(task, refs, truth)
    choice = saliency.show(task)
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
