"""What is taken for what: a confusion matrix whose cells open their pictures.

Owns the chosen cell and how the matrix is shown.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.figures.confusion import confusion_figure
from n3core.results import ConfusionMatrix, Prediction
from n3core.results.diagnosis import Diagnosis, order_by_similarity
from pages.components.diagnose_pictures import show_drawn, show_pictures
from pages.components.diagnose_source import Case
from pages.components.plain import literal

__all__ = ["is_wide", "show"]

_COUNTS, _RATES = "Pictures", "% of the class"
_MOST = 40  # classes shown at once: those with the most errors
_TRUE, _OWN = "true", "own"  # columns beside those of the classes
_NAMES = 170  # pixels of the column of names
_WIDE = 12  # classes from which the matrix wants the width of the page
_ERROR, _RIGHT = "213, 94, 0", "0, 114, 178"  # Okabe and Ito


def is_wide(task: TaskSpec) -> bool:
    """Whether the matrix wants the width of the page."""
    return len(task.names) > _WIDE


def show(task: TaskSpec, case: Case, found: Diagnosis) -> None:
    """Show the matrix, and the pictures of the chosen cell."""
    prediction = case.predict(task)
    if found.confusion is None:
        show_drawn(task, case, found, prediction)
    else:
        _show_confusion(task, case, found.confusion, prediction)


def _show_confusion(task: TaskSpec, case: Case, confusion: ConfusionMatrix, prediction: Prediction) -> None:
    st.subheader("What is taken for what", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        unit = st.segmented_control(
            "Numbers",
            (_COUNTS, _RATES),
            default=_COUNTS,
            required=True,
            key="matrix_unit",
            persist_state="session",
            label_visibility="collapsed",
        )
        hidden = st.toggle("Hide the diagonal", key="matrix_diagonal", persist_state="session")
        alike = st.toggle(
            "Sort by likeness",
            key="matrix_order",
            persist_state="session",
            help="Classes that are taken for each other stand side by side",
        )
    order = _choose_order(confusion, alike)
    if len(order) < len(task.names):
        st.caption(f"The {len(order)} classes with the most errors, of {len(task.names)}.")
    row_height = 35 if len(order) <= _WIDE else 28  # the sums are below all rows
    event = st.dataframe(
        _style(confusion, order, rates=unit == _RATES, hidden=hidden),
        hide_index=True,
        column_config=_columns(confusion, order),
        on_select="rerun",
        selection_mode="single-cell",
        key=f"confusion {_digest(task, order)}",
        height=35 + row_height * (len(order) + 1) + 3,
        row_height=row_height,
        alt="Confusion matrix: a row for what is shown, a column for what it is named, below them the column sums",
    )
    st.caption(
        "Rows: what the pictures show. Columns: what they are named, by the numbers of the rows. The last row sums "
        "each column: far above the class's own pictures, the class swallows others. Click a cell to see its pictures."
    )
    row, column = _chosen_cell(event.selection.cells, confusion, order)
    _show_cell(task, case, prediction, row, column)
    with st.expander("The matrix as a figure", icon=":material/image:", on_change="rerun", key="matrix_figure") as box:
        if box.open:
            st.plotly_chart(
                confusion_figure(confusion, normalised=unit == _RATES, hide_diagonal=hidden, by_similarity=alike),
                key="confusion_figure",
                config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
                alt="The confusion matrix as a figure, above it the column sums and the pictures of each class",
            )


def _choose_order(confusion: ConfusionMatrix, alike: bool) -> list[int]:
    order = order_by_similarity(confusion) if alike else np.arange(len(confusion.class_names))
    if len(order) <= _MOST:
        return order.tolist()
    errors = confusion.counts.sum(axis=0) + confusion.counts.sum(axis=1) - 2 * confusion.counts.diagonal()
    kept = set(np.argsort(-errors, kind="stable")[:_MOST].tolist())
    return [index for index in order.tolist() if index in kept]


def _style(confusion: ConfusionMatrix, order: list[int], *, rates: bool, hidden: bool) -> pd.io.formats.style.Styler:
    counts = confusion.counts[np.ix_(order, order)]
    own = confusion.counts.sum(axis=1)[order]
    share = np.divide(counts, own[:, None], out=np.zeros(counts.shape), where=own[:, None] > 0)
    values = 100 * share if rates else counts.astype(float)
    drawn = confusion.counts.sum(axis=0)[order]
    due = max(confusion.counts.sum() / len(confusion.class_names), 1)
    cells = np.where(np.eye(len(order), dtype=bool) & hidden, np.nan, values)
    body = pd.DataFrame(cells, columns=[f"c{index}" for index in order])
    body.insert(0, _TRUE, [f"{place} {confusion.class_names[index]}" for place, index in enumerate(order, start=1)])
    body[_OWN] = own.astype(float)
    sums = {_TRUE: "column sum", **{f"c{index}": float(total) for index, total in zip(order, drawn, strict=True)}}
    table = pd.concat([body, pd.DataFrame([{**sums, _OWN: float(confusion.counts.sum())}])], ignore_index=True)

    def shade(_: pd.DataFrame) -> pd.DataFrame:
        css = pd.DataFrame("", index=table.index, columns=table.columns)
        for row in range(len(order)):
            for column, index in enumerate(order):
                if share[row, column] and not (hidden and row == column):
                    colour = _RIGHT if row == column else _ERROR
                    css.loc[row, f"c{index}"] = (
                        f"background-color: rgba({colour}, {0.12 + 0.5 * share[row, column]:.2f})"
                    )
        for index, total in zip(order, drawn, strict=True):
            if total > 1.3 * due:
                strength = min(0.62, 0.25 * (total / due - 1) + 0.1)
                css.loc[len(order), f"c{index}"] = (
                    f"background-color: rgba({_ERROR}, {strength:.2f}); font-weight: bold"
                )
        return css

    numbers = [*(f"c{index}" for index in order), _OWN]
    return table.style.apply(shade, axis=None).format(_number, subset=numbers)


def _number(value: float) -> str:
    return "" if np.isnan(value) else "·" if value == 0 else f"{value:.0f}"


def _columns(confusion: ConfusionMatrix, order: list[int]) -> dict[str, object]:
    """Columns bear the numbers of the rows: names would be cut, and ten of them would not fit."""
    width = 40 if len(order) <= _WIDE else 36
    classes = {
        f"c{index}": st.column_config.NumberColumn(
            str(place), help=f"named {literal(confusion.class_names[index])}", width=width, alignment="center"
        )
        for place, index in enumerate(order, start=1)
    }
    return {
        _TRUE: st.column_config.TextColumn("shows ↓ named →", pinned=True, width=_NAMES),
        **classes,
        _OWN: st.column_config.NumberColumn("own", help="Pictures that show the class (row sum)", width=width),
    }


def _chosen_cell(
    cells: list[tuple[int, str]], confusion: ConfusionMatrix, order: list[int]
) -> tuple[int | None, int | None]:
    """The class shown and the class named, None for "any"; before a click the commonest error."""
    if cells:
        row, column = cells[0]
        return (
            order[row] if row < len(order) else None,
            int(column[1:]) if column not in (_TRUE, _OWN) else None,
        )
    errors = confusion.counts.copy()
    np.fill_diagonal(errors, 0)
    worst = int(errors.argmax())
    return (worst // len(errors), worst % len(errors)) if errors.flat[worst] else (order[0], None)


def _show_cell(task: TaskSpec, case: Case, prediction: Prediction, row: int | None, column: int | None) -> None:
    labels = case.labels(task)
    assert labels is not None
    kept = labels >= 0
    if row is not None:
        kept &= labels == row
    if column is not None:
        kept &= prediction.labels == column
    shown = f"of {literal(task.names[row])}" if row is not None else ""
    named = f"named {literal(task.names[column])}" if column is not None else ""
    show_pictures(case, prediction, np.flatnonzero(kept), f"pictures {shown} {named}", column)


def _digest(task: TaskSpec, order: list[int]) -> str:
    """Another key for other classes or another order: a cell that was chosen there means nothing here."""
    return hashlib.sha256(json.dumps([task.names, order]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
