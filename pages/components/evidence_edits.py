"""Trying a description without a word or with another one, and leaving out every word in turn."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.figures import probability_bars
from n3core.figures.evidence import drop_scatter
from n3core.results.evidence import DescriptionEvidence, DropEffects, TokenEvidence
from pages.components import task_state
from pages.components.evidence_words import word_labels
from pages.components.plain import count_words, literal
from pages.components.progress import late_bar
from pages.components.resources_evidence import drop_effects, verdict_on
from pages.components.verdicts import top_classes

__all__ = ["show_drops", "show_trial"]

_OFFERED = 30  # words to click
_CONTEXT = 40  # characters of the text shown around an edit
_VERDICTS = ((0.6, "tells the truth"), (0.3, "is a rough guide"), (-0.2, "says little"), (-1.1, "misleads"))
_DROPPED = "evidence_dropped"  # session state: what the words were last left out for


def show_trial(task: TaskSpec, data: str, ref: ImageRef, truth: str, evidence: TokenEvidence) -> DescriptionEvidence:
    """Let the user drop or replace a word, and show what the network would say then.

    Returns:
        The description whose words are on offer.

    Raises:
        InputError: a picture that cannot be read.
    """
    st.subheader("What if a word were not there?", anchor=False)
    names = [evidence.target, *(description.name for description in evidence.ruled_out)]
    name = st.selectbox("Words of", names, key=f"evidence words of {evidence.target}")
    description = evidence.of(name)
    labels = word_labels(description, _OFFERED)
    text_key = hash((name, description.text))
    word = st.pills(
        "Word", list(labels), format_func=lambda index: labels.get(index, ""), key=f"word {text_key}", wrap=True
    )
    if error := task_state.take_error():
        st.error(literal(error), icon=":material/error:")
    if word not in labels:
        st.caption("Choose a word: the picture is judged without it, or with another word in its place.")
        return description
    put = st.text_input(
        "Put in its place", key=f"put {text_key} {word}", max_chars=200, placeholder="nothing: the word is dropped"
    )
    edited = description.edited(word, put)
    st.markdown(_around(description, word, put))
    before = verdict_on(task, data, (ref,), name, description.text)
    now = verdict_on(task, data, (ref,), name, edited)
    column = task.names.index(evidence.target)
    was, value = (100 * float(prediction.probabilities[0, column]) for prediction in (before, now))
    grid = st.grid(2, min_column_width=140, border=True)
    grid.metric(
        "Probability",
        f"{value:.1f} %",
        f"{value - was:+.1f} points",
        delta_color="off",
        help=f"Of {literal(evidence.target)}",
    )
    names_now, names_before = (task.names[int(prediction.labels[0])] for prediction in (now, before))
    grid.metric(
        "Named",
        literal(names_now),
        "as before" if names_now == names_before else f"was {literal(names_before)}",
        delta_color="off",
        delta_arrow="off",
    )
    with st.container(horizontal=True):
        st.button(
            "Keep this edit",
            type="primary",
            icon=":material/check:",
            disabled=edited == description.text,
            on_click=task_state.replace_text,
            args=(name, edited),
            help="Make it the description of the task; every page sees it",
        )
    st.plotly_chart(
        probability_bars(now, 0, before=before, true_name=truth or None, count=6),
        key="trial probabilities",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
        alt=f"Bars of the class probabilities before and after the edit; {evidence.target} had {was:.0f} %; now "
        f"{top_classes(now, 0)}",
    )
    return description


def _around(description: DescriptionEvidence, word: int, put: str) -> str:
    """The edit amid the words around it, as Markdown."""
    start, end = description.spans[word].tolist()
    before, after = description.text[:start], description.text[end:]
    gap = " " if after[:1].isspace() else ""
    if len(before) > _CONTEXT:
        before = "… " + before[-_CONTEXT:].partition(" ")[2]
    if len(after) > _CONTEXT:
        after = after[:_CONTEXT].rpartition(" ")[0] + " …"
    new = f" **{literal(put)}**" if put.strip() else ""
    return f"{literal(before)} ~~{literal(description.words[word])}~~{new}{gap}{literal(after)}"


def show_drops(
    task: TaskSpec, data: str, refs: tuple[ImageRef, ...], description: DescriptionEvidence, target: str
) -> None:
    """Leave out every word in turn when asked to, and hold the gradient against it.

    Args:
        refs: one picture, or several whose mean counts.

    Raises:
        InputError: a picture that cannot be read.
    """
    st.subheader("Does the gradient tell the truth?", anchor=False)
    number = int(description.is_word.sum())
    if not number:
        st.caption("This description has no words to leave out.")
        return
    asked = [task.names, task.texts, data, [ref.id for ref in refs], description.name, target]
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    st.caption(
        f"The gradient only says what a small change would do. Leaving out each of the {count_words('w ' * number)} of "
        f"{literal(description.name)} in turn, the text read anew, is slower and certain."
    )
    with st.container(horizontal=True):
        if st.button("Leave out every word in turn", icon=":material/backspace:", key="evidence_drop"):
            st.session_state[_DROPPED] = key
    if st.session_state.get(_DROPPED) != key:
        return
    with late_bar("words left out") as progress:
        effects = drop_effects(task, data, refs, description, target, progress)
    _show_effects(effects)


def _show_effects(effects: DropEffects) -> None:
    st.markdown(_judgement(effects))
    st.plotly_chart(
        drop_scatter(effects),
        key="drop scatter",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
        alt=f"One point per word: gradient against leaving it out; rank correlation {effects.support_correlation:.2f}",
    )
    order = np.argsort(-np.abs(effects.effects), kind="stable")
    st.dataframe(
        {
            "Word": [effects.description.words[index] for index in effects.words[order].tolist()],
            "Left out": effects.effects[order],
            "Gradient": effects.support[order],
            "Magnitude": effects.magnitudes[order],
            "Probability without": 100 * effects.probabilities[order],
        },
        hide_index=True,
        column_config={
            "Left out": st.column_config.NumberColumn(
                format="%+.2f", help=f"Logits that the word adds to {literal(effects.target)}: with it minus without it"
            ),
            "Gradient": st.column_config.NumberColumn(format="%+.3f", help="Gradient times token state, in logits"),
            "Magnitude": st.column_config.NumberColumn(format="%.3g", help="Size of the gradient of the loss"),
            "Probability without": st.column_config.NumberColumn(
                format="%.1f %%",
                help=f"Probability of {literal(effects.target)}; {100 * effects.probability:.1f} % with it",
            ),
        },
        alt="Every word with the measured and the predicted effect, the largest measured effect first",
    )


def _judgement(effects: DropEffects) -> str:
    correlation = effects.support_correlation
    if math.isnan(correlation):
        return "The words are too few, or do all the same: whether the gradient tells the truth cannot be said."
    verdict = next(words for least, words in _VERDICTS if correlation >= least)
    return (
        f"Here the gradient **{verdict}**: rank correlation {correlation:.2f} with leaving words out, the same sign "
        f"for {100 * effects.same_sign:.0f} % of the words. Its size, by which words are coloured, correlates by "
        f"{effects.magnitude_correlation:.2f} with the size of the effect."
    )
