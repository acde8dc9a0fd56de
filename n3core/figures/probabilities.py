"""Class probabilities of one image as bars."""

from __future__ import annotations

import html

import plotly.graph_objects as go

from n3core.figures.style import BEFORE, NOW, axis_label
from n3core.results import Prediction

__all__ = ["probability_bars"]


def probability_bars(
    now: Prediction,
    image: int,
    *,
    before: Prediction | None = None,
    true_name: str | None = None,
    count: int = 10,
) -> go.Figure:
    """Draw the most probable classes of one image, and what they were before an edit.

    Args:
        now: current prediction.
        image: which row of both predictions.
        before: earlier prediction of the same images, perhaps of other classes; compared by class name.
        true_name: the class that the picture shows, marked on the axis.
        count: at most so many classes; the true class is always among them.

    Returns:
        Horizontal bars in percent, the most probable class on top.
    """
    chosen = [name for name, _ in now.top(image, count)]
    if true_name in now.class_names and true_name not in chosen:
        chosen[-1] = true_name
    labels = [axis_label(name) + (" ✓" if name == true_name else "") for name in chosen]
    places = list(range(len(chosen)))  # two long names may have one label
    figure = go.Figure()
    figure.add_bar(**_bars(now, image, chosen), name="now", marker_color=NOW)
    if before is not None:
        pattern = {"color": BEFORE, "pattern": {"shape": "/", "size": 5}}
        figure.add_bar(**_bars(before, image, chosen), name="before the edit", marker=pattern)
    rows = len(chosen) * (2 if before is not None else 1)
    whole = len(chosen) == len(now.class_names)
    title = "Probability of each class" if whole else f"Probability of {len(chosen)} of {len(now.class_names)} classes"
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 15}},
        xaxis={"title": {"text": "Probability (%)"}, "range": [0, 101], "dtick": 20, "fixedrange": True},
        yaxis={
            "range": [len(chosen) - 0.5, -0.5],
            "fixedrange": True,
            "tickvals": places,
            "ticktext": labels,
            "showgrid": False,
            "zeroline": False,
        },
        height=110 + 16 * rows + 8 * len(chosen),
        margin={"l": 8, "r": 8, "t": 64 if before is not None else 40, "b": 8},
        barmode="group",
        bargap=0.25,
        showlegend=before is not None,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )
    return figure


def _bars(prediction: Prediction, image: int, names: list[str]) -> dict[str, object]:
    row = dict(zip(prediction.class_names, prediction.probabilities[image], strict=True))
    values = [100 * float(row[name]) if name in row else None for name in names]
    return {
        "x": values,
        "y": list(range(len(names))),
        "orientation": "h",
        "customdata": [html.escape(name) for name in names],
        "hovertemplate": "%{customdata}: %{x:.1f} %<extra>%{fullData.name}</extra>",
    }
