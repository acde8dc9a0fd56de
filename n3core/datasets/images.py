"""Untrusted image bytes to RGB: pixel and byte limits before decoding, one-line errors. Knows no dataset."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from n3core.datasets.upright import upright_rgb
from n3core.errors import InputError

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_IMAGE_BYTES",
    "MAX_PIXELS",
    "ImageError",
    "check_image",
    "contents_version",
    "count_pixels",
    "decode_image",
    "files_version",
    "load_rgb",
]

MAX_PIXELS = 40_000_000  # of a decoded image; JPEGs of up to twice as many are decoded at half their size
MAX_IMAGE_BYTES = 200_000_000
_SAMPLE_BYTES = 4096  # at either end of a file
FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF"
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
IMAGE_SUFFIXES = (*_JPEG_SUFFIXES, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
# Pillow's other formats are left out: some run outside programs, all widen what an upload can reach.
Image.init()
_FORMATS = [kind for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF") if kind in Image.OPEN]
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, MemoryError)
# Pillow's readers let these escape, too, on data that somebody has tampered with.
_DECODE_ERRORS += (AttributeError, ArithmeticError, AssertionError, RuntimeError)

# What Pillow can read past, such as odd EXIF data, is nothing a user needs to know of.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# As Pillow's manual advises: an over-large image is an error from the start, and never a second line on stderr.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class ImageError(InputError):
    """An image that cannot be used; the message names it and says why."""


def decode_image(source: bytes | Path | str, name: str) -> Image.Image:
    """Decode an image fully, upright, over white where it is transparent; see `upright` for its values.

    Args:
        source: encoded bytes, or the path of a file.
        name: what to call the image in errors.

    Returns:
        An RGB image.

    Raises:
        ImageError: not an image, truncated, of values that say nothing, or above `MAX_PIXELS` (told from the header,
            before decoding).
    """
    return load_rgb(_open(source, name), name)


def check_image(source: bytes | Path | str, name: str) -> None:
    """Find out whether `decode_image` would succeed; JPEGs are decoded at an eighth of their size, which is faster.

    Args:
        source: encoded bytes, or the path of a file.
        name: what to call the image in errors.

    Raises:
        ImageError: as `decode_image`.
    """
    load_rgb(_open(source, name), name, reduction=8)


def count_pixels(source: bytes | Path | str, name: str) -> int:
    """How many pixels an image has by its header, which is all that is read.

    Args:
        source: encoded bytes, or the path of a file.
        name: what to call the image in errors.

    Raises:
        ImageError: not an image, or above `MAX_PIXELS`.
    """
    with _open(source, name) as image:
        return image.width * image.height


def _open(source: bytes | Path | str, name: str) -> Image.Image:
    source = Path(source) if isinstance(source, str) else source
    limit = _pixel_limit()
    too_large = f"more than {limit // 1_000_000} megapixels; make it smaller"
    if isinstance(source, Path) and source.is_dir():
        raise ImageError(f"{name} is a folder; name image files")
    try:
        length = source.stat().st_size if isinstance(source, Path) else len(source)
        if length == 0:
            raise ImageError(f"image {name} is empty (0 bytes); replace the file")
        if length > MAX_IMAGE_BYTES:
            raise ImageError(f"image {name} has {length:,} bytes, more than {MAX_IMAGE_BYTES:,}; make it smaller")
        image = Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"image {name} has {too_large}") from None
    except UnidentifiedImageError:
        raise ImageError(f"image {name} is no {FORMATS}; replace the file") from None
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"no image {name}; check the path") from None
    except _DECODE_ERRORS as error:
        raise ImageError(f"image {name} cannot be opened ({_reason(error)}); replace the file") from None
    if image.width * image.height > (2 * limit if _is_reducible(image) else limit):
        size = f"{image.width} x {image.height}"
        image.close()
        raise ImageError(f"image {name} has {size} pixels, {too_large}")
    return image


def _pixel_limit() -> int:
    return min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)


def _is_reducible(image: Image.Image) -> bool:
    """Whether decoding at half the size saves the memory, as with JPEGs; a progressive one is held as a whole first."""
    return isinstance(image, JpegImageFile) and len(image.tile) == 1 and "progressive" not in image.info


def load_rgb(image: Image.Image, name: str, *, reduction: int = 1) -> Image.Image:
    """Decode what Pillow has opened, or made, as `decode_image` does.

    Args:
        image: a picture in any mode; loaded, and a JPEG that is not yet is so at half its size above `MAX_PIXELS`.
        name: what to call the image in errors.
        reduction: decode a JPEG at this fraction of its size at most.

    Returns:
        An upright RGB image.

    Raises:
        ImageError: truncated, or of values that say nothing.
    """
    if image.width * image.height > _pixel_limit():
        reduction = max(reduction, 2)
    try:
        if reduction > 1:
            image.draft("RGB", (max(1, image.width // reduction), max(1, image.height // reduction)))
        image.load()
        return upright_rgb(image)
    except InputError as error:
        raise ImageError(f"image {name} {error}") from None
    except _DECODE_ERRORS as error:
        raise ImageError(f"image {name} is truncated or damaged ({_reason(error)}); replace the file") from None


def _reason(error: BaseException) -> str:
    return str(error).split("\n")[0][:80] or type(error).__name__


def files_version(paths: Iterable[Path], root: Path, *, sample: bool = False) -> str:
    """A short text that changes when one of the files is replaced or moved: places, sizes and times of change.

    Args:
        paths: files below `root`; one that is missing counts as such.
        root: the folder of the dataset; where that lies does not count.
        sample: read the first and last bytes of each file too, so that two datasets whose files agree in all the rest,
            as those that a script wrote may, are told apart.

    Returns:
        16 hex digits.
    """
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat() if path.is_file() else None
        digest.update(os.fsencode(path.relative_to(root).as_posix()))
        digest.update(f"|{(status.st_size, status.st_mtime_ns) if status else None}\n".encode())
        if sample and status:
            with suppress(OSError), path.open("rb") as file:  # what cannot be read is told of by who decodes it
                digest.update(file.read(_SAMPLE_BYTES))
                file.seek(max(0, status.st_size - _SAMPLE_BYTES))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def contents_version(paths: Iterable[Path]) -> str:
    """As `files_version`, from the bytes of the files, so that a copy of them keeps its version; reads all of them."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.fsencode(path.name))
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
