"""Attended auto-encoders that were fitted for the page, and their maps; kept for all sessions, bounded, by content."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.errors import InputError
from n3core.results.attention import AttentionMaps
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine, square_pictures

if TYPE_CHECKING:  # torch loads with the engine, not with the page
    from n3core.benchmark.attention import AttentionReader

__all__ = ["attention_of", "fit_attended", "known_attended"]

_EACH = 40  # images of each class that the model is fitted on
_STEPS = 9  # of preparing and fitting: decode, features and maps of three parts; the last is the fit itself

Progress = Callable[[float, str], None]  # share that is done, 0 to 1, and what is done now


class _Bar:
    """Turns the steps of a benchmark's loaders into one share."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._begun, self._done, self._total, self._what = progress, -1, 0, 1, ""

    def begin(self, what: str, total: int) -> None:
        self._begun, self._done, self._total, self._what = self._begun + 1, 0, max(total, 1), what
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        share = (self._begun + min(self._done / self._total, 1)) / (_STEPS + 1)
        self._progress(min(share, 1.0), self._what)

    def say(self, line: str) -> None:
        """Warnings about single classes belong to a run, not to this page."""


def known_attended(data: str, settings: Mapping[str, Any] | None) -> bool:
    """Whether the model of a dataset is there.

    Args:
        data: name of a dataset.
        settings: of the model, by name; None for the usual ones.

    Raises:
        InputError: no checkpoint, or the dataset cannot be opened.
    """
    return bool(_place_of(data, settings))


def fit_attended(data: str, settings: Mapping[str, Any] | None, progress: Progress) -> None:
    """Fit the model on the seen classes of a dataset and keep it; sessions that ask for the same wait for one another.

    Args:
        data, settings: as in `known_attended`.
        progress: told the share that is done and what is done.

    Raises:
        InputError: as `fit_attention`.
    """
    from n3core.benchmark.attention import fit_attention
    from n3core.benchmark.bases import open_base

    engine = get_engine()
    with _fitting():
        place = _place_of(data, settings)
        if not place:
            base = open_base(engine.checkpoint, engine.device.type)
            place[:] = [fit_attention(data, base, settings, each=_EACH, listener=_Bar(progress))]


def attention_of(data: str, settings: Mapping[str, Any] | None, ref: ImageRef) -> AttentionMaps:
    """Where the model of a dataset looks in one picture, for each of the unseen classes.

    Raises:
        InputError: an image that cannot be read, or other models have taken the place of this one meanwhile.
    """
    place, stamp = _place_of(data, settings), checkpoint_stamp(get_engine())
    if not place:
        raise InputError("the model is no longer kept, others were fitted since; reload the page and fit it again")
    return _attention(place[0], stamp, data, get_dataset(data).version, repr(settings), ref)


@st.cache_data(max_entries=256, show_spinner=False)
def _attention(
    _reader: AttentionReader, checkpoint: str, data: str, version: str, settings: str, ref: ImageRef
) -> AttentionMaps:
    return _reader.look(square_pictures(data, (ref,), _reader.base.image_size))


def _place_of(data: str, settings: Mapping[str, Any] | None) -> list[AttentionReader]:
    return _place(checkpoint_stamp(get_engine()), data, get_dataset(data).version, repr(settings))


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def _place(checkpoint: str, data: str, version: str, settings: str) -> list[AttentionReader]:
    """A list that holds the model once it is there: a progress bar cannot be drawn from inside a cached function."""
    return []


@st.cache_resource(show_spinner=False)
def _fitting() -> threading.Lock:
    return threading.Lock()
