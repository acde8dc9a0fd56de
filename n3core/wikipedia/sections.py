"""Sections of a page's plain text, and what is left of markup taken out of them.

Owns headings as the extension TextExtracts writes them (== Title ==) and the cleaning of text; knows no request.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["find_lead", "find_section", "list_headings", "plain_text"]

_HEADING = re.compile(r"^(={2,6})[ \t]*(\S.*?)[ \t]*\1[ \t]*$", re.MULTILINE)
_MARKS = re.compile(r"\[(?:\d+|[a-z]|(?:note|nb|n) \d+|edit|citation needed|clarification needed)\]", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"(?<!\s)\s*\(\s*[;,]?\s*\)")
_HIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def list_headings(text: str) -> tuple[str, ...]:
    """The headings of a page's text, in order."""
    return tuple(plain_text(match[2]) for match in _HEADING.finditer(text))


def find_section(text: str, wanted: str) -> str | None:
    """The text under a heading, with its sub-sections but without their headings.

    Args:
        text: of a page, headings as == Title ==.
        wanted: the heading, whatever its case.

    Returns:
        Plain text, empty where nothing stands under the heading; None without such a heading.
    """
    headings = list(_HEADING.finditer(text))
    for place, heading in enumerate(headings):
        if _fold(plain_text(heading[2])) != _fold(wanted):
            continue
        ends = [later.start() for later in headings[place + 1 :] if len(later[1]) <= len(heading[1])]
        return plain_text(_HEADING.sub("", text[heading.end() : ends[0] if ends else len(text)]))
    return None


def find_lead(text: str) -> str:
    """The plain text above the first heading."""
    first = _HEADING.search(text)
    return plain_text(text[: first.start()] if first else text)


def plain_text(text: str) -> str:
    """Take out tags, entities, reference marks and hidden characters; one paragraph a line."""
    for _ in range(2):  # entities may spell tags
        if "<" in text or "&" in text:
            text = _WithoutTags.read(text)
    text = _EMPTY_BRACKETS.sub("", _MARKS.sub("", _HIDDEN.sub("", text)))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _fold(heading: str) -> str:
    return " ".join(heading.casefold().split())


class _WithoutTags(HTMLParser):
    """Collects what stands between tags, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = ""

    @classmethod
    def read(cls, text: str) -> str:
        parser = cls()
        parser.feed(text)
        parser.close()
        return "".join(parser.pieces)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._silent = tag
        elif tag in ("br", "p", "div", "li"):
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)
