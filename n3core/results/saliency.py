"""Saliency: how much every pixel of an image matters to a classifier, and how much of that lies on which part.

Owns the methods on offer with their settings, the maps and the shares. Paper section 5.3 and figure 4: |dE/dpixel| of
the loss E. Knows no network and no dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from n3core.results.predictions import Prediction

__all__ = [
    "BASELINES",
    "METHODS",
    "RegionShares",
    "SaliencyMaps",
    "SaliencyMethod",
    "SaliencySettings",
    "join_maps",
]

BASELINES = ("mean", "black", "white", "blur")  # what an absent pixel looks like: the mean colour of ImageNet, ...
_CLIPPED = 99.0  # percentile of a map at which colours end, so that a few pixels do not darken all others


@dataclass(frozen=True)
class SaliencyMethod:
    """A way to tell which pixels matter.

    signed: whether its values tell support (positive) from opposition (negative).
    rectified: whether opposition counts as no saliency, as Grad-CAM defines it; else its size counts.
    loss_unit: what a value is where the loss E is explained.
    logit_unit: what a value is where a logit is explained.
    note: one sentence for people.
    """

    name: str
    title: str
    signed: bool
    rectified: bool
    loss_unit: str
    logit_unit: str
    note: str


_GRADIENT = ("|dE/dpixel|, nats per pixel range", "|dlogit/dpixel|, logits per pixel range")
_PART = ("contribution to -E, nats", "contribution to the logit")
METHODS: Mapping[str, SaliencyMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            SaliencyMethod(
                "gradient", "Gradient", False, False, *_GRADIENT,
                "How fast the value changes with each pixel: the paper's figure 4.",
            ),
            SaliencyMethod(
                "gradient_x_input", "Gradient x input", True, False, *_PART,
                "The gradient times the pixel's difference from the baseline.",
            ),
            SaliencyMethod(
                "integrated_gradients", "Integrated gradients", True, False, *_PART,
                "The gradient gathered on the way from the baseline to the picture; "
                "with enough steps the pixels add up to the whole change.",
            ),
            SaliencyMethod(
                "smoothgrad", "SmoothGrad", False, False, *_GRADIENT,
                "The gradient averaged over noisy copies of the picture.",
            ),
            SaliencyMethod(
                "grad_cam", "Grad-CAM", True, True, "activation x dE/dactivation", "activation x dlogit/dactivation",
                "Which places of a late, coarse layer speak for the class.",
            ),
            SaliencyMethod(
                "occlusion", "Occlusion", True, False, "rise of E when covered, nats", "fall of the logit when covered",
                "What covering each patch does: slow, and no gradient is involved.",
            ),
        )
    }
)  # fmt: skip


@dataclass(frozen=True)
class SaliencySettings:
    """How a method works; each method reads what concerns it.

    steps: points on the way from the baseline (integrated gradients).
    samples: noisy copies (SmoothGrad).
    noise: standard deviation of the noise, as a share of the pixel range (SmoothGrad).
    seed: of the noise; every image and every network meets the same noise.
    window: side of the covered patch in pixels (occlusion).
    stride: pixels from one patch to the next, at most `window` (occlusion).
    baseline: one of BASELINES (gradient x input, integrated gradients, occlusion).
    layer: where Grad-CAM looks; None is the last stage whose map has four rows or more.
    """

    steps: int = 32
    samples: int = 16
    noise: float = 0.1
    seed: int = 0
    window: int = 8
    stride: int = 4
    baseline: str = "mean"
    layer: str | None = None


@dataclass(frozen=True, eq=False)
class RegionShares:
    """How saliency and area spread over the regions of N images; shares between 0 and 1.

    names: R regions: "object", its parts, and "background".
    saliency: (N, R) share of the map's sum; nan where the map is zero everywhere.
    area: (N, R) share of the pixels.
    """

    names: tuple[str, ...]
    saliency: np.ndarray
    area: np.ndarray

    @property
    def concentration(self) -> np.ndarray:
        """Share of saliency over share of area, (N, R): 1 is what chance gives; nan where the region is not seen."""
        seen = self.area > 0
        return np.where(seen, self.saliency / np.where(seen, self.area, 1), np.nan)

    @property
    def mean(self) -> RegionShares:
        """The means as one row; each region over the images that show it and whose map is not zero."""
        counted = (self.area > 0) & ~np.isnan(self.saliency)
        number = counted.sum(axis=0, keepdims=True)

        def average(values: np.ndarray) -> np.ndarray:
            total = np.where(counted, values, 0).sum(axis=0, keepdims=True)
            return np.where(number > 0, total / np.maximum(number, 1), np.nan)

        return RegionShares(self.names, average(self.saliency), np.nan_to_num(average(self.area)))


@dataclass(frozen=True, eq=False)
class SaliencyMaps:
    """What matters to one classifier in N images of S x S pixels.

    method: a name of METHODS.
    quantity: "loss" (E, the cross-entropy against the target) or "logit" (of the target).
    targets: (N,) int64 index of the class that is explained.
    values: (N, S, S) float32, colours summed; of a signed method, positive values speak for the target: they raise
        its logit or lower E.
    logits: (N, K) float32, what the classifier says of the images.
    """

    method: str
    quantity: str
    class_names: tuple[str, ...]
    targets: np.ndarray
    values: np.ndarray
    logits: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def prediction(self) -> Prediction:
        """The classifier's view of the images."""
        return Prediction(self.class_names, self.logits)

    @property
    def unit(self) -> str:
        """What a value is, for the title of a colour bar."""
        method = METHODS[self.method]
        return method.loss_unit if self.quantity == "loss" else method.logit_unit

    @property
    def magnitude(self) -> np.ndarray:
        """Saliency proper, (N, S, S), zero or more."""
        return np.maximum(self.values, 0) if METHODS[self.method].rectified else np.abs(self.values)

    @property
    def limits(self) -> np.ndarray:
        """Where the colours of each map end, (N,): the 99th percentile of its magnitude, its largest if that is 0."""
        magnitude = self.magnitude.reshape(len(self), -1)
        most = np.percentile(magnitude, _CLIPPED, axis=1)
        return np.where(most > 0, most, magnitude.max(axis=1, initial=0))

    def shares(self, masks: np.ndarray, parts: Sequence[str]) -> RegionShares:
        """Spread the saliency over the regions of part masks.

        Args:
            masks: (N, S, S) integers: 0 is background, `parts[i]` is `i + 1`.
            parts: names of the parts.

        Returns:
            The shares of the object, of each part and of the background. Parts add up to the object, object and
            background to 1.

        Raises:
            ValueError: the masks have another shape than the maps.
        """
        if masks.shape != self.values.shape:
            raise ValueError(f"masks have the shape {masks.shape}, the maps {self.values.shape}")
        magnitude = self.magnitude.astype(np.float64)
        total = magnitude.sum(axis=(1, 2))
        total[total == 0] = np.nan
        inside = [masks > 0, *(masks == number + 1 for number in range(len(parts))), masks == 0]
        saliency = np.stack([(magnitude * region).sum(axis=(1, 2)) / total for region in inside], axis=1)
        area = np.stack([region.mean(axis=(1, 2)) for region in inside], axis=1)
        return RegionShares(("object", *parts, "background"), saliency, area)


def join_maps(parts: Sequence[SaliencyMaps]) -> SaliencyMaps:
    """Put maps of one method, quantity, size and set of classes one after the other."""
    first = parts[0]
    return SaliencyMaps(
        first.method,
        first.quantity,
        first.class_names,
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.logits for part in parts]),
    )
