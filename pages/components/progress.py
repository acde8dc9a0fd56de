"""A progress bar for work that may be done already: it appears only where the work takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

__all__ = ["late_bar"]

_PATIENCE = 0.4  # seconds without a bar


@contextmanager
def late_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a loop is, from when it has run for a while until it ends.

    Args:
        what: what is counted, such as "pictures read".

    Yields:
        A function to call with the steps done and the steps in all.
    """
    place, start = st.empty(), time.monotonic()

    def show(done: int, total: int) -> None:
        if time.monotonic() - start > _PATIENCE:
            place.progress(done / total, text=f"{done} of {total} {what}")

    try:
        yield show
    finally:
        place.empty()
