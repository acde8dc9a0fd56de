"""Tiny ImageNet: 200 classes of 64 x 64 photographs in parquet shards, keyed by WordNet id.

Owns the layout of that folder; knows no model. Training images and evaluation images are kept apart.
"""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.images import contents_version, decode_image
from n3core.datasets.parquet import ParquetRows
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = ["TinyImagenet", "is_tiny_imagenet", "refuse_tiny_imagenet_download"]

_SHARDS = tuple(f"train-{number}" for number in range(8))
_EVALUATION = "val"


def is_tiny_imagenet(folder: Path) -> bool:
    """Whether the folder has the layout of this reader, be it with files missing."""
    images = (f"{stem}.parquet" for stem in (*_SHARDS, _EVALUATION))
    texts = all((folder / name).is_file() for name in ("classes.json", "descriptions.json"))
    return texts and any((folder / name).is_file() for name in images)


def refuse_tiny_imagenet_download(folder: Path) -> None:
    """Say what this reader wants where a folder holds tiny-imagenet-200 as its authors pack it, which is not read.

    Raises:
        InputError: it does.
    """
    for place in (folder, folder / "tiny-imagenet-200"):
        if (place / "wnids.txt").is_file() and (place / "words.txt").is_file():
            raise InputError(
                f"{place} is tiny-imagenet-200 as downloaded; Tiny ImageNet is read from classes.json, "
                "descriptions.json, splits.json, train-0.parquet to train-7.parquet and val.parquet (README, Which "
                f"files are read); or open {place / 'train'} with descriptions by WordNet id in it"
            )


class TinyImagenet:
    """Tiny ImageNet with names, WordNet glosses and descriptions; parquet files are opened when first needed.

    Args:
        folder: holds classes.json, descriptions.json, splits.json, train-0..7.parquet and val.parquet.

    Raises:
        InputError: if one of the three json files is missing or not as expected, or the folder holds the images as
            downloaded.
    """

    name = "tiny-imagenet"
    title = "Tiny ImageNet"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        refuse_tiny_imagenet_download(folder)
        entries, descriptions, splits = (
            read_document(folder / f"{stem}.json") for stem in ("classes", "descriptions", "splits")
        )
        try:
            self.classes: tuple[ClassInfo, ...] = tuple(
                ClassInfo(
                    wnid,
                    entry["name"],
                    {
                        "name": ", ".join(entry["synonyms"]),
                        "gloss": entry["gloss"],
                        "description": descriptions[wnid],
                    },
                )
                for wnid, entry in entries.items()
            )
            self.splits: dict[str, tuple[str, ...]] = {name: tuple(splits[name]) for name in ("train", "val", "test")}
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{folder}: a json file there lacks {error}; restore the original files") from None
        self.problems: tuple[str, ...] = ()
        self.version = contents_version(folder / f"{stem}.parquet" for stem in (*_SHARDS, _EVALUATION))
        self._rows = cache(self._open_rows)

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The images of a class, shard by shard.

        Args:
            class_id: a WordNet id.
            subset: "train" for the 8 training shards, "evaluate" for val.parquet.

        Returns:
            References in the order in which they are fastest to read.

        Raises:
            InputError: if the class is unknown or parquet files are missing.
        """
        if class_id not in self._class_ids:
            raise InputError(f"{self.name} has no class id {class_id[:80]!r}; ids are WordNet ids such as n01443537")
        stems = _SHARDS if subset == "train" else (_EVALUATION,)
        missing = [f"{stem}.parquet" for stem in stems if not (self._folder / f"{stem}.parquet").is_file()]
        if missing:
            raise InputError(f"{self._folder} lacks {', '.join(missing)}; copy the missing files there")
        return tuple(
            ImageRef(f"{stem}/{row}", class_id)
            for stem in stems
            for row in self._rows(stem).rows_by_class.get(class_id, ())
        )

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one photograph to RGB, 64 x 64."""
        stem, _, row = ref.id.partition("/")
        return decode_image(self._rows(stem).image_bytes(int(row)), f"{self.name}/{ref.id}")

    @cached_property
    def _class_ids(self) -> frozenset[str]:
        return frozenset(info.id for info in self.classes)

    def _open_rows(self, stem: str) -> ParquetRows:
        return ParquetRows(self._folder / f"{stem}.parquet", "image", "wnid")
