"""What figures of a benchmark share: colours, dashes and marks of systems, their names, title and legend.

Names of systems come from a file that anybody may have written: they are shortened and escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from n3core.figures.style import BEFORE, NEGATIVE, NOW, axis_label

__all__ = ["COLOURS", "INK", "OURS", "heading", "labels_of", "legend_below", "style_of"]

OURS = "n3"  # what the names of N3 and its variants begin with
# Okabe and Ito, without the yellow and the black that paper or a dark page swallows; dashes and marks say the same
COLOURS = (NOW, NEGATIVE, "#009e73", "#cc79a7", BEFORE, "#56b4e9", "#8c877a")
INK = "#2a2823"
_DASHES = ("solid", "dash", "dot")
_SYMBOLS = ("diamond", "circle", "square", "triangle-up", "cross", "star", "hexagon")


def style_of(place: int) -> tuple[str, str, str]:
    """Colour, dash and mark of the system at a place of the file: 21 differ."""
    return (
        COLOURS[place % len(COLOURS)],
        _DASHES[place // len(COLOURS) % len(_DASHES)],
        _SYMBOLS[place % len(_SYMBOLS)],
    )


def labels_of(methods: Sequence[str], titles: Mapping[str, str] | None) -> list[str]:
    """What to call systems: their titles, where there are any, else their names."""
    return [axis_label((titles or {}).get(method, method)) for method in methods]


def heading(text: str) -> dict[str, object]:
    """Layout of a title on the left."""
    return {"text": text, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "yref": "container", "pad": {"t": 8},
            "font": {"size": 15}}  # fmt: skip


def legend_below() -> dict[str, object]:
    """At the foot of the figure, where it takes as many lines as a narrow screen needs."""
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"}
