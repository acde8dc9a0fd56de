"""Where derived data is kept, and writing a file whole or not at all. Knows no format."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from n3core.errors import InputError

__all__ = ["cache_folder", "remove_abandoned", "unfinished", "write_atomically"]

_ABANDONED_AFTER = 24 * 3600  # seconds; a process of another machine may be at it


def cache_folder() -> Path:
    """Where derived data may be kept: `$N3_CACHE`, else the user's cache directory.

    Raises:
        InputError: `$N3_CACHE` names something that is no folder, or nothing where there is no home folder either.
    """
    named = os.environ.get("N3_CACHE")
    try:
        folder = Path(os.path.expanduser(named)) if named else Path.home() / ".cache" / "n3-studio"
    except RuntimeError:
        raise InputError("there is no home folder to keep derived data in; let $N3_CACHE name a folder") from None
    if named and folder.exists() and not folder.is_dir():
        raise InputError(f"$N3_CACHE names {named[:200]!r}, which is no folder; let it name another place")
    return folder


def unfinished(path: Path) -> Path:
    """Where this process may put a new version of a file or folder together, beside it, until it is renamed.

    What a process that was killed a day ago or earlier has left in such a place is removed.
    """
    remove_abandoned(path.parent.glob(f".{glob.escape(path.name)}.*.part"))
    # Processes of two containers that share a folder may have one number.
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def remove_abandoned(parts: Iterable[Path]) -> None:
    """Remove those that nobody has written to for a day, as far as this user may."""
    for part in parts:
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written; an older file stays as it was.
    """
    part = unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with part.open("xb") as file:  # a new file, never one that a link in its place leads to
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"cannot write {path}: {path.parent} is no folder; choose another place") from None
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InputError(f"cannot write {path} ({error.strerror}); the previous file is untouched") from None
