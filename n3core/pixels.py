"""Training images as one memory-mapped uint8 array, and the batch-wise augmentation.

Owns the pixel cache on disk; knows datasets only through their protocol and knows no model.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n3core.datasets.base import Dataset, load_pixels
from n3core.errors import InputError
from n3core.files import cache_folder, remove_abandoned, unfinished

__all__ = ["Augmentation", "PixelSet", "augment", "cached_pixels", "draw_augmentation", "kept_array"]


@dataclass(frozen=True)
class PixelSet:
    """Images of many classes with integer targets.

    pixels: (N, S, S, 3) uint8, memory-mapped.
    class_ids: the class of target value i.
    labels: (N,) int64 index into `class_ids`.
    targets: head name -> (N,) int64 targets that the base network is pre-trained on.
    version: of the dataset; changes whenever an image may have changed.
    """

    name: str
    pixels: np.ndarray
    class_ids: tuple[str, ...]
    labels: np.ndarray
    targets: Mapping[str, np.ndarray]
    head_sizes: Mapping[str, int]
    version: str = ""

    @property
    def identity(self) -> dict[str, object]:
        """What a run that learns from these images is bound to, in words -> its value."""
        return {f"images of {self.name}": self.version, f"seen classes of {self.name}": self.class_ids}


def cached_pixels(
    dataset: Dataset, class_ids: Sequence[str], size: int, subset: str = "train", *, name: str | None = None
) -> PixelSet:
    """Decode the images of some classes once and memory-map them afterwards.

    Args:
        dataset: any dataset of the protocol.
        class_ids: its classes, in the order the labels will count them.
        size: side of the square images in pixels.
        subset: "train" or "evaluate", for datasets that separate them.
        name: what to call the set and its head; by default as the dataset.
    """
    refs = [ref for class_id in class_ids for ref in dataset.image_refs(class_id, subset=subset)]
    position = {class_id: index for index, class_id in enumerate(class_ids)}
    labels = np.array([position[ref.class_id] for ref in refs], np.int64)
    key = hashlib.sha256(
        json.dumps([dataset.name, dataset.version, size, [ref.id for ref in refs]]).encode()
    ).hexdigest()[:24]
    path = cache_folder() / "pixels" / f"{key}.npy"

    def decode(store: np.ndarray) -> None:
        for start in range(0, len(refs), 1024):
            store[start : start + 1024] = load_pixels(dataset, refs[start : start + 1024], size)

    pixels = kept_array(path, (len(refs), size, size, 3), np.uint8, decode)
    name = name or dataset.name
    return PixelSet(
        name, pixels, tuple(class_ids), labels, {name: labels}, {name: len(class_ids)}, version=dataset.version
    )


def kept_array(
    path: Path, shape: tuple[int, ...], dtype: type[np.generic], fill: Callable[[np.ndarray], object]
) -> np.ndarray:
    """An array that is made once: read from its file, which is written first where it is missing or damaged.

    Args:
        path: the file, *.npy; it takes its name when it is whole, and a `fill` that fails leaves none.
        shape: of the array.
        dtype: of its elements.
        fill: given the new array, writes every element.

    Returns:
        The array, memory-mapped, read-only.

    Raises:
        InputError: the disk has no room for it.
    """
    remove_abandoned(path.parent.glob(".*.part"))  # of a run that was killed, as large as the array was to be
    found = _open(path, shape, dtype)
    if found is not None:
        return found
    part = unfinished(path)
    try:
        store = _reserve(part, shape, dtype)
        fill(store)
        store.flush()
        del store  # Windows renames no file that is mapped
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def _open(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray | None:
    """The array in a file, None where there is no such array."""
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    whole = isinstance(found, np.memmap) and found.shape == shape and found.dtype == dtype
    return found if whole else None


def _reserve(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """A new memory-mapped array whose every byte has its place on the disk: writing where none is left kills."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        store = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        megabytes = math.prod(shape) * np.dtype(dtype).itemsize // 1_000_000
        reason = f"{megabytes} MB made of images cannot be kept in {path.parent} ({error.strerror})"
        raise InputError(f"{reason}; free some space or let $N3_CACHE name another folder") from None
    return store


@dataclass(frozen=True, eq=False)
class Augmentation:
    """How each of N images is varied.

    theta: (N, 2, 3) float32, where the corners of the result lie in the image, for `affine_grid`.
    brightness, contrast: (N,) float32 factors.
    """

    theta: Tensor
    brightness: Tensor
    contrast: Tensor

    def take(self, rows: slice) -> Augmentation:
        """Those of some of the images."""
        return Augmentation(self.theta[rows], self.brightness[rows], self.contrast[rows])


def draw_augmentation(count: int, rng: np.random.Generator, *, least_scale: float = 0.55) -> Augmentation:
    """Draw crop, mirror, brightness and contrast for `count` images.

    Args:
        count: N.
        rng: source of the randomness.
        least_scale: smallest share of the side that a crop keeps, before a change of aspect by up to 1.27.
    """
    scale = rng.uniform(least_scale, 1.0, (count, 1)) * np.exp(rng.uniform(-0.12, 0.12, (count, 2)))
    scale = np.minimum(scale, 1.0)
    shift = rng.uniform(-1, 1, (count, 2)) * (1 - scale)
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    theta = np.zeros((count, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = scale[:, 0] * mirror, scale[:, 1]
    theta[:, :, 2] = shift
    brightness, contrast = (rng.uniform(0.75, 1.25, count).astype(np.float32) for _ in range(2))
    return Augmentation(torch.from_numpy(theta), torch.from_numpy(brightness), torch.from_numpy(contrast))


def augment(images: Tensor, drawn: Augmentation, size: int) -> Tensor:
    """Resized crop, mirror, brightness and contrast, in one bilinear resampling for the whole batch.

    Args:
        images: (N, 3, S, S) float in [0, 1], on any device.
        drawn: what to do to each of the N.
        size: side of the result.

    Returns:
        (N, 3, size, size) float, clipped to [0, 1].
    """
    theta, brightness, contrast = (value.to(images.device) for value in (drawn.theta, drawn.brightness, drawn.contrast))
    grid = functional.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    crops = functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    mean = crops.mean((2, 3), keepdim=True)
    return ((crops - mean) * contrast.view(-1, 1, 1, 1) + mean * brightness.view(-1, 1, 1, 1)).clamp_(0, 1)
