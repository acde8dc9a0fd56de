"""Names and paths to datasets: the only place that knows every reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from n3core.datasets.base import Dataset
from n3core.datasets.folder import FolderDataset
from n3core.datasets.grocery import GROCERY_SPLITS, Grocery, is_grocery
from n3core.datasets.parquet import ParquetDataset
from n3core.datasets.tiny_imagenet import TinyImagenet, is_tiny_imagenet
from n3core.errors import InputError

__all__ = ["DATA_VARIABLE", "TEXTS_MARK", "available_datasets", "dataset_names", "open_dataset"]

DATA_VARIABLE = "N3_DATA"
TEXTS_MARK = "::"  # between the path of a dataset and the path of its descriptions
_EMBEDDED = {"fieldbook-flowers": "flowers", "fieldbook-birds": "birds"}
_BENCHMARKS: dict[str, tuple[str, Callable[[Path], Dataset]]] = {
    "tiny-imagenet": ("tiny-imagenet", TinyImagenet),
    "grocery": ("grocery", Grocery),
    "grocery:SS": ("grocery", Grocery),
    "grocery:SCE": ("grocery", lambda folder: Grocery(folder, "SCE")),
}


def dataset_names() -> tuple[str, ...]:
    """Every name that `open_dataset` knows."""
    return (*_EMBEDDED, *(name for name in _BENCHMARKS if name != "grocery:SS"))


def available_datasets() -> tuple[str, ...]:
    """The names that can be opened on this machine: the embedded ones and those that lie in $N3_DATA."""
    root = os.environ.get(DATA_VARIABLE)
    found = [name for name in dataset_names() if name in _BENCHMARKS and root and _folder(root, name).is_dir()]
    return (*_EMBEDDED, *found)


def open_dataset(name_or_path: str | Path, *, descriptions: Path | str | None = None, strict: bool = False) -> Dataset:
    """Open a dataset by name or path.

    Args:
        name_or_path: a name of `dataset_names`, a folder of images in class sub-folders, a parquet file, or a folder
            in the layout of Tiny ImageNet or Grocery. Names go before paths; write ./name for a folder called so.
            PATH::FILE names the descriptions along with the images.
        descriptions: for a dataset of one's own, the descriptions or task file to use instead of the one that lies with
            its images. Datasets with a name bring their own texts; `match_descriptions` puts others over them.
        strict: for a dataset of one's own, raise on a description without class.

    Returns:
        The dataset.

    Raises:
        InputError: unknown name, missing files, or a dataset that fails its checks.
    """
    name = str(name_or_path)
    if name in _EMBEDDED:
        # Imported here: the renderers are needed by nobody who brings photographs.
        from n3core.datasets.fieldbook.book import open_fieldbook

        return open_fieldbook(_EMBEDDED[name])
    if name in _BENCHMARKS:
        return _open_benchmark(name)
    if descriptions is None and TEXTS_MARK in name:
        name, _, descriptions = name.partition(TEXTS_MARK)
    path = Path(name)
    texts = Path(descriptions) if descriptions is not None else None
    try:
        return _open_path(path, texts, strict)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name[:200]!r} cannot be opened ({str(error)[:80]}); check the path") from None


def _open_path(path: Path, descriptions: Path | None, strict: bool) -> Dataset:
    base, _, split = path.name.rpartition(":")
    if not path.exists() and split in GROCERY_SPLITS and is_grocery(path.with_name(base)):
        return Grocery(path.with_name(base), split)
    if path.is_dir():
        if is_tiny_imagenet(path):
            return TinyImagenet(path)
        if is_grocery(path):
            return Grocery(path)
        return FolderDataset(path, descriptions, strict=strict)
    if path.is_file() and path.suffix.lower() in (".parquet", ".pq"):
        return ParquetDataset(path, descriptions, strict=strict)
    if path.is_file():
        raise InputError(f"{path} is neither a folder nor a parquet file; give one of them or a name")
    raise InputError(
        f"no dataset {str(path)[:200]!r}; use {', '.join(dataset_names())} or the path of a folder or parquet"
    )


def _open_benchmark(name: str) -> Dataset:
    folder_name, reader = _BENCHMARKS[name]
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        raise InputError(
            f"{name} is looked for in ${DATA_VARIABLE}, which is not set; set it or give the folder's path"
        )
    folder = _folder(root, name)
    if not folder.is_dir():
        raise InputError(
            f"{name} is not in ${DATA_VARIABLE}: no folder {folder}; set it to the folder above {folder_name}"
        )
    return reader(folder)


def _folder(root: str, name: str) -> Path:
    return Path(root) / _BENCHMARKS[name][0]
