"""Images in parquet files: row access in small memory, and datasets of one's own in that format.

Knows no published benchmark; they build on `ParquetRows`.
"""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.images import ImageError, check_image, decode_image, files_version
from n3core.datasets.own import check_images, describe_classes, find_descriptions
from n3core.datasets.own_splits import read_splits
from n3core.datasets.parquet_columns import find_columns
from n3core.errors import InputError

__all__ = ["ParquetDataset", "ParquetRows", "open_parquet"]

_WINDOW_BYTES = 16_000_000  # uncompressed image bytes held per window
_WINDOW_ROWS = 512  # in a window; where a file stores equal images once, their bytes say little about the rows
_WINDOWS = 2  # windows held per file
_GROUP_BYTES = 4_000_000_000  # a writer may put a whole row group into one page, which is decoded at once


class ParquetRows:
    """Random access to the images of one parquet file; safe to use from many threads.

    A window is a run of rows inside one row group, at most `_WINDOW_BYTES` large; the last two are kept, and reading on
    from the last window goes on where it stopped. So rows in rising order cost one pass over the file.

    Args:
        path: the file.
        image_column: column of encoded image bytes, or of structs with a field `bytes`.
        class_column: column of class keys.

    Raises:
        InputError: if the file is missing, is no parquet file or lacks a column.
    """

    def __init__(self, path: Path, image_column: str, class_column: str) -> None:
        self.path, self._image_column, self._class_column = path, image_column, class_column
        self._file = open_parquet(path)
        missing = {image_column, class_column} - set(self._file.schema_arrow.names)
        if missing:
            found = ", ".join(self._file.schema_arrow.names)
            raise InputError(f"{path.name} has no column {sorted(missing)[0]!r}; it has {found}")
        metadata = self._file.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        if any(group.total_byte_size > _GROUP_BYTES for group in groups):
            limit = f"{_GROUP_BYTES // 1_000_000_000} GB"
            raise InputError(f"{path.name} has a row group of more than {limit}; write it with row_group_size=1000")
        self._starts = [0, *accumulate(group.num_rows for group in groups)]
        self._window_rows = [
            max(1, min(group.num_rows, group.num_rows * _WINDOW_BYTES // max(1, group.total_byte_size), _WINDOW_ROWS))
            for group in groups
        ]
        self._windows: OrderedDict[tuple[int, int], pa.Array] = OrderedDict()
        self._reader: tuple[int, int, Iterator[pa.RecordBatch]] | None = None  # row group, next window, the rest
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    @cached_property
    def rows_by_class(self) -> dict[str, tuple[int, ...]]:
        """Class key -> rising row numbers; rows without a class are left out.

        Raises:
            InputError: if the column cannot be read or is not UTF-8.
        """
        rows: dict[str, list[int]] = defaultdict(list)
        try:
            labels = list(_read_labels(self.path, self._class_column))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).split("\n")[0][:80]
            raise InputError(
                f"{self.path.name}: column {self._class_column!r} is damaged ({reason}); write the file again"
            ) from None
        for row, label in enumerate(labels):
            if label is not None:
                rows[label].append(row)
        return {label: tuple(numbers) for label, numbers in rows.items()}

    def image_bytes(self, row: int) -> bytes:
        """The encoded image of a row; empty where the row has none.

        Raises:
            InputError: if the file ends or breaks before the row.
        """
        group = bisect.bisect_right(self._starts, row) - 1
        window, offset = divmod(row - self._starts[group], self._window_rows[group])
        with self._lock:
            value: Any = self._window(group, window)[offset].as_py()
        if isinstance(value, dict):
            value = value.get("bytes")
        return bytes(value or b"")

    def _rows_of(self, group: int, window: int) -> int:
        rows = self._starts[group + 1] - self._starts[group]
        return min(self._window_rows[group], rows - window * self._window_rows[group])

    def _window(self, group: int, window: int) -> pa.Array:
        key = (group, window)
        if key in self._windows:
            self._windows.move_to_end(key)
            return self._windows[key]
        if self._reader is None or self._reader[0] != group or self._reader[1] > window:
            batches = self._file.iter_batches(
                self._window_rows[group], row_groups=[group], columns=[self._image_column], use_threads=False
            )
            self._reader = (group, 0, batches)
        _, following, batches = self._reader
        try:
            for place in range(following, window + 1):
                values = next(batches).column(0)
                if len(values) != self._rows_of(group, place):  # pyarrow splits what does not fit into 2 GB
                    raise pa.ArrowInvalid("images too large")
        except (StopIteration, pa.ArrowException, OSError):
            self._reader = None
            raise InputError(f"{self.path.name} is damaged in row group {group}; replace the file") from None
        self._reader = (group, window + 1, batches)
        self._windows[key] = values
        while len(self._windows) > _WINDOWS:
            self._windows.popitem(last=False)
        return values


def _read_labels(path: Path, column: str) -> Iterator[str | None]:
    """The values of a column as text, row by row; a long one that stands in many rows is held once."""
    found = pq.ParquetFile(path, read_dictionary=[column]).read(columns=[column]).column(0)
    for chunk in found.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        names = [None if value is None else str(value) for value in encoded.dictionary.to_pylist()]
        for index in encoded.indices.to_pylist():
            yield None if index is None else names[index]


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a parquet file for streaming; only its footer is read.

    Raises:
        InputError: if it is missing or no parquet file.
    """
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except FileNotFoundError:
        raise InputError(f"no file {path}; check the path") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n")[0][:80]
        raise InputError(f"{path} is not a readable parquet file ({reason}); write it again") from None


class ParquetDataset:
    """A dataset of one's own in one parquet file; every image is decoded once on opening.

    Args:
        path: the file. The image column holds encoded bytes (or structs with a field `bytes`), the class column names,
            or numbers, which the metadata may name; see `find_columns`.
        descriptions: descriptions or task file; by default <file name without .parquet>.json, .yaml or .csv beside the
            file, or descriptions.json there. <file name without .parquet>.splits.json (.yaml) or splits.json beside it
            sets the splits, otherwise each holds all classes.
        strict: raise on a description without class instead of listing it in `problems`.
        undescribed: let classes be that have no description.

    Raises:
        InputError: columns not found, no rows, no descriptions, fewer than 2 classes, duplicate or empty classes, a
            class without description.
    """

    def __init__(
        self, path: Path, descriptions: Path | None = None, *, strict: bool = False, undescribed: bool = False
    ) -> None:
        self.name = self.title = path.stem
        self.version = files_version([path], path.parent, sample=True)

        def find_texts() -> Path | None:
            candidates = [path.with_suffix(""), path.parent / "descriptions"]
            return descriptions or find_descriptions(candidates, path, needed=not undescribed)

        columns = find_columns(open_parquet(path), path, find_texts)
        self._image_column = columns.image
        self._rows = ParquetRows(path, columns.image, columns.label)
        named = sorted((columns.name_of(label), rows) for label, rows in self._rows.rows_by_class.items())
        named = [(name, rows) for name, rows in named if name]
        if not named:
            raise InputError(f"{path} has no row with a class in {columns.label!r}; write it again")
        texts = find_texts()
        self.classes: tuple[ClassInfo, ...]
        try:
            self.classes, unmatched = describe_classes([name for name, _ in named], path, texts, strict, undescribed)
        except InputError as error:
            raise InputError(f"{error}; the classes are those of the column {columns.label!r}") from None
        refs = {
            info.id: tuple(ImageRef(f"row {row}", info.id) for row in rows)
            for info, (_, rows) in zip(self.classes, named, strict=True)
        }
        nameless = len(self._rows) - sum(len(rows) for _, rows in named)
        earlier = [f"{nameless} rows have no class in {columns.label!r}"] if nameless else []
        checked = check_images(refs, lambda ref: check_image(self._bytes(ref), ref.id), "column")
        self._refs = checked.refs
        beside = [path.with_name(f"{path.stem}.splits"), path.with_name("splits")]
        self.splits, leaked = read_splits(beside, self.classes)
        self.problems: tuple[str, ...] = (*unmatched, *earlier, *checked.problems, *leaked)

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The readable images of a class in the order of the rows; the same for both subsets.

        Raises:
            InputError: if there is no such class.
        """
        if class_id not in self._refs:
            raise InputError(f"{self.name} has no class {class_id[:80]!r}; see the class column of the file")
        return self._refs[class_id]

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one image to RGB.

        Raises:
            ImageError: if the file was changed since opening.
        """
        return decode_image(self._bytes(ref), ref.id)

    def _bytes(self, ref: ImageRef) -> bytes:
        if not (content := self._rows.image_bytes(int(ref.id.removeprefix("row ")))):
            raise ImageError(f"{ref.id} has no image bytes in the column {self._image_column!r}; write them there")
        return content
