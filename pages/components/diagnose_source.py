"""What a diagnosis rests on: labelled pictures, pictures whose labels are hidden, one's own, or the texts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.results import Prediction
from pages.components import uploads
from pages.components.plain import literal
from pages.components.resources import predict
from pages.components.verdicts import class_ids_of, pictures_of

__all__ = ["Case", "show"]

_LABELLED, _HIDDEN, _OWN, _TEXTS = "Labelled pictures", "Labels hidden", "My own pictures", "The texts alone"
_EACH = (4, 10, 40)
_MANY = 50  # classes from which fewer pictures of each are judged at first


@dataclass(frozen=True, eq=False)
class Case:
    """N pictures to judge a task by.

    data: name or path of the dataset that they are from.
    truth: name of the class of each, "" where it is not known.
    """

    data: str
    refs: tuple[ImageRef, ...]
    truth: tuple[str, ...]

    def labels(self, task: TaskSpec) -> np.ndarray | None:
        """Index of the true class of each picture, (N,), -1 where it is not known; None where none is."""
        places = {name: index for index, name in enumerate(task.names)}
        found = np.array([places.get(name, -1) for name in self.truth], np.int64)
        return found if (found >= 0).any() else None

    def predict(self, task: TaskSpec) -> Prediction:
        """What the classifier of a task says of the pictures.

        Raises:
            InputError: no checkpoint, or an image that cannot be read.
        """
        return predict(task, self.data, self.refs)


def show(task: TaskSpec) -> Case | None:
    """Let the user choose what to judge by.

    Returns:
        The pictures, or None where the texts alone are judged.

    Raises:
        InputError: the dataset cannot be opened.
    """
    refs, truth, missing = pictures_of(task, 1)
    options = (_LABELLED, _HIDDEN, _OWN, _TEXTS) if refs else (_TEXTS, _OWN)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control(
            "Judge by",
            options,
            default=options[0],
            required=True,
            key=f"diagnose_source {bool(refs)}",
            persist_state="session",
            wrap=True,
            help="With labels it is known what is wrong. Without them, what the network swallows and doubts still "
            "tells much, and the texts tell something by themselves.",
        )
        each = default = _EACH[1] if len(task.names) <= _MANY else _EACH[0]
        if source in (_LABELLED, _HIDDEN):
            each = st.segmented_control(
                "Pictures of each class",
                _EACH,
                default=default,
                required=True,
                key="diagnose_each",
                persist_state="session",
            )
    if source == _TEXTS:
        return None
    if source == _OWN:
        return _show_uploads(task)
    refs, truth, missing = pictures_of(task, each)
    if missing:
        st.caption(f"Without pictures: {literal(', '.join(missing))}")
    return Case(task.dataset or "", refs, truth if source == _LABELLED else ("",) * len(refs))


def _show_uploads(task: TaskSpec) -> Case | None:
    uploads.show_uploader()
    pictures = uploads.held()
    if pictures is None:
        st.caption("Until there are pictures, the texts alone are judged. Pictures need no labels.")
        return None
    names = class_ids_of(task, pictures)
    return Case(pictures.name, pictures.refs, tuple(names.get(ref.class_id, "") for ref in pictures.refs))
