"""Decoded pictures of every kind to upright RGB: bit depths, transparency, orientation. Knows no file and no limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import ExifTags, Image

from n3core.errors import InputError

__all__ = ["upright_rgb"]

_BITS, _PHOTOMETRIC, _MAX_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339  # tags of TIFF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture upright and make it RGB, over white where it is transparent.

    Deep values are scaled by the depth that the file declares, so that two pictures of one camera keep their
    brightness relative to each other: nothing is read off the values of a single picture.

    Args:
        image: a picture that was loaded.

    Returns:
        An RGB image.

    Raises:
        InputError: values whose range the file does not tell; the message goes on after the name of the image.
    """
    turn = _TURNS.get(_orientation(image))
    rgb = _to_rgb(image)
    if turn is None:
        return rgb
    turned = rgb.transpose(turn)
    turned.info = {}  # whoever asks again finds it upright
    return turned


def _orientation(image: Image.Image) -> Any:
    """The orientation of the EXIF or XMP data; 1 where they cannot be read, which spoils no picture."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return orientation if isinstance(orientation, int) else 1
    except Exception:  # the readers of odd EXIF data let errors of every kind escape
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        image = _from_fractions(image)
    elif image.mode.startswith("I"):
        image = _from_deep_values(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep_values(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    shown = np.clip(values * 255 // _white_of(image), 0, 255).astype(np.uint8)
    shown = 255 - shown if _is_negative(image) else shown
    if isinstance(transparent := image.info.get("transparency"), int):
        shown[values == transparent] = 255
    return Image.fromarray(shown)


def _from_fractions(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if not (values.min() >= 0 and values.max() <= 1):  # not a number is neither
        raise InputError("holds values outside 0 to 1; save it with 8 bits per channel")
    shown = (values * 255).round().astype(np.uint8)
    return Image.fromarray(255 - shown if _is_negative(image) else shown)


def _white_of(image: Image.Image) -> int:
    """The largest value that the file can hold by what it declares."""
    if image.format != "TIFF":  # Pillow scales what PNG and PPM hold to 16 bits
        return (1 << 16) - 1
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    bits = int(np.max(tags.get(_BITS, 16)))
    if image.mode == "I" or bits > 16 or int(np.max(tags.get(_SAMPLE_FORMAT, 1))) != 1:
        signed = "signed " if bits <= 16 else ""
        raise InputError(f"holds {signed}values of {bits} bits; save it with 8 bits per channel")
    # Programs write the largest value of the picture there, too; only a depth in disguise is believed.
    largest = int(np.max(tags.get(_MAX_VALUE, 0)))
    depths = [(1 << depth) - 1 for depth in range(8, bits + 1)]
    return largest if largest in depths else (1 << bits) - 1


def _is_negative(image: Image.Image) -> bool:
    """Whether 0 is white, which Pillow heeds for 8 bits alone."""
    return image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == 0  # type: ignore[attr-defined]
