"""Where derived data is kept, and writing a file whole or not at all. Knows no format."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from n3core.errors import InputError

__all__ = ["cache_folder", "write_atomically"]


def cache_folder() -> Path:
    """Where derived data may be kept: `$N3_CACHE`, else the user's cache directory."""
    folder = os.environ.get("N3_CACHE")
    return Path(folder) if folder else Path.home() / ".cache" / "n3-studio"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written; an older file stays as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InputError(f"cannot write {path} ({error.strerror}); the previous file is untouched") from None
