"""The figures of a benchmark for print, by matplotlib: accuracy, seen against unseen classes, continual learning.

The same numbers, colours and marks as in `n3core.figures.benchmark`; `n3core.figures.export` makes files of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from n3core.figures.benchmark import by_accuracy
from n3core.figures.benchmark_curves import thin
from n3core.figures.benchmark_style import INK, OURS, style_of
from n3core.figures.export import printable_label
from n3core.figures.style import BEFORE, NEGATIVE, NOW
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import summarise, summarise_continual

__all__ = ["draw_accuracies", "draw_continual", "draw_seen_unseen"]

_DASHES = {"solid": "-", "dash": "--", "dot": ":"}
_MARKS = {"diamond": "D", "circle": "o", "square": "s", "triangle-up": "^", "cross": "P", "star": "*", "hexagon": "h"}
_GREY = "#8c877a"


def draw_accuracies(results: BenchmarkResults, titles: Mapping[str, str] | None = None) -> Callable[[], Figure]:
    """Draw the accuracy of every system on the unseen classes, the best on top.

    Args:
        results: at least one run.
        titles: name of a system -> what to call it; its name where it is missing.

    Returns:
        What makes the figure: bars with 95 % intervals, a dot for every seed, a line at chance.
    """

    def draw() -> Figure:
        rows = by_accuracy(results)
        figure = Figure(figsize=(7.2, 1.5 + 0.3 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(rows):
            ours = row.method.startswith(OURS)
            axes.barh(
                place,
                row.accuracy,
                height=0.62,
                color=NOW if ours else BEFORE,
                hatch=None if ours else "//",
                edgecolor="white",
                linewidth=0,
            )
            ends = (row.interval.low, row.interval.high)
            axes.plot(ends, (place, place), color="white", lw=3.2, solid_capstyle="butt")
            axes.plot(ends, (place, place), color=INK, lw=1.1, solid_capstyle="butt")
            axes.plot(row.accuracies, [place + 0.2] * len(row.accuracies), "o", color="white", mec=INK, mew=0.9, ms=4)
            if row.controls is not None:
                axes.plot(row.controls.shuffled, place, "X", color=NEGATIVE, mec="white", mew=0.6, ms=6)
        axes.axvline(results.setting.chance, color=_GREY, ls=":", lw=1.2)
        axes.set_yticks(range(len(rows)), [_name(row.method, titles) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("per-class accuracy on the unseen classes (%)")
        axes.set_title("Accuracy on the unseen classes")
        keys = [
            Line2D([], [], color=NOW, lw=6, label="N3 and its variants"),
            Line2D([], [], color=BEFORE, lw=6, label="other systems"),
            Line2D([], [], color=INK, lw=1.1, label="95 % interval"),
            Line2D([], [], ls="", marker="o", color="white", mec=INK, label="one seed"),
            Line2D([], [], color=_GREY, ls=":", label=f"chance {results.setting.chance:.1f}"),
        ]
        if any(row.controls is not None for row in rows):
            keys.append(Line2D([], [], ls="", marker="X", color=NEGATIVE, mec="white", label="texts shuffled"))
        figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), columnspacing=1.2, handletextpad=0.5)
        return figure

    return draw


def draw_seen_unseen(
    results: BenchmarkResults, titles: Mapping[str, str] | None = None, *, methods: Collection[str] | None = None
) -> Callable[[], Figure]:
    """Draw what every system trades of the seen classes for the unseen ones; arguments as `seen_unseen_curves`."""

    def draw() -> Figure:
        figure = Figure(figsize=(7.2, 4.4), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(summarise(results)):
            if row.generalized is None or (methods is not None and row.method not in methods):
                continue
            colour, dash, symbol = style_of(place)
            curve, middle = thin(row.generalized.middle.curve), row.generalized.middle
            label = f"{_name(row.method, titles)}, AUSUC {row.generalized.ausuc:.3f}"
            axes.plot(*curve.T, color=colour, ls=_DASHES[dash], lw=1.4, label=label)
            axes.plot(middle.unseen, middle.seen, _MARKS[symbol], color=colour, mec="white", mew=0.7, ms=7)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("accuracy of unseen classes, U (%)")
        axes.set_ylabel("accuracy of seen classes, S (%)")
        axes.set_title("Seen against unseen classes; marks: the gamma chosen on held-out classes")
        figure.legend(loc="outside right upper")
        return figure

    return draw


def draw_continual(results: BenchmarkResults) -> Callable[[], Figure]:
    """Draw H_t after each task for every continual learner: solid with Class Normalization, dashed without."""

    def draw() -> Figure:
        rows = summarise_continual(results)
        learners = list(dict.fromkeys(row.learner for row in rows))
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.subplots()
        for row in rows:
            place = learners.index(row.learner)
            axes.plot(
                range(1, len(row.harmonic) + 1),
                row.harmonic,
                color=style_of(place)[0],
                marker=_MARKS[style_of(place)[2]],
                ls="-" if row.normalised else "--",
                lw=1.4,
                ms=4.5,
                label=f"{printable_label(row.learner)}, {'CN' if row.normalised else 'plain'}",
            )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("tasks learned so far")
        axes.set_ylabel("harmonic mean of seen and unseen, H (%)")
        axes.set_title("Continual learning")
        figure.legend(loc="outside right upper")
        return figure

    return draw


def _name(method: str, titles: Mapping[str, str] | None) -> str:
    return printable_label((titles or {}).get(method, method))
