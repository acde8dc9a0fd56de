"""Centre and scale by what was seen in training: the one way in which systems prepare features and semantics.

Owns the statistics and the draw of mini-batches that the feature-based systems share; knows no system. Statistics come
from the seen classes alone, so no class is scored differently for the company it is judged in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Standardisation", "draw_batches"]

_CHUNK = 4096  # images at a time: feature maps are large and kept in half precision


@dataclass(frozen=True, eq=False)
class Standardisation:
    """x -> (x - mean) / scale along the second axis.

    mean, scale: (F,) float32; the scale of what is constant in training is 1.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls, values: np.ndarray, *, active: bool = True, centre: bool = True, device: str = "cpu"
    ) -> Standardisation:
        """Measure the statistics of training data.

        Args:
            values: (N, F) or, for maps, (N, F, h, w), whose channels share their statistics over places.
            active: False leaves values as they are.
            centre: False scales only, so that zero stays zero and rectified features stay positive.
            device: where `__call__` puts its results.
        """
        mean, deviation = np.zeros(values.shape[1]), np.ones(values.shape[1])
        if active:
            axes = (0, *range(2, values.ndim))
            total, squares, count = np.zeros(values.shape[1]), np.zeros(values.shape[1]), 0
            for start in range(0, len(values), _CHUNK):
                chunk = values[start : start + _CHUNK].astype(np.float64)
                total += chunk.sum(axes)
                squares += np.square(chunk).sum(axes)
                count += chunk.size // chunk.shape[1]
            mean = total / count
            variance = squares / count - mean**2
            # What is left of a constant column is rounding: dividing by it would make noise of it.
            deviation = np.sqrt(np.where(variance > 1e-10 * (1 + mean**2), variance, 1.0))
            mean = mean if centre else np.zeros_like(mean)
        return cls(*(torch.tensor(array, dtype=torch.float32, device=device) for array in (mean, deviation)))

    def __call__(self, values: np.ndarray) -> Tensor:
        """Return values (N, F, ...) standardised, float32."""
        shape = (-1, *(1,) * (values.ndim - 2))
        tensor = torch.from_numpy(np.array(values, np.float32)).to(self.mean.device)
        return (tensor - self.mean.view(shape)) / self.scale.view(shape)


def draw_batches(images: int, batch_size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Go through the images in epochs of random order.

    Args:
        images: how many there are, N.
        batch_size: images a batch; no more than N.
        steps: batches to draw.
        generator: on the CPU, so that all devices see the same batches.

    Yields:
        Image numbers (B,); the left-over of an epoch, smaller than a batch, is dropped.
    """
    size = min(batch_size, images)
    order, place = torch.randperm(images, generator=generator), 0
    for _ in range(steps):
        if place + size > images:
            order, place = torch.randperm(images, generator=generator), 0
        yield order[place : place + size]
        place += size
