"""Which files of a folder are pictures: what is passed over, what is left out and why. Knows no dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from n3core.datasets.images import IMAGE_SUFFIXES, ImageError, check_image

__all__ = [
    "MAX_DEPTH",
    "expand_folders",
    "is_image_name",
    "is_part_name",
    "is_passed_over",
    "list_images",
    "say_unreadable",
]

MAX_DEPTH = 3  # folders inside a class folder
_SYSTEM_FOLDERS = ("__macosx", "@eadir", "#recycle", "lost+found", "$recycle.bin", "system volume information")
_SYSTEM_NAMES = frozenset((*_SYSTEM_FOLDERS, "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))
_PART_NAMES = ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval")
_FOREIGN_FORMATS = {".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC", ".jxl": "JPEG XL"}


def is_passed_over(name: str) -> bool:
    """Whether a file or folder is hidden or one that an operating system or a disk station leaves behind."""
    return name.startswith(".") or name.casefold() in _SYSTEM_NAMES


def is_part_name(name: str) -> bool:
    """Whether a folder is called like a part of a dataset, such as "train"."""
    return name.casefold() in _PART_NAMES


def is_image_name(name: str) -> bool:
    """Whether a file is called like an image that can be read."""
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def say_unreadable(name: str) -> str:
    """What is wrong with a file that is not called like an image that can be read, and what to do; follows its name."""
    foreign = _FOREIGN_FORMATS.get(PurePath(name).suffix.lower())
    return (
        f"is {foreign}, which cannot be read; export it as JPEG" if foreign else "is no image file; move or remove it"
    )


def list_images(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images of a folder and of the folders inside it, `MAX_DEPTH` deep; links to folders are not followed.

    Args:
        folder: where to look.

    Returns:
        Image files by their names, and what else lies there and is not passed over; both sorted.

    Raises:
        OSError: a folder that cannot be listed.
    """
    images: list[Path] = []
    others: list[Path] = []
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                path = place / entry.name
                if is_passed_over(entry.name):
                    continue
                if is_image_name(entry.name) and entry.is_file():
                    images.append(path)
                elif entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
                    waiting.append((path, depth + 1))
                else:
                    others.append(path)
    return sorted(images), sorted(others)


def expand_folders(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Put the images of a folder, at any depth and sorted by path, in the place of the folder.

    Args:
        paths: files, which are not looked at, and folders; what is hidden in them is passed over.

    Returns:
        Files, and one line for each image of a folder that cannot be used and was left out.

    Raises:
        ImageError: a folder without a usable image.
    """
    files: list[Path] = []
    skipped: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inner = sorted(
            file
            for file in path.rglob("*")
            if is_image_name(file.name)
            and not any(map(is_passed_over, file.relative_to(path).parts))
            and file.is_file()
        )
        usable = []
        for file in inner:
            try:
                check_image(file, str(file))
                usable.append(file)
            except ImageError as error:
                skipped.append(f"left out: {error}")
        if not usable:
            raise ImageError(f"folder {path} has no usable image among {len(inner)} image files; name another")
        files += usable
    return files, skipped
