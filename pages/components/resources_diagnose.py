"""What the diagnosis keeps between reruns: signs of the texts, and experiments that were asked for.

Every cache is bounded and keyed by content: checkpoint, names, texts and pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.results import Prediction
from n3core.results.diagnosis import Diagnosis, EvidenceShare, Removal
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine, square_pictures

if TYPE_CHECKING:  # torch loads with the engine, not with the page
    from n3core.engine import Engine

__all__ = ["Trials", "diagnosis_of", "run_trials"]

Trials = tuple[tuple[Removal, ...], tuple[EvidenceShare, ...]]
Progress = Callable[[int, int], None]  # steps done, steps in all

_EVIDENCE_PICTURES = 3  # of each class


def diagnosis_of(
    task: TaskSpec, prediction: Prediction | None, labels: np.ndarray | None, trials: Trials = ((), ())
) -> Diagnosis:
    """Rank the descriptions of a task.

    Args:
        task: described classes.
        prediction: of some pictures; None judges the texts alone.
        labels: (N,) index of the true class, -1 where it is not known; None: of none.
        trials: what `run_trials` found.

    Raises:
        InputError: no checkpoint.
    """
    engine, checkpoint = _setting()
    from n3core.explain.diagnosis import diagnose

    similarity, dropped = _text_signs(engine, checkpoint, task.texts)
    return diagnose(
        task.names,
        task.texts,
        dropped_words=dropped,
        similarity=similarity,
        prediction=prediction,
        labels=labels,
        removals=trials[0],
        evidence=trials[1],
    )


def run_trials(
    task: TaskSpec,
    data: str,
    refs: tuple[ImageRef, ...],
    labels: np.ndarray | None,
    guesses: np.ndarray,
    progress: Progress,
) -> Trials:
    """Leave out every class, put its name in place of its text, and see where its evidence lies.

    What was measured once is kept: called again for the same task and pictures, it answers at once.

    Args:
        task: described classes.
        data: name or path of the dataset of the pictures.
        refs: N pictures.
        labels: (N,) index of the true class, -1 where it is not known; without any, only the evidence is measured.
        guesses: (N,) index of the predicted class.
        progress: told how many steps are done.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    setting = (*_setting(), task.names, task.texts, data, get_dataset(data).version)
    known = np.flatnonzero(labels >= 0) if labels is not None else np.arange(0)
    labelled = bool(len(known)) and len(task.names) > 2
    of_class = labels if labels is not None and len(known) else guesses
    total = len(task.names) * (2 if labelled else 1)
    removals, shares = [], []
    for index in range(len(task.names)):
        own = tuple(refs[place] for place in np.flatnonzero(of_class == index)[:_EVIDENCE_PICTURES])
        if own:
            shares.append(_evidence(*setting, own, index))
        progress(index + 1, total)
    for index in range(len(task.names) if labelled else 0):
        kept = tuple(refs[place] for place in known)
        removals.append(_removal(*setting, kept, tuple(labels[known].tolist()), tuple(guesses[known].tolist()), index))
        progress(len(task.names) + index + 1, total)
    return tuple(removals), tuple(shares)


@st.cache_data(max_entries=256, show_spinner="Reading the descriptions…")
def _text_signs(_engine: Engine, checkpoint: str, texts: tuple[str, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    from n3core.explain.diagnosis import compare_texts

    encoded = _engine.encode(texts)
    return compare_texts(encoded), encoded.dropped_words


@st.cache_data(max_entries=1000, show_spinner=False)
def _evidence(
    _engine: Engine,
    checkpoint: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    refs: tuple[ImageRef, ...],
    index: int,
) -> EvidenceShare:
    from n3core.explain.diagnosis import measure_evidence

    images = square_pictures(data, refs, _engine.image_size)
    return measure_evidence(_engine.model, _engine.encode(texts), names, texts, images, index)


@st.cache_data(max_entries=1000, show_spinner=False)
def _removal(
    _engine: Engine,
    checkpoint: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    refs: tuple[ImageRef, ...],
    labels: tuple[int, ...],
    guesses: tuple[int, ...],
    index: int,
) -> Removal:
    """One class left out; its networks are of no use later, so the engine's memory is spared them."""
    from n3core.explain.diagnosis import measure_removal
    from n3core.explain.faithfulness import judge_texts

    def build(given: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
        encoded = _engine.encode(given)
        return lambda images: judge_texts(_engine.model, encoded, images)

    images = square_pictures(data, refs, _engine.image_size)
    return measure_removal(build, names, texts, images, np.array(labels), index, guesses=np.array(guesses))


def _setting() -> tuple[Engine, str]:
    engine = get_engine()
    return engine, checkpoint_stamp(engine)
