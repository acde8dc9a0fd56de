"""How the process keeps memory that tensors give back. Owns one setting of the C library; knows no tensor."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_KEPT = 32 * 2**20  # bytes, the most that glibc allows
_KEPT_AT_MOST = 2**30  # bytes at the top of the heap


def keep_freed_memory() -> None:
    """Reuse freed buffers instead of returning each to the system and faulting its pages in anew.

    A forward pass frees and takes buffers of some megabytes all the time; with glibc's defaults the kernel clears
    them again and again. To be called once by whoever owns the process, before much is allocated; elsewhere than on
    Linux with glibc it does nothing.
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
