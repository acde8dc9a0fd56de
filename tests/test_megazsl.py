"""The GAN's losses against autograd and plain loops, and the vote of the nearest generated features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from n3core.baselines.feature_gan import (
    Discriminator,
    Generator,
    average_by_class,
    discriminator_loss,
    generator_loss,
)
from n3core.baselines.megazsl import MEGAZSL, MEGAZSLSettings, score_by_neighbours

QUICK = {"hidden_size": 128, "text_size": 64, "noise_size": 16}


def standard_normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    network = Discriminator(6, 20, 4)
    for layer in (network.hidden, network.critic, network.classifier):
        torch.nn.init.normal_(layer.bias)
    return network


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(5, 8, 3, 10, 6)


def test_the_critics_gradient_is_that_of_autograd(discriminator: Discriminator) -> None:
    features = standard_normal(9, 6, seed=1).requires_grad_()
    (expected,) = torch.autograd.grad(discriminator(features)[0].sum(), features)
    assert torch.allclose(discriminator.critic_gradient(features), expected, atol=1e-6)


def test_the_discriminators_loss_and_its_gradient_are_those_of_wgan_gp(discriminator: Discriminator) -> None:
    real, fake, mix = standard_normal(9, 6, seed=2), standard_normal(9, 6, seed=3), torch.rand(9, 1)
    classes = torch.arange(9) % 4
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between)[0].sum(), between, create_graph=True)
    expected = (
        discriminator(fake)[0].mean()
        - discriminator(real)[0].mean()
        + 10 * ((slope.square().sum(1).sqrt() - 1) ** 2).mean()
        + functional.cross_entropy(discriminator(real)[1], classes)
        + functional.cross_entropy(discriminator(fake)[1], classes)
    )
    found = discriminator_loss(discriminator, real, fake, classes, mix, 10.0)
    assert torch.allclose(found, expected, atol=1e-5)
    weights = list(discriminator.parameters())
    for mine, theirs in zip(torch.autograd.grad(found, weights), torch.autograd.grad(expected, weights), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


@torch.no_grad()
def test_the_generators_loss_pulls_class_means_to_their_centroids(discriminator: Discriminator) -> None:
    fake, classes = standard_normal(7, 6, seed=4), torch.tensor([0, 0, 2, 2, 2, 3, 0])  # no image of class 1
    centroids = standard_normal(4, 6, seed=5)
    critic, logits = discriminator(fake)
    distances = [float((fake[classes == c].mean(0) - centroids[c]).norm()) for c in (0, 2, 3)]
    expected = -float(critic.mean()) + float(functional.cross_entropy(logits, classes)) / 2 + 0.7 * np.mean(distances)
    assert float(generator_loss(discriminator, fake, classes, centroids, 0.7)) == pytest.approx(expected, abs=1e-5)


def test_class_means_by_hand() -> None:
    features, classes = standard_normal(5, 3, seed=6), torch.tensor([2, 0, 2, 2, 0])
    means, present = average_by_class(features, classes, 4)
    assert present.tolist() == [True, False, True, False]
    assert torch.allclose(means[0], features[[1, 4]].mean(0)) and torch.allclose(means[2], features[[0, 2, 3]].mean(0))
    assert not means[[1, 3]].any()


def test_the_generator_is_one_layer_over_text_and_noise_joined(generator: Generator) -> None:
    semantics, noise = standard_normal(7, 5, seed=7), standard_normal(7, 3, seed=8)
    joined = torch.cat([generator.reduce(semantics), noise], 1)
    weight = torch.cat([generator.from_text.weight, generator.from_noise.weight], 1)
    hidden = functional.leaky_relu(joined @ weight.mT + generator.from_text.bias)
    assert torch.allclose(generator(generator.read(semantics), noise), generator.output(hidden), atol=1e-5)


@torch.no_grad()
def test_the_penalty_is_that_of_the_paper(generator: Generator) -> None:
    weights = [weight for name, weight in generator.named_parameters() if name.endswith("weight")]
    squares = sum(float(weight.square().sum()) for weight in weights)
    groups = sum(float(generator.reduce.weight[:, column].norm()) for column in range(5))
    assert len(weights) == 4
    assert float(generator.penalty(0.1, 0.2)) == pytest.approx(0.1 * squares + 0.2 * groups, rel=1e-5)


def test_a_rectified_generator_makes_no_negative_feature() -> None:
    torch.manual_seed(0)
    semantics, noise = standard_normal(50, 5, seed=9), standard_normal(50, 3, seed=10)
    rectified, linear = (Generator(5, 8, 3, 10, 6, rectified=flag) for flag in (True, False))
    assert rectified(rectified.read(semantics), noise).min() == 0
    assert linear(linear.read(semantics), noise).min() < 0


def test_neighbours_vote_as_in_a_plain_loop() -> None:
    features, fakes = standard_normal(11, 6, seed=11), standard_normal(4, 9, 6, seed=12)
    scores = score_by_neighbours(features, fakes, 5).numpy()
    for image, x in enumerate(features.numpy()):
        cosines = [
            (float(x @ f / (np.linalg.norm(x) * np.linalg.norm(f))), k) for k in range(4) for f in fakes[k].numpy()
        ]
        nearest = sorted(cosines, reverse=True)[:5]
        for k in range(4):
            votes = sum(owner == k for _, owner in nearest)
            best = max(cosine for cosine, owner in cosines if owner == k)
            assert scores[image, k] == pytest.approx((votes + best / 2) / 5, abs=1e-5)


def test_most_votes_win_and_ties_go_to_the_nearer() -> None:
    near, far = [1.0, 0.0], [1.0, 1.0]
    image = torch.tensor([near])
    majority = torch.tensor([[near, [-1.0, 0.0], [-1.0, 0.0]], [far, far, far]])
    assert score_by_neighbours(image, majority, 4).argmax() == 1
    tie = torch.tensor([[far, far, [-1.0, 0.0]], [near, near, [-1.0, 0.0]]])
    assert score_by_neighbours(image, tie, 4).argmax() == 1


@pytest.mark.parametrize("rectified", [False, True])
def test_generated_features_of_unseen_classes_resemble_real_ones(
    make_zero_shot_task: Callable[..., Any], rectified: bool
) -> None:
    task = make_zero_shot_task(40, 10)
    method = MEGAZSL(MEGAZSLSettings(steps=100, learning_rate=1e-3, rectified=rectified, **QUICK))
    method.fit(task.images, task.labels, task.seen)
    assert task.accuracy(method.predict(task.test_images, task.unseen)) > 0.4, "chance is 0.1"


def test_fewer_features_than_neighbours_still_vote(make_zero_shot_task: Callable[..., Any]) -> None:
    task = make_zero_shot_task(6, 2)
    method = MEGAZSL(MEGAZSLSettings(steps=2, samples=3, **QUICK))
    method.fit(task.images, task.labels, task.seen)
    assert np.isfinite(method.predict(task.test_images, task.unseen)).all()
