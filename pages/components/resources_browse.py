"""What Browse keeps between reruns: the order of a gallery of any size, and pictures with their parts marked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import streamlit as st
from PIL import Image

from n3core.datasets.base import ImageRef, Subset
from pages.components.resources import get_dataset

__all__ = ["Gallery", "MarkedParts", "gallery_of", "has_parts", "mark_parts"]

_SIDE = 640  # pixels
_OPACITY = 0.55
# Okabe and Ito: told apart by every kind of colour vision, and on green and brown plates.
_COLOURS = ((230, 159, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66), (0, 114, 178), (213, 94, 0), (0, 158, 115))


@dataclass(frozen=True)
class Gallery:
    """Pictures of some classes; the classes take turns, so that every page shows many of them.

    counts: class id -> number of pictures.
    """

    refs: tuple[ImageRef, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class MarkedParts:
    """A picture with every part in a colour of its own.

    picture: encoded, the parts coloured.
    parts: name, share of the picture in percent, and an encoded swatch of its colour; only parts that are there.
    """

    picture: bytes
    parts: tuple[tuple[str, float, bytes], ...]


def gallery_of(data: str, class_ids: tuple[str, ...], subsets: tuple[Subset, ...]) -> Gallery:
    """Order the pictures of some classes.

    Args:
        data: name or path of the dataset.
        class_ids: its classes.
        subsets: which of the images, for datasets that keep training images apart.

    Raises:
        InputError: the dataset cannot be opened, or files of it are missing.
    """
    return _gallery(data, get_dataset(data).version, class_ids, subsets)


@st.cache_resource(max_entries=8, ttl="1h", show_spinner="Looking through the pictures…")
def _gallery(data: str, version: str, class_ids: tuple[str, ...], subsets: tuple[Subset, ...]) -> Gallery:
    dataset = get_dataset(data)
    rows = [
        tuple(ref for subset in subsets for ref in dataset.image_refs(class_id, subset=subset))
        for class_id in class_ids
    ]
    refs = tuple(ref for turn in zip_longest(*rows) for ref in turn if ref is not None)
    return Gallery(refs, {class_id: len(row) for class_id, row in zip(class_ids, rows, strict=True)})


def has_parts(data: str) -> bool:
    """Whether the pictures of a dataset come with a mask of their parts."""
    dataset = get_dataset(data)
    return hasattr(dataset, "plate") and hasattr(dataset, "kingdom")


@st.cache_data(max_entries=48, ttl="1h", show_spinner="Drawing the picture…")
def mark_parts(data: str, ref: ImageRef) -> MarkedParts:
    """Draw a plate with its parts coloured; `has_parts` must be true.

    Args:
        data: name of a Fieldbook dataset.
        ref: one of its plates.
    """
    dataset = get_dataset(data)
    pixels, mask = dataset.plate(ref, _SIDE)
    names = dataset.kingdom.parts
    marked = pixels.mean(2, keepdims=True).repeat(3, 2)  # grey where no part is: the colours are the parts'
    parts = []
    for number, name in enumerate(names, start=1):
        where = mask == number
        if not where.any():
            continue
        colour = np.array(_COLOURS[(number - 1) % len(_COLOURS)], float)
        marked[where] = (1 - _OPACITY) * marked[where] + _OPACITY * colour
        swatch = np.broadcast_to(colour, (16, 16, 3))
        parts.append((name, 100 * float(where.mean()), _encode(swatch)))
    return MarkedParts(_encode(marked), tuple(parts))


def _encode(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(target, "JPEG", quality=90)
    return target.getvalue()
