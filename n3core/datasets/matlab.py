"""MATLAB files of versions 4 to 7 as arrays: only the variables asked for, within a size, and cells as text.

Built on `scipy.io`, which builds arrays and strings and runs nothing of the file. Knows no dataset.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from n3core.errors import InputError

__all__ = ["one_based_rows", "read_matlab", "read_texts", "read_vector"]

_MAX_ELEMENTS = 1_000_000_000  # 8 GB of doubles; the largest published file has a tenth of it
_READ_ERRORS = (
    ValueError, TypeError, KeyError, IndexError, EOFError, OSError, MemoryError, OverflowError, AttributeError,
    zlib.error, struct.error,
)  # fmt: skip


def read_matlab(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read variables of a MATLAB file.

    Args:
        path: the file.
        names: variables that must be there.
        optional: variables that may be there.

    Returns:
        Name -> array as stored, at least two-dimensional; cell arrays have dtype object.

    Raises:
        InputError: missing file, version 7.3, a damaged file, a variable missing or too large.
    """
    # Imported here: a third of a second that only these files need.
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise InputError(f"no file {path}; copy it there")
    try:
        shapes = {name: shape for name, shape, _ in whosmat(path)}
    except NotImplementedError:
        raise InputError(f"{path} is a MATLAB 7.3 file, which is HDF5; save it in MATLAB with the option -v7") from None
    except (MatReadError, *_READ_ERRORS) as error:
        raise InputError(f"{path} is no readable MATLAB file ({_reason(error)}); download it again") from None
    missing = [name for name in names if name not in shapes]
    if missing:
        have = ", ".join(shapes)[:200] or "none"
        raise InputError(f"{path} lacks the variable {missing[0]!r} (it has {have}); download it again")
    wanted = [name for name in (*names, *optional) if name in shapes]
    large = [name for name in wanted if prod(shapes[name]) > _MAX_ELEMENTS]
    if large:
        raise InputError(f"{path}: {large[0]!r} has {prod(shapes[large[0]]):,} values, more than {_MAX_ELEMENTS:,}")
    try:
        found = loadmat(path, variable_names=wanted)
    except (MatReadError, *_READ_ERRORS) as error:
        raise InputError(f"{path} is damaged ({_reason(error)}); download it again") from None
    for name in wanted:
        if not isinstance(found.get(name), np.ndarray):
            raise InputError(f"{path}: {name!r} is no array; download the file again")
    return {name: found[name] for name in wanted}


def read_texts(cells: np.ndarray, where: str) -> tuple[str, ...]:
    """The strings of a cell array or of a character array.

    Args:
        cells: as from `read_matlab`.
        where: file and variable, for errors.

    Returns:
        One string per cell, stripped.

    Raises:
        InputError: a cell that holds no string.
    """
    texts = []
    for number, cell in enumerate(cells.ravel(), start=1):
        value: Any = cell
        while isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if not isinstance(value, str):
            raise InputError(f"{where}: entry {number} is no text; download the file again")
        texts.append(value.strip())
    return tuple(texts)


def read_vector(values: np.ndarray, where: str) -> np.ndarray:
    """A row or column of whole numbers.

    Args:
        values: as from `read_matlab`, of any numeric type.
        where: file and variable, for errors.

    Returns:
        (N,) int64.

    Raises:
        InputError: more than one row and column, or a value that is no whole number.
    """
    flat = np.asarray(values)
    if sum(side > 1 for side in flat.shape) > 1:
        raise InputError(f"{where} is a table of {' x '.join(map(str, flat.shape))}; it must be one row or column")
    if flat.dtype.kind not in "biuf" or not np.all(np.isfinite(flat)) or np.any(flat != np.floor(flat)):
        raise InputError(f"{where} has a value that is no whole number; download the file again")
    return flat.ravel().astype(np.int64)


def one_based_rows(values: np.ndarray, count: int, where: str) -> np.ndarray:
    """MATLAB's positions, which begin at 1, as rows that begin at 0.

    Args:
        values: positions as from `read_matlab`.
        count: how many things there are to point at.
        where: file and variable, for errors.

    Returns:
        (N,) int64, each in [0, count), none twice, in the order of the file.

    Raises:
        InputError: no whole numbers, out of range or one twice.
    """
    rows = read_vector(values, where) - 1
    outside = rows[(rows < 0) | (rows >= count)]
    if len(outside):
        raise InputError(f"{where} points at {outside[0] + 1} of {count}; the two files do not belong together")
    if len(np.unique(rows)) < len(rows):
        raise InputError(f"{where} names a position twice; download the file again")
    return rows


def _reason(error: BaseException) -> str:
    return str(error).split("\n")[0][:80] or type(error).__name__
