"""Leaving out one adaptation judges the very network that `without` synthesizes, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from n3core.errors import InputError
from n3core.explain.importance import measure_importance
from n3core.model import N3
from n3core.token_states import TokenStates

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron")


@pytest.fixture
def encoded(make_states: StatesMaker) -> TokenStates:
    states, mask = make_states(len(NAMES))
    return TokenStates(states, mask, ((),) * len(NAMES), (0,) * len(NAMES))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)


LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1])


def logits_without(model: N3, encoded: TokenStates, pixels: np.ndarray, without: tuple[str, ...]) -> torch.Tensor:
    classifier = model.synthesize(encoded.states, encoded.mask, NAMES, without=without)
    with torch.no_grad():
        return classifier(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)


def accuracy(logits: torch.Tensor) -> float:
    right = logits.argmax(dim=1).numpy() == LABELS
    return 50 * float(right[:6].mean()) + 50 * float(right[6:].mean())


def test_each_tensor_is_judged_as_a_network_without_its_adaptation(
    make_model: ModelMaker, encoded: TokenStates, pixels: np.ndarray
) -> None:
    model = make_model("squeezenet1_1", mu=0.2, gamma=0.95)
    steps: list[tuple[int, int]] = []
    found = measure_importance(
        model, encoded, pixels, LABELS, batch_size=5, progress=lambda done, total: steps.append((done, total))
    )
    assert found.names == tuple(model.mu) and len(found.names) == 50
    assert steps == [(step, 52) for step in range(1, 53)]
    whole = logits_without(model, encoded, pixels, ())
    assert found.accuracy == pytest.approx(accuracy(whole))
    assert found.fc_only_accuracy == pytest.approx(accuracy(logits_without(model, encoded, pixels, found.names)))
    truth = torch.from_numpy(LABELS)
    assert found.loss == pytest.approx(torch.nn.functional.cross_entropy(whole, truth).item(), rel=1e-4)
    for index in (0, 17, 49):
        logits = logits_without(model, encoded, pixels, (found.names[index],))
        assert found.accuracies[index] == pytest.approx(accuracy(logits))
        assert found.losses[index] == pytest.approx(torch.nn.functional.cross_entropy(logits, truth).item(), rel=1e-4)
        assert found.changed[index] == int((logits.argmax(dim=1) != whole.argmax(dim=1)).sum())
    np.testing.assert_allclose(found.drops, found.accuracy - found.accuracies)
    assert np.ptp(found.loss_rises) > 0


def test_without_effect_there_is_no_importance(
    make_model: ModelMaker, encoded: TokenStates, pixels: np.ndarray
) -> None:
    found = measure_importance(make_model("squeezenet1_1", mu=1e-12), encoded, pixels, LABELS)
    assert not found.drops.any() and not found.changed.any()
    np.testing.assert_allclose(found.loss_rises, 0, atol=1e-6)
    assert found.accuracy == found.fc_only_accuracy


def test_a_checkpoint_that_adapts_nothing_has_no_tensor_to_leave_out(
    make_model: ModelMaker, encoded: TokenStates, pixels: np.ndarray
) -> None:
    found = measure_importance(make_model("squeezenet1_1", adapt=("fc",)), encoded, pixels, LABELS)
    assert found.names == () and found.drops.shape == (0,) and found.accuracy == found.fc_only_accuracy


def test_unlabelled_images_are_refused_in_words(
    make_model: ModelMaker, encoded: TokenStates, pixels: np.ndarray
) -> None:
    model = make_model("squeezenet1_1")
    for images, labels, told in (
        (pixels[:0], LABELS[:0], "labelled images"),
        (pixels, LABELS[:3], f"{len(pixels)} images with 3 labels"),
        (pixels, LABELS + 9, "label 9 is that of no class"),
    ):
        with pytest.raises(InputError, match=told):
            measure_importance(model, encoded, images, labels)


def test_measuring_leaves_the_model_as_it_was(make_model: ModelMaker, encoded: TokenStates, pixels: np.ndarray) -> None:
    model = make_model("squeezenet1_1", mu=0.2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure_importance(model, encoded, pixels, LABELS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
