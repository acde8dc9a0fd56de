"""What all figures share: colours and labels made of untrusted names."""

from __future__ import annotations

import html

__all__ = ["BEFORE", "NEGATIVE", "NOW", "POSITIVE", "axis_label"]

NOW = "#0072b2"  # Okabe and Ito: blue and orange differ for every kind of colour vision, and in brightness
BEFORE = "#e69f00"
POSITIVE = NOW
NEGATIVE = "#d55e00"
_LONGEST_NAME = 28  # characters of a class name on an axis


def axis_label(name: str) -> str:
    """Shorten a name and escape what plotly would read as HTML: names are untrusted."""
    return html.escape(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")
