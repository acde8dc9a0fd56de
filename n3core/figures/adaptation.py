"""How far descriptions move a network, tensor by tensor, as figures (paper figure 6, draft figure 5).

Tensors stand in network order from top to bottom, each row with its name; the shape of a mark tells the kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from n3core.figures.layer_rows import KIND_COLOURS, KIND_NAMES, KIND_SYMBOLS, arrange_rows, chosen, frame, write_in_rows
from n3core.figures.style import BEFORE, NOW, axis_label
from n3core.results.adaptation import ActivationNorms, KindMagnitudes, LayerDifference, LayerMagnitudes

__all__ = ["activation_histogram", "class_row_bars", "difference_dots", "kind_dots", "magnitude_dots"]

_NO_COUNTERPART = "generated: no pre-trained counterpart"
_MOST_BINS = 30


def magnitude_dots(magnitudes: LayerMagnitudes, *, relative: bool, log: bool) -> go.Figure:
    """Draw the L2 norm of mu * Delta beside that of the pre-trained tensor, for every tensor in network order.

    Args:
        magnitudes: what to draw.
        relative: draw the one in percent of the other; the classification layer has no such share.
        log: logarithmic axis; a norm of 0 has no place on it.

    Returns:
        One row per tensor, the first on top.
    """
    figure = go.Figure()
    if not relative:
        known = np.isfinite(magnitudes.base)
        figure.add_scatter(
            x=magnitudes.base[known],
            y=chosen(magnitudes.names, known),
            mode="markers",
            name="pre-trained tensor",
            marker={"symbol": "line-ns", "size": 9, "line": {"width": 2.5, "color": BEFORE}},
            hovertemplate="%{y}<br>pre-trained: L2 %{x:.3g}<extra></extra>",
        )
    values = magnitudes.relative if relative else magnitudes.adaptation
    share = [f"{value:.2g} % of the pre-trained" if np.isfinite(value) else _NO_COUNTERPART
             for value in magnitudes.relative]  # fmt: skip
    _add_kinds(
        figure,
        magnitudes.names,
        magnitudes.kinds,
        values,
        labels={
            "conv": "adaptation, convolution",
            "norm": "adaptation, batch-norm",
            "fc": "no pre-trained counterpart",
        },
        hover="%{y}<br>" + ("%{customdata}" if relative else "L2 %{x:.3g}, %{customdata}") + "<extra></extra>",
        details=share,
    )
    title = "Adaptation of every tensor" + (", in percent of what was there" if relative else "")
    unit = "Share of the pre-trained L2 (%)" if relative else "L2 norm (no unit)"
    arrange_rows(figure, magnitudes.names, title, unit, log=log)
    if relative:
        write_in_rows(figure, _generated(magnitudes.kinds), _NO_COUNTERPART)
    return figure


def kind_dots(kinds: KindMagnitudes, *, relative: bool, log: bool) -> go.Figure:
    """Draw the mean norms of convolutions, batch-norm tensors and the classification layer (draft figure 5a).

    Args:
        kinds: what to draw.
        relative, log: as in `magnitude_dots`.

    Returns:
        One row per kind, each mark with its value.
    """
    figure = go.Figure()
    rows = [f"{KIND_NAMES[kind]} ({count})" for kind, count in zip(kinds.kinds, kinds.counts, strict=True)]
    if not relative:
        known = np.isfinite(kinds.base)
        figure.add_scatter(
            x=kinds.base[known],
            y=chosen(rows, known),
            text=[f"{value:.3g}" for value in kinds.base[known]],
            mode="markers+text",
            textposition="top center",
            name="pre-trained tensor",
            marker={"symbol": "line-ns", "size": 14, "line": {"width": 3, "color": BEFORE}},
            hovertemplate="%{y}<br>pre-trained: mean L2 %{x:.3g}<extra></extra>",
        )
    values = kinds.relative if relative else kinds.adaptation
    known = np.isfinite(values)
    figure.add_scatter(
        x=values[known],
        y=chosen(rows, known),
        text=[f"{value:.3g}" + (" %" if relative else "") for value in values[known]],
        mode="markers+text",
        textposition="top center",
        name="adaptation",
        marker={"symbol": chosen([KIND_SYMBOLS[kind] for kind in kinds.kinds], known), "size": 12, "color": NOW},
        hovertemplate="%{y}<br>mean %{text}<extra></extra>",
        cliponaxis=False,
    )
    unit = "Mean share of the pre-trained L2 (%)" if relative else "Mean L2 norm (no unit)"
    arrange_rows(figure, rows, "By kind of layer", unit, log=log, row=46)
    if relative:
        write_in_rows(figure, _generated(kinds.kinds), _NO_COUNTERPART)
    return figure


def activation_histogram(norms: ActivationNorms) -> go.Figure:
    """Draw how the norm of the penultimate activation is distributed before and after adaptation (draft figure 5b).

    Args:
        norms: at least one image.

    Returns:
        Two outlines over common bins, each with its median.
    """
    together = np.concatenate([norms.before, norms.after])
    bins = int(np.clip(np.sqrt(len(norms.before)) * 2, 5, _MOST_BINS))
    low, high = float(together.min()), float(together.max())
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    figure = go.Figure()
    for values, name, colour, fill, dash in (
        (norms.before, "pre-trained", BEFORE, "rgba(230, 159, 0, 0.30)", "dot"),
        (norms.after, "adapted", NOW, "rgba(0, 114, 178, 0.30)", "solid"),
    ):
        counts = np.histogram(values, edges)[0]
        figure.add_scatter(
            x=np.repeat(edges, 2),
            y=np.concatenate([[0], np.repeat(counts, 2), [0]]),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            fill="tozeroy",
            fillcolor=fill,
            name=f"{name}, median {np.median(values):.3g}",
            hovertemplate="L2 %{x:.3g}: %{y} pictures<extra>" + name + "</extra>",
        )
        figure.add_vline(x=float(np.median(values)), line={"color": colour, "dash": dash, "width": 2})
    frame(figure, "What enters the classification layer", height=300)
    figure.update_layout(
        xaxis={"title": {"text": "L2 norm of the penultimate activation (no unit)"}, "fixedrange": True},
        yaxis={"title": {"text": "Number of pictures"}, "rangemode": "tozero", "fixedrange": True},
    )
    return figure


def difference_dots(difference: LayerDifference, *, relative: bool, log: bool) -> go.Figure:
    """Draw how far every tensor moved between two versions of the descriptions, in network order.

    Args:
        difference: what to draw.
        relative: in percent of the earlier adaptation.
        log: logarithmic axis; a tensor that did not move has no place on it.

    Returns:
        One row per tensor, the first on top.
    """
    figure = go.Figure()
    details = [
        f"{value:.2g} % of its earlier adaptation" if np.isfinite(value) else "nothing to compare with"
        for value in difference.relative
    ]
    _add_kinds(
        figure,
        difference.names,
        difference.kinds,
        difference.relative if relative else difference.moved,
        labels={"conv": "convolution", "norm": "batch-norm", "fc": "fully connected, generated"},
        hover="%{y}<br>" + ("" if relative else "moved by L2 %{x:.3g}, ") + "%{customdata}<extra></extra>",
        details=details,
    )
    unit = "Share of the earlier adaptation's L2 (%)" if relative else "L2 of the difference (no unit)"
    arrange_rows(figure, difference.names, "Which layers moved", unit, log=log)
    return figure


def class_row_bars(difference: LayerDifference, *, relative: bool, count: int = 15) -> go.Figure:
    """Draw how far the classes' own rows of the classification layer moved, the farthest on top.

    Args:
        difference: at least one class in both versions.
        relative: in percent of the earlier row.
        count: at most so many classes.
    """
    values = difference.class_relative if relative else difference.class_moved
    order = np.argsort(-np.nan_to_num(values), kind="stable")[:count]
    figure = go.Figure()
    figure.add_bar(
        x=values[order],
        y=list(range(len(order))),
        orientation="h",
        marker_color=NOW,
        customdata=[axis_label(difference.class_names[k]) for k in order],
        hovertemplate="%{customdata}: %{x:.3g}" + (" %" if relative else "") + "<extra></extra>",
    )
    unit = "Share of the earlier row's L2 (%)" if relative else "L2 of the difference (no unit)"
    frame(figure, "Whose row of the classification layer moved", height=110 + 22 * len(order), legend=False)
    figure.update_layout(
        xaxis={"title": {"text": unit}, "rangemode": "tozero", "fixedrange": True},
        yaxis={
            "tickvals": list(range(len(order))),
            "ticktext": [axis_label(difference.class_names[k]) for k in order],
            "autorange": "reversed",
            "fixedrange": True,
        },
    )
    return figure


def _add_kinds(
    figure: go.Figure,
    names: Sequence[str],
    kinds: Sequence[str],
    values: np.ndarray,
    *,
    labels: dict[str, str],
    hover: str,
    details: Sequence[str],
) -> None:
    """One trace per kind of tensor; values that are nan are left out."""
    for kind, label in labels.items():
        shown = np.array([other == kind for other in kinds], bool) & np.isfinite(values)
        if shown.any():
            figure.add_scatter(
                x=values[shown],
                y=chosen(names, shown),
                mode="markers",
                name=label,
                marker={"symbol": KIND_SYMBOLS[kind], "size": 8, "color": KIND_COLOURS[kind]},
                customdata=chosen(details, shown),
                hovertemplate=hover,
            )


def _generated(kinds: Sequence[str]) -> list[int]:
    return [row for row, kind in enumerate(kinds) if kind == "fc"]
