"""Class Normalization as a layer and in N3's label path: what it normalises, what it keeps, which classes it mixes."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from n3core.backbone import layer_specs
from n3core.checkpoint import load_checkpoint
from n3core.class_norm import ClassNorm
from n3core.config import N3Config, TextConfig, from_json, to_json
from n3core.errors import InputError
from n3core.hypernetwork import Labels2Adaptation
from n3core.known_checkpoints import default_checkpoint


@pytest.fixture
def classes() -> torch.Tensor:
    return torch.randn(7, 5, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 6) + 3


def test_training_normalises_every_feature_over_the_classes(classes: torch.Tensor) -> None:
    found = ClassNorm(5).train()(classes)
    torch.testing.assert_close(found.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0, unbiased=False), torch.ones(5), atol=1e-4, rtol=0)
    by_variance = ClassNorm(5, use_variance=True).train()(classes)
    torch.testing.assert_close(by_variance * classes.std(0, unbiased=False), found, atol=1e-4, rtol=1e-4)


def test_running_statistics_follow_with_their_momentum_and_rule_in_evaluation(classes: torch.Tensor) -> None:
    norm = ClassNorm(5, momentum=0.25).train()
    norm(classes)
    torch.testing.assert_close(norm.running_mean, 0.25 * classes.mean(0))
    torch.testing.assert_close(norm.running_variance, 0.75 + 0.25 * classes.var(0, unbiased=False))
    for _ in range(80):
        norm(classes)
    torch.testing.assert_close(norm.eval()(classes), norm.train()(classes), atol=1e-4, rtol=1e-4)
    norm.eval()
    before = norm.running_mean.clone()
    assert torch.equal(norm(classes)[2:3], norm(classes[2:3])), "a class keeps its value whatever its company"
    assert torch.equal(norm.running_mean, before)


def test_two_classes_that_agree_give_true_gradients_and_leave_none_behind() -> None:
    norm = ClassNorm(3).train()
    pair = torch.tensor([[1.0, 2, 5], [3, -2, 5]], requires_grad=True)  # the last feature is the same of both
    found = norm(pair)
    found.square().sum().backward()
    assert torch.isfinite(pair.grad).all() and found[:, 2].tolist() == [0, 0]
    assert not norm.running_mean.requires_grad and not norm.running_variance.requires_grad
    torch.testing.assert_close(norm.running_mean, 0.1 * pair.detach().mean(0), msg="the published momentum")
    assert norm(pair.detach().bfloat16()).dtype == torch.float32


def test_it_has_nothing_to_learn_and_refuses_a_single_class(classes: torch.Tensor) -> None:
    norm = ClassNorm(5)
    assert not list(norm.parameters())
    with pytest.raises(InputError, match="at least 2"):
        norm.train()(classes[:1])
    assert torch.isfinite(norm.eval()(classes[:1])).all()


def adapter_of(*, label_normalization: bool) -> Labels2Adaptation:
    torch.manual_seed(0)
    config = N3Config(
        width=16, heads=2, dropout=0.0, text=TextConfig(hidden_size=24), label_normalization=label_normalization
    )
    return Labels2Adaptation(config, layer_specs("resnet18", 2))


@pytest.mark.parametrize("training", [True, False])
def test_the_label_path_stays_equivariant(training: bool) -> None:
    adapter = adapter_of(label_normalization=True).train(training)
    labels = torch.randn(6, 16, generator=torch.Generator().manual_seed(3)) + 2
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    factors, directions, biases = adapter(labels)
    permuted_factors, permuted_directions, permuted_biases = adapter(labels[order])
    torch.testing.assert_close(permuted_directions, directions[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(permuted_biases, biases[order], atol=1e-5, rtol=1e-5)
    for name, (piece, _) in factors.items():
        torch.testing.assert_close(permuted_factors[name][0], piece, atol=1e-5, rtol=1e-5, msg=name)


def test_normalised_labels_forget_a_shift_common_to_all_classes() -> None:
    labels = torch.randn(6, 16, generator=torch.Generator().manual_seed(3))
    shift = torch.linspace(-3, 3, 16)
    normalised, plain = adapter_of(label_normalization=True).train(), adapter_of(label_normalization=False).train()
    torch.testing.assert_close(normalised(labels + shift)[1], normalised(labels)[1], atol=1e-4, rtol=1e-4)
    assert (plain(labels + shift)[1] - plain(labels)[1]).abs().max() > 0.1


def test_configs_and_checkpoints_from_before_load_without_it() -> None:
    written = json.loads(to_json(N3Config()))
    del written["label_normalization"]
    assert from_json(N3Config, json.dumps(written)) == N3Config()
    config = dataclasses.replace(N3Config(), label_normalization=True)
    assert from_json(N3Config, to_json(config)) == config
    shipped = load_checkpoint(default_checkpoint())
    assert not shipped.config.label_normalization
    assert not [name for name in shipped.state_dict() if "label_norm" in name]
