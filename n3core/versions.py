"""Versions of the packages that a result depends on. Imports none of them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

__all__ = ["OWN_PACKAGE", "package_versions"]

OWN_PACKAGE = "n3-studio"


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Name -> version, for those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
