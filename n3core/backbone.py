"""The networks N3 adapts: torchvision modules and a table of their parameter tensors.

Owns how a base is built, stripped of its classifier and described; knows no text and no adaptation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torchvision import models

from n3core.errors import InputError

__all__ = [
    "BASES",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LayerSpec",
    "build_network",
    "classifier_names",
    "feature_network",
    "hash_tensors",
    "layer_specs",
    "load_base_network",
    "normalise",
    "smallest_size",
    "strip_classifier",
    "to_float",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# base -> name of the module that maps features to classes
_CLASSIFIERS = {"resnet18": "fc", "googlenet": "fc", "squeezenet1_1": "classifier.1"}
BASES = tuple(_CLASSIFIERS)


@dataclass(frozen=True)
class LayerSpec:
    """One parameter tensor, in network order. `kind` is "conv", "norm" or "fc" (the classification layer)."""

    name: str
    shape: tuple[int, ...]
    kind: str

    @property
    def columns(self) -> int:
        """M: number of columns the decoder emits (paper footnote 1); a vector is one column."""
        return self.shape[0] if len(self.shape) > 1 else 1

    @property
    def column_size(self) -> int:
        """Elements of one column, I * kh * kw for a convolution."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size // self.columns


def build_network(base: str, classes: int, *, device: str = "cpu") -> nn.Module:
    """Build the torchvision network with `classes` outputs; device="meta" allocates nothing.

    Raises:
        ValueError: unknown base.
    """
    if base not in _CLASSIFIERS:
        raise ValueError(f"base network {base!r} is unknown; choose one of {', '.join(BASES)}")
    options = {"aux_logits": False, "transform_input": False, "init_weights": True} if base == "googlenet" else {}
    with torch.device(device):
        return getattr(models, base)(weights=None, num_classes=classes, **options)


def smallest_size(base: str) -> int:
    """The least side of an image in pixels that the network's layers leave anything of."""
    network = build_network(base, 1, device="meta").eval()
    size = 1
    while True:
        try:
            network(torch.empty(1, 3, size, size, device="meta"))
        except RuntimeError:
            size += 1
        else:
            return size


def classifier_names(base: str) -> tuple[str, str]:
    """Names of the weight and the bias of the classification layer."""
    return f"{_CLASSIFIERS[base]}.weight", f"{_CLASSIFIERS[base]}.bias"


def layer_specs(base: str, classes: int) -> tuple[LayerSpec, ...]:
    """Describe every parameter tensor of the base, in network order."""
    network = build_network(base, classes, device="meta")
    owners = dict(network.named_modules())
    specs = []
    for name, parameter in network.named_parameters():
        kind = "norm" if isinstance(owners[name.rpartition(".")[0]], nn.BatchNorm2d) else "conv"
        if name in classifier_names(base):
            kind = "fc"
        specs.append(LayerSpec(name, tuple(parameter.shape), kind))
    return tuple(specs)


def strip_classifier(base: str, network: nn.Module) -> int:
    """Make `network` return pooled features (N, F) in place; returns F."""
    if base == "squeezenet1_1":
        network.classifier = nn.AdaptiveAvgPool2d(1)
        return 512
    width = network.fc.in_features
    network.fc = nn.Identity()
    return width


def load_base_network(base: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The network without classification layer, with copies of these tensors; nothing is drawn at random.

    Args:
        base: name of the network.
        tensors: its state dict without the classification layer.
    """
    network = build_network(base, 1, device="meta")
    strip_classifier(base, network)
    network.load_state_dict({name: value.clone() for name, value in tensors.items()}, assign=True)
    return network


def feature_network(base: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The base in eval mode, from normalised images (N, 3, H, W) to penultimate features (N, F).

    Args:
        base: name of the network.
        tensors: its state dict without the classification layer.
    """
    return nn.Sequential(load_base_network(base, tensors), nn.Flatten(1)).eval().requires_grad_(False)


def to_float(pixels: np.ndarray, device: torch.device | None = None) -> Tensor:
    """Turn (N, S, S, 3) uint8 into (N, 3, S, S) float in [0, 1] on a device, channels last in memory.

    Raises:
        InputError: values of another kind, whose range nobody knows.
    """
    values = np.array(pixels)
    if values.dtype != np.uint8:
        raise InputError(f"pixels are {values.dtype}; give uint8 from 0 to 255, shares of white multiplied by 255")
    return torch.from_numpy(values).to(device).permute(0, 3, 1, 2).float().div_(255)


def normalise(images: Tensor) -> Tensor:
    """Map (N, 3, H, W) in [0, 1] to the ImageNet mean and deviation that torchvision networks expect."""
    mean = images.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = images.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (images - mean) / std


def hash_tensors(tensors: Mapping[str, Tensor], about: str = "") -> str:
    """SHA-256 of tensors by name and value, whatever their order, as 64 hex digits; `about` is hashed before them."""
    digest = hashlib.sha256(about.encode())
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
