"""Indices as a caller gives them, lists or arrays: the class of every image, and the rows to take. Knows no type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n3core.errors import InputError

__all__ = ["check_labels", "check_rows"]


def check_labels(
    labels: Sequence[int] | np.ndarray, images: int, classes: int, *, least: int = 0, what: str = "label"
) -> np.ndarray:
    """Make an array of the classes of images.

    Args:
        labels: one index of a class for each image.
        images: N.
        classes: K.
        least: -1 where a class may be unknown.
        what: one of them in errors.

    Returns:
        (N,) int64.

    Raises:
        InputError: not one for each image, no whole numbers, or one of no class.
    """
    values = np.asarray(labels)
    if values.ndim != 1 or len(values) != images:
        given = len(values) if values.ndim == 1 else f"{values.shape}"
        raise InputError(f"{images} images with {given} {what}s; give one {what} for each")
    if values.size and values.dtype.kind not in "iu":
        raise InputError(f"{what}s are {values.dtype}; give indices of classes, whole numbers")
    beyond = values[(values < least) | (values >= classes)]
    if len(beyond):
        raise InputError(f"{what} {beyond[0]} is that of no class; {classes} classes count from 0 to {classes - 1}")
    return values.astype(np.int64)


def check_rows(rows: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """Make an array of the rows to take.

    Args:
        rows: indices, or a mask (count,) bool.
        count: how many rows there are.

    Returns:
        (R,) int64, in the order given.

    Raises:
        InputError: a mask of another length.
    """
    chosen = np.asarray(rows)
    if chosen.dtype != bool:
        return chosen.astype(np.int64)
    if chosen.shape != (count,):
        raise InputError(f"a mask of the shape {chosen.shape} takes from {count} rows; give one truth value for each")
    return np.flatnonzero(chosen)
