"""The measures against those of other libraries, and what is left where there is nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional import spearman_corrcoef
from torchmetrics.functional.classification import multiclass_accuracy

from n3core.metrics import accuracy_within_classes, per_class_accuracy, rank_correlation


def test_per_class_accuracy_weighs_classes_alike() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(5, 200, p=(0.5, 0.3, 0.1, 0.05, 0.05))
    guesses = np.where(rng.random(200) < 0.6, labels, rng.integers(0, 5, 200))
    expected = multiclass_accuracy(torch.tensor(guesses), torch.tensor(labels), 5, average=None).numpy()
    assert per_class_accuracy(guesses, labels) == pytest.approx(100 * expected.mean(), abs=1e-4)
    np.testing.assert_allclose(accuracy_within_classes(guesses, labels, 5), 100 * expected, atol=1e-4)
    assert abs(per_class_accuracy(guesses, labels) - 100 * (guesses == labels).mean()) > 1, "a mean over images"


def test_classes_without_images_do_not_count() -> None:
    labels, guesses = np.array([0, 0, 4]), np.array([0, 4, 4])
    assert per_class_accuracy(guesses, labels) == 75
    np.testing.assert_array_equal(accuracy_within_classes(guesses, labels, 6), [50, *[np.nan] * 3, 100, np.nan])
    assert np.isnan(per_class_accuracy(guesses[:0], labels[:0]))


def test_classes_may_be_names() -> None:
    names = np.array(["iris", "lily", "daisy"])
    labels, guesses = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 0])
    assert per_class_accuracy(names[guesses], names[labels]) == per_class_accuracy(guesses, labels) == 50


@pytest.mark.parametrize("draw", [lambda rng: rng.normal(size=20), lambda rng: rng.integers(0, 4, 30)])
def test_rank_correlation_is_spearmans(draw) -> None:
    rng = np.random.default_rng(0)
    one, other = draw(rng), draw(rng)
    expected = spearman_corrcoef(torch.tensor(one, dtype=torch.float), torch.tensor(other, dtype=torch.float))
    assert rank_correlation(one, other) == pytest.approx(float(expected), abs=1e-4)


def test_rank_correlation_knows_orders_only() -> None:
    values = np.arange(5.0)
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    gap, known = np.append(values, np.nan), np.append(np.exp(values), 0)
    assert rank_correlation(gap, known) == rank_correlation(known, gap) == pytest.approx(1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.ones(5), np.arange(5.0)),
        (np.arange(2.0), np.arange(2.0)),
        (np.array([1, 2, np.nan]), np.arange(3.0)),
        (np.array([1, 1, 1, np.nan]), np.arange(4.0)),
    ],
)
def test_rank_correlation_of_too_little_is_not_known(
    one: np.ndarray, other: np.ndarray, recwarn: pytest.WarningsRecorder
) -> None:
    assert np.isnan(rank_correlation(one, other)) and np.isnan(rank_correlation(other, one))
    assert not recwarn.list
