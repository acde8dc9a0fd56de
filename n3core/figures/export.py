"""Figures as files, by matplotlib: for print, and for a report that runs no script. The same results as on the pages.

Owns size, paper and file formats; knows results only. Names are untrusted: they are shortened and never read as a
formula, and the SVG writer escapes them. Figures bring their own light paper, so that they read on any background.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from n3core.figures.saliency import Look, overlay
from n3core.figures.style import BEFORE, NOW
from n3core.results.adaptation import LayerMagnitudes
from n3core.results.predictions import ConfusionMatrix
from n3core.results.saliency import SaliencyMaps

__all__ = ["draw_confusion", "draw_magnitudes", "draw_saliency", "printable_label", "to_png", "to_svg"]

_PAPER, _INK, _LINE = "#fbf9f3", "#2a2823", "#d9d1bf"
_SHADES = LinearSegmentedColormap.from_list("ink", [_PAPER, "#9cc6e0", NOW, "#06304f"])  # even in brightness
_KINDS = {
    "conv": ("o", NOW, "adaptation, convolution"),
    "norm": ("s", "#009e73", "adaptation, batch-norm"),
    "fc": ("D", "#cc79a7", "generated"),
}
_LONGEST_NAME = 28  # characters on an axis
_MOST_NUMBERS = 30  # classes up to which the cells of a confusion matrix bear their numbers
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 8.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": _LINE,
    "axes.facecolor": _PAPER,
    "figure.facecolor": _PAPER,
    "savefig.facecolor": _PAPER,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "text.parse_math": False,  # "$" in a name is a dollar sign
    "svg.fonttype": "none",  # letters stay letters: small, and any script the reader's fonts have
    "svg.hashsalt": "n3",  # the same figure, the same file
}
_lock = threading.Lock()  # matplotlib's settings belong to the whole process

# A letter that DejaVu lacks is drawn as a box; nobody can do anything about the warning
warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from", category=UserWarning)


def draw_confusion(confusion: ConfusionMatrix) -> Callable[[], Figure]:
    """Draw the share of the images of every class (rows) that are given each class (columns), in percent."""

    def draw() -> Figure:
        names = [printable_label(name) for name in confusion.class_names]
        totals = confusion.counts.sum(axis=1, keepdims=True)
        rates = 100 * confusion.counts / np.maximum(totals, 1)  # a class without pictures keeps an empty row
        side = float(np.clip(0.27 * len(names), 2.6, 9.0))
        figure = Figure(figsize=(side + 2.6, side + 1.7), layout="constrained")
        axes = figure.subplots()
        shades = axes.imshow(rates, cmap=_SHADES, vmin=0, vmax=100, aspect="equal")
        size = float(np.clip(72 * side / len(names) * 0.62, 2.5, 8.0))
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.set_title("Who is taken for whom")
        if len(names) <= _MOST_NUMBERS:
            for row, column in zip(*np.nonzero(rates >= 0.5), strict=True):
                dark = rates[row, column] > 45
                axes.text(column, row, f"{rates[row, column]:.0f}", ha="center", va="center", fontsize=0.85 * size,
                          color="white" if dark else _INK)  # fmt: skip
        figure.colorbar(shades, ax=axes, shrink=0.7, label="share of the class's images (%)")
        return figure

    return draw


def draw_magnitudes(magnitudes: LayerMagnitudes) -> Callable[[], Figure]:
    """Draw the L2 norm of mu * Delta beside that of the pre-trained tensor, in network order (paper figure 6)."""

    def draw() -> Figure:
        rows = np.arange(len(magnitudes.names))
        figure = Figure(figsize=(7.2, 1.4 + 0.145 * len(rows)), layout="constrained")
        axes = figure.subplots()
        known = np.isfinite(magnitudes.base) & (magnitudes.base > 0)
        axes.plot(magnitudes.base[known], rows[known], "|", color=BEFORE, ms=7, mew=2.2, label="pre-trained tensor")
        for kind, (marker, colour, label) in _KINDS.items():
            shown = np.array([other == kind for other in magnitudes.kinds]) & (magnitudes.adaptation > 0)
            if shown.any():
                axes.plot(magnitudes.adaptation[shown], rows[shown], marker, color=colour, ms=4.2, label=label)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(rows, magnitudes.names, fontsize=6)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="both", color=_LINE, lw=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel("L2 norm (no unit, logarithmic)")
        axes.set_title("Adaptation of every tensor, in network order")
        figure.legend(loc="outside lower left", ncols=4, columnspacing=1.2, handletextpad=0.4)
        return figure

    return draw


def draw_saliency(pixels: np.ndarray, maps: dict[str, SaliencyMaps], row: int) -> Callable[[], Figure]:
    """Draw one image and where networks look in it (paper figure 4).

    Args:
        pixels: (S, S, 3) uint8.
        maps: name of a network -> its maps of several images, all of one method and quantity.
        row: which of them.
    """

    def draw() -> Figure:
        figure = Figure(figsize=(2.05 * (1 + len(maps)) + 0.5, 2.5), layout="constrained")
        panels = figure.subplots(1, 1 + len(maps))
        panels[0].imshow(pixels)
        panels[0].set_title("the picture", fontsize=8)
        look = Look()
        for axes, (name, found) in zip(panels[1:], maps.items(), strict=True):
            axes.imshow(overlay(pixels, found.magnitude[row], float(found.limits[row]), look))
            axes.set_title(name, fontsize=8)
        for axes in panels:
            axes.set_axis_off()
        first = next(iter(maps.values()))
        colours = matplotlib.cm.ScalarMappable(Normalize(0, 1), look.colour_map)
        bar = figure.colorbar(colours, ax=list(panels), shrink=0.85)
        bar.set_label(f"{first.unit}\n1 = this map's 99th percentile", fontsize=6)
        bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"], fontsize=6)
        return figure

    return draw


def to_svg(draw: Callable[[], Figure]) -> bytes:
    """Make the figure an SVG file."""
    return _save(draw, "svg", metadata={"Date": None})


def to_png(draw: Callable[[], Figure], *, dots: int = 200) -> bytes:
    """Make the figure a PNG file of `dots` pixels per inch."""
    return _save(draw, "png", dpi=dots)


def _save(draw: Callable[[], Figure], kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    with _lock, matplotlib.rc_context(_STYLE):
        draw().savefig(target, format=kind, **options)
    return target.getvalue()


def printable_label(name: str) -> str:
    """Shorten a name and leave out what XML cannot hold."""
    name = "".join(letter for letter in name if letter.isprintable())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
