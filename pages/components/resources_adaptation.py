"""What is kept of how descriptions move the network: norms, differences of versions and measured importance.

Every cache is bounded and keyed by content: checkpoint, class names, texts and pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine, square_pictures

if TYPE_CHECKING:  # torch loads with the engine, not with the first page
    from n3core.engine import Engine
    from n3core.explain.importance import Progress
    from n3core.results.adaptation import ActivationNorms, LayerDifference, LayerImportance, LayerMagnitudes

__all__ = ["activation_norms", "difference", "known_importance", "magnitudes", "measure_importance"]


def magnitudes(task: TaskSpec) -> LayerMagnitudes:
    """Norms of what the descriptions of a task add to every tensor.

    Raises:
        InputError: no checkpoint.
    """
    engine = get_engine()
    return _magnitudes(engine, checkpoint_stamp(engine), task.texts)


@st.cache_data(max_entries=64, show_spinner="Measuring the adaptation…")
def _magnitudes(_engine: Engine, checkpoint: str, texts: tuple[str, ...]) -> LayerMagnitudes:
    from n3core.explain.magnitudes import measure_magnitudes

    return measure_magnitudes(_engine.model, _engine.encode(texts))


def difference(earlier: TaskSpec, later: TaskSpec) -> LayerDifference:
    """Which tensors moved between two versions of a task.

    Raises:
        InputError: no checkpoint.
    """
    engine = get_engine()
    return _difference(engine, checkpoint_stamp(engine), earlier.names, earlier.texts, later.names, later.texts)


@st.cache_data(max_entries=64, show_spinner="Comparing the versions…")
def _difference(
    _engine: Engine,
    checkpoint: str,
    earlier_names: tuple[str, ...],
    earlier_texts: tuple[str, ...],
    later_names: tuple[str, ...],
    later_texts: tuple[str, ...],
) -> LayerDifference:
    from n3core.explain.magnitudes import compare_adaptations

    earlier, later = _engine.encode(earlier_texts), _engine.encode(later_texts)
    return compare_adaptations(_engine.model, earlier, earlier_names, later, later_names)


def activation_norms(task: TaskSpec, refs: tuple[ImageRef, ...]) -> ActivationNorms:
    """Norms of the penultimate activation on pictures of the task's dataset, before and after adaptation.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    engine, data = get_engine(), task.dataset or ""
    return _activation_norms(engine, checkpoint_stamp(engine), task.texts, data, get_dataset(data).version, refs)


@st.cache_data(max_entries=64, show_spinner="Looking at the pictures before and after…")
def _activation_norms(
    _engine: Engine, checkpoint: str, texts: tuple[str, ...], data: str, version: str, refs: tuple[ImageRef, ...]
) -> ActivationNorms:
    from n3core.explain.magnitudes import measure_activation_norms

    pixels = square_pictures(data, refs, _engine.image_size)
    return measure_activation_norms(_engine.model, _engine.encode(texts), pixels)


def known_importance(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...]) -> LayerImportance | None:
    """The importance of every tensor where some session has measured it for this task on these pictures.

    Raises:
        InputError: no checkpoint.
    """
    place = _importance_of(task, refs, truth)
    return place[0] if place else None


def measure_importance(
    task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...], progress: Progress
) -> LayerImportance:
    """Measure the importance of every tensor and keep it.

    Args:
        task: described classes.
        refs: pictures of its dataset.
        truth: class name of each.
        progress: called with the steps done and the steps in all.

    Raises:
        InputError: no checkpoint, no picture, or an image that cannot be read.
    """
    from n3core.explain import importance

    engine, data = get_engine(), task.dataset or ""
    pixels = square_pictures(data, refs, engine.image_size)
    labels = np.array([task.names.index(name) for name in truth], np.int64)
    found = importance.measure_importance(engine.model, engine.encode(task.texts), pixels, labels, progress=progress)
    _importance_of(task, refs, truth)[:] = [found]
    return found


def _importance_of(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...]) -> list[LayerImportance]:
    engine, data = get_engine(), task.dataset or ""
    return _importance_place(
        checkpoint_stamp(engine), task.names, task.texts, data, get_dataset(data).version, refs, truth
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _importance_place(
    checkpoint: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    refs: tuple[ImageRef, ...],
    truth: tuple[str, ...],
) -> list[LayerImportance]:
    """A list that holds the result once it is there: a progress bar cannot be drawn from inside a cached function."""
    return []
