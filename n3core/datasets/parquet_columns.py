"""Which columns of a parquet file hold images and class names: by type and name, and by what the descriptions name.

Files of Hugging Face datasets hold numbers for classes and their names in the file's metadata. Reads no image.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from n3core.datasets.own import described_names
from n3core.errors import InputError
from n3core.text_checks import MAX_NAME_CHARACTERS

__all__ = ["Columns", "find_columns"]

_IMAGE_NAMES = ("image", "img", "images", "photo", "picture", "bytes", "image_bytes", "jpg", "jpeg", "png", "webp")
_CLASS_NAMES = ("class_name", "class", "classname", "label", "label_name", "name", "category", "species", "wnid")
_OTHER_NAMES = (
    *("file_name", "filename", "file", "image_name", "path", "file_path", "filepath", "image_path", "url", "image_url"),
    *("caption", "text", "description", "title", "id", "image_id", "uuid", "split"),
)
_SAMPLE_ROWS = 1_000  # by which columns are compared with the descriptions
_MOST_METADATA = 10_000_000  # bytes


@dataclass(frozen=True)
class Columns:
    """The columns to read, and the class names that the numbers of the class column stand for, where it has numbers."""

    image: str
    label: str
    names: tuple[str, ...] = ()

    def name_of(self, value: str) -> str:
        """The class name of a value of the class column; empty where it has none."""
        if not self.names:
            return value.strip()
        return self.names[int(value)] if value.isdecimal() and int(value) < len(self.names) else ""


def find_columns(file: pq.ParquetFile, where: Path, find_texts: Callable[[], Path | None]) -> Columns:
    """Find the image column and the class column.

    A class column holds text, numbers that the metadata names, or, where it is called like one, any whole numbers.
    Columns called like file names, captions and such are never taken. Of several the one whose values the
    descriptions name is taken, otherwise the first by name.

    Args:
        file: the open file.
        where: its path, for errors.
        find_texts: finds the descriptions file; asked where there is a choice.

    Returns:
        The columns.

    Raises:
        InputError: none of a kind, or several that nothing tells apart.
    """
    schema = file.schema_arrow
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)[:300]

    def refuse(what: str, wanted: str, several: bool) -> InputError:
        need = f"call it {wanted!r}" if several else f"add one called {wanted!r}"
        count = "more than one possible" if several else "no"
        return InputError(f"{where.name} has {count} {what} column; {need}; its columns are {columns}")

    images = [field.name for field in schema if _is_image(field.type)]
    if not (chosen := _called(images, _IMAGE_NAMES)) and len(images) != 1:
        raise refuse("image", _IMAGE_NAMES[0], bool(images))
    image = (chosen or images)[0]

    numbered = _names_in_metadata(schema)
    usable = [
        field.name
        for field in schema
        if field.name.casefold() not in _OTHER_NAMES
        and (_is_text(field.type) or field.name in numbered or (_is_number(field.type) and _is_class(field.name)))
    ]
    candidates = [Columns(image, name, numbered.get(name, ())) for name in usable]
    called = _called(usable, _CLASS_NAMES) + [name for name in usable if name in numbered]
    candidates.sort(key=lambda found: called.index(found.label) if found.label in called else len(called))
    if len(candidates) > 1:
        fit = _best_fit(file, candidates, find_texts)
        candidates = [fit] if fit else [found for found in candidates if found.label in called] or candidates
    if not candidates or (len(candidates) > 1 and not called):
        raise refuse("class-name", _CLASS_NAMES[0], bool(candidates))
    return candidates[0]


def _best_fit(
    file: pq.ParquetFile, candidates: Iterable[Columns], find_texts: Callable[[], Path | None]
) -> Columns | None:
    """The first of the columns of whose values the largest share is described; None where nothing is."""
    try:
        texts = find_texts()
    except InputError:
        return None
    best, largest = None, 0.0
    for found in candidates:
        names = {found.name_of(value) for value in _sample(file, found.label)} - {""}
        share = len(described_names(sorted(names), texts)) / max(1, len(names))
        if share > largest:
            best, largest = found, share
    return best


def _sample(file: pq.ParquetFile, column: str) -> set[str]:
    """Values of the first rows, cut where they are too long for a name; none where the column is damaged, which reading
    all of it will tell."""
    try:
        batch = next(file.iter_batches(_SAMPLE_ROWS, columns=[column], use_threads=False), None)
        return (
            {str(value)[: MAX_NAME_CHARACTERS + 1] for value in batch.column(0).to_pylist() if value is not None}
            if batch
            else set()
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return set()


def _names_in_metadata(schema: pa.Schema) -> Mapping[str, tuple[str, ...]]:
    """Column -> names of its numbers, as Hugging Face datasets write them."""
    written = (schema.metadata or {}).get(b"huggingface", b"")
    try:
        features = json.loads(written)["info"]["features"] if len(written) <= _MOST_METADATA else {}
        labels = {column: kind["names"] for column, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        column: tuple(names)
        for column, names in labels.items()
        if column in schema.names
        and _is_number(schema.field(column).type)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    }


def _is_class(column: str) -> bool:
    return column.casefold() in _CLASS_NAMES


def _called(columns: Iterable[str], names: Iterable[str]) -> list[str]:
    columns = list(columns)
    return [column for wanted in names for column in columns if column.casefold() == wanted]


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_image(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind.value_type if pa.types.is_dictionary(kind) else kind)
