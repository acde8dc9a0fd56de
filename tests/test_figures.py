"""Figures say what the results say, and never let a class name become markup."""

from __future__ import annotations

import numpy as np

from n3core.figures import probability_bars
from n3core.results import Prediction

NAMES = tuple(f"class {number}" for number in range(12))


def prediction(names: tuple[str, ...] = NAMES, seed: int = 0) -> Prediction:
    return Prediction(names, np.random.default_rng(seed).normal(size=(3, len(names))).astype(np.float32))


def test_bars_are_the_probabilities_in_percent_best_first() -> None:
    now = prediction()
    (bars,) = probability_bars(now, 1, count=4).data
    expected = now.top(1, 4)
    assert [label.removesuffix(" ✓") for label in bars.y] == [name for name, _ in expected]
    np.testing.assert_allclose(bars.x, [100 * value for _, value in expected], rtol=1e-5)


def test_true_class_is_always_among_the_bars_and_marked() -> None:
    now = prediction()
    last = min(NAMES, key=lambda name: now.probabilities[0, NAMES.index(name)])
    (bars,) = probability_bars(now, 0, true_name=last, count=3).data
    assert len(bars.y) == 3 and bars.y[-1] == f"{last} ✓"
    (bars,) = probability_bars(now, 0, true_name="no class of the task", count=3).data
    assert not [label for label in bars.y if "✓" in label]


def test_the_earlier_prediction_is_matched_by_name() -> None:
    now, before = prediction(), prediction((*reversed(NAMES[1:]), "gone"), seed=1)
    both = probability_bars(now, 2, before=before, count=12)
    then = dict(zip(both.data[1].y, both.data[1].x, strict=True))
    assert then["class 0"] is None
    column = before.class_names.index("class 5")
    np.testing.assert_allclose(then["class 5"], 100 * before.probabilities[2, column], rtol=1e-5)


def test_names_are_escaped_and_units_are_on_the_axis() -> None:
    figure = probability_bars(prediction(("<a href='x'>a</a>", "<b>b")), 0)
    assert not any("<" in label for label in figure.data[0].y)
    assert "%" in figure.layout.xaxis.title.text and figure.layout.title.text
