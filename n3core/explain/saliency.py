"""Saliency by the methods of captum: which pixels move the loss or a logit (paper section 5.3, figure 4).

Owns the private network of every call, the methods and their chunks. Captum hangs hooks on modules and reads what they
leave there, which goes wrong where threads share one: each call therefore runs on modules of its own that borrow the
classifier's tensors and only read them. Knows no dataset, no engine and no screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from captum.attr import Saliency as Gradient
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur

from n3core.backbone import IMAGENET_MEAN, build_network, normalise, to_float
from n3core.errors import InputError
from n3core.indices import check_labels
from n3core.model import N3, SynthesizedClassifier
from n3core.results.saliency import BASELINES, METHODS, SaliencyMaps, SaliencySettings
from n3core.token_states import TokenStates

__all__ = ["GRAD_CAM_STAGES", "explain_pixels", "synthesize_pair"]

_IMAGES = 16  # images at a time
_EVALUATIONS = 64  # network evaluations at a time: bounds the memory of methods that need many for one image
_QUANTITIES = ("loss", "logit")
_LEAST_ROWS = 4  # a coarser Grad-CAM map says little about places

# base -> stage -> pixels of the image per pixel of the stage's map, shallow first
GRAD_CAM_STAGES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "resnet18": MappingProxyType({"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}),
        "googlenet": MappingProxyType({"inception3b": 8, "inception4e": 16, "inception5b": 32}),
        "squeezenet1_1": MappingProxyType({"features.4": 4, "features.7": 8, "features.12": 16}),
    }
)


class _Score(nn.Module):
    """What is explained, as captum wants it: one number per image, larger where the target is more likely."""

    def __init__(self, classifier: SynthesizedClassifier, quantity: str) -> None:
        super().__init__()
        # New modules around the same tensors, built and not copied: a copy may share its table of hooks.
        self.network = build_network(classifier.base, len(classifier.class_names), device="meta")
        self.network.load_state_dict(classifier.network.state_dict(), assign=True)
        self.requires_grad_(False)
        self.eval()
        self.base, self.quantity = classifier.base, quantity

    def logits(self, images: Tensor) -> Tensor:
        """What the classifier says of images (B, 3, S, S), float in [0, 1]: (B, K)."""
        return self.network(normalise(images))

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Map images (B, 3, S, S), float in [0, 1], and targets (B,) to -E or the logit of the target, (B,)."""
        logits = self.logits(images)
        if self.quantity == "loss":
            return -functional.cross_entropy(logits, targets, reduction="none")
        return logits.gather(1, targets[:, None])[:, 0]


_Attribute = Callable[[_Score, Tensor, Tensor, SaliencySettings], Tensor]  # -> (B, S, S)


def explain_pixels(
    classifier: SynthesizedClassifier,
    images: np.ndarray,
    targets: Sequence[int],
    method: str = "gradient",
    *,
    quantity: str = "loss",
    settings: SaliencySettings | None = None,
) -> SaliencyMaps:
    """Tell which pixels matter to a classifier.

    The same images give the same maps whatever else runs, whatever images stand beside them. No `.grad` is written.

    Args:
        classifier: only read, so that many threads may share it.
        images: (N, S, S, 3) uint8, S the image size the classifier was made for.
        targets: N class indices to explain.
        method: a name of METHODS.
        quantity: "loss", the cross-entropy E against the target (the paper's choice), or "logit" of the target.
        settings: of the method; None for the usual ones.

    Returns:
        One map per image.

    Raises:
        InputError: unknown method, quantity, baseline or layer, a setting out of range, or not one target for each
            image.
    """
    settings = settings or SaliencySettings()
    _check(classifier.base, images, method, quantity, settings)
    side, classes = images.shape[1], len(classifier.class_names)
    found = check_labels(targets, len(images), classes, what="target")
    score = _Score(classifier, quantity)
    weight = next(score.parameters())
    values = [np.empty((0, side, side), np.float32)]
    logits = [np.empty((0, classes), np.float32)]
    for start in range(0, len(images), _IMAGES):
        pixels = to_float(images[start : start + _IMAGES], weight.device).to(weight.dtype)
        labels = torch.from_numpy(found[start : start + _IMAGES]).to(weight.device)
        values.append(_ATTRIBUTE[method](score, pixels, labels, settings).detach().float().cpu().numpy())
        with torch.no_grad():
            logits.append(score.logits(pixels).float().cpu().numpy())
    return SaliencyMaps(
        method,
        quantity,
        classifier.class_names,
        found,
        np.concatenate(values),
        np.concatenate(logits),
    )


def synthesize_pair(
    model: N3, encoded: TokenStates, class_names: Sequence[str]
) -> tuple[SynthesizedClassifier, SynthesizedClassifier]:
    """Build the two networks that figure 4 compares.

    Args:
        model: only read.
        encoded: token states of K descriptions.
        class_names: K names.

    Returns:
        The classifier with every layer adapted, and the one of which only the classification layer is generated.
    """
    device = model.log_mu.device
    states, mask = encoded.states.to(device), encoded.mask.to(device)
    whole = model.synthesize(states, mask, class_names)
    return whole, model.synthesize(states, mask, class_names, without=tuple(model.mu))


def _check(base: str, images: np.ndarray, method: str, quantity: str, settings: SaliencySettings) -> None:
    def known(what: str, value: object, options: Sequence[object]) -> None:
        if value not in options:
            raise InputError(f"{what} {value!r} is unknown; use one of {', '.join(map(str, options))}")

    known("saliency method", method, tuple(METHODS))
    known("quantity", quantity, _QUANTITIES)
    known("baseline", settings.baseline, BASELINES)
    if settings.layer is not None:
        known(f"stage of {base}", settings.layer, tuple(GRAD_CAM_STAGES[base]))
    if min(settings.steps, settings.samples, settings.stride) < 1 or settings.noise < 0:
        raise InputError(f"{settings} is out of range; steps, samples and stride begin at 1, noise at 0")
    if not settings.stride <= settings.window <= images.shape[1]:
        raise InputError(
            f"window {settings.window} is out of range; it lies between the stride, {settings.stride}, and the "
            f"side of the image, {images.shape[1]} pixels"
        )


def _baseline(images: Tensor, kind: str) -> Tensor:
    """What stands for absent pixels, of the shape of `images`."""
    if kind == "blur":
        side = images.shape[-1]
        return gaussian_blur(images, [2 * (side // 4) + 1] * 2, [side / 8] * 2)
    colour = {"mean": IMAGENET_MEAN, "black": (0.0,) * 3, "white": (1.0,) * 3}[kind]
    return images.new_tensor(colour).view(1, 3, 1, 1).expand_as(images).clone()


def _leaf(images: Tensor) -> Tensor:
    return images.detach().clone().requires_grad_(True)


def _gradient(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    signed = Gradient(score).attribute(_leaf(images), abs=False, additional_forward_args=targets)
    return signed.abs().sum(dim=1)


def _gradient_x_input(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    baseline = _baseline(images, settings.baseline)

    def shifted(difference: Tensor, labels: Tensor) -> Tensor:
        return score(difference + baseline, labels)

    return InputXGradient(shifted).attribute(_leaf(images - baseline), additional_forward_args=targets).sum(dim=1)


def _integrated_gradients(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    return (
        IntegratedGradients(score)
        .attribute(
            _leaf(images),
            baselines=_baseline(images, settings.baseline),
            additional_forward_args=targets,
            n_steps=settings.steps,
            internal_batch_size=_EVALUATIONS,
        )
        .sum(dim=1)
    )


def _smoothgrad(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    # Not captum's NoiseTunnel: it draws from the generator that all threads share, so its maps never come twice.
    generator = torch.Generator().manual_seed(settings.seed)
    total = torch.zeros_like(images)
    for _ in range(settings.samples):
        noise = torch.randn(images.shape[1:], generator=generator).to(images.device)
        noisy = _leaf(images + settings.noise * noise)
        total += Gradient(score).attribute(noisy, abs=False, additional_forward_args=targets)
    return (total / settings.samples).abs().sum(dim=1)


def _grad_cam(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    stages, side = GRAD_CAM_STAGES[score.base], images.shape[-1]
    fine = [name for name, pixels in stages.items() if side >= _LEAST_ROWS * pixels]
    name = settings.layer or (fine or list(stages))[-1 if fine else 0]
    layer = score.network.get_submodule(name)
    coarse = LayerGradCam(score, layer).attribute(images, additional_forward_args=targets)  # (B, 1, h, w)
    return LayerAttribution.interpolate(coarse, (side, side), interpolate_mode="bilinear")[:, 0]


def _occlusion(score: _Score, images: Tensor, targets: Tensor, settings: SaliencySettings) -> Tensor:
    with torch.no_grad():
        effects = Occlusion(score).attribute(
            images,
            sliding_window_shapes=(3, settings.window, settings.window),
            strides=(3, settings.stride, settings.stride),
            baselines=_baseline(images, settings.baseline),
            additional_forward_args=targets,
            perturbations_per_eval=max(1, _EVALUATIONS // len(images)),
        )
    return effects[:, 0]  # the patch covers all colours at once: their values are equal


_ATTRIBUTE: Mapping[str, _Attribute] = MappingProxyType(
    {
        "gradient": _gradient,
        "gradient_x_input": _gradient_x_input,
        "integrated_gradients": _integrated_gradients,
        "smoothgrad": _smoothgrad,
        "grad_cam": _grad_cam,
        "occlusion": _occlusion,
    }
)
