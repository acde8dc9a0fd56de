"""The networks N3 adapts, as torchvision builds them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from n3core.backbone import (
    BASES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    build_network,
    classifier_names,
    layer_specs,
    normalise,
    strip_classifier,
)


@pytest.mark.parametrize("base", BASES)
def test_specs_are_the_parameters_of_torchvision(base: str) -> None:
    network = build_network(base, 7)
    specs = layer_specs(base, 7)
    assert [spec.name for spec in specs] == [name for name, _ in network.named_parameters()]
    assert [spec.shape for spec in specs] == [tuple(value.shape) for value in network.parameters()]
    assert [spec.name for spec in specs if spec.kind == "fc"] == list(classifier_names(base))


def test_resnet18_has_62_tensors_by_kind() -> None:
    kinds = [spec.kind for spec in layer_specs("resnet18", 10)]
    assert len(kinds) == 62
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"conv": 20, "norm": 40, "fc": 2}


@pytest.mark.parametrize("base", BASES)
def test_kinds_are_those_of_the_modules(base: str) -> None:
    network = build_network(base, 7, device="meta")
    types = {"conv": nn.Conv2d, "norm": nn.BatchNorm2d, "fc": (nn.Linear, nn.Conv2d)}
    for spec in layer_specs(base, 7):
        owner = network.get_submodule(spec.name.rpartition(".")[0])
        assert isinstance(owner, types[spec.kind]), spec


@pytest.mark.parametrize("base", BASES)
def test_columns_cover_every_tensor(base: str) -> None:
    for spec in layer_specs(base, 7):
        assert spec.columns * spec.column_size == torch.Size(spec.shape).numel()
        assert spec.columns == (spec.shape[0] if len(spec.shape) > 1 else 1)


@pytest.mark.parametrize("base", BASES)
def test_stripped_network_gives_features(base: str, images: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = build_network(base, 7).eval()
    width = strip_classifier(base, network)
    weight = next(spec for spec in layer_specs(base, 7) if spec.kind == "fc")
    assert width == weight.column_size
    with torch.no_grad():
        features = network(normalise(images)).flatten(1)
    assert features.shape == (len(images), width)


def test_meta_network_allocates_nothing() -> None:
    assert all(value.is_meta for value in build_network("resnet18", 1000, device="meta").parameters())


def test_the_same_network_as_torchvision_builds(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    ours = build_network("resnet18", 4).eval()
    theirs = models.resnet18(num_classes=4).eval()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def test_normalise_is_the_transform_of_torchvision_weights(images: torch.Tensor) -> None:
    preset = models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    assert tuple(preset.mean) == IMAGENET_MEAN
    assert tuple(preset.std) == IMAGENET_STD
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(3, 1, 1)
    torch.testing.assert_close(normalise(images)[2], (images[2] - mean) / std)


def test_unknown_base_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'vgg16'.*resnet18.*squeezenet1_1"):
        build_network("vgg16", 5)
