"""The attribute network, what keeps its variance, and the three systems built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from n3core.baselines.attribute_network import AttributeNetwork, normalise_attributes, scaled_cosine_logits
from n3core.baselines.base import BaseNetwork, ImageSet
from n3core.baselines.class_normalization import ENTRIES, AttributeClassifier, AttributeSettings
from n3core.class_norm import ClassNorm

QUICK = {"steps": 40, "hidden_size": 64}


def network_of(normalised: bool, seed: int = 0, **options: Any) -> AttributeNetwork:
    torch.manual_seed(seed)
    return AttributeNetwork(384, 1024, 512, normalised, **options)


def standard_normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def logit_deviation(network: AttributeNetwork) -> float:
    """Standard deviation of z'P(a) over images z of unit variance and classes a of unit length."""
    attributes = normalise_attributes(standard_normal(100, 384, seed=1), "unit")
    with torch.no_grad():
        return float((standard_normal(400, 512, seed=2) @ network(attributes).mT).std())


@pytest.mark.parametrize("seed", range(3))
def test_class_normalization_preserves_the_variance_through_the_network(seed: int) -> None:
    assert logit_deviation(network_of(True, seed, rectified=False)) == pytest.approx(1.0, abs=0.1)
    assert logit_deviation(network_of(True, seed, rectified=True)) == pytest.approx(0.5**0.5, abs=0.1)


@pytest.mark.parametrize("rectified", [True, False])
def test_without_it_the_variance_is_lost(rectified: bool) -> None:
    attributes = normalise_attributes(standard_normal(100, 384, seed=1), "unit")
    plain = network_of(False, rectified=rectified)
    with torch.no_grad():
        between_classes = (standard_normal(400, 512, seed=2) @ plain(attributes).mT).std(1).mean()
    assert float(between_classes) < 0.1


def test_dividing_by_the_variance_as_published_does_not_preserve_it() -> None:
    deviation = logit_deviation(network_of(True, rectified=False, use_variance=True))
    assert abs(deviation - 1) > 0.5


def test_the_output_layer_starts_within_its_bound() -> None:
    weight = [layer for layer in network_of(True).layers if isinstance(layer, nn.Linear)][-1].weight.detach()
    bound = (3 / (1024 * 512)) ** 0.5
    assert float(weight.abs().max()) <= bound
    assert float(weight.var()) == pytest.approx(1 / (1024 * 512), rel=0.01)


def test_the_layers_are_those_of_the_paper() -> None:
    def kinds(**options: Any) -> list[str]:
        return [type(layer).__name__ for layer in AttributeNetwork(4, 8, 6, **options).layers]

    plain = ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    normalised = ["Linear", "ReLU", "Linear", "ClassNorm", "ReLU", "ClassNorm", "Linear"]
    assert kinds(normalised=False) == [*plain, "ReLU"] and kinds(normalised=True) == [*normalised, "ReLU"]
    assert kinds(normalised=False, rectified=False) == plain
    assert kinds(normalised=True, rectified=False) == normalised


def test_normalised_hidden_features_have_unit_variance_over_classes() -> None:
    network = network_of(True)
    hidden = network.layers[:6](standard_normal(50, 384, seed=4))
    alive = hidden.std(0, unbiased=False) > 0.5  # a feature that the ReLU closes for every class stays 0
    assert alive.float().mean() > 0.95
    assert torch.allclose(hidden.mean(0), torch.zeros(1024), atol=1e-4)
    assert torch.allclose(hidden.std(0, unbiased=False)[alive], torch.ones(int(alive.sum())), atol=1e-2)


def test_at_test_time_a_class_keeps_its_prototype_in_any_company() -> None:
    network = network_of(True)
    attributes = standard_normal(20, 384, seed=5)
    for _ in range(3):
        network(attributes)
    together = network.eval()(attributes)
    assert torch.allclose(together[:1], network(attributes[:1]), atol=1e-6)


def test_running_statistics_follow_the_batches_with_their_momentum() -> None:
    norm = ClassNorm(3, momentum=0.1)
    values = 2 + 5 * standard_normal(8, 3, seed=6)
    norm(values)
    assert torch.allclose(norm.running_mean, 0.1 * values.mean(0))
    assert torch.allclose(norm.running_variance, 0.9 + 0.1 * values.var(0, unbiased=False))
    for _ in range(200):
        norm(values)
    in_training = norm(values)
    assert torch.allclose(norm.eval()(values), in_training, atol=1e-4)


def test_scaled_cosine_is_equation_i() -> None:
    features, prototypes = standard_normal(5, 7, seed=7), standard_normal(3, 7, seed=8)
    logits = scaled_cosine_logits(features, prototypes, 4.0)
    for row, z in enumerate(features):
        for column, p in enumerate(prototypes):
            expected = 16 * float(z @ p) / (float(z @ z) * float(p @ p)) ** 0.5
            assert float(logits[row, column]) == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(scaled_cosine_logits(9 * features, 0.1 * prototypes, 4.0), logits, atol=1e-5)
    assert torch.isfinite(scaled_cosine_logits(features, torch.zeros(3, 7), 4.0)).all()


def test_attributes_normalisation() -> None:
    attributes = 3 + standard_normal(4, 16, seed=9)
    assert torch.allclose(normalise_attributes(attributes, "unit").norm(dim=1), torch.ones(4))
    assert torch.allclose(normalise_attributes(attributes, "scaled"), 4 * normalise_attributes(attributes, "unit"))
    assert torch.equal(normalise_attributes(attributes, "none"), attributes)


@pytest.mark.parametrize(("name", "cosine"), [("mlp", False), ("mlp-cosine", True), ("mlp-cn", True)])
def test_only_cosine_logits_ignore_the_length_of_features(
    make_zero_shot_task: Callable[..., Any], name: str, cosine: bool
) -> None:
    task = make_zero_shot_task(10, 4)
    entry = next(entry for entry in ENTRIES if entry.name == name)
    method = entry.build({**entry.default, **QUICK, "standardise_features": False}, BaseNetwork("resnet18", {}, 64), 0)
    method.fit(task.images, task.labels, task.seen)
    scores = method.predict(task.test_images, task.unseen)
    longer = method.predict(ImageSet(3 * task.test_images.features), task.unseen)
    assert np.allclose(longer, scores, atol=1e-3) == cosine
    assert not cosine or np.abs(scores).max() <= method.settings.scale**2 + 1e-3


def test_logit_deviations_are_recorded_and_start_near_the_theory(make_zero_shot_task: Callable[..., Any]) -> None:
    task = make_zero_shot_task(30, 4)
    settings = AttributeSettings(standardise_features=True, attribute_norm="unit", **QUICK)
    deviations = {}
    for normalised in (False, True):
        method = AttributeClassifier(settings, cosine=False, normalised=normalised)
        method.fit(task.images, task.labels, task.seen)
        assert method.logit_deviations.shape == (40,) and np.isfinite(method.logit_deviations).all()
        deviations[normalised] = method.logit_deviations[0]
    assert deviations[True] == pytest.approx(1.0, abs=0.25)
    assert deviations[False] < 0.5


def test_training_lowers_the_error_on_seen_classes(make_zero_shot_task: Callable[..., Any]) -> None:
    task = make_zero_shot_task(20, 4)

    def seen_accuracy(steps: int) -> float:
        settings = AttributeSettings(steps=steps, hidden_size=64)
        method = AttributeClassifier(settings, cosine=True, normalised=True)
        method.fit(task.images, task.labels, task.seen)
        return float((method.predict(task.images, task.seen).argmax(1) == task.labels).mean())

    assert seen_accuracy(200) > seen_accuracy(2) + 0.2
