"""Class attributes as published beside images: one row of numbers per class. Knows no dataset's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from n3core.errors import InputError

__all__ = ["check_attributes", "read_attributes"]

_MAX_BYTES = 50_000_000


def check_attributes(attributes: np.ndarray, where: str) -> np.ndarray:
    """Check an attribute matrix.

    Args:
        attributes: (K, M), one row per class.
        where: file and variable, for errors.

    Returns:
        The same values (K, M) as float32.

    Raises:
        InputError: no numbers, NaN or infinity, or an attribute that is the same for every class.
    """
    if attributes.ndim != 2 or attributes.dtype.kind not in "biuf" or attributes.size == 0:
        shape = " x ".join(map(str, attributes.shape))
        raise InputError(f"{where} is no table of numbers, classes by attributes ({shape}); download the file again")
    bad = np.argwhere(~np.isfinite(attributes))
    if len(bad):
        row, column = bad[0] + 1
        raise InputError(f"{where} has no finite number for class {row}, attribute {column}; fill it or drop it")
    constant = np.flatnonzero(np.ptp(attributes, axis=0) == 0)
    if len(attributes) > 1 and len(constant):
        more = f" ({len(constant)} such)" if len(constant) > 1 else ""
        raise InputError(f"{where}: attribute {constant[0] + 1} is the same for every class{more}; drop that column")
    return attributes.astype(np.float32)


def read_attributes(path: Path, classes: int) -> np.ndarray:
    """Read a text file of one line of numbers per class, as AWA2 and CUB have it.

    Args:
        path: the file.
        classes: how many lines it must have.

    Returns:
        (classes, M) float32.

    Raises:
        InputError: missing, unreadable, of another length, or as `check_attributes`.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} has more than {_MAX_BYTES:,} bytes; it is no attribute file")
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        matrix = np.array([[float(cell) for cell in row] for row in rows])
    except FileNotFoundError:
        raise InputError(f"no file {path}; copy it there") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no table of numbers ({str(error)[:80]}); download it again") from None
    if len(matrix) != classes:
        raise InputError(f"{path} has {len(matrix)} lines for {classes} classes; download it again")
    return check_attributes(matrix, str(path))
