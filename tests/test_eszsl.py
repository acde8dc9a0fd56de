"""The closed form of ESZSL against plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from n3core.baselines.eszsl import ESZSL, ESZSLSettings, solve_bilinear_map


def solve_plainly(x: np.ndarray, y: np.ndarray, s: np.ndarray, g: float, penalty: float) -> np.ndarray:
    """V = (X'X + g I)^-1 X'Y S (S'S + l I)^-1, with inverses as it is written."""
    left = np.linalg.inv(x.T @ x + g * np.eye(x.shape[1]))
    right = np.linalg.inv(s.T @ s + penalty * np.eye(s.shape[1]))
    return left @ x.T @ y @ s @ right


@pytest.fixture
def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 60)
    targets = np.where(labels[:, None] == np.arange(7), 1.0, -1.0)
    return rng.normal(size=(60, 9)), targets, rng.normal(size=(7, 5))


@pytest.mark.parametrize(("feature_penalty", "semantics_penalty"), [(1e-2, 1e-2), (1.0, 10.0), (1e3, 1e-1)])
def test_the_closed_form_equals_numpy(problem: Any, feature_penalty: float, semantics_penalty: float) -> None:
    found = solve_bilinear_map(*map(torch.from_numpy, problem), feature_penalty, semantics_penalty).numpy()
    expected = solve_plainly(*problem, feature_penalty, semantics_penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_more_semantics_than_classes_are_no_obstacle(problem: Any) -> None:
    features, targets, _ = problem
    semantics = np.random.default_rng(1).normal(size=(7, 30))
    found = solve_bilinear_map(*map(torch.from_numpy, (features, targets, semantics)), 1.0, 1.0).numpy()
    np.testing.assert_allclose(found, solve_plainly(features, targets, semantics, 1.0, 1.0), rtol=1e-6, atol=1e-9)


def test_the_solution_minimises_the_loss_of_the_paper(problem: Any) -> None:
    features, targets, semantics = map(torch.from_numpy, problem)
    g, penalty = 2.0, 3.0

    def loss(v: torch.Tensor) -> torch.Tensor:
        fit = (features @ v @ semantics.T - targets).square().sum()
        spread = g * (v @ semantics.T).square().sum() + penalty * (features @ v).square().sum()
        return fit + spread + g * penalty * v.square().sum()

    solution = solve_bilinear_map(features, targets, semantics, g, penalty).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(solution), solution)
    assert gradient.abs().max() < 1e-9


@pytest.mark.parametrize("centre", [True, False])
def test_the_system_scores_as_numpy_does(make_zero_shot_task: Callable[..., Any], centre: bool) -> None:
    task = make_zero_shot_task(10, 4)
    method = ESZSL(ESZSLSettings(100.0, 0.5, centre))
    method.fit(task.images, task.labels, task.seen)
    features, seen = task.images.features.astype(float), task.seen.semantics.astype(float)
    mean, deviation = features.mean(0), features.std(0)
    centre_of, scale = (seen.mean(0), seen.std(0)) if centre else (0.0, 1.0)

    def unit(semantics: np.ndarray) -> np.ndarray:
        prepared = (semantics - centre_of) / scale
        return prepared / np.linalg.norm(prepared, axis=1, keepdims=True)

    targets = np.where(task.labels[:, None] == np.arange(10), 1.0, -1.0)
    v = solve_plainly((features - mean) / deviation, targets, unit(seen), 100.0, 0.5)
    expected = (task.test_images.features - mean) / deviation @ v @ unit(task.unseen.semantics).T
    np.testing.assert_allclose(method.predict(task.test_images, task.unseen), expected, rtol=1e-4, atol=1e-5)
