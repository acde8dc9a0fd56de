"""Norms of mu * Delta are those of the tensors the network really gets, and comparing versions sees only what moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from n3core.backbone import BASES, layer_specs
from n3core.explain.magnitudes import compare_adaptations, measure_activation_norms, measure_magnitudes
from n3core.model import N3
from n3core.results.adaptation import LayerMagnitudes
from n3core.token_states import TokenStates

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron", "gull")


def encode(make_states: StatesMaker, classes: int = len(NAMES), seed: int = 0) -> TokenStates:
    states, mask = make_states(classes, seed=seed)
    return TokenStates(states, mask, ((),) * classes, (0,) * classes)


def rows(encoded: TokenStates, chosen: list[int]) -> TokenStates:
    return TokenStates(encoded.states[chosen], encoded.mask[chosen], ((),) * len(chosen), (0,) * len(chosen))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("base", BASES)
def test_norms_are_those_of_what_is_added_to_the_base(
    base: str, make_model: ModelMaker, make_states: StatesMaker
) -> None:
    model, encoded = make_model(base, gamma=0.9), encode(make_states)
    found = measure_magnitudes(model, encoded)
    with torch.no_grad():
        adapted = model.adapt(encoded.states, encoded.mask)
    assert found.names == tuple(spec.name for spec in layer_specs(base, 2))
    for name, kind, norm, base_norm in zip(found.names, found.kinds, found.adaptation, found.base, strict=True):
        if kind == "fc":
            assert np.isnan(base_norm)
            assert norm == pytest.approx(adapted[name].double().norm().item(), rel=1e-4)
        else:
            theta = model.base_tensors[name]
            assert base_norm == pytest.approx(theta.double().norm().item(), rel=1e-5)
            assert norm == pytest.approx((adapted[name] - 0.9 * theta).double().norm().item(), rel=1e-3), name
            assert norm > 0


def test_mu_scales_the_adaptation_and_nothing_else(make_model: ModelMaker, make_states: StatesMaker) -> None:
    encoded = encode(make_states)
    one, ten = (measure_magnitudes(make_model(mu=mu), encoded) for mu in (0.01, 0.1))
    feature = np.array([kind != "fc" for kind in one.kinds])
    np.testing.assert_allclose(ten.adaptation[feature], 10 * one.adaptation[feature], rtol=1e-5)
    np.testing.assert_allclose(ten.adaptation[~feature], one.adaptation[~feature], rtol=1e-6)
    np.testing.assert_array_equal(ten.base, one.base)


def test_a_kind_that_is_not_adapted_has_norm_zero(make_model: ModelMaker, make_states: StatesMaker) -> None:
    found = measure_magnitudes(make_model(adapt=("norm", "fc")), encode(make_states))
    norms = {kind: found.adaptation[[other == kind for other in found.kinds]] for kind in ("conv", "norm", "fc")}
    assert (norms["conv"] == 0).all() and (norms["norm"] > 0).all() and (norms["fc"] > 0).all()


def test_means_by_kind_and_shares() -> None:
    found = LayerMagnitudes(
        ("a.weight", "b.weight", "n.weight", "n.bias", "fc.weight"),
        ("conv", "conv", "norm", "norm", "fc"),
        np.array([1.0, 3.0, 0.5, 0.5, 9.0]),
        np.array([10.0, 10.0, 5.0, 0.0, np.nan]),
    )
    np.testing.assert_allclose(found.relative, [10, 30, 10, np.nan, np.nan])
    means = found.by_kind
    assert means.kinds == ("conv", "norm", "fc") and list(means.counts) == [2, 2, 1]
    np.testing.assert_allclose(means.adaptation, [2, 0.5, 9])
    np.testing.assert_allclose(means.base, [10, 2.5, np.nan])
    np.testing.assert_allclose(means.relative, [20, 10, np.nan])


def test_equal_versions_do_not_differ(make_model: ModelMaker, make_states: StatesMaker) -> None:
    encoded = encode(make_states)
    found = compare_adaptations(make_model(), encoded, NAMES, encoded, NAMES)
    assert not found.moved.any() and not found.class_moved.any()
    assert (found.earlier > 0).all() and (found.class_earlier > 0).all()
    assert found.class_names == NAMES and not found.added and not found.removed


def test_a_changed_description_moves_what_the_network_gets(make_model: ModelMaker, make_states: StatesMaker) -> None:
    model, earlier, other = make_model(), encode(make_states), encode(make_states, seed=5)
    length = min(earlier.states.shape[1], other.states.shape[1])
    states, mask = earlier.states.clone(), earlier.mask.clone()
    states[2], mask[2] = 0, False
    states[2, :length], mask[2, :length] = other.states[2, :length], other.mask[2, :length]
    later = TokenStates(states, mask, earlier.offsets, earlier.dropped_words)
    found = compare_adaptations(model, earlier, NAMES, later, NAMES)
    with torch.no_grad():
        old, new = model.adapt(earlier.states, earlier.mask), model.adapt(states, mask)
    for name, kind, moved in zip(found.names, found.kinds, found.moved, strict=True):
        tolerance = {"rel": 1e-4} if kind == "fc" else {"rel": 2e-3, "abs": 1e-5}
        assert moved == pytest.approx((new[name] - old[name]).double().norm().item(), **tolerance), name
        assert moved > 0
    assert found.class_moved.argmax() == 2
    np.testing.assert_allclose(found.earlier, measure_magnitudes(model, earlier).adaptation, rtol=1e-6)
    weights = new[model.weight_name] - old[model.weight_name]
    np.testing.assert_allclose(found.class_moved, weights.norm(dim=1).numpy(), rtol=1e-4)


def test_versions_are_matched_by_class_name_not_by_position(make_model: ModelMaker, make_states: StatesMaker) -> None:
    model, encoded = make_model(), encode(make_states)
    order = [2, 0, 3, 1]
    found = compare_adaptations(model, encoded, NAMES, rows(encoded, order), [NAMES[k] for k in order])
    assert found.class_names == tuple(NAMES[k] for k in order)
    assert (found.relative < 1e-3).all() and (found.class_relative < 1e-3).all()
    fewer = compare_adaptations(model, encoded, NAMES, rows(encoded, [3, 1]), ("gull", "owl"))
    assert (fewer.class_names, fewer.added, fewer.removed) == (("gull",), ("owl",), ("robin", "wren", "heron"))
    strangers = compare_adaptations(model, encoded, NAMES, rows(encoded, [0, 1]), ("owl", "kite"))
    generated = np.array([kind == "fc" for kind in strangers.kinds])
    assert np.isnan(strangers.moved[generated]).all() and np.isfinite(strangers.moved[~generated]).all()
    assert np.isnan(strangers.relative[generated]).all()


@pytest.mark.parametrize("base", BASES)
def test_activation_norms_are_those_of_what_enters_the_classifier(
    base: str, make_model: ModelMaker, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    model, encoded = make_model(base), encode(make_states)
    found = measure_activation_norms(model, encoded, pixels, batch_size=3)
    network = model.synthesize(encoded.states, encoded.mask, NAMES).network
    caught: list[torch.Tensor] = []
    layer = network.get_submodule(model.weight_name.removesuffix(".weight"))
    layer.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    from n3core.backbone import normalise

    with torch.no_grad():
        network(normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255))
    activation = caught[0].mean((2, 3)) if caught[0].ndim == 4 else caught[0]
    np.testing.assert_allclose(found.after, activation.norm(dim=1).numpy(), rtol=1e-4)
    assert not np.allclose(found.before, found.after, rtol=1e-3)


def test_without_adaptation_the_activations_stay(
    make_model: ModelMaker, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    found = measure_activation_norms(make_model(adapt=("fc",)), encode(make_states), pixels)
    np.testing.assert_array_equal(found.before, found.after)
    assert found.before.shape == (7,) and found.median_change == 0
    assert measure_activation_norms(make_model(), encode(make_states), pixels[:0]).after.shape == (0,)


def test_measuring_leaves_the_model_as_it_was(
    make_model: ModelMaker, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    model, encoded = make_model(), encode(make_states)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure_magnitudes(model, encoded)
    compare_adaptations(model, encoded, NAMES, encode(make_states, seed=1), NAMES)
    measure_activation_norms(model, encoded, pixels)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
