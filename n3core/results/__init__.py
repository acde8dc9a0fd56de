"""Frozen result types of names and numpy arrays, one module per question. Knows no torch and no screen."""

from n3core.results.predictions import ConfusionMatrix, Controls, Evaluation, Interval, Prediction, Spread

__all__ = ["ConfusionMatrix", "Controls", "Evaluation", "Interval", "Prediction", "Spread"]
