"""The wall of pictures with the predicted class under each, the figures above it and the chosen picture beside it.

Owns which picture is chosen, how many are judged, which are shown and the page of the wall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.figures import probability_bars
from pages.components.plain import literal
from pages.components.resources import large_picture, thumbnail
from pages.components.verdicts import Verdicts

__all__ = ["Filters", "show_chosen", "show_classes", "show_figures", "show_filters", "show_wall"]

_CHOSEN = "chosen_picture"  # session state: id of an image
_PAGE = "wall_page"
_PER_PAGE = 40
_FILTERS = ("All", "Wrong", "Changed")
_EMPTY = {
    "All": "There are no pictures.",
    "Wrong": "Every picture is named rightly. Choose All to see them.",
    "Changed": "The last edit changed no prediction. Choose All to see the pictures.",
}


@dataclass(frozen=True)
class Filters:
    """each: pictures of every class that are judged. kind: which of them are shown."""

    each: int
    kind: str


def show_filters(edited: bool) -> Filters:
    """Let the user choose how many pictures are judged and which of them are shown.

    Args:
        edited: whether there is an earlier version to compare with.
    """
    options = _FILTERS if edited else _FILTERS[:2]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        each = st.segmented_control(
            "Pictures of each class",
            (4, 10, 40),
            default=10,
            required=True,
            key="pictures_each",
            persist_state="session",
        )
        kind = st.segmented_control("Show", options, default=options[0], required=True, key="wall_filter")
    return Filters(each, kind)


def show_figures(now: Verdicts, before: Verdicts | None, opened: Verdicts | None) -> None:
    """Show accuracy now, against before the last edit, and as the task was opened."""
    grid = st.grid(3, min_column_width=120, border=True)
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
        keep = ~now.right
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
    ref, true, guess, right = now.refs[index], now.truth[index], now.guesses[index], bool(now.right[index])
    verdict = "right" if right else "wrong"
    try:
        st.image(
            thumbnail(now.data, ref), alt=f"{true}, predicted {guess}: {verdict}, picture {ref.id}", width="stretch"
        )
    except InputError as error:
        st.caption(literal(str(error)))
        return
    st.button(
        f":{'green' if right else 'orange'}[:material/{'check' if right else 'close'}:] {literal(guess)}",
        key=f"choose {ref.id}",
        type="tertiary",
        wrap=True,
        help="Show the probabilities of this picture",
        on_click=_choose,
        args=(ref.id,),
    )
    lines = [] if right else [f"is {literal(true)}"]
    if before is not None and before.guesses[index] != guess:
        lines.append(f":material/change_history: was {literal(str(before.guesses[index]))}")
    if lines:
        st.caption("  \n".join(lines))


def _choose(image_id: str) -> None:
    st.session_state[_CHOSEN] = image_id


def show_chosen(now: Verdicts, before: Verdicts | None) -> None:
    """Show the chosen picture and how probable the network finds each class."""
    ids = [ref.id for ref in now.refs]
    if st.session_state.get(_CHOSEN) not in ids:
        st.session_state[_CHOSEN] = ids[0]
    index = ids.index(st.session_state[_CHOSEN])
    true, guess = str(now.truth[index]), str(now.guesses[index])
    st.subheader("The chosen picture", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(large_picture(now.data, now.refs[index]), alt=f"{true}, picture {ids[index]}", width=170)
        with st.container(width=170, gap="xsmall"):
            st.markdown(f"Shows **{literal(true)}**")
            mark = ":green[:material/check:]" if now.right[index] else ":orange[:material/close:]"
            st.markdown(f"{mark} Named **{literal(guess)}**")
            st.caption(f"Picture {literal(ids[index])}")
    with st.container(horizontal=True):
        _show_step("Previous", ":material/arrow_back:", "Alt+Left", ids, index - 1)
        _show_step("Next", ":material/arrow_forward:", "Alt+Right", ids, index + 1)
    figure = probability_bars(now.prediction, index, before=before.prediction if before else None, true_name=true)
    name, value = now.prediction.top(index, 1)[0]
    st.plotly_chart(
        figure,
        key="probabilities",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
        alt=f"Bars of the class probabilities of this picture; the highest is {name} with {100 * value:.0f} %",
    )


def _show_step(label: str, icon: str, shortcut: str, ids: list[str], index: int) -> None:
    inside = 0 <= index < len(ids)
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        disabled=not inside,
        on_click=_choose,
        args=(ids[index] if inside else "",),
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
