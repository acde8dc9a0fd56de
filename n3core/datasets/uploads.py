"""Pictures that a person uploads: files and zip archives, checked and held in memory, as a small dataset.

Nothing is written to disk, so no path of an archive leads anywhere; what an archive claims of itself is never trusted.
The checks of a single image are those of `images`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import lzma
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.image_files import is_image_name, is_part_name, is_passed_over, say_unreadable
from n3core.datasets.images import FORMATS, IMAGE_SUFFIXES, ImageError, count_pixels, decode_image
from n3core.errors import InputError

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PICTURES",
    "UPLOAD_SUFFIXES",
    "CheckedUploads",
    "UploadedPicture",
    "UploadedPictures",
    "check_uploads",
]

MAX_PICTURES = 200  # pictures of one session
MAX_FILE_BYTES = 50_000_000  # one uploaded file
UPLOAD_SUFFIXES = (*IMAGE_SUFFIXES, ".zip")
_MAX_MEMBERS = 2_000
_MAX_DIRECTORY_BYTES = 1_000_000  # of an archive's table of contents, which is read into memory as a whole
_MAX_UNPACKED_BYTES = 200_000_000
_MAX_RATIO = 100  # an image file hardly shrinks in an archive
_KEPT_SIDE = 800  # pixels; larger pictures are scaled down
_KEPT_BYTES = 300_000  # smaller files stay as they are
_MAX_REFUSED = 50  # images of one upload; every refusal may have cost a decoding
_MAX_PIXELS = 3_000_000_000  # of one upload: 200 photographs of 15 megapixels
_MAX_PIXELS_PER_BYTE = 1_000  # PNG's best is 344; of a large picture, which takes its time to decode
_LARGE_PICTURE = 4_000_000  # pixels
_MAX_NAME = 120
_UTF8_NAME = 1 << 11  # flag of a member
_END, _END_BYTES, _LOCATOR = b"PK\x05\x06", 22, b"PK\x06\x07"
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class UploadedPicture:
    """One accepted picture: `content` decodes, and `folder` is the sub-folder of the archive that it lay in, or ""."""

    name: str
    folder: str
    content: bytes
    digest: str


@dataclass(frozen=True)
class CheckedUploads:
    """What can be used, and one line per file that cannot."""

    pictures: tuple[UploadedPicture, ...]
    problems: tuple[str, ...]


def check_uploads(files: Iterable[tuple[str, bytes]], earlier: Sequence[UploadedPicture] = ()) -> CheckedUploads:
    """Take in uploaded files after those that are there already.

    Args:
        files: file name and content; images, or zip archives of images, in one sub-folder per class or loose.
        earlier: pictures of the session.

    Returns:
        The earlier pictures followed by the new ones, and what was refused and why.
    """
    kept: list[UploadedPicture] = list(earlier)
    problems: list[str] = []
    refused = pixels = 0
    for name, content in files:
        try:
            _check_file(name, content)
            inner = _unpack(name, content, problems) if _suffix(name) == ".zip" else [(name, "", content)]
        except InputError as error:
            problems.append(str(error))
            continue
        for inner_name, folder, data in inner:
            try:
                pixels += _count_pixels(inner_name, data)
                kept.append(_accept(inner_name, folder, data, kept))
            except InputError as error:
                problems.append(str(error))
                refused += 1
            if pixels > _MAX_PIXELS or (refused and len(kept) >= MAX_PICTURES) or refused >= _MAX_REFUSED:
                return CheckedUploads(tuple(kept), (*problems, "What came after that was not looked at."))
    return CheckedUploads(tuple(kept), tuple(problems))


def _check_file(name: str, content: bytes) -> None:
    shown = _printable(name)
    if not content:
        raise InputError(f"{shown} is empty (0 bytes); choose another file")
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{shown} has {len(content):,} bytes, more than {MAX_FILE_BYTES:,}; make it smaller")
    if _suffix(name) not in UPLOAD_SUFFIXES:
        raise InputError(f"{shown} is no image that can be read and no zip archive; upload {FORMATS}, or a zip of them")


def _count_pixels(name: str, content: bytes) -> int:
    """The pixels that a picture's header promises; refuses far more than its bytes can hold."""
    shown = _printable(name)
    pixels = count_pixels(content, shown)
    if pixels > _LARGE_PICTURE and pixels > _MAX_PIXELS_PER_BYTE * len(content):
        raise InputError(f"{shown} has {pixels:,} pixels in {len(content):,} bytes, an empty picture; make it smaller")
    return pixels


def _accept(name: str, folder: str, content: bytes, kept: Sequence[UploadedPicture]) -> UploadedPicture:
    shown = _printable(f"{folder}/{name}" if folder else name)
    if len(kept) >= MAX_PICTURES:
        raise InputError(f"{shown} was left out: at most {MAX_PICTURES} pictures are kept; remove some first")
    digest = hashlib.sha256(content).hexdigest()
    if same := next((picture for picture in kept if picture.digest == digest), None):
        raise InputError(f"{shown} is the same picture as {same.name}; it is kept once")
    content = _shrink(decode_image(content, shown), content)
    return UploadedPicture(_free(_printable(name), kept), _printable(folder) if folder else "", content, digest)


def _shrink(image: Image.Image, content: bytes) -> bytes:
    """The file as it is where it is small; otherwise a smaller one that shows the same."""
    if max(image.size) <= _KEPT_SIDE and len(content) <= _KEPT_BYTES:
        return content
    if max(image.size) > _KEPT_SIDE:
        scale = _KEPT_SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    target = io.BytesIO()
    image.save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


def _unpack(name: str, content: bytes, problems: list[str]) -> list[tuple[str, str, bytes]]:
    """Read the images of an archive: name, folder and content of each."""
    shown = _printable(name)
    _check_directory(shown, content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not _inner_path(member).endswith("/")]
            _check_members(shown, members)
            paths: list[PurePosixPath] = []
            contents: list[bytes] = []
            others: list[str] = []
            for member in members:
                path = PurePosixPath(_inner_path(member))
                if any(map(is_passed_over, path.parts)):
                    continue
                if not is_image_name(path.name):
                    others.append(str(path))
                    continue
                with archive.open(member) as file:
                    contents.append(file.read(member.file_size + 1))
                paths.append(path)
    except _ZIP_ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{shown} is not a readable zip archive ({str(error)[:60] or 'damaged'}); pack it anew"
        ) from None
    if not paths:
        why = f"; {_printable(others[0])} {say_unreadable(others[0])}" if others else ""
        raise InputError(f"{shown} holds no image; put {FORMATS} files into it{why}")
    if others:
        rest = f" and {len(others) - 1:,} more files are" if len(others) > 1 else " is"
        problems.append(f"{shown}: {_printable(others[0])}{rest} no image; left out")
    names = [path.name for path in paths]
    return list(zip(names, _class_folders(paths), contents, strict=True))


def _inner_path(member: zipfile.ZipInfo) -> str:
    """The path of a member as it was packed: Windows writes backslashes, macOS writes UTF-8 without saying so."""
    name = member.filename
    if not member.flag_bits & _UTF8_NAME:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _class_folders(paths: Sequence[PurePosixPath]) -> list[str]:
    """The folder of each image that tells its class: the outermost in which the images differ, or else the innermost.

    Folders called like a part of a dataset, such as "train", tell no class where others lie inside them.
    """
    folders = [path.parts[:-1] for path in paths]
    depth = min((len(parts) for parts in folders if parts), default=0)
    for level in range(depth):
        names = {parts[level] for parts in folders if parts}
        if len(names) > 1 and not (level + 1 < depth and all(map(is_part_name, names))):
            return [parts[level] if parts else "" for parts in folders]
    return [parts[-1] if parts else "" for parts in folders]


def _check_directory(shown: str, content: bytes) -> None:
    """Refuse an archive whose table of contents is too large, before the table is read."""
    end = len(content) - _END_BYTES
    if content[end : end + 4] != _END or content[-2:] != b"\0\0":
        end = content.rfind(_END, max(0, len(content) - _END_BYTES - (1 << 16)))
    if end < 0 or end + _END_BYTES > len(content):
        raise InputError(f"{shown} is not a readable zip archive (no end of its table of contents); pack it anew")
    (directory_bytes,) = struct.unpack_from("<I", content, end + 12)
    if directory_bytes > _MAX_DIRECTORY_BYTES or content[max(0, end - 20) : end].startswith(_LOCATOR):
        raise InputError(f"{shown} lists too many files; at most {_MAX_MEMBERS:,} are read")


def _check_members(shown: str, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive that tries to be more than a bag of pictures."""
    if len(members) > _MAX_MEMBERS:
        raise InputError(f"{shown} lists {len(members):,} files; at most {_MAX_MEMBERS:,} are read")
    if (total := sum(member.file_size for member in members)) > _MAX_UNPACKED_BYTES:
        raise InputError(
            f"{shown} unpacks to {total:,} bytes, more than {_MAX_UNPACKED_BYTES:,}; upload fewer pictures at once"
        )
    seen: set[str] = set()
    for member in members:
        name = _inner_path(member)
        inner, path = _printable(name), PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or inner[1:2] == ":":
            raise InputError(f"{shown} has a file that leads out of it, {inner}; pack it without such paths")
        if member.external_attr >> 28 == 0o12:
            raise InputError(f"{shown} has a link, {inner}; pack the picture itself")
        if member.flag_bits & 1:
            raise InputError(f"{shown} is encrypted; pack it without a password")
        if member.file_size > 1_000_000 and member.file_size > _MAX_RATIO * member.compress_size:
            raise InputError(f"{shown} has a file that swells {_MAX_RATIO} times and more, {inner}; it is refused")
        if name in seen:
            raise InputError(f"{shown} has {inner} twice; pack it anew")
        seen.add(name)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _printable(name: str) -> str:
    """A file name without folders and without what a screen cannot show, cut to a sensible length."""
    name = name.encode("utf-8", "backslashreplace").decode()
    name = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name).strip()
    return (name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME // 2]}…{name[-_MAX_NAME // 2 :]}") or "a file"


def _free(name: str, kept: Sequence[UploadedPicture]) -> str:
    """The name, numbered where another picture has it."""
    taken, number, free = {picture.name for picture in kept}, 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


class UploadedPictures:
    """Accepted pictures as a dataset: the folders of archives are its classes, loose pictures have none.

    Args:
        pictures: what `check_uploads` accepted.
    """

    PREFIX = "uploads:"
    title = "Uploaded pictures"
    NO_CLASS = ""

    def __init__(self, pictures: Sequence[UploadedPicture]) -> None:
        self.pictures = tuple(pictures)
        names = "\n".join(f"{picture.digest} {picture.folder}/{picture.name}" for picture in self.pictures)
        self.version = hashlib.sha256(names.encode()).hexdigest()
        self.name = f"{self.PREFIX}{self.version}"
        folders = dict.fromkeys(picture.folder for picture in self.pictures)
        self.classes = tuple(
            ClassInfo(folder, folder or "without a class", {"name": folder, "description": ""}) for folder in folders
        )
        self.splits: dict[str, tuple[str, ...]] = {}
        self.problems: tuple[str, ...] = ()
        self._by_id = {f"upload/{picture.name}": picture for picture in self.pictures}

    @property
    def refs(self) -> tuple[ImageRef, ...]:
        """Every picture, in the order of upload."""
        return tuple(ImageRef(image_id, picture.folder) for image_id, picture in self._by_id.items())

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The pictures of one folder; `NO_CLASS` gives those that lay in none."""
        return tuple(ref for ref in self.refs if ref.class_id == class_id)

    def load_image(self, ref: ImageRef) -> Image.Image:
        """Decode one picture to RGB.

        Raises:
            ImageError: it is not among them.
        """
        picture = self._by_id.get(ref.id)
        if picture is None:
            raise ImageError(f"the picture {ref.id[:200]!r} is no longer here; upload it again")
        return decode_image(picture.content, picture.name)
