"""Mending one entry: its faults, its pictures, a form, and what the edit changed, to keep or to discard.

Owns which entry is looked at and the edit that is being tried; the task itself belongs to `task_state`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.results.diagnosis import ClassDiagnosis, Diagnosis
from pages.components import task_state
from pages.components.diagnose_source import Case
from pages.components.diagnose_words import mark_text
from pages.components.plain import literal
from pages.components.resources import thumbnail

__all__ = ["Trial", "choose", "pending", "show"]

_CLASS = "diagnose_class"
_TRIAL = "diagnose_trial"
_FILLED = "diagnose_text"  # session state: the class and the text that the text area was last filled with
_PICTURES = 5
_BESIDE = """<style>
@media (min-width: 900px) {
  [data-testid="stColumn"]:has(.st-key-mend) {
    position: sticky; top: 4rem; align-self: flex-start; max-height: calc(100vh - 5rem); overflow-y: auto;
  }
}
</style>"""  # the form stays in sight beside a long ranking


@dataclass(frozen=True)
class Trial:
    """An edit that is being tried: the class, and the task before and with it."""

    name: str
    before: TaskSpec
    after: TaskSpec


def pending(task: TaskSpec) -> Trial | None:
    """The edit that waits to be kept or discarded; an edit made elsewhere since then ends the waiting."""
    trial: Trial | None = st.session_state.get(_TRIAL)
    if trial is not None and trial.after != task:
        st.session_state.pop(_TRIAL)
        return None
    return trial


def choose(name: str) -> None:
    """Look at the entry of a class."""
    st.session_state[_CLASS] = name
    st.toast(f"{literal(name)} can be mended under “Mend”, first on the page.", icon=":material/edit:")


def show(task: TaskSpec, case: Case | None, found: Diagnosis, before: Diagnosis | None) -> None:
    """Show one entry and the form that mends it.

    Args:
        task: described classes.
        case: the pictures it is judged by.
        found: the diagnosis of the task.
        before: that of the task before the edit that is being tried; None where there is none.
    """
    st.html(_BESIDE)
    names = [entry.name for entry in found.entries]
    if st.session_state.get(_CLASS) not in names:
        st.session_state[_CLASS] = names[0]
    entry = found.of(st.session_state[_CLASS])
    st.subheader(f"Mend {literal(entry.name)}", anchor=False)
    st.selectbox(
        "Entry",
        names,
        key=_CLASS,
        persist_state="session",
        help="Worst first",
    )
    _show_reasons(entry)
    st.markdown(mark_text(entry))
    st.caption(
        ":green-background[**Green**]: a picture can show it. :orange-background[*Orange*]: it cannot. "
        ":violet-background[Violet]: leaves it open, or contradicts."
    )
    with st.container():  # always there: the form keeps its place and the focus, whatever comes and goes above it
        _show_pictures(task, case, entry)
        trial = pending(task)
        if trial is not None and before is not None:
            _show_trial(trial, found, before)
        if error := task_state.take_error():
            st.error(literal(error), icon=":material/error:")
    _show_form(entry)


def _show_reasons(entry: ClassDiagnosis) -> None:
    if not entry.reasons:
        st.success("Nothing speaks against this entry.", icon=":material/check:")
        return
    st.markdown("\n".join(f"- {literal(reason.sentence)}" for reason in entry.reasons))


def _show_pictures(task: TaskSpec, case: Case | None, entry: ClassDiagnosis) -> None:
    if case is None:
        return
    own = [index for index, name in enumerate(case.truth) if name == entry.name]
    what = "It looks like this. Say what you see: number, shape, colour and pattern of its parts."
    if not own and not any(case.truth):
        own = np.flatnonzero(case.predict(task).labels == task.names.index(entry.name)).tolist()
        what = "These are named so. If they are not it, say what tells it from them."
    if not own:
        return
    st.caption(what)
    with st.container(horizontal=True, gap="xsmall"):
        for index in own[:_PICTURES]:
            try:
                with st.container(width=84):  # a width of the image would shrink it, full screen too
                    alt = f"{entry.name}, picture {case.refs[index].id}"
                    st.image(thumbnail(case.data, case.refs[index]), alt=alt, width="stretch")
            except InputError as error:
                st.caption(literal(str(error)))


def _show_form(entry: ClassDiagnosis) -> None:
    key = f"mended description of {entry.name}"
    if key not in st.session_state or st.session_state.get(_FILLED) != (entry.name, entry.text):
        st.session_state[key] = entry.text
    st.session_state[_FILLED] = (entry.name, entry.text)
    with st.form("mend", border=False):
        st.text_area(f"Description of {literal(entry.name)}", key=key, height=190)
        st.form_submit_button(
            "Try it",
            type="primary",
            icon=":material/auto_awesome:",
            help="Synthesize the network anew and compare (Ctrl+Enter in the text)",
            on_click=_try,
            args=(entry.name, key),
        )


def _show_trial(trial: Trial, found: Diagnosis, before: Diagnosis) -> None:
    old, new = before.of(trial.name), found.of(trial.name)
    rows: dict[str, tuple[str, str]] = {}
    if found.per_class_accuracy is not None and before.per_class_accuracy is not None:
        rows["Accuracy of all classes"] = (f"{before.per_class_accuracy:.1f} %", f"{found.per_class_accuracy:.1f} %")
    if new.pictures:
        rows["Its own named rightly"] = (f"{old.right} of {old.pictures}", f"{new.right} of {new.pictures}")
    if new.drawn is not None:
        rows["Column sum" if new.pictures is not None else "Pictures named so"] = (str(old.drawn), str(new.drawn))
    rows["Visual words"] = (f"{old.visual_words} of {old.words}", f"{new.visual_words} of {new.words}")
    rows["Points against it"] = (f"{old.score:.0f}", f"{new.score:.0f}")
    rows["Place"] = (_place(before, trial.name), _place(found, trial.name))
    with st.container(border=True, key="trial"):
        st.markdown(_verdict(old, new, before, found))
        with st.container(horizontal=True):
            st.button("Keep", type="primary", icon=":material/check:", on_click=_keep)
            st.button("Discard", icon=":material/undo:", on_click=_discard)
        lines = [f"| {name} | {one} | **{other}** |" for name, (one, other) in rows.items()]
        st.markdown("\n".join(["| | before | after |", "|---|---|---|", *lines]))


def _verdict(old: ClassDiagnosis, new: ClassDiagnosis, before: Diagnosis, found: Diagnosis) -> str:
    """One line that says whether the edit helped: by accuracy where it is known, else by the points."""
    if found.per_class_accuracy is not None and before.per_class_accuracy is not None:
        change = found.per_class_accuracy - before.per_class_accuracy
        if abs(change) >= 0.05:
            return f"**Accuracy {'rises' if change > 0 else 'falls'} by {abs(change):.1f} points.** Keep the edit?"
    change = new.score - old.score
    if abs(change) >= 0.5:
        return f"**{abs(change):.0f} points {'fewer' if change < 0 else 'more'} speak against it.** Keep the edit?"
    return "**The edit changes little.** Keep it?"


def _place(found: Diagnosis, name: str) -> str:
    return str(found.ranks[name]) if found.of(name).reasons else "no complaint"


def _try(name: str, key: str) -> None:
    task = task_state.current()
    if task is None:
        return
    waiting = pending(task)
    if task_state.replace_text(name, st.session_state[key]):
        _fill_again()
        edited = task_state.current()
        earlier = waiting.before if waiting is not None and waiting.name == name else task
        if edited is not None and edited != earlier:
            st.session_state[_TRIAL] = Trial(name, earlier, edited)
        else:
            st.session_state.pop(_TRIAL, None)


def _keep() -> None:
    st.session_state.pop(_TRIAL, None)


def _discard() -> None:
    trial: Trial | None = st.session_state.pop(_TRIAL, None)
    _fill_again()
    if trial is None:
        return
    if task_state.previous() == trial.before:
        task_state.undo()
    else:
        task_state.replace_text(trial.name, dict(zip(trial.before.names, trial.before.texts, strict=True))[trial.name])


def _fill_again() -> None:
    """Let nothing of what was typed remain in the text area."""
    st.session_state.pop(_FILLED, None)
