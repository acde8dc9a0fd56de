"""Predicted classifiers and filters against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from n3core.baselines import pdcnn
from n3core.baselines.base import BaseNetwork, ImageSet
from n3core.baselines.pdcnn import PDCNN, PDCNNSettings, WeightPredictor, answer_loss

SMALL = PDCNNSettings(hidden_size=16, joint_size=8, channels=3, steps=20)


@pytest.fixture
def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 10), (5, 10, 4, 4), (3, 6))
    features, maps, semantics = (torch.randn(*shape, generator=generator) for shape in shapes)
    return features, maps, semantics


def predictor_of(*, maps: bool) -> WeightPredictor:
    torch.manual_seed(0)
    return WeightPredictor(6, 10, SMALL, maps=maps).eval()


@torch.no_grad()
def test_the_fully_connected_score_is_an_inner_product(inputs: Any) -> None:
    features, _, semantics = inputs
    network = predictor_of(maps=False)
    scores = network(features, None, semantics)
    for image in range(5):
        for k in range(3):
            expected = network.weights(semantics[k : k + 1])[0] @ network.project(features[image : image + 1])[0]
            assert float(scores[image, k]) == pytest.approx(float(expected) / 8**0.5, abs=1e-5)


@torch.no_grad()
def test_the_convolutional_score_slides_the_predicted_filters(inputs: Any) -> None:
    features, maps, semantics = inputs
    network = predictor_of(maps=True)
    found = network(features, maps, semantics) - network(features, None, semantics)
    reduced = np.pad(network.reduce(maps).numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    filters = network.filters(semantics).view(3, 3, 3, 3).numpy()
    for image in range(5):
        for k in range(3):
            places = [
                (reduced[image, :, row : row + 3, column : column + 3] * filters[k]).sum()
                for row in range(4)
                for column in range(4)
            ]
            assert float(found[image, k]) == pytest.approx(float(np.mean(places)), abs=1e-4)


def test_losses_ask_one_question_per_class() -> None:
    scores = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    answers = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    probability = 1 / (1 + np.exp(-scores.numpy()))
    picked = np.where(answers.numpy() > 0, probability, 1 - probability)
    assert float(answer_loss(scores, answers, "bce")) == pytest.approx(-np.log(picked).sum(1).mean(), abs=1e-5)
    hinge = np.array([[0, 0, 1.5], [1, 4, 3]]).sum(1).mean()
    assert float(answer_loss(scores, answers, "hinge")) == pytest.approx(hinge)


@pytest.mark.parametrize("convolution", [False, True])
def test_maps_matter_only_to_the_convolution(make_zero_shot_task: Callable[..., Any], convolution: bool) -> None:
    task = make_zero_shot_task(10, 4)
    method = PDCNN(SMALL, convolution=convolution)
    method.fit(task.images, task.labels, task.seen)
    other = ImageSet(task.test_images.features, task.test_images.maps[::-1].copy())
    same = np.array_equal(method.predict(task.test_images, task.unseen), method.predict(other, task.unseen))
    assert same != convolution


def test_entries_ask_for_what_they_read(make_zero_shot_task: Callable[..., Any]) -> None:
    task = make_zero_shot_task(6, 3)
    needs = {entry.name: entry.needs for entry in pdcnn.ENTRIES}
    assert needs == {"pdcnn-fc": frozenset(), "pdcnn-fc-conv": frozenset({"maps"})}
    bare = ImageSet(task.images.features)
    for entry in pdcnn.ENTRIES:
        method = entry.build({**entry.default, "steps": 2}, BaseNetwork("resnet18", {}, 64), 0)
        if entry.needs:
            with pytest.raises(ValueError, match=r"ImageSet\.maps"):
                method.fit(bare, task.labels, task.seen)
        else:
            method.fit(bare, task.labels, task.seen)


def test_images_are_scored_in_parts_without_a_seam(
    make_zero_shot_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_zero_shot_task(10, 4)
    method = PDCNN(SMALL, convolution=True)
    method.fit(task.images, task.labels, task.seen)
    whole = method.predict(task.test_images, task.unseen)
    monkeypatch.setattr(pdcnn, "_CHUNK", 7)
    np.testing.assert_allclose(method.predict(task.test_images, task.unseen), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["bce", "hinge"])
def test_both_losses_learn_the_seen_classes(make_zero_shot_task: Callable[..., Any], loss: Any) -> None:
    task = make_zero_shot_task(10, 4)
    method = PDCNN(PDCNNSettings(steps=150, loss=loss), convolution=False)
    method.fit(task.images, task.labels, task.seen)
    assert (method.predict(task.images, task.seen).argmax(1) == task.labels).mean() > 0.8
