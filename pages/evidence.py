"""Evidence: which words of the descriptions decide about a picture, and what happens without them."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import (
    evidence_class,
    evidence_edits,
    evidence_picture,
    evidence_words,
    heading,
    task_chooser,
    task_state,
)
from pages.components.plain import literal
from pages.components.resources import get_engine
from pages.components.resources_evidence import picture_evidence

_VIEWS = ("This picture", "All pictures of the class")

heading.show(
    "Evidence", "Which words of the descriptions decide about a picture: for one class, and against the others."
)

task = task_state.current()
if task is None:
    st.info("Open a task to begin: some classes, each with a description.", icon=":material/edit_note:")
    task_chooser.show()
    st.stop()
heading.show_task(task)
left, right = st.columns([4, 8], gap="large")
try:
    get_engine()
    with left:
        choice = evidence_picture.show(task)
    if choice is None:
        st.stop()
    with left:
        view = st.segmented_control(
            "Look at", _VIEWS, default=_VIEWS[0], required=True, key="evidence_view", persist_state="session"
        )
    if view == _VIEWS[1]:
        with right:
            evidence_class.show(task, choice.target)
        st.stop()
    picture = choice.picture
    with right:
        with st.spinner("Reading the evidence…"):
            evidence = picture_evidence(task, picture.data, picture.ref, choice.target)
        own = evidence.positive
        st.subheader(f"For {literal(choice.target)}", anchor=False)
        st.caption(
            f"Probability {100 * own.probability:.1f} %, loss {evidence.loss:.2f} nats. The gradient falls mostly on "
            f"{evidence_words.name_words(own, 4)}"
        )
        st.markdown(evidence_words.mark_words(own))
        evidence_words.show_legend(choice.target)
        evidence_words.show_bars(own, choice.target)
        evidence_words.show_ruled_out(evidence)
    with left:
        description = evidence_edits.show_trial(task, picture.data, picture.ref, picture.truth, evidence)
    with right:
        evidence_edits.show_drops(task, picture.data, (picture.ref,), description, choice.target)
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
