"""Phi(D; Gamma): what permuting classes, padding texts and choosing layers may and may not change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from n3core.backbone import LayerSpec, layer_specs
from n3core.config import N3Config, TextConfig
from n3core.hypernetwork import Labels2Adaptation, Tokens2Label

StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
CLASSES = 6


def config_of(**settings: object) -> N3Config:
    return N3Config(width=16, heads=2, text=TextConfig(hidden_size=24), **settings)


@pytest.fixture
def reader() -> Tokens2Label:
    torch.manual_seed(0)
    return Tokens2Label(config_of()).eval()


@pytest.fixture
def adapter() -> Labels2Adaptation:
    torch.manual_seed(0)
    return Labels2Adaptation(config_of(), layer_specs("resnet18", 2)).eval()


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.randn(CLASSES, 16, generator=torch.Generator().manual_seed(3))


def test_label_embedding_belongs_to_its_own_text(reader: Tokens2Label, make_states: StatesMaker) -> None:
    states, mask = make_states(CLASSES)
    together = reader(states, mask)
    assert together.shape == (CLASSES, 16)
    for row in range(CLASSES):
        torch.testing.assert_close(reader(states[row : row + 1], mask[row : row + 1])[0], together[row])
    changed = states.clone()
    changed[2, 0] += 1.0
    moved = (reader(changed, mask) - together).abs().amax(1) > 1e-3
    assert moved.tolist() == [row == 2 for row in range(CLASSES)]


def test_padding_is_never_read(reader: Tokens2Label, make_states: StatesMaker) -> None:
    states, mask = make_states(CLASSES)
    expected = reader(states, mask)
    noisy = torch.where(mask[..., None], states, torch.full_like(states, 1e3))
    torch.testing.assert_close(reader(noisy, mask), expected)
    wider = torch.cat([states, torch.ones(CLASSES, 5, states.shape[2])], 1)
    wider_mask = torch.cat([mask, torch.zeros(CLASSES, 5, dtype=torch.bool)], 1)
    torch.testing.assert_close(reader(wider, wider_mask), expected, atol=1e-5, rtol=1e-5)


def test_a_text_is_also_read_past_the_encoder_by_the_direction_of_its_mean(
    reader: Tokens2Label, make_states: StatesMaker
) -> None:
    states, mask = make_states(CLASSES)
    through = reader.encoder(reader.project(states), src_key_padding_mask=~mask)
    labels = reader(states, mask)
    for text, own, tokens, label in zip(states, mask, through, labels, strict=True):
        mean = text[own].mean(0)
        past = reader.summary(mean / mean.norm()) * 24**0.5
        torch.testing.assert_close(label, tokens[own].mean(0) + past, atol=1e-5, rtol=1e-5)


def test_dropout_is_that_of_the_config_and_for_training_alone(make_states: StatesMaker) -> None:
    states, mask = make_states(CLASSES)
    for share in (0.0, 0.5):
        torch.manual_seed(0)
        reader = Tokens2Label(config_of(dropout=share))
        for training in (True, False):
            one, other = (reader.train(training)(states, mask) for _ in range(2))
            assert torch.equal(one, other) == (share == 0 or not training)


def emit(adapter: Labels2Adaptation, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """The deltas as (columns, column size) by tensor name."""
    return {name: piece @ columns.t() for name, (piece, columns) in adapter(labels)[0].items()}


def test_permuting_classes_permutes_the_classifier_alone(adapter: Labels2Adaptation, labels: torch.Tensor) -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    _, directions, biases = adapter(labels)
    _, permuted_directions, permuted_biases = adapter(labels[order])
    permuted_deltas = emit(adapter, labels[order])
    torch.testing.assert_close(permuted_directions, directions[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(permuted_biases, biases[order], atol=1e-5, rtol=1e-5)
    for name, delta in emit(adapter, labels).items():
        torch.testing.assert_close(permuted_deltas[name], delta, atol=1e-5, rtol=1e-5, msg=name)


def test_every_class_reaches_every_tensor(adapter: Labels2Adaptation, labels: torch.Tensor) -> None:
    before = emit(adapter, labels)
    changed = labels.clone()
    changed[4] += torch.linspace(-2, 2, 16)
    after = emit(adapter, changed)
    assert all((after[name] - before[name]).abs().max() > 1e-6 for name in before)


def test_queries_keep_what_they_ask_and_directions_have_a_way_past_the_encoder(
    adapter: Labels2Adaptation, labels: torch.Tensor
) -> None:
    hidden = adapter.norm(adapter.encoder(labels[None]))
    found = adapter.attention(adapter.queries[None], hidden, hidden)[0]
    decoded = adapter.query_norm(adapter.queries + found[0])
    factors, directions, _ = adapter(labels)
    torch.testing.assert_close(torch.cat([piece for piece, _ in factors.values()]), decoded, atol=1e-5, rtol=1e-5)
    past = labels @ adapter.classifier_skip.weight.T
    torch.testing.assert_close(directions, adapter.classifier(hidden[0]) + past, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("base", ["resnet18", "googlenet", "squeezenet1_1"])
def test_one_delta_per_tensor_in_its_shape(base: str, labels: torch.Tensor) -> None:
    specs = layer_specs(base, 2)
    torch.manual_seed(0)
    adapter = Labels2Adaptation(config_of(), specs).eval()
    _, directions, biases = adapter(labels)
    expected = {spec.name: (spec.columns, spec.column_size) for spec in specs if spec.kind != "fc"}
    assert {name: tuple(delta.shape) for name, delta in emit(adapter, labels).items()} == expected
    features = next(spec for spec in specs if spec.kind == "fc").column_size
    assert directions.shape == (CLASSES, features)
    assert biases.shape == (CLASSES,)


@pytest.mark.parametrize("kinds", [("fc",), ("conv", "fc"), ("norm", "fc"), ("norm",), ("conv", "norm", "fc")])
def test_only_the_chosen_kinds_are_decoded(kinds: tuple[str, ...], labels: torch.Tensor) -> None:
    specs = layer_specs("resnet18", 2)
    factors, directions, _ = Labels2Adaptation(config_of(adapt=kinds), specs)(labels)
    assert list(factors) == [spec.name for spec in specs if spec.kind in kinds and spec.kind != "fc"]
    assert directions.shape == (CLASSES, 512)


def test_columns_fill_the_tensor_row_by_row(labels: torch.Tensor) -> None:
    specs = (LayerSpec("a", (3, 2, 1, 1), "conv"), LayerSpec("b", (4,), "norm"), LayerSpec("c", (2, 5), "fc"))
    torch.manual_seed(0)
    adapter = Labels2Adaptation(config_of(), specs).eval()
    with torch.no_grad():
        adapter.queries[1] += torch.linspace(-3, 3, 16)
    before = emit(adapter, labels)
    with torch.no_grad():
        adapter.queries[1] -= torch.linspace(-3, 3, 16)
    after = emit(adapter, labels)
    changed = (after["a"] - before["a"]).abs().amax(1) > 1e-6
    assert changed.tolist() == [False, True, False]
    torch.testing.assert_close(after["b"], before["b"])


def test_gradients_reach_every_parameter(make_states: StatesMaker) -> None:
    config = config_of()
    torch.manual_seed(0)
    reader, adapter = Tokens2Label(config).eval(), Labels2Adaptation(config, layer_specs("resnet18", 2)).eval()
    labels = reader(*make_states(CLASSES))
    _, directions, biases = adapter(labels)
    sum(value.pow(2).sum() for value in (*emit(adapter, labels).values(), directions, biases)).backward()
    for module in (reader, adapter):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
