"""Figures say what the results say, and never let a class name become markup."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from n3core.figures import probability_bars
from n3core.results import Prediction

NAMES = tuple(f"class {number}" for number in range(12))


def prediction(names: tuple[str, ...] = NAMES, seed: int = 0) -> Prediction:
    return Prediction(names, np.random.default_rng(seed).normal(size=(3, len(names))).astype(np.float32))


def labels_of(figure: go.Figure) -> list[str]:
    """What stands beside the bars, the first on top."""
    low, high = figure.layout.yaxis.range
    assert low > high and tuple(figure.data[0].y) == tuple(figure.layout.yaxis.tickvals)
    return list(figure.layout.yaxis.ticktext)


def test_bars_are_the_probabilities_in_percent_best_first() -> None:
    now = prediction()
    figure = probability_bars(now, 1, count=4)
    (bars,) = figure.data
    expected = now.top(1, 4)
    assert labels_of(figure) == list(bars.customdata) == [name for name, _ in expected]
    np.testing.assert_allclose(bars.x, [100 * value for _, value in expected], rtol=1e-5)


def test_true_class_is_always_among_the_bars_and_marked() -> None:
    now = prediction()
    last = min(NAMES, key=lambda name: now.probabilities[0, NAMES.index(name)])
    labels = labels_of(probability_bars(now, 0, true_name=last, count=3))
    assert len(labels) == 3 and labels[-1] == f"{last} ✓"
    labels = labels_of(probability_bars(now, 0, true_name="no class of the task", count=3))
    assert not [label for label in labels if "✓" in label]


def test_names_that_are_cut_alike_have_bars_of_their_own() -> None:
    names = tuple(f"western meadow buttercup, form {number}" for number in ("one", "two"))
    figure = probability_bars(prediction(names), 0)
    assert len(set(labels_of(figure))) == 1 and len(set(figure.data[0].y)) == 2
    assert set(figure.data[0].customdata) == set(names), "the pointer tells them apart"


def test_the_earlier_prediction_is_matched_by_name() -> None:
    now, before = prediction(), prediction((*reversed(NAMES[1:]), "gone"), seed=1)
    both = probability_bars(now, 2, before=before, count=12)
    then = dict(zip(both.data[1].customdata, both.data[1].x, strict=True))
    assert both.data[0].customdata == both.data[1].customdata
    assert then["class 0"] is None
    column = before.class_names.index("class 5")
    np.testing.assert_allclose(then["class 5"], 100 * before.probabilities[2, column], rtol=1e-5)


def test_names_are_escaped_and_units_are_on_the_axis() -> None:
    figure = probability_bars(prediction(("<a href='x'>a</a>", "<b>b")), 0)
    assert not any("<" in label for label in (*labels_of(figure), *figure.data[0].customdata))
    assert "%" in figure.layout.xaxis.title.text and figure.layout.title.text
