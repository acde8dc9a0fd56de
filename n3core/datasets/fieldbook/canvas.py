"""A supersampled sheet of paper that paints colour and part mask together.

Owns anti-aliasing, light, blur and sensor noise; knows no flower and no bird.
Points are in plate units: x to the right and y downward, both in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["Canvas", "Colour"]

Colour = tuple[int, int, int]

SUPERSAMPLING = 4


class Canvas:
    """Paint polygons back to front; every stroke may name the part it shows.

    Args:
        size: side of the finished plate in pixels.
        parts: part names of the kingdom; `parts[i]` is written to the mask as `i + 1`.
    """

    def __init__(self, size: int, parts: Sequence[str]) -> None:
        self.size = size
        self._side = size * SUPERSAMPLING
        self._ids = {name: index + 1 for index, name in enumerate(parts)}
        self._colour = Image.new("RGB", (self._side, self._side), (255, 255, 255))
        self._mask = Image.new("L", (self._side, self._side), 0)
        self._draw = ImageDraw.Draw(self._colour)
        self._draw_mask = ImageDraw.Draw(self._mask)

    def paper(self, pixels: np.ndarray) -> None:
        """Set the background from a small (h, w, 3) uint8 array, smoothly enlarged."""
        sheet = Image.fromarray(pixels).resize((self._side, self._side), Image.Resampling.BICUBIC)
        self._colour.paste(sheet)

    def polygon(self, points: np.ndarray, colour: Colour, part: str | None = None) -> None:
        """Fill a polygon of (n, 2) points. Without a `part` it counts as background."""
        corners = [tuple(p) for p in (np.asarray(points) * self._side).tolist()]
        self._draw.polygon(corners, fill=colour)
        self._draw_mask.polygon(corners, fill=self._ids[part] if part else 0)

    def stroke(self, points: np.ndarray, width: float, colour: Colour, part: str | None = None) -> None:
        """Draw a round-jointed line through (n, 2) points; `width` in plate units."""
        corners = [tuple(p) for p in (np.asarray(points) * self._side).tolist()]
        pixels = max(1, round(width * self._side))
        self._draw.line(corners, fill=colour, width=pixels, joint="curve")
        self._draw_mask.line(corners, fill=self._ids[part] if part else 0, width=pixels, joint="curve")

    def ellipse(
        self, centre: Sequence[float], radii: Sequence[float], angle: float, colour: Colour, part: str | None = None
    ) -> None:
        """Fill an ellipse with semi-axes `radii`, turned by `angle` radians."""
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
        cos, sin = np.cos(angle), np.sin(angle)
        self.polygon(np.stack([centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos], 1), colour, part)

    def finish(
        self, rng: np.random.Generator, *, light: float = 0.18, blur: float = 0.6, noise: float = 5.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Light, blur and expose the plate.

        Args:
            rng: draws the light's direction, the blur radius and the grain.
            light: largest relative brightness change across the plate.
            blur: largest Gaussian radius, in 64ths of the side (0.6 is 0.6 px on a 64 px plate).
            noise: largest standard deviation of sensor noise, in grey levels of 255.

        Returns:
            image (size, size, 3) uint8 and mask (size, size) uint8 of part ids.
        """
        radius = rng.uniform(0, blur) * self._side / 64
        soft = self._colour.filter(ImageFilter.BoxBlur(radius)) if radius > 0.5 else self._colour
        image = np.asarray(soft.reduce(SUPERSAMPLING), np.float32)
        mask = np.asarray(self._mask.resize((self.size, self.size), Image.Resampling.NEAREST))
        axis = np.linspace(-1, 1, self.size, dtype=np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        slope = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
        exposure = rng.uniform(0.85, 1.12) * (1 + rng.uniform(0, light) * slope)
        tint = 1 + rng.normal(0, 0.025, 3).astype(np.float32)
        grain = rng.normal(0, rng.uniform(0.5, noise), image.shape).astype(np.float32)
        image = image * exposure[..., None].astype(np.float32) * tint + grain
        return np.clip(image, 0, 255).astype(np.uint8), mask
