"""The attended auto-encoder: equations, what its switches switch, where it looks, and what it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from n3core.baselines.attended import ENTRY, AttendedAutoEncoder, AttendedNetwork, AttendedSettings
from n3core.baselines.base import BaseNetwork, ImageSet
from n3core.errors import InputError

TaskMaker = Callable[..., Any]
QUICK = AttendedSettings(hidden_size=64, steps=200, batch_size=64, learning_rate=1e-2)


def fitted(task: Any, settings: AttendedSettings = QUICK, seed: int = 0) -> AttendedAutoEncoder:
    method = AttendedAutoEncoder(settings, seed=seed)
    method.fit(task.images, task.labels, task.seen)
    return method


@pytest.fixture(scope="module")
def task(make_zero_shot_task: TaskMaker) -> Any:
    return make_zero_shot_task()


@pytest.fixture(scope="module")
def method(task: Any) -> AttendedAutoEncoder:
    return fitted(task)


def test_scores_are_those_of_the_equations() -> None:
    torch.manual_seed(0)
    network = AttendedNetwork(6, 8, replace(QUICK, coupled=False))
    regions, semantics = torch.randn(3, 5, 8), torch.nn.functional.normalize(torch.randn(4, 6), dim=1)
    scores = network(regions, semantics)
    hidden = network.encoder(semantics).T  # H (d, C)
    for image in range(3):
        affinity = QUICK.sharpness * regions[image] @ hidden  # X'H (T, C)
        attention = affinity.exp() / affinity.exp().sum(0)
        attended = regions[image].T @ attention  # X A (d, C)
        for k in range(4):
            expected = QUICK.scale * network.visual_semantic(attended[:, k]) @ semantics[k]
            torch.testing.assert_close(scores[image, k], expected, atol=1e-4, rtol=1e-4)
    aligned = (hidden.T @ hidden - semantics @ semantics.T).norm() ** 2
    restored = (semantics - network.decoder(network.encoder(semantics))).norm() ** 2
    torch.testing.assert_close(network.regularise(semantics), (0.5 * aligned + restored) / 4)


def test_unseen_classes_are_told_apart(task: Any, method: AttendedAutoEncoder) -> None:
    scores = method.predict(task.test_images, task.unseen)
    chance = 1 / len(task.unseen)
    assert scores.shape == (len(task.test_images), len(task.unseen)) and scores.dtype == np.float32
    assert task.accuracy(scores) > 5 * chance
    shifted = task.unseen.take((np.arange(len(task.unseen)) + 1) % len(task.unseen))
    assert task.accuracy(method.predict(task.test_images, shifted)) < 2 * chance


def test_permuting_classes_permutes_scores_and_maps(task: Any, method: AttendedAutoEncoder) -> None:
    order = np.random.default_rng(1).permutation(len(task.unseen))
    images = task.test_images.take(range(9))
    scores = method.predict(images, task.unseen)
    np.testing.assert_allclose(method.predict(images, task.unseen.take(order)), scores[:, order], atol=1e-5)
    maps = method.attention_maps(images, task.unseen)
    np.testing.assert_allclose(method.attention_maps(images, task.unseen.take(order)), maps[:, order], atol=1e-6)


def test_a_seed_fixes_everything_and_the_global_generator_is_left_alone(task: Any) -> None:
    short = replace(QUICK, steps=5)
    before = torch.get_rng_state()
    one, same, other = (fitted(task, short, seed).predict(task.test_images, task.unseen) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_every_map_is_a_distribution_over_the_places(task: Any, method: AttendedAutoEncoder) -> None:
    images = task.test_images.take(range(6))
    maps = method.attention_maps(images, task.unseen)
    assert maps.shape == (6, len(task.unseen), 4, 4)
    assert maps.min() >= 0
    np.testing.assert_allclose(maps.sum((2, 3)), 1, atol=1e-5)
    moved = method.attention_maps(replace(images, maps=images.maps[:, :, ::-1]), task.unseen)
    np.testing.assert_allclose(moved, maps[:, :, ::-1], atol=1e-6)


def test_attention_finds_the_only_place_that_shows_the_object(make_zero_shot_task: TaskMaker) -> None:
    task = make_zero_shot_task(images=30)
    rng = np.random.default_rng(3)

    def bury(images: ImageSet) -> tuple[ImageSet, np.ndarray]:
        maps = rng.normal(0, 0.3, images.maps.shape).astype(np.float32)
        places = rng.integers(0, 16, len(images))
        maps.reshape(len(images), -1, 16)[np.arange(len(images)), :, places] = images.features * 3
        return ImageSet(maps.mean((2, 3)), maps), places

    images, _ = bury(task.images)
    test_images, places = bury(task.test_images)
    method = AttendedAutoEncoder(replace(QUICK, steps=300))
    method.fit(images, task.labels, task.seen)
    own = method.attention_maps(test_images, task.unseen)[np.arange(len(places)), task.test_labels].reshape(-1, 16)
    assert (own.argmax(1) == places).mean() > 0.8
    assert task.accuracy(method.predict(test_images, task.unseen)) > 5 / len(task.unseen)


@pytest.mark.parametrize("switch", ["alignment", "reconstruction"])
def test_a_loss_that_is_on_is_brought_down(task: Any, switch: str) -> None:
    off = {"alignment": 0.0, "reconstruction": 0.0}

    def remaining(weight: float) -> float:
        method = fitted(task, replace(QUICK, **{**off, switch: weight}))
        method._network.settings = replace(QUICK, **{**off, switch: 1.0})
        return method._network.regularise(method._describe(task.seen)).item()

    assert remaining(1.0) < 0.5 * remaining(0.0)


def test_decoupling_gives_the_visual_semantic_map_weights_of_its_own() -> None:
    coupled, apart = (AttendedNetwork(6, 8, replace(QUICK, coupled=flag)) for flag in (True, False))
    assert coupled.visual_semantic is coupled.decoder
    assert len(list(apart.parameters())) == len(list(coupled.parameters())) + 2


def test_calibration_moves_unseen_classes_alone(task: Any, method: AttendedAutoEncoder) -> None:
    calibrated = fitted(task, replace(QUICK, calibrated=True))
    assert calibrated.gamma != 0
    images = task.test_images.take(range(20))
    for texts, gain in ((task.unseen, calibrated.gamma), (task.seen, 0.0)):
        raised = calibrated.predict(images, texts) - method.predict(images, texts)
        np.testing.assert_allclose(raised, gain, atol=1e-5)


def test_calibration_without_classes_to_spare_does_nothing(make_zero_shot_task: TaskMaker) -> None:
    method = fitted(make_zero_shot_task(seen=3, images=4), replace(QUICK, calibrated=True, steps=3))
    assert method.gamma == 0.0


def test_no_image_gives_no_score(task: Any, method: AttendedAutoEncoder) -> None:
    assert method.predict(task.test_images.take([]), task.unseen).shape == (0, len(task.unseen))


def test_maps_are_asked_for(task: Any, method: AttendedAutoEncoder) -> None:
    assert ENTRY.needs == {"maps"}
    for ask in ("predict", "attention_maps"):
        with pytest.raises(RuntimeError, match="fit comes before predict"):
            getattr(AttendedAutoEncoder(AttendedSettings()), ask)(task.test_images, task.unseen)
    with pytest.raises(InputError, match="images with 2 labels"):
        AttendedAutoEncoder(AttendedSettings()).fit(task.images, task.labels[:2], task.seen)
    with pytest.raises(ValueError, match="maps"):
        method.predict(replace(task.test_images, maps=None), task.unseen)


def test_defaults_lie_in_the_search_space(recwarn: pytest.WarningsRecorder) -> None:
    assert ENTRY.suggest(optuna.trial.FixedTrial(dict(ENTRY.default))) == ENTRY.default
    assert not [warning for warning in recwarn if "range" in str(warning.message)]
    built = ENTRY.build(ENTRY.default, BaseNetwork("resnet18", {}, 32), 3)
    assert isinstance(built, AttendedAutoEncoder) and built.settings == AttendedSettings() and built.seed == 3
