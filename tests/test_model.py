"""N3: Theta' = gamma * Theta + mu * Phi(D), and the plain torchvision network it yields."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from torchvision import models

from n3core.backbone import BASES, build_network, classifier_names, normalise, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.config import TextConfig
from n3core.descriptions import ClassDescription, TaskSpec
from n3core.engine import Engine
from n3core.model import N3, SynthesizedClassifier

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron", "gull")


def synthesize(model: N3, make_states: StatesMaker, seed: int = 0) -> SynthesizedClassifier:
    return model.synthesize(*make_states(len(NAMES), seed=seed), NAMES)


def base_features(model: N3, images: torch.Tensor) -> torch.Tensor:
    network = build_network(model.config.base, 1)
    strip_classifier(model.config.base, network)
    network.load_state_dict(model.base_tensors)
    with torch.no_grad():
        return network.eval()(normalise(images)).flatten(1)


def test_zero_mu_is_the_plain_network(make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor) -> None:
    model = make_model(mu=0.0)
    tensors = synthesize(model, make_states).network.state_dict()
    for name, value in model.base_tensors.items():
        assert torch.equal(tensors[name], value), name
    expected = functional.linear(base_features(model, images), tensors["fc.weight"], tensors["fc.bias"])
    torch.testing.assert_close(synthesize(model, make_states)(images), expected, atol=1e-5, rtol=1e-5)


def test_fc_only_is_the_plain_network_too(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model(adapt=("fc",))
    classifier = synthesize(model, make_states)
    fc = classifier.network.fc
    expected = functional.linear(base_features(model, images), fc.weight, fc.bias)
    torch.testing.assert_close(classifier(images), expected, atol=1e-5, rtol=1e-5)
    assert model.mu == {}


@pytest.mark.parametrize("base", BASES)
def test_adapting_all_moves_every_tensor(base: str, make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model(base)
    tensors = model.adapt(*make_states(len(NAMES)))
    names = [spec.name for spec in model.specs]
    assert set(names) <= set(tensors)
    weight, bias = classifier_names(base)
    for name in names:
        if name in (weight, bias):
            assert name not in model.base_tensors
            assert len(tensors[name]) == len(NAMES)
        else:
            assert (tensors[name] - model.base_tensors[name]).abs().max() > 1e-4, name
    untouched = set(tensors) - set(names)
    assert all(torch.equal(tensors[name], model.base_tensors[name]) for name in untouched)


def test_resnet18_adapts_62_tensors(make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model()
    tensors = model.adapt(*make_states(3))
    base = model.base_tensors
    names = [spec.name for spec in model.specs]
    assert len([name for name in names if name not in base or not torch.equal(tensors[name], base[name])]) == 62


@pytest.mark.parametrize("kinds", [("fc",), ("norm", "fc"), ("conv", "fc"), ("conv", "norm", "fc")])
def test_only_the_chosen_kinds_move(kinds: tuple[str, ...], make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model(adapt=kinds)
    tensors, base = model.adapt(*make_states(3)), model.base_tensors
    for spec in model.specs:
        if spec.kind != "fc":
            assert torch.equal(tensors[spec.name], base[spec.name]) == (spec.kind not in kinds), spec.name


def test_gamma_scales_the_base(make_model: ModelMaker, make_states: StatesMaker) -> None:
    whole, part = make_model(gamma=1.0), make_model(gamma=0.9)
    states = make_states(3)
    wholly, partly = whole.adapt(*states), part.adapt(*states)
    for name in part.mu:
        expected = wholly[name] - 0.1 * whole.base_tensors[name]
        torch.testing.assert_close(partly[name], expected, atol=1e-5, rtol=1e-5, msg=name)


def test_mu_is_trainable_per_tensor_or_global(make_model: ModelMaker) -> None:
    single, many = make_model(mu_per_tensor=False), make_model()
    assert single.log_mu.shape == (1,)
    assert many.log_mu.shape == (60,)
    for model in (single, many):
        assert len(model.mu) == 60
        assert all(scale.item() == pytest.approx(0.05, rel=1e-5) for scale in model.mu.values())
        assert model.log_mu.requires_grad


@pytest.mark.parametrize("base", BASES)
def test_permuting_classes_permutes_logits(
    base: str, make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model(base)
    states, mask = make_states(len(NAMES))
    order = [2, 0, 3, 1]
    plain = model.synthesize(states, mask, NAMES)
    permuted = model.synthesize(states[order], mask[order], [NAMES[index] for index in order])
    torch.testing.assert_close(permuted(images), plain(images)[:, order], atol=1e-4, rtol=1e-4)
    assert plain(images).std() > 1e-3
    for spec in model.specs:
        if spec.kind != "fc":
            one, other = plain.network.state_dict()[spec.name], permuted.network.state_dict()[spec.name]
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5, msg=spec.name)


def test_training_path_and_adapted_network_agree(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    for base in BASES:
        model = make_model(base)
        states, mask = make_states(len(NAMES))
        skeleton = build_network(base, len(NAMES)).eval()
        logits = model(skeleton, states, mask, images)
        adapted = SynthesizedClassifier(base, model.adapt(states, mask), NAMES)
        torch.testing.assert_close(adapted(images), logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("base", BASES)
def test_synthesis_rounds_deltas_and_nothing_else(base: str, make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model(base, gamma=0.9)
    states, mask = make_states(len(NAMES))
    exact, base_tensors = model.adapt(states, mask), model.base_tensors
    for name, value in model.synthesize(states, mask, NAMES).network.state_dict().items():
        if name in model.mu:
            delta = exact[name] - 0.9 * base_tensors[name]
            assert (value - exact[name]).norm() <= 0.01 * delta.norm(), name
        else:
            torch.testing.assert_close(value, exact[name], atol=1e-5, rtol=1e-5, msg=name)


def test_the_base_is_a_copy_and_convolutions_are_channels_last(
    make_model: ModelMaker, make_states: StatesMaker
) -> None:
    given = make_model().base_tensors
    model = N3(make_model().config, given)
    before = {name: value.clone() for name, value in given.items()}
    for value in given.values():
        value.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in model.base_tensors.items())
    plain = N3(model.config, {name: value.contiguous() for name, value in before.items()})
    for found in (plain.base_tensors, plain.eval().adapt(*make_states(2))):
        convolutions = [value for value in found.values() if value.ndim == 4 and value.shape[1] > 1]
        assert all(value.is_contiguous(memory_format=torch.channels_last) for value in convolutions)


def test_without_leaves_tensors_as_pre_trained(make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model()
    states, mask = make_states(len(NAMES))
    left_out = ("conv1.weight", "layer3.0.bn1.bias")
    tensors, whole = model.adapt(states, mask, without=left_out), model.adapt(states, mask)
    for name in model.mu:
        expected = model.base_tensors[name] if name in left_out else whole[name]
        assert torch.equal(tensors[name], expected), name


def test_gradients_reach_gamma_and_leave_the_base_frozen(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model()
    before = {name: value.clone() for name, value in model.base_tensors.items()}
    skeleton = build_network("resnet18", 2).eval().requires_grad_(False)
    logits = model(skeleton, *make_states(len(NAMES)), images)
    functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0])).backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().max() > 0}
    assert not silent
    assert len([name for name, _ in model.named_parameters() if ".columns." in name]) == 60
    assert model.log_mu.grad.ne(0).all()
    assert all(torch.equal(model.base_tensors[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in skeleton.parameters())


def test_token_gradients_match_finite_differences(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model()
    skeleton = build_network("resnet18", 2).eval()
    states, mask = make_states(3)

    def loss(at: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(skeleton, at, mask, images), torch.tensor([0, 1, 2, 0, 1]))

    states.requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(states), states)
    assert not gradient[~mask].any()
    direction = gradient / gradient.norm()
    with torch.no_grad():
        step = 0.02
        difference = (loss(states + step * direction) - loss(states - step * direction)) / (2 * step)
    assert difference.item() == pytest.approx(gradient.norm().item(), rel=0.05)


def test_pixel_gradients_of_a_synthesized_network_match_finite_differences(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    classifier = synthesize(make_model(), make_states)
    pixels = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(classifier(pixels)[:, 1].sum(), pixels)
    direction = gradient / gradient.norm()
    step = 0.02
    difference = (classifier(images + step * direction)[:, 1] - classifier(images - step * direction)[:, 1]).sum()
    assert (difference / (2 * step)).item() == pytest.approx(gradient.norm().item(), rel=0.1)
    assert all(parameter.grad is None for parameter in classifier.parameters())


@pytest.mark.parametrize("base", BASES)
def test_state_dict_loads_into_plain_torchvision(
    base: str, make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    classifier = synthesize(make_model(base), make_states)
    options = {"aux_logits": False, "init_weights": False} if base == "googlenet" else {}
    plain = getattr(models, base)(num_classes=len(NAMES), **options).eval()
    plain.load_state_dict(classifier.network.state_dict())
    with torch.no_grad():
        assert torch.allclose(plain(normalise(images)), classifier(images), rtol=1e-4, atol=1e-3)
    assert classifier.class_names == NAMES


def test_synthesized_network_owns_its_tensors(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model(adapt=("fc",))
    first, second = synthesize(model, make_states), synthesize(model, make_states)
    expected = second(images)
    before = {name: value.clone() for name, value in model.base_tensors.items()}
    for value in first.network.state_dict().values():
        value.zero_()
    assert torch.equal(second(images), expected)
    assert all(torch.equal(model.base_tensors[name], value) for name, value in before.items())
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_descriptions_decide_the_network(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model()
    one, other = synthesize(model, make_states), synthesize(model, make_states, seed=5)
    assert (one(images) - other(images)).abs().max() > 1e-2
    torch.testing.assert_close(one(images), synthesize(model, make_states)(images), atol=0, rtol=0)


def test_many_threads_get_what_one_would(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model()
    untouched = copy.deepcopy(model.state_dict())
    seeds = range(4)
    expected = [synthesize(model, make_states, seed)(images) for seed in seeds]
    shared = [synthesize(model, make_states, seed) for seed in seeds]

    def work(job: tuple[int, int]) -> bool:
        seed, turn = job
        classifier = shared[seed] if turn % 2 else synthesize(model, make_states, seed)
        with torch.no_grad():
            return torch.allclose(classifier(images), expected[seed], atol=1e-5)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, product(seeds, range(10))))
    assert all(found)
    assert all(torch.equal(value, untouched[name]) for name, value in model.state_dict().items())


def test_logits_are_cosines_of_centred_features(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor
) -> None:
    model = make_model(adapt=("fc",))
    features = base_features(model, images)
    model.feature_mean.copy_(features.mean(0))
    model.feature_norm.copy_((features - features.mean(0)).norm(dim=1).mean())
    weight = synthesize(model, make_states).network.fc.weight
    torch.testing.assert_close(weight.norm(dim=1) * model.feature_norm, torch.full((len(NAMES),), 10.0))
    _, _, biases = model.labels2adaptation(model.tokens2label(*make_states(len(NAMES))))
    centred = functional.linear(features - model.feature_mean, weight) + biases
    torch.testing.assert_close(synthesize(model, make_states)(images), centred, atol=1e-4, rtol=1e-4)


def test_the_five_lines_of_the_readme(
    make_model: ModelMaker,
    images: torch.Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_checkpoint(tmp_path / "checkpoint", make_model(text=TextConfig()))
    task = TaskSpec(tuple(ClassDescription(name, f"A bird called {name}.") for name in NAMES))
    classifier = Engine(tmp_path / "checkpoint", device="cpu").export(task, tmp_path / "flowers.safetensors")
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    library, program, use = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "n3core" not in program + use
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(program, scope)
    assert json.loads(scope["notes"]["class_names"]) == list(NAMES)
    with torch.no_grad():
        assert torch.allclose(scope["network"](normalise(images)), classifier(images), rtol=1e-4, atol=1e-3)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8))
    picture.save(tmp_path / "photo.jpg")
    exec(use, scope)
    found = Engine(tmp_path / "checkpoint", device="cpu").predict(task, [Image.open(tmp_path / "photo.jpg")])
    np.testing.assert_allclose(scope["shares"].detach().numpy(), found.probabilities[0], atol=1e-4)
    assert capsys.readouterr().out.startswith(f"{found.top(0, 1)[0][0]} 0.")
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "checkpoint"))
    exec(library, scope)
    assert (
        scope["evidence"].target == "robin" and scope["heat"].shape == scope["engine"].square(scope["photos"]).shape[:3]
    )
    assert capsys.readouterr().out.count("(") == 3, "both classes with their shares"


def test_classifiers_share_no_hooks_and_no_tensors(make_model: ModelMaker, make_states: StatesMaker) -> None:
    model = make_model()
    first, second = synthesize(model, make_states), synthesize(model, make_states)
    seen: list[str] = []
    first.network.layer1.register_forward_hook(lambda *_: seen.append("layer1"))
    second(torch.rand(1, 3, 64, 64))
    assert not seen
    first.network.fc.weight.data.zero_()
    assert second.network.fc.weight.abs().max() > 0
    assert {value.data_ptr() for value in first.state_dict().values()}.isdisjoint(
        value.data_ptr() for value in second.state_dict().values()
    )
