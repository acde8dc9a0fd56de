"""What the saliency page keeps between reruns: the two networks of a task, maps of single pictures, pictures, masks.

Every cache is bounded and keyed by content: checkpoint, names, texts, the dataset's version and the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef, square_pixels
from n3core.descriptions import TaskSpec
from n3core.results.saliency import SaliencyMaps, SaliencySettings
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine, square_pictures

if TYPE_CHECKING:  # torch loads with the engine, not with the page
    from n3core.engine import Engine
    from n3core.model import SynthesizedClassifier

__all__ = ["grad_cam_stages", "part_mask", "picture", "picture_maps"]


def picture_maps(
    task: TaskSpec, data: str, ref: ImageRef, target: str, method: str, quantity: str, settings: SaliencySettings
) -> tuple[SaliencyMaps, SaliencyMaps]:
    """Where both networks of a task look in one picture.

    Args:
        task: described classes.
        data: name or path of the dataset.
        ref: the picture.
        target: name of the class to explain.
        method: as in `n3core.explain.saliency.explain_pixels`, like what follows.

    Returns:
        The map of the fully adapted network, and of the one of which only the last layer is generated.

    Raises:
        InputError: no checkpoint, an image that cannot be read, or a setting out of range.
    """
    engine, version = get_engine(), get_dataset(data).version
    return _maps(
        engine, checkpoint_stamp(engine), task.names, task.texts, data, version, ref, target, method, quantity, settings
    )


@st.cache_data(max_entries=256, show_spinner=False)
def _maps(
    _engine: Engine,
    checkpoint: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    ref: ImageRef,
    target: str,
    method: str,
    quantity: str,
    settings: SaliencySettings,
) -> tuple[SaliencyMaps, SaliencyMaps]:
    from n3core.explain.saliency import explain_pixels

    pixels = square_pictures(data, (ref,), _engine.image_size)
    whole, last = (
        explain_pixels(network, pixels, [names.index(target)], method, quantity=quantity, settings=settings)
        for network in _pair(_engine, checkpoint, names, texts)
    )
    return whole, last


@st.cache_resource(max_entries=2, show_spinner=False)
def _pair(
    _engine: Engine, checkpoint: str, names: tuple[str, ...], texts: tuple[str, ...]
) -> tuple[SynthesizedClassifier, SynthesizedClassifier]:
    from n3core.explain.saliency import synthesize_pair

    return synthesize_pair(_engine.model, _engine.encode(texts), names)


def grad_cam_stages() -> tuple[str, ...]:
    """The stages of the network that Grad-CAM can look at, shallow first.

    Raises:
        InputError: no checkpoint.
    """
    from n3core.explain.saliency import GRAD_CAM_STAGES

    return tuple(GRAD_CAM_STAGES[get_engine().config.base])


def picture(data: str, ref: ImageRef, size: int) -> np.ndarray:
    """The square that the network sees, at a size for people: (size, size, 3) uint8. Plates are drawn at that size.

    Raises:
        InputError: the image cannot be read.
    """
    return _picture(data, get_dataset(data).version, ref, size)[0]


def part_mask(data: str, ref: ImageRef, size: int) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """The part mask of a picture, (size, size) of part numbers from 1, and the names of the parts.

    Returns:
        None where the dataset has no masks.
    """
    dataset = get_dataset(data)
    mask = _picture(data, dataset.version, ref, size)[1] if hasattr(dataset, "plate") else None
    return None if mask is None else (mask, dataset.kingdom.parts)


@st.cache_data(max_entries=192, show_spinner=False)
def _picture(data: str, version: str, ref: ImageRef, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    dataset = get_dataset(data)
    if hasattr(dataset, "plate"):
        return dataset.plate(ref, size)
    return square_pixels(dataset.load_image(ref), size), None
