"""Descriptions that a person pastes into a box: finds out which syntax they are in, and reads them.

Owns the guess between json, yaml, csv and plain lines `name: text`; the first three are read as files are.
"""

from __future__ import annotations

import re

from n3core.descriptions import ClassDescription, parse_descriptions
from n3core.documents import MAX_FILE_BYTES
from n3core.errors import InputError
from n3core.text_checks import check_names

__all__ = ["parse_pasted"]

_LINE = re.compile(r"(?P<name>[^\s:][^:]*):\s+(?P<text>\S.*)")
_MARK = re.compile(r"(?:[-*+\u2022]|\d+[.)])\s+")  # of a list, as in "- rose: ..." or "1. rose: ..."
_BOLD = re.compile(r"(?P<mark>\*\*|__|\*|_|`)(?P<name>[^:]*?[^\s:])(?P<inner>:?)(?P=mark)(?P<outer>:?)(?=\s)")
_BLOCK = re.compile(r"(?m)^(?:---|- |classes:|[^\s:][^:\n]*:[ \t]*(?:[|>][+-]?[ \t]*)?$)")  # only yaml begins a line so
_HEADER = re.compile(r"(?i)^\W*(name|class|class_name|label|id)\W*[,;\t]")
_ADVICE = "paste lines like `rose: A flower with ...`, or json, yaml or csv of names and descriptions"


def parse_pasted(text: str) -> tuple[ClassDescription, ...]:
    """Read names and descriptions.

    Args:
        text: a json object or list, yaml, csv or tab-separated rows, or one `name: text` a line, where an indented
            line goes on with the text above.

    Returns:
        The classes, at least one, in their order.

    Raises:
        InputError: nothing there, no syntax fits, a name twice, or a name or text that fails its check.
    """
    text = text.strip("\ufeff \r\n")
    if not text.strip():
        raise InputError(f"nothing was pasted; {_ADVICE}")
    if len(text) > MAX_FILE_BYTES:
        raise InputError(f"the pasted text has {len(text):,} characters; use at most {MAX_FILE_BYTES:,}")
    lines = [line for line in text.splitlines() if line.strip()]
    if text[0] in "{[":
        return _parse(text, "json")
    if _HEADER.match(lines[0]) or all(line.count("\t") == 1 for line in lines):
        return _parse(text, "csv")
    plain = _without_marks(lines)
    if plain is None and _BLOCK.search(text):
        return _parse(text, "yaml")
    if (pairs := _read_lines(plain or lines)) is not None:
        if len(pairs) > 1:
            check_names([name for name, _ in pairs], "the pasted text")
        return tuple(ClassDescription(name, description) for name, description in pairs)
    if not all(re.search(r"[,;\t]", line) for line in lines):
        raise InputError(f"the pasted line {lines[0][:60]!r} has no name before a colon; {_ADVICE}")
    return _parse(text, "csv")


def _parse(text: str, suffix: str) -> tuple[ClassDescription, ...]:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InputError("the pasted text has half a character (a lone surrogate); paste it again") from None
    return tuple(
        ClassDescription(name, description)
        for name, description in parse_descriptions(data, f"the pasted text.{suffix}").items()
    )


def _without_marks(lines: list[str]) -> list[str] | None:
    """The lines of a list, or of names in bold, without what marks them; None where they are neither.

    A yaml list of entries is none: its lines begin with "- name:".
    """
    if any(re.match(r"(?i)-\s+\W*(name|description|class|text|label)\W*:", line) for line in lines):
        return None
    tops = [line for line in lines if not line[0].isspace()]
    marked = all(_MARK.match(line) for line in tops)
    plain = [_MARK.sub("", line, count=1) if marked and not line[0].isspace() else line for line in lines]
    bold = [_BOLD.match(line) for line in plain if not line[0].isspace()]
    if all(found and (found["inner"] or found["outer"]) for found in bold):
        return [line if line[0].isspace() else _BOLD.sub(r"\g<name>:", line, count=1) for line in plain]
    return plain if marked else None


def _read_lines(lines: list[str]) -> list[tuple[str, str]] | None:
    """Pairs of name and text, or None where some line is not of that form."""
    pairs: list[tuple[str, str]] = []
    for line in lines:
        if line[0].isspace() and pairs:
            name, description = pairs[-1]
            pairs[-1] = name, f"{description} {line.strip()}"
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or re.search(r'[,;]\s*"', found["name"]):  # a row of csv with a colon in its quoted text
            return None
        pairs.append((found["name"].strip().strip("\"'"), found["text"].strip()))
    if all(re.search(r"[;\t]", name) for name, _ in pairs):  # rows of a table with a colon in each text
        return None
    return pairs
