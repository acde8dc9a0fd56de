"""What the adaptation of each tensor is worth, in network order and against its magnitude, as figures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from n3core.figures.layer_rows import KIND_COLOURS, KIND_NAMES, KIND_SYMBOLS, arrange_rows, chosen, frame
from n3core.figures.style import NEGATIVE, POSITIVE
from n3core.results.adaptation import LayerImportance, LayerMagnitudes

__all__ = ["importance_bars", "importance_scatter"]


def importance_bars(importance: LayerImportance, *, loss: bool = False) -> go.Figure:
    """Draw what is lost without the adaptation of each tensor, in network order.

    Args:
        importance: at least one tensor.
        loss: the rise of the cross-entropy in place of the drop of the accuracy.

    Returns:
        Bars to the right where the adaptation helps, to the left where the network is better without it.
    """
    values = importance.loss_rises if loss else importance.drops
    details = [
        f"accuracy {after:.1f} % of {importance.accuracy:.1f} %, cross-entropy {rise:+.3g} nats, {changed} named anew"
        for after, rise, changed in zip(importance.accuracies, importance.loss_rises, importance.changed, strict=True)
    ]
    figure = go.Figure()
    for name, colour, shown in (("helps", POSITIVE, values >= 0), ("harms", NEGATIVE, values < 0)):
        if shown.any():
            figure.add_bar(
                x=values[shown],
                y=chosen(importance.names, shown),
                width=0.75,  # plotly's own is as wide as the gaps between the rows of one sign
                orientation="h",
                marker={"color": colour, "pattern": {"shape": "" if name == "helps" else "/", "size": 5}},
                name=f"the adaptation {name}",
                customdata=chosen(details, shown),
                hovertemplate="%{y}<br>without its adaptation: %{customdata}<extra></extra>",
            )
    unit = "Rise of the cross-entropy (nats)" if loss else "Drop of the per-class accuracy (points)"
    arrange_rows(figure, importance.names, "What is lost without each tensor's adaptation", unit, log=False)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(zeroline=True)
    return figure


def importance_scatter(
    importance: LayerImportance, magnitudes: LayerMagnitudes, *, relative: bool, log: bool, loss: bool = False
) -> go.Figure:
    """Set measured importance against magnitude; on a rising line, magnitude would be importance.

    The most and the least important tensor bear their names.

    Args:
        importance: one point per tensor.
        magnitudes: of the same task.
        relative, log: of the horizontal axis, as in `magnitude_dots`.
        loss: as in `importance_bars`.
    """
    place = {name: index for index, name in enumerate(magnitudes.names)}
    size = (magnitudes.relative if relative else magnitudes.adaptation)[[place[name] for name in importance.names]]
    values = importance.loss_rises if loss else importance.drops
    named = {int(np.argmax(values)), int(np.argmin(values))} if values.any() else set()
    middle = np.nanmedian(size) if np.isfinite(size).any() else 0.0  # names grow towards it, not out of the figure
    figure = go.Figure()
    for kind, symbol in KIND_SYMBOLS.items():
        shown = np.array([other == kind for other in importance.kinds], bool) & np.isfinite(size)
        if shown.any():
            figure.add_scatter(
                x=size[shown],
                y=values[shown],
                mode="markers+text",
                name=KIND_NAMES[kind],
                marker={"symbol": symbol, "size": 9, "color": KIND_COLOURS[kind], "opacity": 0.85},
                text=[importance.names[k] if k in named else "" for k in np.flatnonzero(shown)],
                textposition=["top left" if large else "top right" for large in size[shown] > middle],
                textfont={"size": 10},
                customdata=chosen(importance.names, shown),
                hovertemplate="%{customdata}<br>magnitude %{x:.3g}, importance %{y:.3g}<extra></extra>",
            )
    frame(figure, "Magnitude is not importance", height=380)
    figure.update_layout(
        xaxis={
            "title": {"text": "Adaptation (% of the pre-trained L2)" if relative else "L2 of the adaptation (no unit)"},
            "type": "log" if log else "linear",
            "tickformat": ".3~g",
            "fixedrange": True,
        },
        yaxis={"title": {"text": "Cross-entropy rise (nats)" if loss else "Accuracy drop (points)"},
               "fixedrange": True},
    )  # fmt: skip
    return figure
