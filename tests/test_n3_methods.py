"""N3 behind the two verbs: what a fit learns, repeats and leaves alone, and what the order of classes cannot change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from n3core.backbone import build_network, normalise, strip_classifier, to_float
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry
from n3core.baselines.n3_methods import ENTRIES
from n3core.baselines.n3_training import FeatureN3, N3Settings, PixelN3, ShippedN3
from n3core.checkpoint import load_checkpoint
from n3core.config import TextConfig
from n3core.engine import Engine
from n3core.errors import InputError
from n3core.known_checkpoints import default_checkpoint
from n3core.model import N3
from n3core.text_encoder import TextEncoder
from n3core.train import classify

TEXT_WIDTH = 24
SIZE = 32
BY_NAME = {entry.name: entry for entry in ENTRIES}
SMALL: dict[str, Any] = {
    "width": 16,
    "heads": 2,
    "classes": (3, 5),
    "batch_size": 8,
    "steps": 3,
    "feature_steps": 3,
    "mu": 0.02,
}


def told(task: Any) -> Any:
    """The task with token states of unequal lengths that scatter around the semantics of their class."""
    generator = torch.Generator().manual_seed(5)

    def tell(texts: ClassTexts) -> ClassTexts:
        lengths = torch.randint(3, 7, (len(texts),), generator=generator)
        mask = torch.arange(6)[None] < lengths[:, None]
        states = torch.from_numpy(texts.semantics)[:, None] + 0.3 * torch.randn(
            len(texts), 6, TEXT_WIDTH, generator=generator
        )
        return replace(texts, states=states * mask[..., None], mask=mask)

    return task._replace(seen=tell(task.seen), unseen=tell(task.unseen))


@pytest.fixture(scope="module")
def task(make_zero_shot_task: Callable[..., Any]) -> Any:
    return told(make_zero_shot_task(semantics=TEXT_WIDTH, width=512))


@pytest.fixture(scope="module")
def pictures(make_zero_shot_task: Callable[..., Any]) -> Any:
    """Few classes, whose images have the colour that the first three numbers of their semantics give."""
    task = told(make_zero_shot_task(6, 4, images=4, semantics=TEXT_WIDTH, width=512))
    rng = np.random.default_rng(0)

    def paint(images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> ImageSet:
        colours = 128 + 40 * texts.semantics[labels, :3]
        noisy = colours[:, None, None] + rng.normal(0, 30, (len(labels), SIZE, SIZE, 3))
        return replace(images, pixels=np.clip(noisy, 0, 255).astype(np.uint8))

    return task._replace(
        images=paint(task.images, task.labels, task.seen),
        test_images=paint(task.test_images, task.test_labels, task.unseen),
    )


def base_of(name: str = "resnet18") -> BaseNetwork:
    torch.manual_seed(0)
    network = build_network(name, 1)
    strip_classifier(name, network)
    return BaseNetwork(name, network.state_dict(), SIZE, TextConfig(hidden_size=TEXT_WIDTH))


@pytest.fixture(scope="module")
def base() -> BaseNetwork:
    return base_of()


def fitted(method: Any, task: Any) -> Any:
    method.fit(task.images, task.labels, task.seen)
    return method


@pytest.fixture(scope="module")
def by_features(task: Any, base: BaseNetwork) -> FeatureN3:
    settings = N3Settings(steps=150, batch_size=128, classes=(5, 20), width=32, heads=2, text_noise=0.0)
    return fitted(FeatureN3(settings, base, 0), task)


def test_the_classification_layer_alone_tells_unseen_classes_apart(task: Any, by_features: FeatureN3) -> None:
    scores = by_features.predict(task.test_images, task.unseen)
    chance = 1 / len(task.unseen)
    assert scores.shape == (len(task.test_images), len(task.unseen)) and scores.dtype == np.float32
    assert task.accuracy(scores) > 4 * chance
    shifted = task.unseen.take((np.arange(len(task.unseen)) + 1) % len(task.unseen))
    assert task.accuracy(by_features.predict(task.test_images, shifted)) < 2 * chance


def test_permuting_classes_permutes_scores_of_the_classification_layer(task: Any, by_features: FeatureN3) -> None:
    order = np.random.default_rng(1).permutation(len(task.unseen))
    scores = by_features.predict(task.test_images, task.unseen)
    permuted = by_features.predict(task.test_images, task.unseen.take(order))
    np.testing.assert_allclose(permuted, scores[:, order], atol=1e-4)


def test_padding_of_texts_is_never_read(task: Any, by_features: FeatureN3) -> None:
    texts = task.unseen
    wider = replace(
        texts,
        states=torch.cat([texts.states, torch.ones(len(texts), 3, TEXT_WIDTH)], 1),
        mask=torch.cat([texts.mask, torch.zeros(len(texts), 3, dtype=torch.bool)], 1),
    )
    images = task.test_images
    assert np.array_equal(by_features.predict(images, wider), by_features.predict(images, texts))


def test_features_give_what_the_whole_network_gives(pictures: Any, base: BaseNetwork) -> None:
    images = to_float(pictures.images.pixels)
    network = build_network("resnet18", 1).eval()
    strip_classifier("resnet18", network)
    network.load_state_dict(base.tensors)
    with torch.inference_mode():
        features = network(normalise(images)).numpy()
    task = pictures._replace(images=ImageSet(features))
    method = fitted(FeatureN3(N3Settings(**SMALL), base, 0), task)
    whole = N3(method.model.config, base.tensors).eval()
    whole.load_state_dict(method.model.state_dict(), strict=False)
    with torch.inference_mode():
        classifier = whole.synthesize(task.unseen.states, task.unseen.mask, task.unseen.ids)
        expected = classifier(images).numpy()
    np.testing.assert_allclose(method.predict(task.images, task.unseen), expected, atol=2e-3)


def test_all_layers_start_from_the_trained_classification_layer(pictures: Any, base: BaseNetwork) -> None:
    whole = {**SMALL, "steps": 0, "mu": 1e-9, "feature_steps": 5}
    start = N3Settings(**whole).on_features()
    assert (start.steps, start.adapt) == (5, ("fc",))
    alone = fitted(FeatureN3(start, base, 0), pictures).model.state_dict()
    adapted = fitted(PixelN3(N3Settings(**whole), base, 0), pictures).model.state_dict()
    untrained = fitted(PixelN3(N3Settings(**{**whole, "feature_steps": 0}), base, 0), pictures).model.state_dict()
    shared = alone.keys() - {"log_mu"}
    assert all(torch.equal(adapted[name], alone[name]) for name in shared)
    assert not all(torch.equal(untrained[name], alone[name]) for name in shared)
    assert len(adapted["log_mu"]) == 60


@pytest.mark.parametrize("name", ["n3", "n3-cn", "n3-fc"])
def test_a_seed_fixes_a_fit_which_leaves_everything_else_alone(name: str, pictures: Any, base: BaseNetwork) -> None:
    before, tensors = torch.get_rng_state(), {key: value.clone() for key, value in base.tensors.items()}
    one, same, other = (
        fitted(BY_NAME[name].build(SMALL, base, seed), pictures).predict(pictures.test_images, pictures.unseen)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert np.isfinite(one).all() and one.dtype == np.float32
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(base.tensors[key], value) for key, value in tensors.items())


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "squeezenet1_1"])
def test_every_base_is_adapted_and_classes_may_come_in_any_order(name: str, pictures: Any) -> None:
    base = base_of(name)
    if name == "googlenet":
        rng = np.random.default_rng(1)
        wide = ImageSet(rng.random((len(pictures.images), 1024), np.float32), pixels=pictures.images.pixels)
        pictures = pictures._replace(images=wide)
    method = fitted(PixelN3(N3Settings(**SMALL), base, 0), pictures)
    fresh = N3(method.model.config, base.tensors).mu
    assert any(not torch.equal(value.cpu(), fresh[key]) for key, value in method.model.mu.items()), "mu is trained"
    scores = method.predict(pictures.test_images, pictures.unseen)
    assert scores.shape == (len(pictures.test_images), len(pictures.unseen))
    order = [2, 0, 3, 1]
    permuted = method.predict(pictures.test_images, pictures.unseen.take(order))
    np.testing.assert_allclose(permuted, scores[:, order], atol=1e-4, rtol=1e-4)


def test_class_normalization_is_what_sets_n3_cn_apart(pictures: Any, base: BaseNetwork) -> None:
    plain, normalised = (fitted(BY_NAME[name].build(SMALL, base, 0), pictures).model for name in ("n3", "n3-cn"))
    assert replace(normalised.config, label_normalization=False) == plain.config
    assert normalised.labels2adaptation.label_norm.running_mean.abs().max() > 0
    assert not [name for name in plain.state_dict() if "label_norm" in name]


def test_seen_classes_without_images_take_no_part(task: Any, base: BaseNetwork) -> None:
    kept = np.flatnonzero(task.labels % 2)
    settings = N3Settings(**SMALL)
    odd = np.arange(1, len(task.seen), 2)
    sparse, alone = FeatureN3(settings, base, 0), FeatureN3(settings, base, 0)
    sparse.fit(task.images.take(kept), task.labels[kept], task.seen)
    alone.fit(task.images.take(kept), task.labels[kept] // 2, task.seen.take(odd))
    images = task.test_images
    assert np.array_equal(sparse.predict(images, task.unseen), alone.predict(images, task.unseen))


def test_predicting_before_a_fit_or_without_pixels_is_an_error(task: Any, base: BaseNetwork) -> None:
    with pytest.raises(RuntimeError, match="fit"):
        FeatureN3(N3Settings(), base, 0).predict(task.test_images, task.unseen)
    with pytest.raises(InputError, match="images with 3 labels"):
        FeatureN3(N3Settings(), base, 0).fit(task.images, task.labels[:3], task.seen)
    with pytest.raises(ValueError, match="pixels"):
        PixelN3(N3Settings(**SMALL), base, 0).fit(task.images, task.labels, task.seen)


def test_logits_are_not_rounded_and_the_classifier_is_given_back(pictures: Any, base: BaseNetwork) -> None:
    method = fitted(PixelN3(N3Settings(**SMALL), base, 0), pictures)
    texts = pictures.unseen
    classifier = method.model.synthesize(texts.states, texts.mask, texts.ids)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    logits = classify(classifier, pictures.test_images.pixels, batch_size=5)
    assert (torch.from_numpy(logits).bfloat16().float().numpy() != logits).mean() > 0.5
    after = classifier.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with torch.inference_mode():
        exact = classifier(to_float(pictures.test_images.pixels)).numpy()
    np.testing.assert_allclose(logits, exact, atol=0.05 * np.abs(exact).max())


def shipped_base(**changes: Any) -> BaseNetwork:
    return replace(BaseNetwork("resnet18", {}, 96, TextConfig(), checkpoint=default_checkpoint()), **changes)


def test_the_shipped_checkpoint_predicts_as_the_engine_does() -> None:
    entry, base = BY_NAME["n3-shipped"], shipped_base()
    assert entry.unavailable(base) is None
    names = ("rose", "iris", "daisy")
    texts = (
        "A red flower with many petals.",
        "A tall violet flower with three petals.",
        "A white flower, yellow inside.",
    )
    encoded = TextEncoder(base.text).encode(texts)
    classes = ClassTexts(names, names, texts, encoded.states, encoded.mask, encoded.states.amax(1).numpy())
    pixels = np.random.default_rng(0).integers(0, 256, (6, 96, 96, 3), dtype=np.uint8)
    images = ImageSet(np.zeros((6, 512), np.float32), pixels=pixels)
    method = entry.build({}, base, 0)
    method.fit(images, np.zeros(6, np.int64), classes)
    expected = Engine(base.checkpoint, device="cpu").predict_function(texts)(pixels)
    np.testing.assert_allclose(method.predict(images, classes), expected, atol=0.15)
    assert isinstance(method, ShippedN3)
    reference = load_checkpoint(default_checkpoint()).state_dict()
    assert all(torch.equal(value, reference[name]) for name, value in method._model.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"checkpoint": None}, "no checkpoint"),
        ({"image_size": 32}, "96 pixels"),
        ({"text": TextConfig(mode="static")}, "static"),
    ],
)
def test_a_checkpoint_that_does_not_fit_the_run_is_unavailable(changes: dict[str, Any], reason: str) -> None:
    found = BY_NAME["n3-shipped"].unavailable(shipped_base(**changes))
    assert found is not None and reason in found and "\n" not in found


def test_a_damaged_checkpoint_is_unavailable(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text('{"n3": {"unknown": 1}}')
    found = BY_NAME["n3-shipped"].unavailable(shipped_base(checkpoint=tmp_path))
    assert found is not None and "not readable" in found and "\n" not in found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_defaults_lie_in_the_search_space_and_survive_json(
    entry: MethodEntry, recwarn: pytest.WarningsRecorder, base: BaseNetwork
) -> None:
    assert entry.suggest(optuna.trial.FixedTrial(dict(entry.default))) == entry.default
    assert not [warning for warning in recwarn if "range" in str(warning.message)]
    given = json.loads(json.dumps({**entry.default, **({"classes": [3, 9]} if entry.default else {})}))
    method = entry.build(given, base, 4)
    if entry.default:
        assert method.settings.classes == (3, 9) and method.seed == 4
        assert method.settings.label_normalization == (entry.name == "n3-cn")
    assert ("pixels" in entry.needs) == (entry.name != "n3-fc")
