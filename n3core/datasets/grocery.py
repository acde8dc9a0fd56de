"""Grocery Store Dataset: photographs of 81 products in shops with the shop's own texts.

Owns the layout of that folder; knows no model. Every photograph of a class serves for training and for evaluation,
because the splits are of classes, not of images.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.images import contents_version, decode_image
from n3core.datasets.parquet import ParquetRows
from n3core.documents import read_document
from n3core.errors import InputError

__all__ = ["GROCERY_SPLITS", "Grocery", "is_grocery", "refuse_grocery_download"]

GROCERY_SPLITS = ("SS", "SCE")
_FILES = ("train", "val", "test")


def is_grocery(folder: Path) -> bool:
    """Whether the folder has the layout of this reader."""
    return all((folder / name).is_file() for name in ("classes.json", "splits.json", "train.parquet", "test.parquet"))


def refuse_grocery_download(folder: Path) -> None:
    """Say what this reader wants where a folder holds the dataset as its authors publish it, which is not read.

    Raises:
        InputError: it does.
    """
    for place in (folder, folder / "dataset"):
        if (place / "classes.csv").is_file() and (place / "train.txt").is_file():
            raise InputError(
                f"{place} is the Grocery Store Dataset as downloaded; it is read from classes.json, splits.json, "
                "train.parquet, val.parquet and test.parquet (README, Which files are read)"
            )


class Grocery:
    """Grocery Store Dataset under one of its two splits; parquet files are opened when first needed.

    Args:
        folder: holds classes.json, splits.json and train, val and test.parquet.
        split: "SS", random classes unseen, or "SCE", whole coarse classes unseen.

    Raises:
        InputError: unknown split, a json file missing or not as expected, or the dataset as downloaded.
    """

    def __init__(self, folder: Path, split: str = "SS") -> None:
        if split not in GROCERY_SPLITS:
            raise InputError(f"grocery has no split {split[:80]!r}; use grocery:SS or grocery:SCE")
        self.name = "grocery" if split == "SS" else f"grocery:{split}"
        self.title = f"Grocery Store ({split})"
        self._folder = folder
        refuse_grocery_download(folder)
        entries, splits = read_document(folder / "classes.json"), read_document(folder / "splits.json")
        try:
            self.classes: tuple[ClassInfo, ...] = tuple(
                ClassInfo(
                    entry["name"],
                    entry["name"].replace("-", " "),
                    {
                        "name": entry["name"].replace("-", " "),
                        "coarse": entry["coarse"].replace("-", " "),
                        "description": entry["description"],
                    },
                )
                for entry in entries
            )
            self.splits: dict[str, tuple[str, ...]] = {part: tuple(splits[split][part]) for part in _FILES}
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{folder}: a json file there lacks {error}; restore the original files") from None
        self.problems: tuple[str, ...] = ()
        self.version = contents_version(folder / f"{stem}.parquet" for stem in _FILES)
        self._class_ids = frozenset(info.id for info in self.classes)
        self._rows = cache(self._open_rows)

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """All photographs of a class, from the three files; the same for both subsets.

        Args:
            class_id: a name as in classes.json, such as "Royal-Gala".
            subset: makes no difference here.

        Returns:
            References in the order in which they are fastest to read.

        Raises:
            InputError: if the class is unknown or parquet files are missing.
        """
        if class_id not in self._class_ids:
            raise InputError(f"{self.name} has no class id {class_id[:80]!r}; ids are names such as Royal-Gala")
        missing = [f"{stem}.parquet" for stem in _FILES if not (self._folder / f"{stem}.parquet").is_file()]
        if missing:
            raise InputError(f"{self._folder} lacks {', '.join(missing)}; copy the missing files there")
        return tuple(
            ImageRef(f"{stem}/{row}", class_id)
            for stem in _FILES
            for row in self._rows(stem).rows_by_class.get(class_id, ())
        )

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one photograph to RGB."""
        stem, _, row = ref.id.partition("/")
        return decode_image(self._rows(stem).image_bytes(int(row)), f"grocery/{ref.id}")

    def _open_rows(self, stem: str) -> ParquetRows:
        return ParquetRows(self._folder / f"{stem}.parquet", "image", "class_name")
