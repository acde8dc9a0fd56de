"""Results as plotly figures: colours that the colour-blind tell apart, a title, units on every axis.

Knows results only; no dataset, no model, no screen. Text and background colours are left to the page's theme.
"""

from n3core.figures.probabilities import probability_bars

__all__ = ["probability_bars"]
