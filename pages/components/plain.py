"""Untrusted text on a page: names and descriptions are shown as they are typed, never read as markup."""

from __future__ import annotations

import re

__all__ = ["count_words", "literal"]

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ADDRESS = re.compile(r"(?i)(?<=http)(?=s?://)|(?<=www)(?=\.)|(?=@)")  # Streamlit makes links of these, escaped or not
_WORD_JOINER = "\u2060"  # invisible, no break
_PICTOGRAM = re.compile(  # "->", "<-", "--", "<=", ">=", "~=" and the name of its logo, which it draws
    r"(?<=-)(?=[->])|(?<=<)(?=[-=])|(?<=[>~])(?==)|(?<=:)(?=streamlit:)"
)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def literal(text: str) -> str:
    """Escape text for a place where Streamlit reads Markdown (captions, labels, paragraphs).

    Args:
        text: anything a person or a file gave.

    Returns:
        Markdown that renders as exactly that text on one line: no HTML, links, images, directives or formulas. Marks
        that switch the reading direction are isolated, so that they end with the text.
    """
    line = " ".join(text.split())
    for place in (_ADDRESS, _PICTOGRAM):
        line = place.sub(_WORD_JOINER, line)
    escaped = _PUNCTUATION.sub(r"\\\1", line)
    return f"\u2068{escaped}\u2069" if _BIDI.search(text) else escaped


def count_words(text: str) -> str:
    """A text's length for people, such as "41 words"."""
    words = len(text.split())
    return f"{words:,} word" + ("" if words == 1 else "s")
