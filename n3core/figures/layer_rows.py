"""What figures of parameter tensors share: one row a tensor in network order, and a mark and a colour for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from n3core.figures.style import NOW

__all__ = ["KIND_COLOURS", "KIND_NAMES", "KIND_SYMBOLS", "arrange_rows", "chosen", "frame", "write_in_rows"]

KIND_NAMES = {"conv": "convolution", "norm": "batch-norm", "fc": "fully connected"}
KIND_SYMBOLS = {"conv": "circle", "norm": "square", "fc": "diamond"}
KIND_COLOURS = {"conv": NOW, "norm": "#009e73", "fc": "#cc79a7"}  # Okabe and Ito; the mark's shape says the same
_ROW = 15  # pixels of one tensor


def arrange_rows(figure: go.Figure, names: Sequence[str], title: str, unit: str, *, log: bool, row: int = _ROW) -> None:
    """Give every name its row, the first on top, none left out.

    Args:
        names: categories of the vertical axis; they are not escaped, so they must be the network's own.
        title, unit: of the figure and of its horizontal axis.
        log: logarithmic horizontal axis; a linear one begins at 0.
        row: height of a row in pixels.
    """
    frame(figure, title, height=90 + 20 * len(figure.data) + row * len(names))
    figure.update_layout(
        xaxis={"title": {"text": unit}, "type": "log" if log else "linear", "fixedrange": True, "side": "bottom"},
        yaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(names),
            "range": [len(names) - 0.5, -0.5],
            "tickmode": "array",
            "tickvals": list(names),
            "tickfont": {"size": 10 if row == _ROW else 12},
            "showgrid": True,
            "fixedrange": True,
        },
    )
    figure.update_xaxes(**({"tickformat": ".3~g", "tickfont": {"size": 10}} if log else {"rangemode": "tozero"}))


def frame(figure: go.Figure, title: str, *, height: int, legend: bool = True) -> None:
    """Set the title on the left, the legend under it with a line for each trace there is, and the height in pixels."""
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "yref": "container",
               "pad": {"t": 8}, "font": {"size": 15}},
        height=height,
        margin={"l": 8, "r": 12, "t": 32 + 20 * len(figure.data) if legend else 40, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )  # fmt: skip


def write_in_rows(figure: go.Figure, rows: Sequence[int], text: str) -> None:
    """Say once, in words, why adjacent rows have no mark.

    Args:
        rows: numbers of the rows from the top; the text stands in their middle, above the line of a single one.
    """
    figure.add_annotation(
        text=text,
        x=0.02,
        xref="x domain",
        xanchor="left",
        y=sum(rows) / len(rows),
        yshift=9 if len(rows) % 2 else 0,
        showarrow=False,
        font={"size": 10},
    )


def chosen(values: Sequence[Any], mask: np.ndarray) -> list[Any]:
    """The values where the mask (T,) is true."""
    return [value for value, keep in zip(values, mask, strict=True) if keep]
