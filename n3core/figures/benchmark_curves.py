"""Curves of a benchmark: seen against unseen classes, and learners in a sequence of tasks. Knows results only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from n3core.figures.benchmark_style import heading, labels_of, legend_below, style_of
from n3core.figures.style import axis_label
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import summarise, summarise_continual

__all__ = ["continual_curves", "seen_unseen_curves", "thin"]

_MOST_POINTS = 400  # of a curve; more cannot be told apart on a screen


def seen_unseen_curves(
    results: BenchmarkResults, titles: Mapping[str, str] | None = None, *, methods: Collection[str] | None = None
) -> go.Figure:
    """Draw what every system trades of the seen classes for the unseen ones (calibrated stacking over all gammas).

    Args:
        results: systems without these scores are left out.
        titles: as in `accuracy_bars`.
        methods: the systems to draw, all by default; a system keeps its colour whatever else is drawn.

    Returns:
        One line per system, that of its seed with the median area; a mark at the gamma chosen on held-out classes.
    """
    figure = go.Figure()
    for place, row in enumerate(summarise(results)):
        if row.generalized is None or (methods is not None and row.method not in methods):
            continue
        colour, dash, symbol = style_of(place)
        (label,) = labels_of([row.method], titles)
        middle = row.generalized.middle
        curve = thin(middle.curve)
        figure.add_scatter(
            x=curve[:, 0],
            y=curve[:, 1],
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            name=f"{label}, AUSUC {row.generalized.ausuc:.3f}",
            legendgroup=str(place),
            hovertemplate=f"{label}<br>unseen %{{x:.1f}} %, seen %{{y:.1f}} %<extra></extra>",
        )
        figure.add_scatter(
            x=[middle.unseen],
            y=[middle.seen],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"color": "white", "width": 1}},
            name=f"{label}, chosen gamma",
            legendgroup=str(place),
            showlegend=False,
            hovertemplate=f"{label}, gamma {middle.gamma:.3g}<br>unseen %{{x:.1f}} %, seen %{{y:.1f}} %, "
            f"H {middle.harmonic_mean:.1f} %<extra></extra>",
        )
    lines = len(figure.data) // 2
    figure.update_layout(
        title=heading("Seen against unseen classes"),
        xaxis={"title": {"text": "Accuracy of unseen classes, U (%)"}, "rangemode": "tozero", "fixedrange": True},
        yaxis={"title": {"text": "Accuracy of seen classes, S (%)"}, "rangemode": "tozero", "fixedrange": True},
        height=420 + 14 * lines,
        margin={"l": 8, "r": 12, "t": 40, "b": 8},
        showlegend=True,
        legend=legend_below(),
    )
    return figure


def continual_curves(results: BenchmarkResults) -> go.Figure:
    """Draw the harmonic mean H_t of seen and unseen classes after each task, for every continual learner.

    Args:
        results: at least one continual record.

    Returns:
        One colour and mark per learner, means over seeds; solid with Class Normalization, dashed without.
    """
    figure = go.Figure()
    rows = summarise_continual(results)
    learners = list(dict.fromkeys(row.learner for row in rows))
    named: set[str] = set()
    for row in rows:
        place = learners.index(row.learner)
        label = axis_label(row.learner)
        colour, _, symbol = style_of(place)
        variant = "with Class Normalization" if row.normalised else "plain"
        figure.add_scatter(
            x=list(range(1, len(row.harmonic) + 1)),
            y=list(row.harmonic),
            mode="lines+markers",
            line={"color": colour, "dash": "solid" if row.normalised else "dash", "width": 2},
            marker={"symbol": symbol, "size": 7, "color": colour},
            name=label,
            legendgroup=str(place),
            showlegend=row.learner not in named,
            hovertemplate=f"{label}, {variant}<br>after task %{{x}}: H %{{y:.1f}} %<extra></extra>",
        )
        named.add(row.learner)
    for name, dash in (("solid: with Class Normalization", "solid"), ("dashed: plain", "dash")):
        figure.add_scatter(
            x=[None], y=[None], mode="lines", line={"color": "grey", "dash": dash, "width": 2}, name=name
        )  # fmt: skip
    figure.update_layout(
        title=heading("Continual learning"),
        xaxis={"title": {"text": "Tasks learned so far"}, "dtick": 1, "fixedrange": True},
        yaxis={"title": {"text": "Harmonic mean of seen and unseen, H (%)"}, "rangemode": "tozero", "fixedrange": True},
        height=430 + 14 * len(named),
        margin={"l": 8, "r": 12, "t": 40, "b": 8},
        showlegend=True,
        legend=legend_below(),
    )
    return figure


def thin(curve: Sequence[tuple[float, float]]) -> np.ndarray:
    """A curve with at most 400 of its points, both ends among them: (P, 2)."""
    points = np.asarray(curve, float).reshape(-1, 2)
    if len(points) <= _MOST_POINTS:
        return points
    return points[np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int)]
