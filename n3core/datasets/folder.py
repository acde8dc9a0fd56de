"""A dataset of one's own: a folder with one sub-folder of images per class and a descriptions file.

Owns that layout; the texts and image checks are those of `own`, the splits those of `own_splits`.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.image_files import (
    MAX_DEPTH,
    is_image_name,
    is_part_name,
    is_passed_over,
    list_images,
    say_unreadable,
)
from n3core.datasets.images import ImageError, check_image, decode_image, files_version
from n3core.datasets.own import check_images, describe_classes, described_names, find_descriptions
from n3core.datasets.own_splits import read_splits
from n3core.errors import InputError

__all__ = ["FolderDataset"]


class FolderDataset:
    """Images in sub-folders named by class; every image is decoded once on opening.

    The images of a class may lie in folders inside its own, too, `MAX_DEPTH` deep. A sub-folder without images is a
    class, and an error, where it is described; otherwise it is a line in `problems`.

    Args:
        folder: the folder; what is hidden or left behind by a system is passed over.
        descriptions: descriptions or task file; by default descriptions.json, .yaml or .csv in the folder. A
            splits.json or .yaml in the folder sets the splits, otherwise each of them holds all classes.
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
            loose = sorted(path.name for path in folder.iterdir() if is_image_name(path.name) and path.is_file())
        except OSError as error:
            raise InputError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from None
        loose = [name for name in loose if not is_passed_over(name)]
        _check_layout(folder, files, loose, skipped)
        texts = descriptions or find_descriptions([folder / "descriptions"], folder, needed=not undescribed)
        bare = [name for name, paths in files.items() if not paths]
        bare = sorted(set(bare) - described_names(list(files), texts)) if bare else []
        files = {name: paths for name, paths in files.items() if name not in bare}
        self.classes: tuple[ClassInfo, ...]
        self.classes, unmatched = describe_classes(list(files), folder, texts, strict, undescribed)
        self._paths: dict[str, Path] = {}
        refs: dict[str, tuple[ImageRef, ...]] = {}
        for info, (name, paths) in zip(self.classes, files.items(), strict=True):
            ids = [f"{info.id}/{_printable(path.relative_to(folder / name))}" for path in paths]
            self._paths |= zip(ids, paths, strict=True)
            refs[info.id] = tuple(ImageRef(image_id, info.id) for image_id in ids)
        self.version = files_version(self._paths.values(), folder, sample=True)
        checked = check_images(refs, lambda ref: check_image(self._paths[ref.id], ref.id), "sub-folder", skipped)
        self._refs = checked.refs
        self.splits, leaked = read_splits([folder / "splits"], self.classes)
        self.problems: tuple[str, ...] = (
            *unmatched,
            *_name_some(bare, "without images and description, no class"),
            *_name_some(loose, "beside the class folders, not used; move it into one"),
            *checked.problems,
            *leaked,
        )

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
    for sub in sorted(path for path in folder.iterdir() if path.is_dir() and not is_passed_over(path.name)):
        files[sub.name], others = list_images(sub)
        for path in others:
            deep = f"is a link or more than {MAX_DEPTH} folders deep; move its images up"
            why = deep if path.is_dir() else say_unreadable(path.name)
            skipped.append(str(InputError(f"{sub.name}/{_printable(path.relative_to(sub))} {why}")))
    return files, skipped


def _check_layout(folder: Path, files: dict[str, list[Path]], loose: list[str], skipped: list[str]) -> None:
    """Refuse a folder without classes, with the way to them where they lie deeper."""
    filled = [name for name, paths in files.items() if paths]
    if not filled:
        if loose:
            raise InputError(f"{folder} has images such as {loose[0]} but no sub-folder per class; sort them into some")
        why = f"; {skipped[0]}" if skipped else ""
        raise InputError(f"{folder} has no images; put one sub-folder of images per class there{why}")
    inner = all(len(path.relative_to(folder).parts) > 2 for name in filled for path in files[name])
    if inner and (len(filled) == 1 or all(map(is_part_name, filled))):
        chosen = next((name for name in filled if name.casefold().startswith("train")), filled[0])
        raise InputError(
            f"{folder} has its class folders inside {', '.join(filled)}; open {folder / chosen}, with the descriptions "
            f"there or named as {chosen}::FILE"
        )


def _name_some(names: list[str], what: str) -> list[str]:
    """No line for no names; otherwise one with the first of them, their number and what they are."""
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return [str(InputError(f"{_printable(Path(names[0]))}{more}: {what}"))] if names else []


def _printable(path: Path) -> str:
    """A relative path as text; bytes that are not UTF-8 are written out, so that two names never become one."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")
