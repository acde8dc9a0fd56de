"""What the evidence page keeps between reruns: gradients of pictures, and verdicts on edited descriptions.

Every cache is bounded and keyed by content: checkpoint, names, texts, the dataset's version and pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.results import Prediction
from n3core.results.evidence import ClassEvidence, DescriptionEvidence, DropEffects, TokenEvidence
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine, square_pictures

if TYPE_CHECKING:  # torch loads with the engine, not with the page
    from n3core.engine import Engine

__all__ = ["class_evidence", "drop_effects", "picture_evidence", "verdict_on"]

_CHUNK = 4  # pictures between two steps of the progress bar

Progress = Callable[[int, int], None]  # steps done, steps in all


def picture_evidence(task: TaskSpec, data: str, ref: ImageRef, target: str) -> TokenEvidence:
    """The evidence of every word for one picture and one target class.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    return _explain(*_setting(data), task.names, task.texts, data, (ref,), target)[0]


def class_evidence(
    task: TaskSpec, data: str, refs: Sequence[ImageRef], target: str, progress: Progress
) -> ClassEvidence:
    """The words that carry a class, over several of its pictures; at least one.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    from n3core.explain.evidence import aggregate_evidence

    setting = _setting(data)
    parts: list[TokenEvidence] = []
    for start in range(0, len(refs), _CHUNK):
        chunk = tuple(refs[start : start + _CHUNK])
        parts += _explain(*setting, task.names, task.texts, data, chunk, target)
        progress(len(parts), len(refs))
    return aggregate_evidence(parts)


def verdict_on(task: TaskSpec, data: str, refs: tuple[ImageRef, ...], name: str, text: str) -> Prediction:
    """What the network would say of pictures if one class had another description; the task stays as it is.

    Args:
        name: the class.
        text: its description in this trial; may be empty.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    from n3core.explain.faithfulness import with_text

    texts = with_text(task.names, task.texts, name, text)
    return Prediction(task.names, _judge(*_setting(data), texts, data, refs))


def drop_effects(
    task: TaskSpec,
    data: str,
    refs: tuple[ImageRef, ...],
    description: DescriptionEvidence,
    target: str,
    progress: Progress,
) -> DropEffects:
    """Leave out every word of a description in turn; each step is kept, so that a stopped run goes on where it was.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    from n3core.explain.faithfulness import drop_words

    setting = _setting(data)
    return drop_words(
        lambda texts: _judge(*setting, tuple(texts), data, refs),
        task.names,
        task.texts,
        description,
        target,
        progress=progress,
    )


def _setting(data: str) -> tuple[Engine, str, str]:
    """The engine, and what tells its checkpoint and the dataset from others, also of the same names."""
    engine = get_engine()
    return engine, checkpoint_stamp(engine), get_dataset(data).version


@st.cache_data(max_entries=128, show_spinner=False)
def _explain(
    _engine: Engine,
    checkpoint: str,
    version: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    refs: tuple[ImageRef, ...],
    target: str,
) -> tuple[TokenEvidence, ...]:
    from n3core.explain.evidence import explain_tokens

    images = square_pictures(data, refs, _engine.image_size)
    classifier, targets = _engine.synthesize_texts(texts, names), [names.index(target)] * len(images)
    return explain_tokens(_engine.model, _engine.encode(texts), names, texts, images, targets, classifier=classifier)


@st.cache_data(max_entries=2000, show_spinner=False)
def _judge(
    _engine: Engine, checkpoint: str, version: str, texts: tuple[str, ...], data: str, refs: tuple[ImageRef, ...]
) -> np.ndarray:
    """Logits (N, K); trials would push the networks of other sessions out of the engine's memory, so they keep none."""
    from n3core.explain.faithfulness import judge_texts

    return judge_texts(_engine.model, _engine.encode(texts), square_pictures(data, refs, _engine.image_size))
