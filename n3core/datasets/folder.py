"""A dataset of one's own: a folder with one sub-folder of images per class and a descriptions file.

Owns that layout; the texts, splits and image checks are those of `own`.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.images import IMAGE_SUFFIXES, ImageError, check_image, decode_image, files_version
from n3core.datasets.own import check_images, describe_classes, find_descriptions, read_splits
from n3core.errors import InputError

__all__ = ["FolderDataset"]

_IGNORED_FILES = ("thumbs.db", "desktop.ini")


class FolderDataset:
    """Images in sub-folders named by class; every image is decoded once on opening.

    Args:
        folder: the folder; hidden files and folders are passed over.
        descriptions: descriptions or task file; by default descriptions.json, .yaml or .csv in the folder. A
            splits.json in the folder sets the splits, otherwise each of them holds all classes.
        strict: raise on a description without class instead of listing it in `problems`.
        undescribed: let classes be that have no description.

    Raises:
        InputError: no images, no descriptions, fewer than 2 classes, duplicate or empty classes, a class without
            description.
    """

    def __init__(
        self, folder: Path, descriptions: Path | None = None, *, strict: bool = False, undescribed: bool = False
    ) -> None:
        self.name = folder.resolve().name
        self.title = self.name
        if not folder.is_dir():
            raise InputError(f"no folder {folder}; check the path")
        try:
            files, skipped = _list_images(folder)
            loose = [path.name for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
        except OSError as error:
            raise InputError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from None
        if not any(files.values()):
            if loose:
                raise InputError(
                    f"{folder} has images such as {loose[0]} but no sub-folder per class; sort them into some"
                )
            raise InputError(f"{folder} has no images; put one sub-folder of images per class there")
        texts = descriptions or find_descriptions([folder / "descriptions"], folder, needed=not undescribed)
        self.classes: tuple[ClassInfo, ...]
        self.classes, unmatched = describe_classes(list(files), folder, texts, strict, undescribed)
        self._paths = {
            f"{info.id}/{_printable(path.name)}": path
            for info, paths in zip(self.classes, files.values(), strict=True)
            for path in paths
        }
        refs = {
            info.id: tuple(ImageRef(f"{info.id}/{_printable(path.name)}", info.id) for path in paths)
            for info, paths in zip(self.classes, files.values(), strict=True)
        }
        self.version = files_version(self._paths.values())
        checked = check_images(refs, lambda ref: check_image(self._paths[ref.id], ref.id), "sub-folder", skipped)
        self._refs = checked.refs
        self.splits, leaked = read_splits(folder / "splits.json", self.classes)
        self.problems: tuple[str, ...] = (*unmatched, *checked.problems, *leaked)

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The readable images of a class in order of file name; the same for both subsets.

        Raises:
            InputError: if there is no such class.
        """
        if class_id not in self._refs:
            raise InputError(f"{self.name} has no class {class_id[:80]!r}; its classes are its sub-folders")
        return self._refs[class_id]

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one image to RGB.

        Raises:
            ImageError: if the file was changed or removed since opening.
        """
        if ref.id not in self._paths:
            raise ImageError(f"{self.name} has no image {ref.id[:200]!r}; open the dataset again")
        return decode_image(self._paths[ref.id], ref.id)


def _list_images(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Class name -> image files, both sorted, and one line per file that is no image."""
    files: dict[str, list[Path]] = {}
    skipped: list[str] = []
    for sub in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files[sub.name] = []
        for path in sorted(sub.iterdir()):
            if path.name.startswith(".") or path.name.lower() in _IGNORED_FILES:
                continue
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                files[sub.name].append(path)
            else:
                what = "a folder inside a class" if path.is_dir() else "no image file"
                skipped.append(str(ImageError(f"{sub.name}/{_printable(path.name)} is {what}; move or remove it")))
    return files, skipped


def _printable(file_name: str) -> str:
    """A file name as text; bytes that are not UTF-8 are written out, so that two names never become one."""
    return file_name.encode("utf-8", "backslashreplace").decode("utf-8")
