"""What every system on image features owes the benchmark, whatever is inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from n3core.baselines import class_normalization, eszsl, megazsl, pdcnn
from n3core.baselines.base import BaseNetwork, MethodEntry, ZeroShotMethod

ENTRIES = {
    entry.name: entry
    for entry in (eszsl.ENTRY, *class_normalization.ENTRIES, *pdcnn.ENTRIES, megazsl.ENTRY)
}  # fmt: skip
QUICK: Mapping[str, Mapping[str, Any]] = {
    "eszsl": {},
    "mlp": {"steps": 300, "hidden_size": 128},
    "mlp-cosine": {"steps": 300, "hidden_size": 128},
    "mlp-cn": {"steps": 300, "hidden_size": 128},
    "pdcnn-fc": {"steps": 300},
    "pdcnn-fc-conv": {"steps": 300},
    "megazsl": {"steps": 40, "hidden_size": 128},
}
SHORT: Mapping[str, Mapping[str, Any]] = {
    name: {
        **({"steps": 3} if "steps" in entry.default else {}),
        **({"hidden_size": 16} if "hidden_size" in entry.default else {}),
    }
    for name, entry in ENTRIES.items()
}
BASE = BaseNetwork("resnet18", {}, 64)
UNSEEN = 20
named = pytest.mark.parametrize("name", ENTRIES)


class FixedTrial:
    """A trial that takes the first choice or the middle of every range."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return (low * high) ** 0.5 if log else (low + high) / 2

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return (low + high) // 2

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        return choices[0]


@pytest.fixture(scope="module")
def task(make_zero_shot_task: Callable[..., Any]) -> Any:
    return make_zero_shot_task(40, UNSEEN)


@pytest.fixture(scope="module")
def fitted(task: Any) -> Callable[[str], ZeroShotMethod]:
    """Return the system of a name, fitted once for the tests that only predict."""

    @cache
    def fit(name: str) -> ZeroShotMethod:
        method = ENTRIES[name].build({**ENTRIES[name].default, **QUICK[name]}, BASE, 0)
        method.fit(task.images, task.labels, task.seen)
        return method

    return fit


@named
def test_unseen_classes_are_told_apart_by_their_semantics(fitted: Any, task: Any, name: str) -> None:
    scores = fitted(name).predict(task.test_images, task.unseen)
    assert scores.shape == (len(task.test_images), UNSEEN) and scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert task.accuracy(scores) > 0.4, "chance is 0.05"


@named
def test_shuffled_semantics_fall_to_chance(fitted: Any, task: Any, name: str) -> None:
    others = task.unseen.take(np.roll(np.arange(UNSEEN), 7))
    assert task.accuracy(fitted(name).predict(task.test_images, others)) < 0.15


@named
def test_permuting_classes_permutes_scores(fitted: Any, task: Any, name: str) -> None:
    order = np.random.default_rng(3).permutation(UNSEEN)
    scores = fitted(name).predict(task.test_images, task.unseen)
    np.testing.assert_allclose(
        fitted(name).predict(task.test_images, task.unseen.take(order)), scores[:, order], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", [name for name in ENTRIES if name != "megazsl"])  # whose neighbours compete for votes
def test_a_score_does_not_depend_on_the_other_classes(fitted: Any, task: Any, name: str) -> None:
    scores = fitted(name).predict(task.test_images, task.unseen)
    alone = fitted(name).predict(task.test_images, task.unseen.take([4]))
    np.testing.assert_allclose(alone, scores[:, [4]], rtol=1e-4, atol=1e-4)


@named
def test_an_image_is_scored_alike_in_any_company(fitted: Any, task: Any, name: str) -> None:
    scores = fitted(name).predict(task.test_images, task.unseen)
    some = fitted(name).predict(task.test_images.take([7, 3]), task.unseen)
    np.testing.assert_allclose(some, scores[[7, 3]], rtol=1e-4, atol=1e-4)
    assert fitted(name).predict(task.test_images.take([]), task.unseen).shape == (0, UNSEEN)


@named
def test_a_seed_decides_everything(task: Any, name: str) -> None:
    def scores(seed: int) -> np.ndarray:
        settings = {**ENTRIES[name].default, **QUICK[name]}
        method = ENTRIES[name].build(settings if name == "eszsl" else {**settings, "steps": 5}, BASE, seed)
        method.fit(task.images, task.labels, task.seen)
        torch.rand(3)  # the caller's own random numbers have no say
        return method.predict(task.test_images, task.unseen)

    before = torch.get_rng_state()
    first = scores(1)
    torch.set_rng_state(before)
    torch.rand(1)
    np.testing.assert_array_equal(first, scores(1))
    assert np.array_equal(first, scores(2)) == (name == "eszsl")


@named
def test_fitting_leaves_the_global_random_state_alone(task: Any, name: str) -> None:
    before = torch.get_rng_state()
    method = ENTRIES[name].build({**ENTRIES[name].default, **({} if name == "eszsl" else {"steps": 2})}, BASE, 0)
    method.fit(task.images, task.labels, task.seen)
    method.predict(task.test_images, task.unseen)
    assert torch.equal(before, torch.get_rng_state())


@named
def test_what_is_searched_has_a_default(name: str) -> None:
    entry: MethodEntry = ENTRIES[name]
    suggested = entry.suggest(FixedTrial())
    assert suggested.keys() == entry.default.keys()
    entry.build(suggested, BASE, 0)
    assert entry.unavailable(BASE) is None


class OtherTrial(FixedTrial):
    """A trial that takes the last choice or the upper end of every range."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return high

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        return choices[-1]


@named
def test_every_setting_that_is_searched_has_a_say(make_zero_shot_task: Callable[..., Any], name: str) -> None:
    task, entry = make_zero_shot_task(8, 4, images=4), ENTRIES[name]
    one, other = ({**entry.suggest(trial), **SHORT[name]} for trial in (FixedTrial(), OtherTrial()))

    def scores(**changes: Any) -> np.ndarray:
        method = entry.build({**one, **changes}, BASE, 0)
        method.fit(task.images, task.labels, task.seen)
        return method.predict(task.test_images, task.unseen)

    first = scores()
    others = {key: value for key, value in other.items() if value != one[key]}
    assert others.keys() >= one.keys() - SHORT[name].keys()
    assert [key for key, value in others.items() if np.array_equal(scores(**{key: value}), first)] == []


@pytest.mark.parametrize("name", [name for name in ENTRIES if name != "eszsl"])
def test_each_step_is_by_its_own_gradient_at_the_rate_and_decay_of_the_settings(
    make_zero_shot_task: Callable[..., Any], name: str
) -> None:
    task, norms, groups = make_zero_shot_task(8, 4, images=4), {}, {}

    def look(optimiser: torch.optim.Optimizer, *_: Any) -> None:
        (group,) = optimiser.param_groups
        gradients = torch.cat([weight.grad.flatten() for weight in group["params"] if weight.grad is not None])
        norms.setdefault(id(optimiser), []).append(float(gradients.norm()))
        groups.setdefault(id(optimiser), []).append((group["lr"], group["weight_decay"]))

    settings = {**ENTRIES[name].default, **SHORT[name], "steps": 12, "learning_rate": 1e-9}
    decay = {"weight_decay": 0.25} if "weight_decay" in settings else {}
    handle = register_optimizer_step_pre_hook(look)
    try:
        ENTRIES[name].build({**settings, **decay}, BASE, 0).fit(task.images, task.labels, task.seen)
    finally:
        handle.remove()
    assert norms and all(max(found) < 3 * found[0] for found in norms.values()), "gradients of steps are added up"
    for found in groups.values():
        assert found[0] == (1e-9, decay.get("weight_decay", 0.0))
        assert found[-1][0] == pytest.approx(1e-10 if name.startswith("mlp") else 1e-9, rel=1e-6)
