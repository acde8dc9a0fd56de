"""Names and texts of classes in a parsed document: a mapping, a list of entries or the rows of a table.

Owns which key or column is the name and which the text, and whether the first row of a table is a header; knows no file
syntax and no check of names and texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from n3core.errors import InputError
from n3core.text_checks import kind_of, match_key

__all__ = ["read_entries", "read_name_list"]

# As match_key folds them: "Class Name" is "classname".
_NAME_HEADERS = ("name", "class", "classname", "label", "category", "species", "id")
_TEXT_HEADERS = ("description", "text", "descriptions", "caption", "document")
_HEADER_WORDS = 2  # at most so many in a cell of a header that is not known
_TEXT_WORDS = 4  # at least so many in every text, for a shorter first row to stand out


def read_entries(document: Any, where: str) -> list[tuple[Any, Any]]:
    """Pairs of name and text, neither checked yet.

    Args:
        document: as `n3core.documents.read_document` gives it.
        where: the file, for errors.

    Returns:
        The pairs in the order of the document.

    Raises:
        InputError: a document of another form, or a first row that may be a header or a class.
    """
    if isinstance(document, dict) and isinstance(document.get("classes"), list):
        return _of_list(document["classes"], where)
    if isinstance(document, dict):
        return list(document.items())
    if isinstance(document, list) and all(isinstance(row, list) for row in document):
        return _of_rows(document, where)
    if isinstance(document, list):
        return _of_list(document, where)
    raise InputError(f"{where} holds a {kind_of(document)}; it must map class names to texts")


def read_name_list(document: Any) -> tuple[str, ...] | None:
    """Names without texts: a list of them, or a table of one column, whose header is left out.

    Args:
        document: as `n3core.documents.read_document` gives it.

    Returns:
        The names; None where the document is no such list.
    """
    if not isinstance(document, list):
        return None
    if document and all(isinstance(row, list) and len(row) == 1 for row in document):
        document = [row[0] for row in document]
        if isinstance(document[0], str) and match_key(document[0]) in _NAME_HEADERS:
            document = document[1:]
    return tuple(document) if all(isinstance(entry, str) for entry in document) else None


def _of_list(items: list[Any], where: str) -> list[tuple[Any, Any]]:
    pairs = []
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise InputError(f"{where}: class {number} is a {kind_of(item)}; it needs 'name' and 'description'")
        values = {match_key(key): value for key, value in reversed(item.items())}  # the first of two that fold alike
        name, text = (_first_known(values, known) for known in (_NAME_HEADERS, _TEXT_HEADERS))
        for key, found in (("name", name), ("description", text)):
            if found is None:
                called = f" ({str(values[name])[:80]!r})" if name is not None else ""
                raise InputError(f"{where}: class {number}{called} has no {key!r}; add it")
        pairs.append((values[name], values[text]))
    return pairs


def _first_known(keys: Any, known: Sequence[str]) -> str | None:
    return next((key for key in known if key in keys), None)


def _of_rows(rows: list[list[str]], where: str) -> list[tuple[Any, Any]]:
    if not rows:
        return []
    if other := next((cell for row in rows for cell in row if not isinstance(cell, str)), None):
        raise InputError(f"{where}: {str(other)[:80]!r} is a {kind_of(other)} instead of a text; write name and text")
    columns = _read_header(rows, where)
    width = len(rows[0]) if columns else 2
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise InputError(
                f"{where}: row {number} has {len(row)} columns instead of {width}; quote texts that contain the "
                "separator, or head the columns with 'name' and 'description'"
            )
    name, text = columns or (0, 1)
    return [(row[name], row[text]) for row in (rows[1:] if columns else rows)]


def _read_header(rows: list[list[str]], where: str) -> tuple[int, int] | None:
    """Columns of name and text where the first row heads them; None where it is a class like the others."""
    header = [match_key(cell) for cell in rows[0]]
    name, text = _first_known(header, _NAME_HEADERS), _first_known(header, _TEXT_HEADERS)
    if name is not None and text is not None:
        for used in (name, text):
            if header.count(used) > 1:
                raise InputError(f"{where} has two columns {used!r}; rename one")
        return header.index(name), header.index(text)
    if len(header) != 2 or any(len(cell.split()) > _HEADER_WORDS for cell in rows[0]):
        return None
    place = header.index(text) if text is not None else 1 - header.index(name) if name is not None else 1
    known = name is not None or text is not None
    stands_out = len(rows) > 1 and all(len(cell.split()) >= _TEXT_WORDS for row in rows[1:] for cell in row[place:][:1])
    if (text is not None and place == 1) or (known and stands_out):
        return 1 - place, place
    if known or (stands_out and len(rows) > 2):
        cells = " and ".join(repr(cell.strip()[:80]) for cell in rows[0])
        raise InputError(
            f"{where}: row 1, {cells}, may be a header or a class; write 'name' and 'description' in it or above it"
        )
    return None
