"""Every system the benchmark knows, by name and in the order of the tables. The only place that imports them all."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from n3core.baselines import attended, class_normalization, clip, eszsl, megazsl, n3_methods, pdcnn
from n3core.baselines.base import MethodEntry
from n3core.errors import InputError

__all__ = ["METHODS", "choose_methods"]

METHODS: Mapping[str, MethodEntry] = {
    entry.name: entry
    for module in (n3_methods, pdcnn, megazsl, eszsl, class_normalization, attended, clip)
    for entry in (module.ENTRIES if hasattr(module, "ENTRIES") else (module.ENTRY,))
}


def choose_methods(names: str | Sequence[str]) -> tuple[MethodEntry, ...]:
    """Find systems by name.

    Args:
        names: "all", or names as a sequence or separated by commas.

    Returns:
        Their entries, in the order of the tables, each once.

    Raises:
        InputError: a name that no system has, or no name.
    """
    wanted = [part.strip() for part in names.split(",") if part.strip()] if isinstance(names, str) else list(names)
    if wanted == ["all"]:
        return tuple(METHODS.values())
    for name in wanted:
        if name not in METHODS:
            close = difflib.get_close_matches(name, METHODS, n=1)
            hint = f"did you mean {close[0]!r}" if close else f"use all or some of {', '.join(METHODS)}"
            raise InputError(f"no method {name[:80]!r}; {hint}")
    if not wanted:
        raise InputError(f"no method is named; use all or some of {', '.join(METHODS)}")
    return tuple(entry for name, entry in METHODS.items() if name in wanted)
