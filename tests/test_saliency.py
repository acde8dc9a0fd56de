"""Saliency: maps are what their definition says, leave the networks alone and do not depend on company."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from n3core.backbone import BASES, IMAGENET_MEAN
from n3core.datasets.fieldbook.book import open_fieldbook
from n3core.errors import InputError
from n3core.explain.saliency import GRAD_CAM_STAGES, _baseline, explain_pixels, synthesize_pair
from n3core.model import N3, SynthesizedClassifier
from n3core.results.saliency import METHODS, SaliencyMaps, SaliencySettings, join_maps
from n3core.token_states import TokenStates

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron")
QUICK = SaliencySettings(steps=4, samples=3, window=8, stride=8)
SIDE = 32


@pytest.fixture
def pictures() -> np.ndarray:
    """Four random images (4, 32, 32, 3) uint8, smooth enough to have places."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture
def classifier(make_model: ModelMaker, make_states: StatesMaker) -> SynthesizedClassifier:
    return make_model().synthesize(*make_states(len(NAMES)), NAMES)


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def loss(classifier: SynthesizedClassifier, images: torch.Tensor, targets: list[int]) -> torch.Tensor:
    return functional.cross_entropy(classifier(images), torch.tensor(targets), reduction="none")


def test_the_gradient_is_what_finite_differences_say(classifier: SynthesizedClassifier, pictures: np.ndarray) -> None:
    classifier = classifier.double()  # differences of single pixels drown in the rounding of float32
    exact = explain_pixels(classifier, pictures[:1], [1]).values[0]
    images = to_tensor(pictures[:1]).double()
    for row, column in [(16, 16), (9, 21), (25, 6)]:
        total = 0.0
        for colour in range(3):
            nudge = torch.zeros_like(images)
            nudge[0, colour, row, column] = 1e-5
            difference = loss(classifier, images + nudge, [1]) - loss(classifier, images - nudge, [1])
            total += abs(difference.item() / 2e-5)
        assert exact[row, column] == pytest.approx(total, rel=1e-2), (row, column)


def test_a_logit_differs_from_the_loss_and_classes_from_each_other(
    classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    of_loss = explain_pixels(classifier, pictures, [1] * 4).values
    of_logit = explain_pixels(classifier, pictures, [1] * 4, quantity="logit").values
    of_other = explain_pixels(classifier, pictures, [2] * 4, quantity="logit").values
    assert not np.allclose(of_loss, of_logit, rtol=0.05)
    assert not np.allclose(of_logit, of_other, rtol=0.05)
    leaf = to_tensor(pictures).requires_grad_(True)
    (gradient,) = torch.autograd.grad(classifier(leaf)[:, 1].sum(), leaf)
    np.testing.assert_allclose(of_logit, gradient.abs().sum(1).numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("quantity", ["loss", "logit"])
@pytest.mark.parametrize("baseline", ["mean", "black"])
def test_integrated_gradients_are_complete(
    quantity: str, baseline: str, classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    settings = SaliencySettings(steps=200, baseline=baseline)
    maps = explain_pixels(
        classifier, pictures[:2], [0, 2], "integrated_gradients", quantity=quantity, settings=settings
    )
    images = to_tensor(pictures[:2])
    colour = torch.tensor(IMAGENET_MEAN if baseline == "mean" else (0.0,) * 3)
    absent = colour.view(1, 3, 1, 1).expand_as(images)

    def score(at: torch.Tensor) -> torch.Tensor:
        return -loss(classifier, at, [0, 2]) if quantity == "loss" else classifier(at)[[0, 1], [0, 2]]

    change = (score(images) - score(absent)).numpy()
    np.testing.assert_allclose(maps.values.sum(axis=(1, 2)), change, atol=0.06 * np.abs(change).max())
    assert np.abs(change).max() > 1e-2


def test_more_steps_bring_integrated_gradients_closer(classifier: SynthesizedClassifier, pictures: np.ndarray) -> None:
    images = to_tensor(pictures[:2])
    absent = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand_as(images)
    change = loss(classifier, absent, [0, 2]) - loss(classifier, images, [0, 2])
    gaps = []
    for steps in (4, 32, 200):
        settings = SaliencySettings(steps=steps)
        values = explain_pixels(classifier, pictures[:2], [0, 2], "integrated_gradients", settings=settings).values
        gaps.append(np.abs(values.sum(axis=(1, 2)) - change.numpy()).max())
    assert gaps[2] < gaps[0] and gaps[1] < 0.3 * change.abs().max().item()


def test_gradient_x_input_is_one_step_of_it(classifier: SynthesizedClassifier, pictures: np.ndarray) -> None:
    black = SaliencySettings(baseline="black")
    found = explain_pixels(classifier, pictures, [0] * 4, "gradient_x_input", quantity="logit", settings=black)
    leaf = to_tensor(pictures).requires_grad_(True)
    (gradient,) = torch.autograd.grad(classifier(leaf)[:, 0].sum(), leaf)
    np.testing.assert_allclose(found.values, (gradient * leaf).detach().sum(1).numpy(), rtol=1e-3, atol=1e-4)
    mean = explain_pixels(classifier, pictures, [0] * 4, "gradient_x_input", quantity="logit")
    assert not np.allclose(mean.values, found.values, rtol=0.05)


def test_occlusion_is_the_fall_of_the_score_under_a_patch(
    classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    settings = SaliencySettings(window=8, stride=8, baseline="black")
    found = explain_pixels(classifier, pictures[:2], [1, 2], "occlusion", settings=settings).values
    images = to_tensor(pictures[:2])
    covered = images.clone()
    covered[:, :, 8:16, 16:24] = 0
    rise = (loss(classifier, covered, [1, 2]) - loss(classifier, images, [1, 2])).numpy()
    np.testing.assert_allclose(found[:, 8:16, 16:24], np.broadcast_to(rise[:, None, None], (2, 8, 8)), atol=1e-4)
    assert np.abs(rise).max() > 1e-3


def test_smoothgrad_without_noise_is_the_gradient_and_its_seed_decides(
    classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    def smooth(**changes: float) -> np.ndarray:
        return explain_pixels(classifier, pictures, [0] * 4, "smoothgrad", settings=replace(QUICK, **changes)).values

    plain = explain_pixels(classifier, pictures, [0] * 4).values
    np.testing.assert_allclose(smooth(noise=0.0), plain, rtol=1e-3, atol=1e-5)
    assert np.array_equal(smooth(), smooth())
    assert not np.allclose(smooth(), smooth(seed=1), rtol=0.05)


def test_smoothgrad_is_the_mean_gradient_at_the_noisy_images_of_its_seed(
    classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    settings = SaliencySettings(samples=3, noise=0.2, seed=4)
    found = explain_pixels(classifier, pictures, [1] * 4, "smoothgrad", quantity="logit", settings=settings).values
    generator, total = torch.Generator().manual_seed(4), torch.zeros(4, 3, SIDE, SIDE)
    for _ in range(3):
        noisy = to_tensor(pictures) + 0.2 * torch.randn(3, SIDE, SIDE, generator=generator)
        noisy.requires_grad_(True)
        total += torch.autograd.grad(classifier(noisy)[:, 1].sum(), noisy)[0]
    np.testing.assert_allclose(found, (total / 3).abs().sum(1).numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("baseline", ["mean", "black", "white", "blur"])
def test_every_baseline_is_what_its_name_says(
    baseline: str, classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    images = to_tensor(pictures)
    absent = _baseline(images, baseline)
    if baseline == "blur":
        assert absent.std((2, 3)).max() < 0.5 * images.std((2, 3)).min()
        torch.testing.assert_close(absent.mean((2, 3)), images.mean((2, 3)), atol=0.05, rtol=0)
    else:
        colour = {"mean": IMAGENET_MEAN, "black": (0, 0, 0), "white": (1, 1, 1)}[baseline]
        assert torch.equal(absent, torch.tensor(colour).float().view(1, 3, 1, 1).expand_as(images))
    settings = SaliencySettings(baseline=baseline)
    found = explain_pixels(classifier, pictures, [0] * 4, "gradient_x_input", quantity="logit", settings=settings)
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(classifier(leaf)[:, 0].sum(), leaf)
    expected = (gradient * (images - absent)).sum(1).numpy()
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4)


def test_patches_that_overlap_share_what_they_find(classifier: SynthesizedClassifier, pictures: np.ndarray) -> None:
    settings = SaliencySettings(window=16, stride=8, baseline="black")
    found = explain_pixels(classifier, pictures[:1], [1], "occlusion", settings=settings).values[0]
    images = to_tensor(pictures[:1])
    falls = np.zeros((3, 3))
    for row in range(3):
        for column in range(3):
            covered = images.clone()
            covered[:, :, 8 * row : 8 * row + 16, 8 * column : 8 * column + 16] = 0
            falls[row, column] = (loss(classifier, covered, [1]) - loss(classifier, images, [1])).item()
    np.testing.assert_allclose(found[:8, :8], falls[0, 0], atol=1e-4)
    np.testing.assert_allclose(found[8:16, 8:16], falls[:2, :2].mean(), atol=1e-4)
    whole = SaliencySettings(window=SIDE, stride=SIDE)
    assert np.ptp(explain_pixels(classifier, pictures[:1], [1], "occlusion", settings=whole).values) == 0


@pytest.mark.parametrize("base", BASES)
def test_grad_cam_has_the_size_of_the_image_on_every_stage(
    base: str, make_model: ModelMaker, make_states: StatesMaker
) -> None:
    model, side = make_model(base), 64
    classifier = model.synthesize(*make_states(len(NAMES)), NAMES)
    pictures = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    usual = explain_pixels(classifier, pictures, [0, 1], "grad_cam").values
    assert usual.shape == (2, side, side)
    by_stage = {}
    for stage in GRAD_CAM_STAGES[base]:
        settings = SaliencySettings(layer=stage)
        by_stage[stage] = explain_pixels(classifier, pictures, [0, 1], "grad_cam", settings=settings).values
        assert by_stage[stage].shape == (2, side, side) and np.isfinite(by_stage[stage]).all()
    stage = [name for name, pixels in GRAD_CAM_STAGES[base].items() if pixels <= side // 4][-1]
    assert np.array_equal(usual, by_stage[stage])


def test_grad_cam_weights_the_activations_by_their_mean_gradients(
    classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    settings = SaliencySettings(layer="layer2")
    found = explain_pixels(classifier, pictures, [2] * 4, "grad_cam", quantity="logit", settings=settings).values
    kept: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        kept.append(output)
        return output.clone()

    handle = classifier.network.layer2.register_forward_hook(keep)
    logits = classifier(to_tensor(pictures).requires_grad_(True))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[:, 2].sum(), kept[0])
    coarse = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True)
    expected = functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[:, 0]
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-3, atol=1e-5)
    maps = SaliencyMaps("grad_cam", "logit", NAMES, np.zeros(4, np.int64), found, np.zeros((4, 3), np.float32))
    assert maps.magnitude.min() == 0 and maps.values.min() < 0


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_its_company(
    method: str, classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    many = np.concatenate([pictures] * 5)[:18]  # more than one chunk
    targets = [number % 3 for number in range(18)]
    together = explain_pixels(classifier, many, targets, method, settings=QUICK)
    assert together.values.shape == (18, SIDE, SIDE) and together.values.dtype == np.float32
    alone = [
        explain_pixels(classifier, many[row : row + 1], targets[row : row + 1], method, settings=QUICK)
        for row in (0, 17)
    ]
    scale = np.abs(together.values).max()
    np.testing.assert_allclose(together.values[[0, 17]], join_maps(alone).values, atol=1e-3 * scale)
    np.testing.assert_allclose(together.logits[[0, 17]], join_maps(alone).logits, atol=1e-3)
    none = explain_pixels(classifier, many[:0], [], method, settings=QUICK)
    assert none.values.shape == (0, SIDE, SIDE) and none.logits.shape == (0, 3)


@pytest.mark.parametrize("method", METHODS)
def test_hooks_gradients_and_tensors_are_left_as_found(
    method: str, classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    places = {name: value.data_ptr() for name, value in classifier.state_dict().items()}
    kept = pictures.copy()
    explain_pixels(classifier, pictures, [0] * 4, method, settings=QUICK)
    for module in classifier.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks and not module._backward_hooks
        assert not module.training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in classifier.parameters())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert all(value.data_ptr() == places[name] for name, value in classifier.state_dict().items())
    assert np.array_equal(pictures, kept)


def test_many_threads_get_what_one_would(classifier: SynthesizedClassifier, pictures: np.ndarray) -> None:
    jobs = [(method, quantity) for method in METHODS for quantity in ("loss", "logit")]

    def work(job: tuple[str, str]) -> np.ndarray:
        return explain_pixels(classifier, pictures, [0, 1, 2, 0], job[0], quantity=job[1], settings=QUICK).values

    serial = [work(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(work, jobs * 2))
    for job, expected, found, again in zip(jobs, serial, parallel, parallel[len(jobs) :], strict=False):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-4 * scale, err_msg=str(job))
        np.testing.assert_allclose(again, expected, atol=1e-4 * scale, err_msg=str(job))


def test_the_pair_differs_in_all_but_the_classification_layer(
    make_model: ModelMaker, make_states: StatesMaker, pictures: np.ndarray
) -> None:
    model = make_model()
    encoded = TokenStates(*make_states(len(NAMES)), (), ())
    whole, last = synthesize_pair(model, encoded, NAMES)
    tensors, others, base = whole.network.state_dict(), last.network.state_dict(), model.base_tensors
    for name in tensors:
        if name.startswith("fc."):
            assert torch.equal(tensors[name], others[name])
        else:
            assert torch.equal(others[name], base[name]), name
            assert torch.equal(tensors[name], others[name]) == (name not in model.mu), name
    maps = [explain_pixels(each, pictures, [0] * 4).values for each in (whole, last)]
    assert not np.allclose(*maps, rtol=0.05)


def test_another_hypernetwork_gives_another_explanation(
    make_model: ModelMaker, make_states: StatesMaker, pictures: np.ndarray
) -> None:
    trained, other = make_model(seed=0), make_model(seed=1)
    other.load_state_dict({k: v for k, v in trained.state_dict().items() if k.startswith("base/")}, strict=False)
    encoded = TokenStates(*make_states(len(NAMES)), (), ())
    for method in METHODS:
        maps = [
            explain_pixels(synthesize_pair(model, encoded, NAMES)[0], pictures, [0] * 4, method, settings=QUICK)
            for model in (trained, other)
        ]
        flat = [each.values.reshape(4, -1) for each in maps]
        alike = [np.corrcoef(one, two)[0, 1] for one, two in zip(*flat, strict=True)]
        assert np.mean(alike) < 0.9, (method, alike)


def plain_maps(values: np.ndarray, method: str = "gradient") -> SaliencyMaps:
    count = len(values)
    return SaliencyMaps(method, "loss", NAMES, np.zeros(count, np.int64), values, np.zeros((count, 3), np.float32))


def test_shares_of_parts_add_up() -> None:
    flowers = open_fieldbook("flowers")
    refs = [flowers.image_refs(info.id)[0] for info in flowers.classes[:3]]
    masks = np.stack([flowers.plate(ref, SIDE)[1] for ref in refs])
    parts = flowers.kingdom.parts
    values = np.random.default_rng(0).normal(size=masks.shape).astype(np.float32)
    shares = plain_maps(values, "occlusion").shares(masks, parts)
    assert shares.names == ("object", *parts, "background")
    for found in (shares.saliency, shares.area):
        np.testing.assert_allclose(found[:, 0], found[:, 1:-1].sum(axis=1), atol=1e-9)
        np.testing.assert_allclose(found[:, 0] + found[:, -1], 1, atol=1e-9)
    even = plain_maps(np.full(masks.shape, 0.3, np.float32)).shares(masks, parts)
    np.testing.assert_allclose(even.saliency, even.area, atol=1e-6)
    seen = even.area > 0
    np.testing.assert_allclose(even.concentration[seen], 1, atol=1e-5)
    assert np.isnan(even.concentration[~seen]).all()


def test_saliency_on_the_object_alone_is_all_there() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, :2] = 1
    masks[1, 0, 0] = 2
    shares = plain_maps((masks > 0).astype(np.float32)).shares(masks, ("petal", "leaf"))
    np.testing.assert_allclose(shares.saliency, [[1, 1, 0, 0], [1, 0, 1, 0]])
    np.testing.assert_allclose(shares.area, [[0.5, 0.5, 0, 0.5], [1 / 16, 0, 1 / 16, 15 / 16]])
    np.testing.assert_allclose(shares.concentration[:, 0], [2, 16])
    mean = shares.mean
    np.testing.assert_allclose(mean.area[0], [9 / 32, 0.5, 1 / 16, 23 / 32])
    assert mean.saliency[0, 1] == 1


def test_a_map_of_zeros_has_no_shares() -> None:
    masks = np.ones((2, 4, 4), np.uint8)
    values = np.zeros((2, 4, 4), np.float32)
    values[1] = 1
    shares = plain_maps(values).shares(masks, ("petal",))
    assert np.isnan(shares.saliency[0]).all()
    np.testing.assert_allclose(shares.mean.saliency, [[1, 1, np.nan]])
    with pytest.raises(ValueError, match="shape"):
        plain_maps(values).shares(masks[:, :2], ("petal",))


def test_sign_is_strength_too_except_where_the_method_rectifies() -> None:
    values = np.array([[[-2.0, 1.0]]], np.float32)
    assert plain_maps(values, "occlusion").magnitude.tolist() == [[[2, 1]]]
    assert plain_maps(values, "grad_cam").magnitude.tolist() == [[[0, 1]]]
    assert plain_maps(np.zeros((1, 2, 2), np.float32)).limits.tolist() == [0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "tea leaves"}, "tea leaves"),
        ({"quantity": "mood"}, "mood"),
        ({"settings": SaliencySettings(baseline="pink")}, "pink"),
        ({"settings": SaliencySettings(layer="layer9")}, "layer9"),
        ({"settings": SaliencySettings(window=4, stride=8)}, "window 4"),
        ({"settings": SaliencySettings(window=99)}, "32 pixels"),
        ({"settings": SaliencySettings(steps=0)}, "steps=0"),
        ({"settings": SaliencySettings(samples=0)}, "samples=0"),
        ({"settings": SaliencySettings(stride=0)}, "stride=0"),
        ({"settings": SaliencySettings(noise=-0.1)}, r"noise=-0\.1"),
    ],
)
def test_what_does_not_exist_is_told_by_name(
    changes: dict[str, object], said: str, classifier: SynthesizedClassifier, pictures: np.ndarray
) -> None:
    with pytest.raises(InputError, match=said):
        explain_pixels(classifier, pictures, [0] * 4, **changes)
