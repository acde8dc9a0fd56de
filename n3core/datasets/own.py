"""What every dataset of one's own does on opening: find its texts and the images that cannot be used.

Shared by the folder and the parquet reader; knows neither's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from n3core.datasets.base import ClassInfo, ImageRef
from n3core.datasets.images import ImageError
from n3core.descriptions import class_finder, load_descriptions, match_descriptions
from n3core.documents import DOCUMENT_SUFFIXES
from n3core.errors import InputError
from n3core.text_checks import check_name, check_names

__all__ = [
    "CheckedImages",
    "as_description",
    "check_images",
    "describe_classes",
    "described_names",
    "find_descriptions",
]

_MAX_NAMED = 100  # problems named one by one; the rest are counted
_CHECKERS = 2  # images decoded at a time while checking: each may hold 40 megapixels


@dataclass(frozen=True)
class CheckedImages:
    """References that decode, by class id, and one line per image that does not, led by their number."""

    refs: Mapping[str, tuple[ImageRef, ...]]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Key:
    id: str
    name: str


def find_descriptions(candidates: Sequence[Path], where: Path, *, needed: bool = True) -> Path | None:
    """Find the descriptions file that lies with the images, in whatever case its name is written.

    Args:
        candidates: paths without suffix, in order of preference.
        where: the dataset, for errors.
        needed: raise where there is none.

    Returns:
        The one that exists; None where there is none.

    Raises:
        InputError: if there is none that is needed, or two for the same candidate.
    """
    for stem in candidates:
        names = {(stem.name + suffix).casefold() for suffix in DOCUMENT_SUFFIXES}
        found = sorted(path for path in stem.parent.iterdir() if path.name.casefold() in names and path.is_file())
        if len(found) > 1:
            raise InputError(f"{where} has {found[0].name} and {found[1].name}; keep one of them")
        if found:
            return found[0]
    if needed:
        raise InputError(f"{where} has no descriptions; add {candidates[0].name}.json, .csv or .yaml, or name a file")
    return None


def describe_classes(
    names: Sequence[str], where: Path, descriptions: Path | None, strict: bool, undescribed: bool = False
) -> tuple[tuple[ClassInfo, ...], tuple[str, ...]]:
    """Check the class names and give every class its text.

    Args:
        names: class keys as the images carry them.
        where: the dataset, for errors.
        descriptions: a descriptions or task file; None gives no class a text.
        strict: raise on a description without class.
        undescribed: let classes be that have no description.

    Returns:
        The classes in the order of `names`, and one line per description without class.

    Raises:
        InputError: fewer than 2 classes, duplicates, or a class without text.
    """
    try:
        checked = [check_name(name) for name in names]
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    check_names(checked, str(where))
    texts = load_descriptions(descriptions) if descriptions is not None else {}
    try:
        matched = match_descriptions(texts, [_Key(name, name) for name in checked], strict=strict, partial=undescribed)
    except InputError as error:
        raise InputError(f"{descriptions.name if descriptions else where}: {error}") from None
    classes = tuple(
        ClassInfo(
            name, name, {"name": " ".join(name.replace("_", " ").split()), **as_description(matched.texts.get(name))}
        )
        for name in checked
    )
    return classes, matched.problems


def as_description(text: str | None) -> dict[str, str]:
    """The entry of a class's texts for its description; none where there is no text."""
    return {} if text is None else {"description": text}


def described_names(names: Sequence[str], descriptions: Path | None) -> frozenset[str]:
    """The names that have a text in a descriptions or task file.

    Raises:
        InputError: as `load_descriptions`.
    """
    if descriptions is None:
        return frozenset()
    find = class_finder([_Key(name, name) for name in names])
    return frozenset(name for key in load_descriptions(descriptions) for name in find(key))


def check_images(
    refs: Mapping[str, Sequence[ImageRef]], check: Callable[[ImageRef], None], noun: str, earlier: Sequence[str] = ()
) -> CheckedImages:
    """Decode every image once and leave out those that fail.

    Args:
        refs: class id -> its images.
        check: raises ImageError for an image that cannot be used.
        noun: what to put an image into, for errors, such as "sub-folder".
        earlier: lines about files that were left out before, counted in; they begin with the class where they have one.

    Returns:
        What is left, and what is not.

    Raises:
        InputError: if a class is left without images.
    """

    def reason(ref: ImageRef) -> str | None:
        try:
            check(ref)
        except ImageError as error:
            return str(error)
        return None

    every = [ref for images in refs.values() for ref in images]
    with ThreadPoolExecutor(max_workers=_CHECKERS) as pool:
        reasons = dict(zip((ref.id for ref in every), pool.map(reason, every), strict=True))
    kept = {key: tuple(ref for ref in images if reasons[ref.id] is None) for key, images in refs.items()}
    for key, images in kept.items():
        if not images:
            known = [reasons[ref.id] for ref in refs[key]] or [line for line in earlier if line.startswith(f"{key}/")]
            why = f"; {known[0]}" if known else ""
            raise InputError(f"the class {key!r} has no readable image: add one to its {noun} or remove it{why}")
    lines = [*earlier, *(line for line in reasons.values() if line)]
    if lines:
        named = lines[:_MAX_NAMED]
        rest = [f"and {len(lines) - len(named)} more"] if len(lines) > len(named) else []
        lines = [f"{len(lines)} of {len(every) + len(earlier)} files skipped", *named, *rest]
    return CheckedImages(kept, tuple(lines))
