"""Words by the size of their gradient, and the gradient against what dropping a word really does, as figures."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from n3core.figures.style import NEGATIVE, POSITIVE, axis_label
from n3core.results.evidence import DescriptionEvidence, DropEffects

__all__ = ["drop_scatter", "word_bars"]

_LABELLED = 6  # points of the scatter that bear their word


def word_bars(description: DescriptionEvidence, target: str, *, count: int = 12, shares: bool = False) -> go.Figure:
    """Draw the words of one description that weigh most, largest on top.

    Args:
        description: the words.
        target: the class whose logit the signs are about.
        count: at most so many words.
        shares: whether the magnitudes are shares of an image's total, as in a mean over images.

    Returns:
        Horizontal bars; blue raises the target's logit, hatched orange lowers it.
    """
    chosen = description.top(count)
    words = [description.words[index] for index in chosen]
    values = description.magnitudes[list(chosen)] * (100 if shares else 1)
    support = description.support[list(chosen)]
    figure = go.Figure()
    for name, colour, shape, shown in (
        ("raises the logit", POSITIVE, "", support >= 0),
        ("lowers the logit", NEGATIVE, "/", support < 0),
    ):
        rows = np.flatnonzero(shown)
        if len(rows):
            figure.add_bar(
                x=values[rows],
                y=rows,
                width=0.75,  # plotly's own is as wide as the gaps between the rows of one sign
                orientation="h",
                name=name,
                marker={"color": colour, "pattern": {"shape": shape, "size": 5}},
                customdata=[[axis_label(words[row]), support[row]] for row in rows],
                hovertemplate="%{customdata[0]}: %{x:.3g}<br>gradient times state %{customdata[1]:+.3g} logits"
                "<extra></extra>",
            )
    unit = "Mean share of a picture's gradient (%)" if shares else "Gradient magnitude ‖∂E/∂D‖ (nats per unit state)"
    _frame(
        figure,
        f"Words of {axis_label(description.name)}",
        f"Evidence for {axis_label(target)}",
        height=150 + 22 * len(chosen),
    )
    figure.update_layout(
        xaxis={"title": {"text": unit}, "rangemode": "tozero", "fixedrange": True},
        yaxis={
            "tickvals": list(range(len(chosen))),
            "ticktext": [axis_label(word) for word in words],
            "range": [len(chosen) - 0.5, -0.5],
            "fixedrange": True,
        },
        barmode="overlay",
    )
    return figure


def drop_scatter(effects: DropEffects) -> go.Figure:
    """Set what leaving out each word does against what the gradient says; on a rising line the gradient is right.

    Args:
        effects: gradient and measurement of the words of one description.

    Returns:
        One point per word: a disc where both have the same sign, a cross where they differ.
    """
    words = [effects.description.words[index] for index in effects.words.tolist()]
    named = set(np.argsort(-np.abs(effects.effects), kind="stable")[:_LABELLED].tolist())
    same = np.sign(effects.support) == np.sign(effects.effects)
    figure = go.Figure()
    for name, colour, symbol, shown in (
        ("same sign", POSITIVE, "circle", same),
        ("the gradient errs", NEGATIVE, "x", ~same),
    ):
        rows = np.flatnonzero(shown).tolist()
        if rows:
            figure.add_scatter(
                x=effects.support[rows],
                y=effects.effects[rows],
                mode="markers+text",
                name=name,
                marker={"color": colour, "symbol": symbol, "size": 8, "opacity": 0.85},
                text=[axis_label(words[row]) if row in named else "" for row in rows],
                textposition="top center",
                textfont={"size": 11},
                customdata=[axis_label(words[row]) for row in rows],
                hovertemplate="%{customdata}<br>gradient %{x:+.3g}, left out %{y:+.3g} logits<extra></extra>",
            )
    correlation = effects.support_correlation
    found = "too few words for a rank correlation" if math.isnan(correlation) else f"rank correlation {correlation:.2f}"
    _frame(figure, "Gradient against leaving words out", f"{axis_label(effects.target)}: {found}", height=420)
    figure.update_layout(
        xaxis={"title": {"text": "Gradient times token state (logits)"}, "zeroline": True, "fixedrange": True},
        yaxis={"title": {"text": "Logit with the word minus without it"}, "zeroline": True, "fixedrange": True},
    )
    return figure


def _frame(figure: go.Figure, title: str, subtitle: str, *, height: int) -> None:
    figure.update_layout(
        title={
            "text": title,
            "subtitle": {"text": subtitle},
            "font": {"size": 15},
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8},
        },
        height=height,
        margin={"l": 8, "r": 8, "t": 92, "b": 8},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )
