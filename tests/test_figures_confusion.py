"""The figure of a confusion matrix: the right numbers in the right cells, whatever the names and the order."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from n3core.figures.confusion import confusion_figure
from n3core.results import ConfusionMatrix

COUNTS = np.array([[6, 0, 4], [1, 9, 0], [0, 0, 0]])
NAMES = ("windflower", "<b>lily</b>", "an iris with quite a long name indeed")


def traces(figure: go.Figure) -> dict[str, object]:
    return {trace.type: trace for trace in figure.data}


def test_counts_column_sums_and_row_sums() -> None:
    found = traces(confusion_figure(ConfusionMatrix(NAMES, COUNTS)))
    np.testing.assert_array_equal(np.array(found["heatmap"].z), COUNTS)
    assert list(found["bar"].y) == [7, 9, 4] and list(found["scatter"].y) == [10, 10, 0]


def test_rates_are_percent_of_the_row_and_a_class_without_pictures_has_none() -> None:
    found = traces(confusion_figure(ConfusionMatrix(NAMES, COUNTS), normalised=True))
    np.testing.assert_allclose(np.array(found["heatmap"].z).sum(axis=1), [100, 100, 0])


def test_a_hidden_diagonal_leaves_the_errors() -> None:
    values = np.array(traces(confusion_figure(ConfusionMatrix(NAMES, COUNTS), hide_diagonal=True))["heatmap"].z)
    assert np.isnan(values.diagonal()).all() and values[0, 2] == 4


def test_another_order_moves_rows_columns_and_names_together() -> None:
    found = confusion_figure(ConfusionMatrix(NAMES, COUNTS), by_similarity=True)
    heat = traces(found)["heatmap"]
    cells = {tuple(place): value for row, values in zip(heat.customdata, heat.z, strict=True)
             for place, value in zip(row, values, strict=True)}  # fmt: skip
    plain = traces(confusion_figure(ConfusionMatrix(NAMES, COUNTS)))["heatmap"]
    for row in range(3):
        for column in range(3):
            assert cells[tuple(plain.customdata[row][column])] == COUNTS[row, column]


def test_names_are_escaped_and_shortened() -> None:
    figure = confusion_figure(ConfusionMatrix(NAMES, COUNTS))
    assert "<b>" not in figure.to_json().replace("\\u003c", "<")
    labels = figure.layout.yaxis2.ticktext
    assert labels[1] == "&lt;b&gt;lily&lt;/b&gt;" and labels[2].endswith("…")


@pytest.mark.parametrize("classes", [2, 80])
def test_axes_have_titles_and_large_matrices_no_numbers(classes: int) -> None:
    counts = np.eye(classes, dtype=np.int64)
    figure = confusion_figure(ConfusionMatrix(tuple(f"class {k}" for k in range(classes)), counts))
    assert figure.layout.xaxis2.title.text and figure.layout.yaxis2.title.text and figure.layout.title.text
    assert bool(traces(figure)["heatmap"].texttemplate) == (classes == 2)
