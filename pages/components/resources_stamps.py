"""When a dataset or a file has changed: what caches are keyed by, so that the studio shows what lies there now."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from n3core.datasets.image_files import MAX_DEPTH, is_passed_over
from n3core.datasets.registry import DATA_VARIABLE, split_texts
from n3core.documents import DOCUMENT_SUFFIXES

__all__ = ["file_stamp", "state_of"]

_MOST_ENTRIES = 20_000  # files and folders of a dataset that are looked at


def file_stamp(path: Path) -> int:
    """Time of the last change; 0 where there is nothing."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def state_of(name: str) -> tuple[int, str]:
    """What a dataset is opened anew for: the stamp of its path, taken once a second, and the folder of all datasets."""
    return _stamp_in(name, int(time.monotonic())), os.environ.get(DATA_VARIABLE, "")


@lru_cache(maxsize=16)  # a wall of pictures asks for every one of them
def _stamp_in(name: str, second: int) -> int:
    return _stamp_all(name)


def _stamp_all(name: str) -> int:
    """Tells states of a dataset's path apart, and of its descriptions where `::` joins them: files, times and sizes.

    With a file count the texts and splits beside it. Folders are looked through as deep as `FolderDataset` reads them;
    above `_MOST_ENTRIES`, what lies deepest counts by the time of its folder. 0 for a name that is no path.
    """
    found: list[tuple[str, int, int]] = []
    for place in map(Path, filter(None, split_texts(name))):
        with contextlib.suppress(OSError, ValueError):
            status = place.stat()
            found.append((str(place), status.st_mtime_ns, status.st_size))
            inside = _entries(place, 1 + MAX_DEPTH) if place.is_dir() else _texts_beside(place)
            for entry in inside:
                with contextlib.suppress(OSError):  # gone, or a link that leads nowhere
                    status = entry.stat()
                    found.append((entry.path, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found))) if found else 0


def _texts_beside(file: Path) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in _entries(file.parent, 0) if Path(entry.name).suffix.lower() in DOCUMENT_SUFFIXES)


def _entries(folder: Path, depth: int) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder and in those inside it, the nearest first, at most `_MOST_ENTRIES`."""
    waiting = deque([(str(folder), 0)])
    left = _MOST_ENTRIES
    while waiting:
        place, level = waiting.popleft()
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if is_passed_over(entry.name):
                    continue
                if (left := left - 1) < 0:
                    return
                yield entry
                if level < depth and entry.is_dir(follow_symlinks=level == 0):
                    waiting.append((entry.path, level + 1))
