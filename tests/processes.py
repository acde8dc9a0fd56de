"""Processes of their own, for what a test kills, starves or runs beside another.

They are forked from one that has imported torch and N3 already, which takes longer than what most of them do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from unittest.mock import patch

__all__ = ["blank_main", "start_process"]

_IMPORTED = ["n3core.benchmark.bench", "n3core.pretrain", "n3core.train", "transformers.models.bert.modeling_bert"]


@contextmanager
def blank_main() -> Iterator[None]:
    """A new process begins with the main module, and AppTest leaves its last page as that."""
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        yield


def start_process(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """Call a function of a test module in a new process. Its environment is that of the first one started."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    process = context.Process(target=target, args=arguments)
    with blank_main():
        process.start()
    return process
