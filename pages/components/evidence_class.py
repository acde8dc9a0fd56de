"""The words that carry a class: evidence over several of its pictures."""

from __future__ import annotations

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.results.evidence import ClassEvidence
from pages.components import evidence_edits, evidence_words
from pages.components.plain import literal
from pages.components.progress import late_bar
from pages.components.resources_evidence import class_evidence
from pages.components.verdicts import pictures_of

__all__ = ["show"]

_EACH = (4, 10, 40)


def show(task: TaskSpec, target: str) -> None:
    """Show the words of a class over several of its pictures.

    Raises:
        InputError: a picture that cannot be read.
    """
    each = st.segmented_control(
        "Pictures", _EACH, default=_EACH[1], required=True, key="evidence_each", persist_state="session"
    )
    refs, truth, _ = pictures_of(task, each)
    own = tuple(ref for ref, name in zip(refs, truth, strict=True) if name == target)
    if not own:
        st.info(
            f"The dataset has no pictures of {literal(target)}. Choose another class to explain.",
            icon=":material/image_not_supported:",
        )
        return
    data = task.dataset or ""
    with late_bar("pictures read") as progress:
        evidence = class_evidence(task, data, own, target, progress)
    description = evidence.mean.positive
    st.subheader(f"The words that carry {literal(target)}", anchor=False)
    st.caption(f"Mean over {evidence.images} of its pictures; every picture counts alike.")
    st.markdown(evidence_words.mark_words(description))
    evidence_words.show_legend(target)
    evidence_words.show_bars(description, target, shares=True)
    _show_table(evidence)
    evidence_words.show_ruled_out(evidence.mean)
    evidence_edits.show_drops(task, data, own, description, target)


def _show_table(evidence: ClassEvidence) -> None:
    description = evidence.mean.positive
    rows = np.array(description.top(len(description.spans)), int)
    st.dataframe(
        {
            "Word": [description.words[index] for index in rows.tolist()],
            "Share": 100 * description.magnitudes[rows],
            "Leads": 100 * evidence.leading[rows],
            "Raises": 100 * evidence.raising[rows],
            "Gradient": description.support[rows],
        },
        hide_index=True,
        height=240,
        column_config={
            "Share": st.column_config.NumberColumn(
                format="%.1f %%", help="Mean share of a picture's whole gradient, all descriptions together"
            ),
            "Leads": st.column_config.NumberColumn(
                format="%.0f %%", help="Pictures in which it is among the three largest words of this description"
            ),
            "Raises": st.column_config.NumberColumn(
                format="%.0f %%", help="Pictures in which more of the word raises the logit of the class"
            ),
            "Gradient": st.column_config.NumberColumn(
                format="%+.3f", help="Mean gradient times token state, in logits"
            ),
        },
        alt="Every word of the description with its share of the gradient, the largest first",
    )
