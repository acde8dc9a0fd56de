"""The wall of pictures with the predicted class under each, the figures above it and the chosen picture beside it.

Owns how many pictures are judged, which are shown and the page of the wall; which one is chosen belongs to the task.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.figures import probability_bars
from pages.components import task_state
from pages.components.plain import literal
from pages.components.resources import large_picture, thumbnail
from pages.components.steps import show_steps
from pages.components.verdicts import Verdicts, top_classes

__all__ = ["DATASET", "UPLOADS", "Filters", "show_chosen", "show_classes", "show_figures", "show_filters", "show_wall"]

DATASET, UPLOADS = "The dataset", "My own pictures"
_PAGE = "wall_page"
_PER_PAGE = 40
_FILTERS = ("All", "Wrong", "Changed")
_EMPTY = {
    "All": "There are no pictures.",
    "Wrong": "Every picture is named rightly. Choose All to see them.",
    "Changed": "The last edit changed no prediction. Choose All to see the pictures.",
}
_MARKS = {
    "right": ":green[:material/check:]",
    "wrong": ":orange[:material/close:]",
    "unknown": ":gray[:material/label:]",
}


@dataclass(frozen=True)
class Filters:
    """source: `DATASET` or `UPLOADS`. each: pictures of every class that are judged. kind: which of them are shown."""

    source: str
    each: int
    kind: str


def show_filters(edited: bool, with_dataset: bool) -> Filters:
    """Let the user choose where the pictures come from, how many are judged and which of them are shown.

    Args:
        edited: whether there is an earlier version to compare with.
        with_dataset: whether the dataset of the task has pictures for it.
    """
    each, source = 10, UPLOADS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if with_dataset:
            source = st.segmented_control(
                "Pictures of",
                (DATASET, UPLOADS),
                default=DATASET,
                required=True,
                key="wall_source",
                persist_state="session",
            )
        if source == DATASET:
            each = st.segmented_control(
                "Pictures of each class",
                (4, 10, 40),
                default=10,
                required=True,
                key="pictures_each",
                persist_state="session",
            )
        options = [name for name in _FILTERS if (name != "Changed" or edited) and (name != "Wrong" or with_dataset)]
        kind = options[0]
        if len(options) > 1:
            kind = st.segmented_control("Show", options, default=kind, required=True, key="wall_filter")
    return Filters(source, each, kind)


def show_figures(now: Verdicts, before: Verdicts | None, opened: Verdicts | None) -> None:
    """Show accuracy now, against before the last edit, and as the task was opened."""
    if not now.known.any():
        st.caption("The classes of these pictures are not known: there are predictions, but no accuracy.")
    else:
        grid = st.grid(3, min_column_width=150, border=True)
        change = 0.0 if before is None else now.per_class_accuracy - before.per_class_accuracy
        grid.metric(
            "Accuracy now",
            f"{now.per_class_accuracy:.1f} %",
            None if before is None else f"{change:+.1f} points" if abs(change) >= 0.05 else "no change",
            delta_color="normal" if abs(change) >= 0.05 else "off",
            delta_arrow="auto" if abs(change) >= 0.05 else "off",
            help="Mean over the classes of the share of their pictures that is named rightly",
        )
        grid.metric("Before the edit", "-" if before is None else f"{before.per_class_accuracy:.1f} %")
        grid.metric("As opened", "-" if opened is None else f"{opened.per_class_accuracy:.1f} %")
    if before is not None:
        changed = int((now.guesses != before.guesses).sum())
        st.caption(f"The last edit changed the prediction of {changed} of {len(now.refs)} pictures.")


def show_wall(now: Verdicts, before: Verdicts | None, kind: str) -> None:
    """Show the pictures; the button under each bears the predicted class and chooses the picture.

    Args:
        now: the pictures and their predictions.
        before: the same before the last edit.
        kind: "All", "Wrong" or "Changed".
    """
    keep = np.ones(len(now.refs), bool)
    if kind == "Wrong":
        keep = now.wrong
    elif kind == "Changed" and before is not None:
        keep = now.guesses != before.guesses
    shown = np.flatnonzero(keep)
    if not len(shown):
        st.info(_EMPTY[kind], icon=":material/filter_alt_off:")
        return
    pages = math.ceil(len(shown) / _PER_PAGE)
    if st.session_state.get(_PAGE, 1) > pages:
        st.session_state[_PAGE] = 1
    number = st.pagination(pages, key=_PAGE, persist_state="session") if pages > 1 else 1
    grid = st.grid("auto", min_column_width=100, gap=("small", "xsmall"))
    for index in shown[(number - 1) * _PER_PAGE : number * _PER_PAGE]:
        with grid.cell(), st.container(gap="xxsmall"):
            _show_tile(now, before, index)


def _show_tile(now: Verdicts, before: Verdicts | None, index: int) -> None:
    ref, true, guess = now.refs[index], now.truth[index], now.guesses[index]
    verdict = _verdict(now, index)
    try:
        st.image(
            thumbnail(now.data, ref),
            alt=f"{true or 'class not known'}, predicted {guess}: {verdict}, picture {ref.id}",
            width="stretch",
        )
    except InputError as error:
        st.caption(literal(str(error)))
        return
    st.button(
        f"{_MARKS[verdict]} {literal(guess)}",
        key=f"choose {ref.id}",
        type="tertiary",
        wrap=True,
        help="Show the probabilities of this picture",
        on_click=task_state.choose_image,
        args=(ref.id,),
    )
    lines = [f"is {literal(true)}"] if verdict == "wrong" else []
    if before is not None and before.guesses[index] != guess:
        lines.append(f":material/change_history: was {literal(str(before.guesses[index]))}")
    if lines:
        st.caption("  \n".join(lines))


def _verdict(now: Verdicts, index: int) -> str:
    return "right" if now.right[index] else "wrong" if now.wrong[index] else "unknown"


def show_chosen(now: Verdicts, before: Verdicts | None, among: tuple[str, ...]) -> None:
    """Show the chosen picture and how probable the network finds each class.

    Args:
        now: holds the chosen picture; without it the first one is shown.
        before: the same before the last edit.
        among: ids of the pictures that the buttons step through.
    """
    ids = [ref.id for ref in now.refs]
    chosen = task_state.chosen_image()
    index = ids.index(chosen) if chosen in ids else 0
    true, guess = str(now.truth[index]), str(now.guesses[index])
    st.subheader("The chosen picture", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        try:
            with st.container(width=170):  # a width of the image would shrink it, full screen too
                st.image(large_picture(now.data, now.refs[index]), alt=f"{true}, picture {ids[index]}", width="stretch")
        except InputError as error:
            st.error(literal(str(error)))
        with st.container(width=170, gap="xsmall"):
            st.markdown(f"Shows **{literal(true)}**" if true else "Class not known")
            st.markdown(f"{_MARKS[_verdict(now, index)]} Named **{literal(guess)}**")
            st.caption(f"Picture {literal(ids[index])}")
    place = among.index(ids[index]) if ids[index] in among else -1
    with st.container(horizontal=True):
        show_steps(among, place)
    figure = probability_bars(now.prediction, index, before=before.prediction if before else None, true_name=true)
    st.plotly_chart(
        figure,
        key="probabilities",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
        alt=f"Bars of the class probabilities of this picture: {top_classes(now.prediction, index)}",
    )


def show_classes(task: TaskSpec, now: Verdicts, before: Verdicts | None) -> None:
    """Show a table of the classes: accuracy of each, and how many pictures each draws to itself."""
    st.subheader("Class by class", anchor=False)
    pictures = {name: int((now.truth == name).sum()) for name in task.names}
    rows = {
        "Class": list(task.names),
        "Accuracy": [now.accuracy(name) for name in task.names],
        "Before": [before.accuracy(name) if before else None for name in task.names],
        "Pictures": list(pictures.values()),
        "Named so": [int((now.guesses == name).sum()) for name in task.names],
    }
    if before is None:
        del rows["Before"]
    percent = st.column_config.NumberColumn(format="%.0f %%")
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Accuracy": percent,
            "Before": percent,
            "Named so": st.column_config.NumberColumn(
                help="Pictures, of any class, that are given this name; far above Pictures, the class swallows others"
            ),
        },
        alt="Accuracy of every class and the number of pictures named so",
    )
