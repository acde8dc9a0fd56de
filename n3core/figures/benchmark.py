"""The accuracy of all systems of a benchmark beside each other. Knows results only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from n3core.figures.benchmark_style import INK, OURS, heading, labels_of, legend_below
from n3core.figures.style import BEFORE, NEGATIVE, NOW
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import MethodSummary, summarise

__all__ = ["accuracy_bars", "by_accuracy"]

_ROW = 30  # pixels of one system
_BESIDE = 0.25  # rows between the interval and the dots of the seeds
_BAR = 0.7  # rows; left to plotly, it would depend on which systems stand side by side


def accuracy_bars(results: BenchmarkResults, titles: Mapping[str, str] | None = None) -> go.Figure:
    """Draw the accuracy of every system on the unseen classes, the best on top.

    Args:
        results: at least one run.
        titles: name of a system -> what to call it; its name where it is missing.

    Returns:
        Horizontal bars (mean over the seeds) with 95 % intervals, a dot for every seed, a cross for the accuracy with
        the texts shuffled, and a line at chance.
    """
    rows = by_accuracy(results)
    labels = labels_of([row.method for row in rows], titles)
    figure = go.Figure()
    families = {
        "N3 and its variants": ({"color": NOW}, True),
        "other systems": ({"color": BEFORE, "pattern": {"shape": "/", "size": 5}}, False),
    }
    for name, (marker, ours) in families.items():
        places = [place for place, row in enumerate(rows) if row.method.startswith(OURS) == ours]
        if places:
            _add_bars(figure, name, marker, [rows[place] for place in places], places, labels)
    _add_intervals(figure, rows)
    _add_dots(figure, rows, labels)
    figure.add_vline(
        x=results.setting.chance,
        line={"width": 1.5, "dash": "dot", "color": "grey"},
        annotation={"text": f"chance {results.setting.chance:.1f}", "font": {"size": 11}, "yanchor": "bottom", "y": 1},
    )
    farthest = max(results.setting.chance, *(max(row.interval.high, *row.accuracies) for row in rows))
    top = 100.0 if farthest > 95 else farthest
    figure.update_layout(
        title=heading("Accuracy on the unseen classes"),
        xaxis={"title": {"text": "Per-class accuracy (%)"}, "range": [0, 1.04 * top], "fixedrange": True},
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": labels,
            "range": [len(rows) - 0.4, -0.6],
            "fixedrange": True,
            "showgrid": False,
        },
        height=150 + 18 * len(figure.data) + _ROW * len(rows),
        margin={"l": 8, "r": 12, "t": 60, "b": 8},
        barmode="overlay",
        legend=legend_below(),
    )
    return figure


def by_accuracy(results: BenchmarkResults) -> list[MethodSummary]:
    """The systems that were run, the best first."""
    return sorted(summarise(results), key=lambda row: -row.accuracy)


def _add_bars(
    figure: go.Figure,
    name: str,
    marker: dict[str, object],
    rows: Sequence[MethodSummary],
    places: Sequence[int],
    labels: Sequence[str],
) -> None:
    figure.add_bar(
        x=[row.accuracy for row in rows],
        y=list(places),
        orientation="h",
        width=_BAR,
        name=name,
        marker=marker,
        customdata=[
            [labels[place], row.interval.low, row.interval.high] for place, row in zip(places, rows, strict=True)
        ],
        hovertemplate="%{customdata[0]}: %{x:.1f} % (%{customdata[1]:.1f} to %{customdata[2]:.1f})<extra></extra>",
    )


def _add_intervals(figure: go.Figure, rows: Sequence[MethodSummary]) -> None:
    """Dark lines in white ones: they read on every bar and on any page."""
    ends = [end for row in rows for end in (row.interval.low, row.interval.high, None)]
    places = [place for number in range(len(rows)) for place in (number, number, None)]
    # The legend lies on the page itself: grey there, which reads on paper and in the dark
    for x, y, colour, width in ((ends, places, "white", 6), (ends, places, INK, 2), ([None], [None], "grey", 3)):
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": width},
            name="95 % interval",
            showlegend=x != ends,
            legendgroup="interval",
            hoverinfo="skip",
        )


def _add_dots(figure: go.Figure, rows: Sequence[MethodSummary], labels: Sequence[str]) -> None:
    seeds = [
        (accuracy, place + _BESIDE, labels[place], seed)
        for place, row in enumerate(rows)
        for seed, accuracy in zip(row.seeds, row.accuracies, strict=True)
    ]
    figure.add_scatter(
        x=[one[0] for one in seeds],
        y=[one[1] for one in seeds],
        mode="markers",
        name="one seed",
        marker={"symbol": "circle", "size": 7, "color": "white", "line": {"color": INK, "width": 1.5}},
        customdata=[[one[2], one[3]] for one in seeds],
        hovertemplate="%{customdata[0]}, seed %{customdata[1]}: %{x:.1f} %<extra></extra>",
    )
    shuffled = [(row.controls.shuffled, place) for place, row in enumerate(rows) if row.controls is not None]
    if shuffled:
        figure.add_scatter(
            x=[value for value, _ in shuffled],
            y=[place for _, place in shuffled],
            mode="markers",
            name="texts shuffled",
            marker={"symbol": "x", "size": 8, "color": NEGATIVE, "line": {"color": "white", "width": 1}},
            customdata=[[labels[place]] for _, place in shuffled],
            hovertemplate="%{customdata[0]}, texts shuffled: %{x:.1f} %<extra></extra>",
        )
