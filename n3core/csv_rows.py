"""Text of a csv file to rows of cells: finds out what separates the cells, and refuses to guess between two.

Owns the separators; knows no file and nothing of what the cells mean.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Mapping

from n3core.errors import InputError

__all__ = ["parse_rows"]

_SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?(?:\r\n|\r|\n|$)', re.IGNORECASE)  # the first line that Excel writes
_OTHER_TEXT = re.compile(r'[,;\t] *"')  # inside a name: a text in quotes behind another separator

Rows = list[list[str]]


def parse_rows(text: str, name: str, *, separators: tuple[str, ...] = _SEPARATORS, most: int) -> Rows:
    """Split a table into rows.

    A separator fits where every row has the same number of cells, at least two. Where several do, tabs go first, and
    one that is always followed by a space, as a comma in a sentence is, or that puts half a quoted text into a name,
    is none.

    Args:
        text: the content of the file.
        name: the file, for errors.
        separators: those that are tried; a first line `sep=;` settles it.
        most: rows allowed.

    Returns:
        Rows without blank ones and without columns at the end that are empty throughout; of uneven length where no
        separator fits.

    Raises:
        InputError: more rows, or two separators that fit.
        csv.Error: text in quotes that no separator ends.
    """
    if named := _SEPARATOR_LINE.match(text):
        text, separators = text[named.end() :], (named[1],)
    tables: dict[str, Rows] = {}
    errors: list[csv.Error] = []
    for separator in separators:
        try:
            rows = _split(text, separator, name, most)
        except csv.Error as error:
            errors.append(error)
            continue
        if not (errors and _halves_quoted(rows)):
            tables[separator] = rows
    fitting = {mark: rows for mark, rows in tables.items() if rows and len(rows[0]) > 1 and _is_even(rows)}
    if fitting:
        return _without_empty_columns(_choose(fitting, text, name, most))
    partly = next((rows for rows in tables.values() if rows and min(map(len, rows)) > 1), None)
    if partly is None and errors:
        raise errors[0]
    return partly or next(iter(tables.values()))


def _split(text: str, separator: str, name: str, most: int, *, strip: bool = True) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=strip, strict=True)
    rows = list(itertools.islice(reader, most + 1))
    if len(rows) > most:
        raise InputError(f"{name} has more than {most:,} rows; use at most one for each class")
    return [row for row in rows if any(cell.strip() for cell in row)]


def _choose(fitting: Mapping[str, Rows], text: str, name: str, most: int) -> Rows:
    if len(fitting) > 1 and "\t" not in fitting:
        marks = [mark for mark, rows in fitting.items() if not _halves_quoted(rows)]
        if len(marks) > 1:
            marks = [mark for mark in marks if not _is_prose(_split(text, mark, name, most, strip=False))]
        if len(marks) != 1:
            raise InputError(
                f"{name} may have {' or '.join(map(repr, fitting))} between name and text; put the texts in quotes"
            )
        return fitting[marks[0]]
    return fitting.get("\t") or next(iter(fitting.values()))


def _is_even(rows: Rows) -> bool:
    return len({len(row) for row in rows}) == 1


def _is_prose(rows: Rows) -> bool:
    return all(cell.startswith(" ") for row in rows for cell in row[1:])


def _halves_quoted(rows: Rows) -> bool:
    return any(_OTHER_TEXT.search(row[0]) for row in rows)


def _without_empty_columns(rows: Rows) -> Rows:
    width = len(rows[0])
    while width > 2 and not any(row[width - 1].strip() for row in rows):
        width -= 1
    return [row[:width] for row in rows]
