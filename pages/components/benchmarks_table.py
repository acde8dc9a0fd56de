"""The table of a benchmark: a row for every system, those without a number in words, and guessing beneath."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from n3core.reporting.tables import to_csv
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import MethodSummary, summarise
from pages.components.plain import literal
from pages.components.resources_benchmarks import SystemNote, markdown_of, published_figures

__all__ = ["csv_of", "show", "table_of"]

_PUBLISHED = "Published, other data"
_GUESSING = "guessing (chance)"
_ROW = 35  # pixels


def show(results: BenchmarkResults, notes: Mapping[str, SystemNote]) -> None:
    """Show the table and the buttons that save it.

    Args:
        results: what to show.
        notes: name of a system -> what is known of it.
    """
    table = table_of(results, notes)
    st.dataframe(
        table,
        hide_index=True,
        column_config=_columns(len(results.setting.unseen)),
        height=_ROW * (len(table) + 1) + 3,
        row_height=_ROW,
        placeholder="",
        alt="Every system: accuracy on the unseen classes with interval, seeds and controls, seen and unseen classes "
        "together, seconds, and published figures of other data",
    )
    st.caption(
        "Accuracies are means over the classes, in percent; of several seeds, the means. The interval says how far the "
        "choice of pictures moves one fit, *Each seed* how far the seed moves it. *Published, other data* are figures "
        "of the papers, on their data and base networks: they are no part of this run and cannot be compared with it."
    )
    for name, reason in results.unavailable.items():
        st.caption(f"**{literal(notes[name].title if name in notes else name)}** has no number: {literal(reason)}")
    with st.container(horizontal=True):
        st.download_button(
            "Table (Markdown)",
            partial(markdown_of, results),
            file_name="benchmark.md",
            mime="text/markdown",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Table (CSV)",
            partial(csv_of, table),
            file_name="benchmark.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def table_of(results: BenchmarkResults, notes: Mapping[str, SystemNote]) -> pd.DataFrame:
    """The table as it is shown and saved.

    Args:
        results: what was measured.
        notes: name of a system -> what is known of it.

    Returns:
        One row per system, then those without a number, then guessing; columns without any value are left out.
    """
    rows = [_row_of(row) for row in summarise(results)]
    rows += [{"System": name, "Remark": f"no number: {reason}"} for name, reason in results.unavailable.items()]
    for row in rows:
        name = row["System"]
        row[_PUBLISHED] = published_figures(str(name))
        if name in notes:
            row |= {"System": notes[name].title, "Source": notes[name].source}
            row.setdefault("Remark", notes[name].note)
    rows.append({"System": _GUESSING, "Accuracy": results.setting.chance})
    order = ["System", "Accuracy", "Low", "High", "Each seed", "Shuffled", "Name only", "No text", "Orders", "U", "S",
             "H", "AUSUC", "Fit", "Predict", "Seeds", "Trials", _PUBLISHED, "Remark", "Source"]  # fmt: skip
    table = pd.DataFrame(rows, columns=order).replace("", None).astype({"Seeds": "Int64", "Trials": "Int64"})
    return table.dropna(axis="columns", how="all")


def csv_of(table: pd.DataFrame) -> bytes:
    """The table of `table_of` as a CSV file; names and remarks of a stranger's results are no formulas there."""
    cells = [["" if pd.isna(value) else str(value) for value in row] for row in table.astype(object).to_numpy()]
    return to_csv([list(table.columns), *cells])


def _row_of(row: MethodSummary) -> dict[str, object]:
    values: dict[str, object] = {
        "System": row.method,
        "Accuracy": row.accuracy,
        "Low": row.interval.low,
        "High": row.interval.high,
        "Each seed": ", ".join(f"{accuracy:.1f}" for accuracy in row.accuracies),
        "Orders": row.orders,
        "Fit": row.fit_seconds,
        "Predict": row.predict_seconds,
        "Seeds": len(row.seeds),
        "Trials": row.trials,
    }
    if row.controls is not None:
        controls = row.controls
        values |= {"Shuffled": controls.shuffled, "Name only": controls.name_only, "No text": controls.empty}
    if row.generalized is not None:
        both = row.generalized
        values |= {"U": both.unseen, "S": both.seen, "H": both.harmonic_mean, "AUSUC": both.ausuc}
    return values


def _columns(unseen: int) -> dict[str, object]:
    def percent(help_text: str) -> object:
        return st.column_config.NumberColumn(format="%.1f", help=help_text)

    return {
        "System": st.column_config.TextColumn(pinned=True),
        "Accuracy": percent(f"Of the {unseen} unseen classes among themselves, in percent"),
        "Low": percent("Lower end of the 95 % interval, from resampling the pictures of every class"),
        "High": percent("Upper end of the 95 % interval"),
        "Each seed": st.column_config.TextColumn(help="Accuracy of every seed"),
        "Shuffled": percent("Accuracy where every class is described by another one's text"),
        "Name only": percent("Accuracy where the class name stands for the text"),
        "No text": percent("Accuracy where every text is empty"),
        "Orders": percent("Median accuracy over random orders of the classes"),
        "U": percent("Accuracy of pictures of unseen classes among all classes, gamma chosen on held-out classes"),
        "S": percent("Accuracy of pictures of seen classes among all classes"),
        "H": percent("Harmonic mean of U and S"),
        "AUSUC": st.column_config.NumberColumn(format="%.3f", help="Area under the seen-unseen curve, at most 1"),
        "Fit": st.column_config.NumberColumn(format="%.1f s", help="Seconds to fit one seed, features at hand"),
        "Predict": st.column_config.NumberColumn(format="%.2f s", help="Seconds to predict all test pictures"),
        "Seeds": st.column_config.NumberColumn(format="%d", help="Fits, each with a seed of its own"),
        "Trials": st.column_config.NumberColumn(format="%d", help="Settings tried on validation classes before"),
        _PUBLISHED: st.column_config.TextColumn(help="Figures of the papers, on other data: no part of this run"),
        "Remark": st.column_config.TextColumn(width="medium"),
    }
