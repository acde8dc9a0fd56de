"""Generalized zero-shot figures against an implementation that tries every gamma one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from n3core.errors import InputError
from n3core.generalized import (
    ausuc,
    choose_gamma,
    generalized_scores,
    harmonic_mean,
    seen_unseen_accuracies,
    seen_unseen_curve,
    thin_curve,
)

Task = tuple[np.ndarray, np.ndarray, np.ndarray]  # scores, labels, unseen columns


def draw_task(seed: int, *, tied: bool) -> Task:
    """A random task: classes of different sizes, some without images; `tied` scores are small whole numbers."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 9))
    unseen = rng.permutation(classes)[: rng.integers(1, classes)]
    seen = np.setdiff1d(np.arange(classes), unseen)
    labels = rng.choice(classes, int(rng.integers(0, 40)), p=rng.dirichlet(np.ones(classes)))
    labels = rng.permutation(np.concatenate([labels, unseen[:1], seen[:1]]))
    if tied:
        scores = rng.integers(-2, 3, (len(labels), classes)).astype(np.float32)
    else:
        scores = rng.normal(0, 2, (len(labels), classes)).astype(np.float32)
    scores[np.arange(len(labels)), labels] += rng.integers(0, 4)
    return scores, labels, unseen


def try_gamma(task: Task, gamma: float) -> tuple[float, float]:
    """U and S in [0, 1] the plain way: add, argmax, count class by class."""
    scores, labels, unseen = task
    calibrated = scores.astype(np.float64)
    calibrated[:, unseen] += gamma
    predicted = calibrated.argmax(axis=1)
    found: dict[bool, list[float]] = {True: [], False: []}
    for label in sorted(set(labels.tolist())):
        right = [predicted[n] == label for n in range(len(labels)) if labels[n] == label]
        found[label in unseen.tolist()].append(sum(right) / len(right))
    return sum(found[True]) / len(found[True]), sum(found[False]) / len(found[False])


def try_every_gamma(task: Task) -> list[tuple[float, float]]:
    """U and S at one gamma between any two neighbouring gaps and beyond both ends."""
    scores, _, unseen = task
    seen = [k for k in range(scores.shape[1]) if k not in unseen.tolist()]
    gaps = sorted({float(row[seen].max()) - float(row[unseen].max()) for row in scores.astype(np.float64)})
    middles = [(low + high) / 2 for low, high in pairwise(gaps)]
    return [try_gamma(task, gamma) for gamma in [gaps[0] - 1, *middles, gaps[-1] + 1]]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("start", range(0, 300, 100))
def test_figures_agree_with_every_gamma_tried_one_by_one(start: int, tied: bool) -> None:
    for seed in range(start, start + 100):
        task = draw_task(seed, tied=tied)
        points = try_every_gamma(task)
        area = sum((u1 - u0) * (s0 + s1) / 2 for (u0, s0), (u1, s1) in pairwise(points))
        curve = seen_unseen_curve(*task)
        assert abs(ausuc(curve) - area) < 1e-9
        distinct = [point for n, point in enumerate(points) if n == 0 or point != points[n - 1]]
        np.testing.assert_allclose(curve / 100, distinct, atol=1e-9)

        best = max(harmonic_mean(u, s) for u, s in points)
        chosen = try_gamma(task, choose_gamma(*task))
        assert abs(harmonic_mean(*chosen) - best) < 1e-9


@pytest.mark.parametrize("tied", [False, True])
def test_accuracies_are_those_of_argmax_at_any_gamma_ties_included(tied: bool) -> None:
    for seed in range(100):
        task = draw_task(seed, tied=tied)
        for gamma in (0.0, -1.0, 2.0, 0.3):
            found = seen_unseen_accuracies(*task, gamma)
            np.testing.assert_allclose(np.array(found) / 100, try_gamma(task, gamma), atol=1e-9)


def test_a_shift_of_the_unseen_scores_moves_gamma_and_nothing_else() -> None:
    scores, labels, unseen = draw_task(7, tied=True)
    shifted = scores.copy()
    shifted[:, unseen] += 8
    np.testing.assert_array_equal(seen_unseen_curve(shifted, labels, unseen), seen_unseen_curve(scores, labels, unseen))
    before, after = choose_gamma(scores, labels, unseen), choose_gamma(shifted, labels, unseen)
    chosen = [seen_unseen_accuracies(scores, labels, unseen, gamma) for gamma in (before, after + 8)]
    assert harmonic_mean(*chosen[0]) == pytest.approx(harmonic_mean(*chosen[1]))


def test_order_of_classes_does_not_matter() -> None:
    scores, labels, unseen = draw_task(11, tied=False)
    order = np.random.default_rng(0).permutation(scores.shape[1])
    place = np.argsort(order)
    again = (scores[:, order], place[labels], place[unseen])
    np.testing.assert_allclose(seen_unseen_curve(*again), seen_unseen_curve(scores, labels, unseen))
    assert choose_gamma(*again) == choose_gamma(scores, labels, unseen)


def test_a_mask_names_the_same_columns_as_their_indices() -> None:
    scores, labels, unseen = draw_task(3, tied=False)
    mask = np.isin(np.arange(scores.shape[1]), unseen)
    np.testing.assert_array_equal(seen_unseen_curve(scores, labels, mask), seen_unseen_curve(scores, labels, unseen))


def test_area_is_one_for_a_perfect_ranking_and_zero_for_one_that_is_never_right() -> None:
    labels = np.arange(6)
    perfect = 10 * np.eye(6)
    assert ausuc(seen_unseen_curve(perfect, labels, [4, 5])) == pytest.approx(1)
    wrong = np.roll(perfect, 1, axis=1)
    assert ausuc(seen_unseen_curve(wrong, labels, [1, 3, 5])) == 0
    assert choose_gamma(wrong, labels, [1, 3, 5]) == 0


def test_equal_gaps_leave_one_straight_line() -> None:
    scores = np.zeros((4, 2))
    labels = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(seen_unseen_curve(scores, labels, [1]), [[0, 100], [100, 0]])
    assert ausuc(seen_unseen_curve(scores, labels, [1])) == pytest.approx(0.5)


def test_harmonic_mean_of_nothing_is_zero() -> None:
    assert harmonic_mean(0.0, 0.0) == 0
    assert harmonic_mean(20.0, 80.0) == pytest.approx(32)


@pytest.mark.parametrize("count", [2, 7, 50])
def test_a_thinned_curve_keeps_its_ends_and_moves_no_point(count: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2000)
    scores = rng.normal(size=(2000, 10)) + 2 * np.eye(10)[labels]
    curve = seen_unseen_curve(scores, labels, [7, 8, 9])
    thin = thin_curve(curve, count)
    assert 2 <= len(thin) <= count < len(curve)
    assert {tuple(point) for point in thin} <= {tuple(point) for point in curve}
    np.testing.assert_array_equal(thin[[0, -1]], curve[[0, -1]])
    assert (np.diff(thin[:, 0]) >= 0).all() and (np.diff(thin[:, 1]) <= 0).all()
    if count == 50:
        assert ausuc(thin) == pytest.approx(ausuc(curve), abs=2e-3)
    with pytest.raises(ValueError, match="at least 2"):
        thin_curve(curve, 1)


def test_points_that_are_kept_lie_nearest_to_even_steps() -> None:
    curve = np.array([[0, 100], [10, 100], [20, 100], [90, 100], [100, 100]])
    assert thin_curve(curve, 3)[:, 0].tolist() == [0, 20, 100]
    np.testing.assert_array_equal(thin_curve(curve, 5), curve)


def test_gaps_keep_what_float32_would_round_away() -> None:
    scores = np.array([[1e8, 1.0], [1e9, 0.0]], np.float32)
    assert seen_unseen_accuracies(scores, np.array([1, 0]), [1], 1e8 - 0.5) == (100, 100)


def test_all_figures_of_one_task_fit_together() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 8, 60_000)  # would take hours if every gamma were tried
    scores = (rng.normal(size=(60_000, 8)) + 2 * np.eye(8)[labels]).astype(np.float32)
    unseen = [5, 6, 7]
    scores[:, unseen] -= 1.5
    gamma = choose_gamma(scores[:30_000], labels[:30_000], unseen)
    found = generalized_scores(scores[30_000:], labels[30_000:], unseen, gamma, curve_points=100)
    rest = (scores[30_000:], labels[30_000:], unseen)
    assert gamma == pytest.approx(1.5, abs=0.2)
    assert (found.unseen, found.seen) == seen_unseen_accuracies(*rest, gamma)
    assert (found.uncalibrated_unseen, found.uncalibrated_seen) == seen_unseen_accuracies(*rest)
    assert found.harmonic_mean > harmonic_mean(found.uncalibrated_unseen, found.uncalibrated_seen) + 5
    assert found.ausuc == ausuc(seen_unseen_curve(*rest))
    assert len(found.curve) <= 100 and found.curve[0][0] == 0 and found.curve[-1][1] == 0


@pytest.mark.parametrize(
    ("unseen", "labels", "message"),
    [
        ([], [0, 1, 2], "3 seen and 0 unseen classes"),
        ([0, 1, 2], [0, 1, 2], "0 seen and 3 unseen classes"),
        ([2], [0, 1, 1], "no image of an unseen class"),
        ([2], [2, 2, 2], "no image of a seen class"),
    ],
)
def test_a_task_without_one_of_the_two_kinds_is_refused(unseen: list[int], labels: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        seen_unseen_curve(np.eye(3), np.array(labels), np.array(unseen, np.int64))
