"""Which classes are taken for which: the confusion matrix with its column sums (draft of the paper, figure 5c)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from n3core.figures.style import BEFORE, NOW, axis_label
from n3core.results.diagnosis import order_by_similarity
from n3core.results.predictions import ConfusionMatrix

__all__ = ["confusion_figure"]

_MOST_NUMBERS = 30  # classes up to which the cells bear their numbers
_SHADES = ((0.0, "rgba(0,114,178,0)"), (0.02, "rgba(0,114,178,0.12)"), (1.0, "rgba(0,114,178,1)"))


def confusion_figure(
    confusion: ConfusionMatrix, *, normalised: bool = False, hide_diagonal: bool = False, by_similarity: bool = False
) -> go.Figure:
    """Draw a confusion matrix; above it, how many pictures each class draws and how many are its own.

    Args:
        confusion: K classes.
        normalised: percent of the pictures of the true class in place of counts.
        hide_diagonal: leave out what is right, so that the shades show the errors.
        by_similarity: classes that are taken for each other stand side by side.

    Returns:
        Rows are true classes, columns what they are named; a dark column is a class that swallows others.
    """
    order = order_by_similarity(confusion) if by_similarity else np.arange(len(confusion.class_names))
    counts = confusion.counts[np.ix_(order, order)]
    own = counts.sum(axis=1)
    values = np.divide(100 * counts, own[:, None], out=np.zeros(counts.shape), where=own[:, None] > 0)
    values = values if normalised else counts.astype(float)
    if hide_diagonal:
        np.fill_diagonal(values, np.nan)
    names = [axis_label(confusion.class_names[index]) for index in order]
    places = list(range(len(names)))  # names that are cut alike would share a row
    unit = "% of the class" if normalised else "pictures"
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.18, 0.82], vertical_spacing=0.02)
    figure.add_bar(
        x=places,
        y=counts.sum(axis=0),
        marker_color=NOW,
        name="drawn (column sum)",
        customdata=names,
        hovertemplate="%{customdata}: draws %{y} pictures<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=places,
        y=own,
        mode="markers",
        marker={"color": BEFORE, "symbol": "line-ew-open", "size": 14, "line": {"width": 3}},
        name="its own (row sum)",
        customdata=names,
        hovertemplate="%{customdata}: %{y} pictures are its own<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_heatmap(
        x=places,
        y=places,
        z=values,
        colorscale=_SHADES,
        zmin=0,
        colorbar={"title": {"text": unit}, "len": 0.8, "y": 0.0, "yanchor": "bottom", "thickness": 12},
        texttemplate="%{text}" if len(names) <= _MOST_NUMBERS else None,
        text=[["" if np.isnan(value) or value == 0 else f"{value:.0f}" for value in row] for row in values],
        customdata=[[[true, named] for named in names] for true in names],
        hovertemplate="%{customdata[0]} named %{customdata[1]}: %{z:.3g} " + unit + "<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        row=2,
        col=1,
    )
    longest = max(len(name) for name in names)
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": names, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[-0.5, len(names) - 0.5], fixedrange=True, showgrid=False, zeroline=False)
    figure.update_xaxes(title={"text": "Named"}, tickangle=-60, **ticks, row=2, col=1)
    figure.update_yaxes(title={"text": "Shows"}, range=[len(names) - 0.5, -0.5], fixedrange=True, **ticks, row=2, col=1)
    figure.update_yaxes(title={"text": "Pictures"}, rangemode="tozero", fixedrange=True, row=1, col=1)
    figure.update_layout(
        title={"text": "What is taken for what", "x": 0, "xanchor": "left", "font": {"size": 15}},
        height=260 + 7 * longest + max(22, min(36, 900 // len(names))) * len(names),
        margin={"l": 8, "r": 8, "t": 72, "b": 8},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )
    return figure
