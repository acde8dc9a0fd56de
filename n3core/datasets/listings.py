"""The plain lists of published archives: lines, numbered lines, and paths that may not leave their folder.

Lists come from archives and are not trusted: sizes, encoding, duplicates and paths are checked here. Knows no dataset.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from n3core.errors import InputError

__all__ = ["check_inside", "find_missing", "missing_error", "read_keyed", "read_lines", "require"]

_MAX_BYTES = 50_000_000
_NAMED = 3  # missing files named one by one


def require(folder: Path, names: Iterable[str], page: str) -> None:
    """Check that files and folders of an archive are there.

    Args:
        folder: where they must lie.
        names: relative paths; one that ends in "/" is a folder.
        page: where the archive is to be had.

    Raises:
        InputError: naming what is missing.
    """
    missing = [
        name for name in names if not ((folder / name).is_dir() if name.endswith("/") else (folder / name).is_file())
    ]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}; unpack the whole archive of {page} there")


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a text file without blanks at their ends; empty ones are passed over.

    Raises:
        InputError: missing, too large, not UTF-8, or with control characters.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise InputError(f"{path} has more than {_MAX_BYTES:,} bytes; it is no list")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"no file {path}; copy it there") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; unpack the archive again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    if "\0" in text:
        raise InputError(f"{path} is no text file; unpack the archive again")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_keyed(path: Path) -> dict[str, str]:
    """Lines of a key, blanks and a value, such as "17 017.Cardinal".

    Args:
        path: the file.

    Returns:
        Key -> value, in the order of the file.

    Raises:
        InputError: as `read_lines`, an empty file, a line without value or a key twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        key, *value = line.split(maxsplit=1)
        if not value:
            raise InputError(f"{path}: line {number} has no second column; unpack the archive again")
        if key in found:
            raise InputError(f"{path}: line {number} has the key {key[:80]!r} a second time; unpack the archive again")
        found[key] = value[0]
    if not found:
        raise InputError(f"{path} is empty; unpack the archive again")
    return found


def check_inside(relative: str, where: Path) -> str:
    """Check that a path of a list stays in its folder.

    Args:
        relative: the path.
        where: the list, for errors.

    Returns:
        The path with single slashes.

    Raises:
        InputError: absolute, with "..", a backslash, a drive or control characters.
    """
    path = PurePosixPath(relative)
    odd = "\\" in relative or not relative.isprintable() or bool(PureWindowsPath(relative).drive)
    if odd or path.is_absolute() or ".." in path.parts or not path.name:
        raise InputError(f"{where}: the path {relative[:120]!r} leaves the image folder; unpack the archive again")
    return str(path)


def find_missing(root: Path, paths: Collection[str]) -> list[str]:
    """The paths below `root` that are no files, in their order; every folder is listed once."""
    present: dict[PurePosixPath, frozenset[str]] = {}
    missing = []
    for path in map(PurePosixPath, paths):
        if path.parent not in present:
            try:
                with os.scandir(root / path.parent) as entries:
                    present[path.parent] = frozenset(entry.name for entry in entries if entry.is_file())
            except OSError:
                present[path.parent] = frozenset()
        if path.name not in present[path.parent]:
            missing.append(str(path))
    return missing


def missing_error(root: Path, missing: Collection[str], total: int, page: str) -> InputError:
    """The error for images that a list names and that are not there: how many, and the first few."""
    named = ", ".join(list(missing)[:_NAMED])
    more = ", ..." if len(missing) > _NAMED else ""
    return InputError(
        f"{root} lacks {len(missing):,} of {total:,} images ({named}{more}); unpack the whole archive of {page} there"
    )
