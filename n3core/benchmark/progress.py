"""How a run tells where it is. Knows no screen."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Listener", "Silent"]


class Listener(Protocol):
    """Who is told of the progress of a run."""

    def begin(self, what: str, total: int) -> None:
        """A piece of work of `total` steps starts."""
        ...

    def advance(self, steps: int = 1) -> None:
        """Some steps of it are done."""
        ...

    def say(self, line: str) -> None:
        """Something worth a line has happened."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, what: str, total: int) -> None: ...
    def advance(self, steps: int = 1) -> None: ...
    def say(self, line: str) -> None: ...
