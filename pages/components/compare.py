"""Two versions of a task side by side: accuracy, changed predictions, and the words that differ."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from pages.components import task_state
from pages.components.plain import literal
from pages.components.verdicts import Verdicts, judge, pictures_of

__all__ = ["mark_differences", "show"]

_EACH = 10  # pictures of each class
_MOST_TEXTS = 12
_MOST_WORDS = 1500  # of a text whose words are compared one by one


@st.dialog("Compare two versions", width="large", icon=":material/compare_arrows:")
def show() -> None:
    """Let the user choose two versions and show how they differ."""
    versions = task_state.comparable()
    names = list(versions)
    columns = st.columns(2)
    chosen = []
    for column, label, place in zip(columns, ("One version", "The other"), (0, len(names) - 1), strict=True):
        with column:
            chosen.append(st.selectbox(label, names, index=place, key=f"compare {label}"))
    one, other = (versions[name] for name in chosen)
    with st.spinner("Judging the pictures under both versions…"):
        verdicts = [_verdicts(task) for task in (one, other)]
    for column, verdict in zip(columns, verdicts, strict=True):
        with column:
            _show_accuracy(verdict)
    _show_changed(*verdicts)
    _show_texts(one, other)


def _verdicts(task: TaskSpec) -> Verdicts | None:
    try:
        refs, truth, _ = pictures_of(task, _EACH)
        return judge(task, refs, truth) if refs else None
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def _show_accuracy(verdicts: Verdicts | None) -> None:
    if verdicts is None:
        st.caption("No pictures to judge: the classes are in no dataset.")
    else:
        how = f"Mean over the classes, on {len(verdicts.refs)} pictures"
        st.metric("Accuracy", f"{verdicts.per_class_accuracy:.1f} %", help=how)


def _show_changed(one: Verdicts | None, other: Verdicts | None) -> None:
    if one is None or other is None:
        return
    later = {ref.id: guess for ref, guess in zip(other.refs, other.guesses, strict=True)}
    pairs = [(guess, later[ref.id]) for ref, guess in zip(one.refs, one.guesses, strict=True) if ref.id in later]
    changed = int(np.sum([before != after for before, after in pairs]))
    st.caption(f"{changed} of the {len(pairs)} pictures that both judge are named differently.")


def _show_texts(one: TaskSpec, other: TaskSpec) -> None:
    before, after = (dict(zip(task.names, task.texts, strict=True)) for task in (one, other))
    differing = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
    if not differing:
        st.info("The descriptions are the same.", icon=":material/equal:")
    for name in differing[:_MOST_TEXTS]:
        st.markdown(f"**{literal(name)}**")
        texts = mark_differences(before.get(name), after.get(name))
        for column, text in zip(st.columns(2), texts, strict=True):
            column.markdown(text)
    if len(differing) > _MOST_TEXTS:
        st.caption(f"{len(differing) - _MOST_TEXTS} more classes differ.")


def mark_differences(before: str | None, after: str | None) -> tuple[str, str]:
    """Mark the words of two texts that the other one lacks.

    Args:
        before: a text, or None where the class is missing.
        after: the same in the other version.

    Returns:
        Both as Markdown, safe to show: words that are gone struck through, new ones bold, and coloured.
    """
    if before is None or after is None:
        return tuple(":gray[not in this version]" if text is None else literal(text) for text in (before, after))
    first, second = before.split(), after.split()
    if max(len(first), len(second)) > _MOST_WORDS:
        return literal(before), literal(after)
    steps = difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    left = [_mark(first[a:b], tag, "orange", "~~") for tag, a, b, _, _ in steps]
    right = [_mark(second[a:b], tag, "green", "**") for tag, _, _, a, b in steps]
    return " ".join(left), " ".join(right)


def _mark(words: Sequence[str], tag: str, colour: str, sign: str) -> str:
    text = literal(" ".join(words))
    return text if tag == "equal" or not words else f":{colour}[{sign}{text}{sign}]"
