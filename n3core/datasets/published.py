"""What every published dataset of image files does: texts, splits, counts, missing images, and the dataset protocol.

A reader of one layout gives an `Archive` (what was published) and `Contents` (what its lists say); this module makes a
dataset of them. It owns the checks that all share:

- Every image that the lists name must be there; otherwise the first few and their number are named.
- Numbers of classes and images are compared with the papers; a difference is a line in `problems`.
- Descriptions come from `descriptions.json` (.yaml, .csv) in the dataset's folder, beside or in the folder that the
  archive may have put there, or from a file that is named with `NAME::FILE`; a class without one is an error, because
  nothing is made up in its place.
- `file_list_digest` is the SHA-256 of all classes and paths, by which two people see that they have the same images.

The image splits for supervised learning (train_test_split.txt and such) are checked and not used: in the papers all
images of a class serve, because splits are of classes. Knows no layout and no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.class_splits import ClassSplit, SplitRules, find_split
from n3core.datasets.images import ImageError, decode_image, files_version
from n3core.datasets.listings import find_missing, missing_error
from n3core.datasets.own import as_description, find_descriptions
from n3core.descriptions import load_descriptions, match_descriptions
from n3core.errors import InputError
from n3core.text_checks import check_name, check_names

__all__ = ["Archive", "Contents", "PublishedDataset", "unpacked"]

_MAX_NAMED = 100  # images named one by one; the rest are counted


@dataclass(frozen=True)
class Archive:
    """One published dataset.

    name: as `open_dataset` knows it; title: for people; page: where it is to be had.
    classes, images: numbers in the papers.
    inner: folders that the archive may have put around its content.
    """

    name: str
    title: str
    page: str
    classes: int
    images: int
    inner: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What the lists of a layout say.

    folder: of the content, once unpacked.
    image_root: what the paths are relative to.
    names: class id -> name, in order.
    images: class id -> relative paths, checked not to leave `image_root`.
    rules: the splits.
    dropped: id -> name of classes of the archive that this dataset leaves out.
    texts: class id -> further texts by kind, also for dropped classes.
    problems: what the reader found.
    given: the folder of the dataset, where it is not `folder`: the archive has put one of its own inside.
    """

    folder: Path
    image_root: Path
    names: Mapping[str, str]
    images: Mapping[str, Sequence[str]]
    rules: SplitRules
    dropped: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    given: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where descriptions and split files may lie."""
        return tuple(dict.fromkeys((self.folder, self.given or self.folder)))


@dataclass(frozen=True)
class _Key:
    id: str
    name: str


class PublishedDataset:
    """A published dataset under one split.

    Args:
        archive: what was published.
        contents: what lies here.
        split: name of a split; None takes the default of the rules.
        descriptions: file of class -> text; by default descriptions.json, .yaml or .csv in the folder.
        strict: raise on a description without class instead of listing it in `problems`.
        undescribed: let classes be that have no description.

    Raises:
        InputError: images missing, no descriptions, a class without one, or as `find_split`.
    """

    def __init__(
        self,
        archive: Archive,
        contents: Contents,
        split: str | None = None,
        descriptions: Path | None = None,
        *,
        strict: bool = False,
        undescribed: bool = False,
    ) -> None:
        paths = [path for images in contents.images.values() for path in images]
        missing = find_missing(contents.image_root, paths)
        if missing:
            raise missing_error(contents.image_root, missing, len(paths), archive.page)
        check_names([check_name(name) for name in contents.names.values()], str(contents.folder))
        self.classes: tuple[ClassInfo, ...]
        self.classes, unmatched = _describe(archive, contents, descriptions, strict, undescribed)
        dropped = [ClassInfo(key, name, contents.texts.get(key, {})) for key, name in contents.dropped.items()]
        found = find_split(split, self.classes, dropped, contents.folders, contents.rules)
        self.name = f"{archive.name}:{found.name}"
        self.title = f"{archive.title} ({found.name})"
        self.splits: dict[str, tuple[str, ...]] = dict(found.parts)
        self.file_list_digest = _digest(contents.images)
        self._root = contents.image_root
        self._images = {key: tuple(contents.images[key]) for key in contents.names}
        self._paths = frozenset(paths)
        self._held_out, strange = _match_held_out(found, self._images, archive.page)
        files = files_version((contents.image_root / path for path in paths), contents.image_root)
        roles = json.dumps([files, self.file_list_digest, sorted(self._held_out)])  # of which class, and what for
        self.version = hashlib.sha256(roles.encode()).hexdigest()[:16]
        counts = _count_problems(archive, len(contents.names) + len(contents.dropped), contents)
        self.problems: tuple[str, ...] = (*counts, *contents.problems, *found.problems, *strange, *unmatched)

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The images of a class in the order of the lists; both subsets are the same unless the split holds images out.

        Args:
            class_id: id of a class.
            subset: where the split holds images of seen classes out, "evaluate" gives these and "train" the others;
                a validation class never gives them, an unseen class always gives all its images.

        Returns:
            References; their ids are paths below the image folder.

        Raises:
            InputError: if there is no such class.
        """
        if class_id not in self._images:
            raise InputError(f"{self.name} has no class id {class_id[:80]!r}; ids are such as {self.classes[0].id!r}")
        paths = self._images[class_id]
        if self._held_out and class_id not in self.splits["test"]:
            wanted = subset == "evaluate" and class_id in self.splits["train"]
            paths = tuple(path for path in paths if (path in self._held_out) == wanted)
        return tuple(ImageRef(path, class_id) for path in paths)

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one image to RGB.

        Raises:
            ImageError: an image of another dataset, or one that cannot be decoded.
        """
        if ref.id not in self._paths:
            raise ImageError(f"{self.name} has no image {ref.id[:200]!r}; open the dataset again")
        return decode_image(self._root / ref.id, f"{self.name}/{ref.id}")


def unpacked(folder: Path, archive: Archive, marker: str) -> Path:
    """The folder that holds the content: `folder`, or the folder that the archive has put inside it.

    Args:
        folder: where the dataset is looked for.
        archive: whose inner folders are tried.
        marker: a file or folder that the content has.

    Returns:
        The first of them with the marker; `folder` where none has it.
    """
    places = [folder, *(folder / name for name in archive.inner)]
    return next((place for place in places if (place / marker).exists()), folder)


def _describe(
    archive: Archive, contents: Contents, descriptions: Path | None, strict: bool, undescribed: bool
) -> tuple[tuple[ClassInfo, ...], tuple[str, ...]]:
    """Classes with their texts, and one line per text without class."""
    if descriptions is None:
        stems = [place / "descriptions" for place in contents.folders]
        found = [path for stem in stems if (path := find_descriptions([stem], stem.parent, needed=False))]
        if len(found) > 1:
            raise InputError(f"{archive.name} has {found[0]} and {found[1]}; keep one of them")
        if not found and not undescribed:
            raise InputError(
                f"{archive.name} has no descriptions: no file {contents.folder / 'descriptions.json'} (class -> text); "
                f"put one there or name one as {archive.name}::FILE"
            )
        descriptions = found[0] if found else None
    wanted = [_Key(key, name) for key, name in contents.names.items()]
    left_out = [_Key(key, name) for key, name in contents.dropped.items()]
    texts = load_descriptions(descriptions) if descriptions is not None else {}
    try:
        matched = match_descriptions(texts, wanted, among=[*wanted, *left_out], strict=strict, partial=undescribed)
    except InputError as error:
        raise InputError(f"{descriptions.name if descriptions else archive.name}: {error}") from None
    classes = tuple(
        ClassInfo(key, name, {"name": name, **contents.texts.get(key, {}), **as_description(matched.texts.get(key))})
        for key, name in contents.names.items()
    )
    return classes, matched.problems


def _digest(images: Mapping[str, Sequence[str]]) -> str:
    lines = sorted(f"{key}\t{path}\n" for key, paths in images.items() for path in paths)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _match_held_out(
    split: ClassSplit, images: Mapping[str, Sequence[str]], page: str
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Paths of the dataset that end those that a split holds out, and one line per path that ends in none of them."""
    found: set[str] = set()
    unknown: list[tuple[str, str]] = []
    for class_id, paths in split.held_out.items():
        known = frozenset(images[class_id])
        for path in paths:
            parts = [part for part in path.replace("\\", "/").split("/") if part]
            endings = ("/".join(parts[start:]) for start in range(len(parts)))
            match = next((ending for ending in endings if ending in known), None)
            if match:
                found.add(match)
            else:
                unknown.append((class_id, path))
    if unknown and not found:
        class_id, path = unknown[0]
        raise InputError(
            f"{split.where} holds out {len(unknown):,} images and none is there (such as {path[:120]!r} of "
            f"{class_id!r}): seen classes would be tested on what they train on; unpack the archive of {page} again"
        )
    lines = [
        f"no image {path[:120]!r} of {class_id!r} to hold out; under another name it would be trained on and tested"
        for class_id, path in unknown[:_MAX_NAMED]
    ]
    rest = [f"and {len(unknown) - len(lines):,} more images to hold out"] if len(unknown) > len(lines) else []
    return frozenset(found), (*lines, *rest)


def _count_problems(archive: Archive, classes: int, contents: Contents) -> tuple[str, ...]:
    images = sum(map(len, contents.images.values()))
    found = [(classes, archive.classes, "classes"), (images, archive.images, "images")]
    return tuple(
        f"{archive.title} has {have:,} {noun}, the paper has {want:,}" for have, want, noun in found if have != want
    )
