"""What the frozen base network makes of images, computed once and memory-mapped afterwards.

Owns the two depths that systems read beside pixels: pooled features and the last feature map. Knows no system.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from n3core.backbone import feature_network, load_base_network, normalise, to_float
from n3core.baselines.base import BaseNetwork
from n3core.files import cache_folder
from n3core.pixels import kept_array

__all__ = ["load_features", "load_maps", "map_network"]

Advance = Callable[[int], None]  # told how many images were done

_BATCH = 250
_BEHIND_THE_MAP = ("avgpool", "dropout", "fc")


def map_network(base: BaseNetwork) -> nn.Module:
    """The base in eval mode, from normalised images (N, 3, S, S) to its last feature map (N, F, h, w).

    At 64 pixels the last stage of ResNet-18 leaves 2 x 2 places, too few for regions. Its copy here does without
    the last stride and spreads the convolutions behind it to dilation 2: same weights, 4 x 4 places, and every second
    one holds exactly what the base computes there. GoogLeNet and SqueezeNet give their own maps.
    """
    network = load_base_network(base.name, base.tensors)
    if base.name == "resnet18":
        _widen_last_stage(network.layer4)
    # torchvision registers the children of its networks in the order of the forward pass.
    children = dict(network.features.named_children() if base.name == "squeezenet1_1" else network.named_children())
    stages = nn.Sequential(*(child for name, child in children.items() if name not in _BEHIND_THE_MAP))
    return stages.eval().requires_grad_(False)


def load_features(base: BaseNetwork, base_hash: str, key: str, pixels: np.ndarray, advance: Advance) -> np.ndarray:
    """Penultimate features (N, F) float32, read from the cache where they were computed before.

    Args:
        base: the network.
        base_hash: hash of its tensors.
        key: hash of what the images are.
        pixels: (N, S, S, 3) uint8.
        advance: told how many images were done.
    """
    return _cached(base, f"features|{base_hash}|{key}", _features_of, pixels, np.float32, advance)


def load_maps(base: BaseNetwork, base_hash: str, key: str, pixels: np.ndarray, advance: Advance) -> np.ndarray:
    """Last feature maps (N, F, h, w) float16; the arguments are those of `load_features`."""
    return _cached(base, f"maps|{base_hash}|{key}", map_network, pixels, np.float16, advance)


def _features_of(base: BaseNetwork) -> nn.Module:
    return feature_network(base.name, base.tensors)


def _widen_last_stage(stage: nn.Module) -> None:
    """Stride 1 instead of 2, in place; whatever comes behind the stride reads every second place."""
    behind = False
    for module in stage.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.stride == (2, 2):
            module.stride = (1, 1)
            behind = True
        elif behind and module.kernel_size == (3, 3):
            module.dilation = module.padding = (2, 2)


def _cached(
    base: BaseNetwork,
    what: str,
    build: Callable[[BaseNetwork], nn.Module],
    pixels: np.ndarray,
    dtype: type[np.floating],
    advance: Advance,
) -> np.ndarray:
    digest = hashlib.sha256(json.dumps([what, len(pixels)]).encode()).hexdigest()[:24]
    path = cache_folder() / "features" / f"{digest}.npy"
    network = build(base).to(base.device, memory_format=torch.channels_last)

    def look_at_all(store: np.ndarray) -> None:
        for start in range(0, len(pixels), _BATCH):
            found = _look(network, base.device, pixels[start : start + _BATCH])
            store[start : start + len(found)] = found
            advance(len(found))

    shape = (len(pixels), *_look(network, base.device, pixels[:1]).shape[1:])
    return kept_array(path, shape, dtype, look_at_all)


@torch.inference_mode()
def _look(network: nn.Module, device: str, pixels: np.ndarray) -> np.ndarray:
    """What the network makes of images (N, S, S, 3) uint8, in float32."""
    images = normalise(to_float(pixels, torch.device(device)))
    with torch.autocast(device, torch.bfloat16):
        found: Tensor = network(images)
    return found.float().cpu().numpy()
