"""Names and paths to datasets: the only place that knows every reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from n3core.datasets import awa2, cub, flowers_species, nabirds, sun
from n3core.datasets.base import Dataset
from n3core.datasets.folder import FolderDataset
from n3core.datasets.grocery import GROCERY_SPLITS, Grocery, is_grocery, refuse_grocery_download
from n3core.datasets.parquet import ParquetDataset
from n3core.datasets.published import Archive, PublishedDataset
from n3core.datasets.tiny_imagenet import TinyImagenet, is_tiny_imagenet, refuse_tiny_imagenet_download
from n3core.errors import InputError

__all__ = [
    "DATA_VARIABLE",
    "TEXTS_MARK",
    "available_datasets",
    "dataset_names",
    "open_dataset",
    "portable_name",
    "split_texts",
]

DATA_VARIABLE = "N3_DATA"
TEXTS_MARK = "::"  # between the path of a dataset and the path of its descriptions
_EMBEDDED = {"fieldbook-flowers": "flowers", "fieldbook-birds": "birds"}
_WITH_VARIETIES = ":varieties"  # behind an embedded name: random varieties are seen classes too
_BENCHMARKS: dict[str, tuple[str, Callable[[Path], Dataset]]] = {
    "tiny-imagenet": ("tiny-imagenet", TinyImagenet),
    "grocery": ("grocery", Grocery),
    "grocery:SS": ("grocery", Grocery),
    "grocery:SCE": ("grocery", lambda folder: Grocery(folder, "SCE")),
}
_PAGES = {
    "tiny-imagenet": "https://image-net.org/download-images.php (Tiny ImageNet, as parquet shards)",
    "grocery": "https://github.com/marcusklasson/GroceryStoreDataset (as parquet files)",
}


@dataclass(frozen=True)
class _Published:
    """A dataset in the layout of its authors; its folder in $N3_DATA is called like it."""

    archive: Archive
    splits: tuple[str, ...]
    recognises: Callable[[Path], bool]
    open: Callable[..., PublishedDataset]


# NABirds goes before CUB, whose file names it shares.
_PUBLISHED = {
    entry.archive.name: entry
    for entry in (
        _Published(nabirds.NABIRDS, tuple(nabirds.SIZES), nabirds.is_nabirds, nabirds.open_nabirds),
        _Published(cub.CUB_2011, tuple(cub.SIZES_2011), cub.is_cub_2011, cub.open_cub_2011),
        _Published(cub.CUB_2010, tuple(cub.SIZES_2010), cub.is_cub_2010, cub.open_cub_2010),
        _Published(awa2.AWA2, tuple(awa2.SIZES), awa2.is_awa2, awa2.open_awa2),
        _Published(
            flowers_species.FLOWERS_SPECIES,
            tuple(flowers_species.SIZES),
            flowers_species.is_flowers,
            flowers_species.open_flowers_species,
        ),
        _Published(sun.SUN, tuple(sun.SIZES), sun.is_sun, sun.open_sun),
    )
}


def dataset_names() -> tuple[str, ...]:
    """Every name that `open_dataset` knows, published datasets with each of their splits; grocery:SS is grocery."""
    splits = (f"{name}:{split}" for name, entry in _PUBLISHED.items() for split in entry.splits)
    return (*_short_names(), *(name + _WITH_VARIETIES for name in _EMBEDDED), *splits)


def available_datasets() -> tuple[str, ...]:
    """The names that can be opened on this machine: the embedded ones and those that lie in $N3_DATA.

    Of a published dataset only the name without split is among them: which splits it has depends on its files.
    """
    root = _data_root()
    found = [name for name in _short_names() if name not in _EMBEDDED and root and _folder(root, name).is_dir()]
    return (*_EMBEDDED, *found)


def split_texts(name: str) -> tuple[str, str | None]:
    """The dataset and the descriptions that a name of the form DATASET::FILE joins, as a person may write them.

    Args:
        name: name or path; blanks around it, quotes, file:// and ~ are understood. What exists as it is written is
            taken so.

    Returns:
        Name or path of the dataset, and of the descriptions or None.
    """
    whole = _cleaned(name)
    if TEXTS_MARK not in name or os.path.exists(whole):
        return whole, None
    dataset, _, texts = name.partition(TEXTS_MARK)
    return _cleaned(dataset), _cleaned(texts)


def portable_name(name: str) -> str:
    """What to call a dataset outside of this machine: names and relative paths as they are, of others the last part."""
    parts = [part for part in split_texts(name) if part is not None]
    return TEXTS_MARK.join(
        PureWindowsPath(part).name if PurePosixPath(part).is_absolute() or PureWindowsPath(part).is_absolute() else part
        for part in parts
    )


def _cleaned(path: str) -> str:
    if os.path.exists(path):
        return path
    path = path.strip()
    if len(path) > 2 and path[0] == path[-1] and path[0] in "'\"":
        path = path[1:-1]
    if path.startswith("file://"):
        from urllib.request import url2pathname  # imported here: it brings a whole HTTP client along

        path = url2pathname(path.removeprefix("file://"))
    return os.path.expanduser(path)


def open_dataset(
    name_or_path: str | Path, *, descriptions: Path | str | None = None, strict: bool = False, undescribed: bool = False
) -> Dataset:
    """Open a dataset by name or path.

    Args:
        name_or_path: a name of `dataset_names`, a folder of images in class sub-folders, a parquet file, or a folder
            in the layout of one of the named datasets. Names go before paths; write ./name for a folder called so.
            NAME:SPLIT and PATH:SPLIT choose a split, PATH::FILE names the descriptions along with the images; see
            `split_texts`.
        descriptions: the descriptions or task file to use instead of the one that lies with the images, for a dataset
            of one's own or a published one. Fieldbook, Tiny ImageNet and Grocery bring their own texts;
            `match_descriptions` puts others over them.
        strict: where descriptions are read from a file, raise on a description without class.
        undescribed: where descriptions are read from a file, let classes be that have none; they carry their name.

    Returns:
        The dataset.

    Raises:
        InputError: unknown name, missing files, or a dataset that fails its checks.
    """
    name, joined = (str(name_or_path), None) if descriptions is not None else split_texts(str(name_or_path))
    if not name.strip():
        raise InputError(f"no dataset is named; use {', '.join(_EMBEDDED)} or the path of a folder or parquet file")
    embedded = name.removesuffix(_WITH_VARIETIES)
    if embedded in _EMBEDDED:
        # Imported here: the renderers are needed by nobody who brings photographs.
        from n3core.datasets.fieldbook.book import open_fieldbook

        return open_fieldbook(_EMBEDDED[embedded], varieties=name != embedded)
    if name in _BENCHMARKS:
        return _BENCHMARKS[name][1](_found(name))
    path = Path(name)
    descriptions = descriptions if descriptions is not None else joined
    texts = Path(descriptions) if descriptions is not None else None
    short, _, split = name.partition(":")
    try:
        if short in _PUBLISHED:
            return _PUBLISHED[short].open(_found(short), split or None, texts, strict=strict, undescribed=undescribed)
        return _open_path(path, texts, strict, undescribed)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name[:200]!r} cannot be opened ({str(error)[:80]}); check the path") from None


def _open_path(path: Path, descriptions: Path | None, strict: bool, undescribed: bool) -> Dataset:
    base, _, split = path.name.rpartition(":")
    if not path.exists() and split in GROCERY_SPLITS and is_grocery(path.with_name(base)):
        return Grocery(path.with_name(base), split)
    if base and not path.exists() and (entry := _recognise(path.with_name(base))):
        return entry.open(path.with_name(base), split, descriptions, strict=strict, undescribed=undescribed)
    if path.is_dir():
        if is_tiny_imagenet(path):
            return TinyImagenet(path)
        if is_grocery(path):
            return Grocery(path)
        if entry := _recognise(path):
            return entry.open(path, None, descriptions, strict=strict, undescribed=undescribed)
        refuse_tiny_imagenet_download(path)
        refuse_grocery_download(path)
        return FolderDataset(path, descriptions, strict=strict, undescribed=undescribed)
    if path.is_file() and path.suffix.lower() in (".parquet", ".pq"):
        return ParquetDataset(path, descriptions, strict=strict, undescribed=undescribed)
    if path.is_file():
        raise InputError(f"{path} is neither a folder nor a parquet file; give one of them or a name")
    raise InputError(
        f"no dataset {str(path)[:200]!r}; use {', '.join(_short_names())} or the path of a folder or parquet file"
    )


def _short_names() -> tuple[str, ...]:
    return (*_EMBEDDED, *(name for name in _BENCHMARKS if name != "grocery:SS"), *_PUBLISHED)


def _recognise(folder: Path) -> _Published | None:
    """The published dataset whose layout a folder has."""
    if not folder.is_dir():
        return None
    return next((entry for entry in _PUBLISHED.values() if entry.recognises(folder)), None)


def _found(name: str) -> Path:
    """The folder of a named dataset in $N3_DATA."""
    root = _data_root()
    if not root:
        raise InputError(
            f"{name} is looked for in ${DATA_VARIABLE}, which is not set; set it or give the folder's path"
        )
    folder = _folder(root, name)
    if not folder.is_dir():
        page = _PUBLISHED[name].archive.page if name in _PUBLISHED else _PAGES[folder.name]
        raise InputError(
            f"{name} is not in ${DATA_VARIABLE}: no folder {folder}; set it to the folder above {folder.name}, "
            f"which is to be had from {page}"
        )
    return folder


def _data_root() -> str:
    return os.path.expanduser(os.environ.get(DATA_VARIABLE, ""))


def _folder(root: str, name: str) -> Path:
    return Path(root) / (_BENCHMARKS[name][0] if name in _BENCHMARKS else name)
