"""The ranking of the descriptions, worst first, and experiments on demand. Owns which tasks were experimented on."""

from __future__ import annotations

import hashlib
import json

import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.results.diagnosis import REASON_KINDS, ClassDiagnosis, Diagnosis
from pages.components import diagnose_fix
from pages.components.diagnose_source import Case
from pages.components.plain import literal
from pages.components.resources_diagnose import diagnosis_of, run_trials

__all__ = ["examine", "show_figures", "show_ranking", "was_measured"]

_MEASURED = "diagnose_measured"  # session state: keys of tasks and pictures, oldest first
_PAGE = "diagnose_page"
_PER_PAGE = 10
_KEPT = 100
_SENTENCES = 3  # of an entry below the first
_ICONS = {
    "text": ":material/notes:",
    "pictures": ":material/image:",
    "labels": ":material/image_search:",
    "measured": ":material/experiment:",
}
_BASES = {
    "text": "the text alone",
    "pictures": "pictures, no labels needed",
    "labels": "pictures with labels",
    "measured": "experiments on demand",
}


def examine(task: TaskSpec, case: Case | None, measured: bool) -> Diagnosis:
    """Diagnose a task.

    Args:
        task: described classes.
        case: pictures to judge by; None judges the texts alone.
        measured: whether to count the experiments, which were made before.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    if case is None:
        return diagnosis_of(task, None, None)
    prediction, labels = case.predict(task), case.labels(task)
    if not measured:
        return diagnosis_of(task, prediction, labels)
    place = st.empty()

    def progress(done: int, total: int) -> None:
        place.progress(done / total, f"Experiment {done} of {total}…")

    trials = run_trials(task, case.data, case.refs, labels, prediction.labels, progress)
    place.empty()
    return diagnosis_of(task, prediction, labels, trials)


def was_measured(task: TaskSpec, case: Case | None) -> bool:
    """Whether this session has asked for the experiments on a task with these pictures."""
    return case is not None and _key(task, case) in st.session_state.get(_MEASURED, ())


def show_figures(found: Diagnosis) -> None:
    """Show the figures that sum the task up."""
    worst = found.entries[0]
    grid = st.grid(3, min_column_width=150, border=True)
    if found.per_class_accuracy is not None:
        grid.metric(
            "Accuracy",
            f"{found.per_class_accuracy:.1f} %",
            help="Mean over the classes of the share of their pictures that is named rightly",
        )
    else:
        grid.metric("Pictures judged", f"{found.pictures:,}" if found.pictures else "none")
    drawn = [entry for entry in found.entries if entry.drawn is not None]
    if drawn:
        most = max(drawn, key=lambda entry: entry.drawn or 0)
        grid.metric(
            "Draws most",
            literal(most.name),
            f"{most.drawn} of {found.pictures:,} pictures",
            delta_color="off",
            delta_arrow="off",
            help=f"The class that is named most often; if all drew alike, each would draw {found.due:.0f}",
        )
    grid.metric(
        "First to mend" if worst.reasons else "Nothing to mend",
        literal(worst.name) if worst.reasons else "-",
        f"{worst.score:.0f} of 100 points" if worst.reasons else None,
        delta_color="off",
        delta_arrow="off",
    )
    for note in found.notes:
        st.caption(literal(note))


def show_ranking(task: TaskSpec, case: Case | None, found: Diagnosis) -> None:
    """Show the entries with their reasons, worst first."""
    st.subheader("The descriptions, worst first", anchor=False)
    if case is not None:
        _show_measure(task, case)
    blamed = [entry for entry in found.entries if entry.reasons]
    pages = -(-len(blamed) // _PER_PAGE)
    if st.session_state.get(_PAGE, 1) > pages:
        st.session_state[_PAGE] = 1
    number = st.pagination(pages, key=_PAGE, persist_state="session") if pages > 1 else 1
    for place in range((number - 1) * _PER_PAGE, min(number * _PER_PAGE, len(blamed))):
        _show_entry(blamed[place], place + 1)
    rest = [entry.name for entry in found.entries if not entry.reasons]
    if rest:
        names = ", ".join(rest[:30]) + (f" and {len(rest) - 30} more" if len(rest) > 30 else "")
        st.caption(f":material/check: Nothing to complain of: {literal(names)}")
    bases = list(dict.fromkeys(reason.basis for entry in blamed for reason in entry.reasons))
    if bases:
        st.caption("Seen in: " + " · ".join(f"{_ICONS[basis]} {_BASES[basis]}" for basis in bases))
    with st.expander("How the points are given", icon=":material/functions:"):
        _show_weights()


def _show_entry(entry: ClassDiagnosis, place: int) -> None:
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{place}. {literal(entry.name)}** :gray[{entry.score:.0f} points]")
            st.button(
                "Fix it here",
                key=f"fix {place}",
                icon=":material/edit:",
                type="primary" if place == 1 else "tertiary",
                help=f"Edit the description of {literal(entry.name)} beside its reasons and pictures",
                on_click=diagnose_fix.choose,
                args=(entry.name,),
            )
        shown = entry.reasons if place == 1 else entry.reasons[:_SENTENCES]
        lines = [f"- {_ICONS[reason.basis]} {literal(reason.sentence)}" for reason in shown]
        if hidden := len(entry.reasons) - len(shown):
            lines.append(f"- and {hidden} more")
        st.markdown("\n".join(lines))


def _show_measure(task: TaskSpec, case: Case) -> None:
    if was_measured(task, case):
        st.caption(
            ":material/experiment: Measured: "
            + ("the task without each class, with its name alone, and " if _is_tried(task, case) else "")
            + "where the evidence of each class lies."
        )
        with st.expander("What was measured", icon=":material/table:", on_change="rerun", key="measured") as box:
            if box.open:
                _show_trials(task, case)
        return
    tried = _is_tried(task, case)
    st.button(
        "Measure what each entry does to the others",
        icon=":material/experiment:",
        on_click=_ask,
        args=(task, case),
        help=f"{len(task.names) * (2 if tried else 1)} experiments: "
        + ("the task without each class, with its name in place of its description, and " if tried else "")
        + "the words on which the decision for it rests. Takes some seconds.",
    )


def _show_trials(task: TaskSpec, case: Case) -> None:
    prediction, labels = case.predict(task), case.labels(task)
    removals, shares = run_trials(task, case.data, case.refs, labels, prediction.labels, lambda done, total: None)
    of_removal, of_share = {each.name: each for each in removals}, {each.name: each for each in shares}
    percent = st.column_config.NumberColumn(format="%.0f %%")
    rows: dict[str, list[object]] = {"Class": list(task.names)}
    if removals:
        found = [of_removal[name] for name in task.names]
        rows |= {
            "Others without it": [each.others_without - each.others_before for each in found],
            "Right": [each.own_before for each in found],
            "By its name alone": [each.own_name_only for each in found],
        }
    rows["Visual evidence"] = [100 * of_share[name].visual if name in of_share else None for name in task.names]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Others without it": st.column_config.NumberColumn(
                format="%+.1f", help="Points of accuracy that the other classes win or lose when it is left out"
            ),
            "Right": percent,
            "By its name alone": st.column_config.NumberColumn(
                format="%.0f %%", help="Its pictures named rightly with its name in place of its description"
            ),
            "Visual evidence": st.column_config.NumberColumn(
                format="%.0f %%", help="Share of the gradient that falls on words a picture can show"
            ),
        },
        alt="What leaving out each class does to the others, and what its description adds to its name",
    )


def _show_weights() -> None:
    st.caption(
        "The score of an entry is the sum over its reasons of points times severity (0 to 1), at most 100. A fault "
        "of the text is a cause that writing can mend; a confusion is a symptom, and may have other causes: so texts "
        "weigh most."
    )
    kinds = sorted(REASON_KINDS.values(), key=lambda kind: (list(_BASES).index(kind.basis), -kind.points))
    st.dataframe(
        {
            "Reason": [kind.title for kind in kinds],
            "At most": [kind.points for kind in kinds],
            "Rests on": [_BASES[kind.basis] for kind in kinds],
        },
        hide_index=True,
        column_config={"At most": st.column_config.NumberColumn(format="%d points")},
        alt="The most points that each kind of reason can give",
    )


def _is_tried(task: TaskSpec, case: Case) -> bool:
    """Whether experiments include the task without a class: that takes labels and three classes or more."""
    labels = case.labels(task)
    return labels is not None and bool((labels >= 0).any()) and len(task.names) > 2


def _ask(task: TaskSpec, case: Case) -> None:
    st.session_state[_MEASURED] = (*st.session_state.get(_MEASURED, ()), _key(task, case))[-_KEPT:]


def _key(task: TaskSpec, case: Case) -> str:
    pictures = [ref.id for ref in case.refs]
    content = json.dumps([task.names, task.texts, case.data, pictures, case.truth])
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
