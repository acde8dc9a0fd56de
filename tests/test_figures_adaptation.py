"""Figures of adaptation and importance draw the numbers they are given, in network order, one row a tensor."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from n3core.figures.adaptation import activation_histogram, class_row_bars, difference_dots, kind_dots, magnitude_dots
from n3core.figures.importance import importance_bars, importance_scatter
from n3core.results.adaptation import ActivationNorms, LayerDifference, LayerImportance, LayerMagnitudes

NAMES = ("conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "fc.weight", "fc.bias")
KINDS = ("conv", "norm", "norm", "conv", "fc", "fc")
CLASSES = ("<b>rose</b>", "windflower", "a name that is far too long for the axis of a figure")


@pytest.fixture
def magnitudes() -> LayerMagnitudes:
    return LayerMagnitudes(
        NAMES, KINDS, np.array([0.5, 0.02, 0.0, 1.5, 3.0, 0.4]), np.array([10, 4.0, 0.0, 5.0, np.nan, np.nan])
    )


@pytest.fixture
def difference() -> LayerDifference:
    return LayerDifference(
        NAMES,
        KINDS,
        np.array([0.1, 0.001, 0.0, 0.3, 1.0, 0.1]),
        np.array([0.5, 0.02, 0.0, 1.5, 3.0, 0.4]),
        CLASSES,
        np.array([0.1, 0.9, 0.2]),
        np.array([1.0, 1.0, 2.0]),
        (),
        (),
    )


@pytest.fixture
def importance() -> LayerImportance:
    return LayerImportance(
        NAMES[:4],
        KINDS[:4],
        60.0,
        40.0,
        np.array([55.0, 60.0, 61.0, 48.0]),
        1.0,
        np.array([1.2, 1.0, 0.9, 2.0]),
        np.array([3, 0, 1, 9]),
        50,
    )


def points(figure: go.Figure) -> dict[str, dict[str, float]]:
    """Trace name -> row -> value."""
    return {trace.name: dict(zip(trace.y, (float(x) for x in trace.x), strict=True)) for trace in figure.data}


def rows(figure: go.Figure) -> list[str]:
    """Names of all rows from top to bottom; every one must have its label."""
    axis = figure.layout.yaxis
    assert axis.range[0] > axis.range[1] and tuple(axis.tickvals) == tuple(axis.categoryarray)
    return list(axis.categoryarray)


def says(figure: go.Figure, unit: str) -> None:
    assert figure.layout.title.text and unit in figure.layout.xaxis.title.text


def test_magnitudes_stand_in_network_order_beside_the_pretrained(magnitudes: LayerMagnitudes) -> None:
    figure = magnitude_dots(magnitudes, relative=False, log=True)
    assert rows(figure) == list(NAMES) and figure.layout.xaxis.type == "log"
    says(figure, "L2")
    drawn = points(figure)
    assert drawn["pre-trained tensor"] == dict(zip(NAMES[:4], (10, 4, 0, 5), strict=True))
    assert drawn["adaptation, convolution"] == {"conv1.weight": 0.5, "layer1.0.conv1.weight": 1.5}
    (generated,) = [trace for name, trace in drawn.items() if "no pre-trained counterpart" in name]
    assert generated == {"fc.weight": 3.0, "fc.bias": 0.4}


def test_relative_magnitudes_are_percent_and_the_classifier_says_why_it_has_none(magnitudes: LayerMagnitudes) -> None:
    figure = magnitude_dots(magnitudes, relative=True, log=False)
    says(figure, "%")
    drawn = points(figure)
    assert drawn["adaptation, convolution"] == pytest.approx({"conv1.weight": 5.0, "layer1.0.conv1.weight": 30.0})
    assert "fc.weight" not in {row for trace in drawn.values() for row in trace} and rows(figure) == list(NAMES)
    (note,) = figure.layout.annotations
    assert "no pre-trained" in note.text and note.y == 4.5  # between the rows of fc.weight and fc.bias
    assert figure.layout.xaxis.type == "linear"


def test_kinds_are_means_and_the_classifier_has_no_pretrained_mean(magnitudes: LayerMagnitudes) -> None:
    drawn = points(kind_dots(magnitudes.by_kind, relative=False, log=False))
    assert drawn["adaptation"] == pytest.approx(
        {"convolution (2)": 1.0, "batch-norm (2)": 0.01, "fully connected (2)": 1.7}
    )
    assert drawn["pre-trained tensor"] == pytest.approx({"convolution (2)": 7.5, "batch-norm (2)": 2.0})
    shares = kind_dots(magnitudes.by_kind, relative=True, log=False)
    assert points(shares)["adaptation"] == pytest.approx({"convolution (2)": 17.5, "batch-norm (2)": 0.5})
    assert [note.y for note in shares.layout.annotations] == [2]
    says(shares, "%")


@pytest.mark.parametrize("count", [1, 100])
def test_histogram_counts_every_picture_once(count: int) -> None:
    rng = np.random.default_rng(0)
    norms = ActivationNorms(rng.normal(20, 2, count), rng.normal(25, 2, count))
    figure = activation_histogram(norms)
    says(figure, "L2")
    for trace in figure.data:
        assert sum(trace.y[1:-1:2]) == count
        assert (np.diff(trace.x) >= 0).all()
    assert [line.x0 for line in figure.layout.shapes] == pytest.approx(
        [np.median(norms.before), np.median(norms.after)]
    )


def test_histogram_of_equal_norms_is_drawn() -> None:
    figure = activation_histogram(ActivationNorms(np.full(4, 3.0), np.full(4, 3.0)))
    assert all(sum(trace.y[1:-1:2]) == 4 for trace in figure.data)


def test_difference_is_what_moved(difference: LayerDifference) -> None:
    figure = difference_dots(difference, relative=False, log=False)
    assert rows(figure) == list(NAMES)
    drawn = {row: value for trace in points(figure).values() for row, value in trace.items()}
    assert drawn == dict(zip(NAMES, difference.moved, strict=True))
    shares = difference_dots(difference, relative=True, log=False)
    says(shares, "%")
    drawn = {row: value for trace in points(shares).values() for row, value in trace.items()}
    assert drawn["layer1.0.conv1.weight"] == pytest.approx(20) and "bn1.bias" not in drawn


def test_classes_that_moved_farthest_come_first_and_are_no_markup(difference: LayerDifference) -> None:
    figure = class_row_bars(difference, relative=False, count=2)
    assert list(figure.data[0].x) == [0.9, 0.2]
    labels = class_row_bars(difference, relative=True).layout.yaxis.ticktext
    assert labels[0] == "windflower" and not any("<" in label for label in labels)
    assert len(labels) == 3 and max(len(label) for label in labels) < 45


def test_importance_is_signed(importance: LayerImportance) -> None:
    figure = importance_bars(importance)
    assert rows(figure) == list(NAMES[:4])
    says(figure, "points")
    drawn = points(figure)
    assert drawn["the adaptation helps"] == {"conv1.weight": 5, "bn1.weight": 0, "layer1.0.conv1.weight": 12}
    assert drawn["the adaptation harms"] == {"bn1.bias": -1}
    says(importance_bars(importance, loss=True), "nats")
    assert points(importance_bars(importance, loss=True))["the adaptation harms"] == pytest.approx({"bn1.bias": -0.1})


def test_importance_meets_magnitude_by_name(importance: LayerImportance, magnitudes: LayerMagnitudes) -> None:
    figure = importance_scatter(importance, magnitudes, relative=False, log=True)
    found = {
        name: (x, y) for trace in figure.data for name, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }
    assert found["layer1.0.conv1.weight"] == (1.5, 12) and found["bn1.bias"] == (0, -1)
    assert {text for trace in figure.data for text in trace.text} == {"", "layer1.0.conv1.weight", "bn1.bias"}
    says(figure, "L2")
    says(importance_scatter(importance, magnitudes, relative=True, log=False), "%")
