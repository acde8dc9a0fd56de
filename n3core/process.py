"""How the process runs: settings of the C library, MKL and the hub's client, to be made before they are used.

Knows no tensor.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["prepare_process"]

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_KEPT = 32 * 2**20  # bytes, the most that glibc allows
_KEPT_AT_MOST = 2**30  # bytes at the top of the heap


def prepare_process() -> None:
    """Make results repeatable, memory reusable and the hub's client silent; the owner of the process calls it first."""
    _repeat_sums()
    _keep_freed_memory()
    # Its every request otherwise tells who asks, and begins with a list that it fetches to find that out.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def _repeat_sums() -> None:
    """Let several threads add up in the same order every time.

    MKL's order otherwise depends on where in memory an operand lies, so that gradients of two runs differ in their
    last digits ("Conditional Numerical Reproducibility" in its guide). A choice of the user's stays.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")


def _keep_freed_memory() -> None:
    """Reuse freed buffers instead of returning each to the system and faulting its pages in anew.

    A forward pass frees and takes buffers of some megabytes all the time; with glibc's defaults the kernel clears
    them again and again. Elsewhere than on Linux with glibc it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_AT_MOST)
