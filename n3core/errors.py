"""The error a user can mend: one line that names the bad value and the way out. Owns what a terminal may show."""

from __future__ import annotations

__all__ = ["InputError", "printable"]


def printable(text: str) -> str:
    """One line that a terminal shows as it is: line breaks, control characters and marks that turn the reading
    direction become spaces."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))


class InputError(ValueError):
    """Bad input from a file, an upload or the command line; the message is one printable line.

    The command line turns it into exit code 2, a page into a message beside the widget.

    Args:
        message: what is wrong, with the value, and what to do. Line breaks and control characters are replaced, so
            that a hostile file name or text cannot break the line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))
