"""N3, Neural Networks from Natural Language: descriptions of classes in, an image classifier out.

The names below are the way in; the rest is in the modules (`n3core.evaluate`, `n3core.explain`, ...).
They load with their first use, so that importing the package costs nothing. The core knows no screen.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from n3core.descriptions import ClassDescription, TaskSpec, load_task
    from n3core.engine import Engine
    from n3core.errors import InputError

__all__ = ["ClassDescription", "Engine", "InputError", "TaskSpec", "load_task"]

_HOMES = {
    "ClassDescription": "n3core.descriptions",
    "Engine": "n3core.engine",
    "InputError": "n3core.errors",
    "TaskSpec": "n3core.descriptions",
    "load_task": "n3core.descriptions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
