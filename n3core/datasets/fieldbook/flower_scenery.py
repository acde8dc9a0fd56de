"""The camera, and what surrounds a flower: the garden behind it and the grass in front.

Owns the view and the scenery; knows no flower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3core.datasets.fieldbook.canvas import Canvas, Colour

__all__ = ["FINE", "View", "curve", "paint_background", "paint_foreground", "vary"]

FINE = 128  # plates of at least this many pixels show veins and other small detail


@dataclass(frozen=True)
class View:
    """A canvas seen through a camera: turned, zoomed and shifted."""

    canvas: Canvas
    turn: np.ndarray
    shift: np.ndarray
    zoom: float

    def polygon(self, points: np.ndarray, colour: Colour, part: str | None) -> None:
        """Fill a polygon of (n, 2) points of the scene."""
        self.canvas.polygon(points @ self.turn + self.shift, colour, part)

    def stroke(self, points: np.ndarray, width: float, colour: Colour, part: str | None) -> None:
        """Draw a line through (n, 2) points of the scene; `width` grows with the zoom."""
        self.canvas.stroke(points @ self.turn + self.shift, width * self.zoom, colour, part)


def vary(colour: Colour, rng: np.random.Generator, amount: float) -> Colour:
    """The colour as one plant among many has it; `amount` is the spread of brightness."""
    varied = np.array(colour) * (1 + rng.normal(0, amount)) + rng.normal(0, 255 * amount * 0.3, 3)
    return tuple(np.clip(varied, 8, 252).astype(int).tolist())


def curve(start: np.ndarray, bend: np.ndarray, end: np.ndarray, steps: int = 9) -> np.ndarray:
    """Points along a quadratic Bezier curve, (steps, 2)."""
    t = np.linspace(0, 1, steps)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end


_BACKGROUNDS = np.array(
    [(238, 232, 214), (176, 196, 158), (120, 148, 104), (196, 208, 216), (98, 112, 88), (206, 190, 164), (76, 92, 72)],
    float,
)


def _blade(foot: np.ndarray, bend: np.ndarray, tip: np.ndarray, width: float) -> np.ndarray:
    """A tapering blade of grass, (n, 2)."""
    spine = curve(foot, bend, tip, 7)
    taper = width * np.linspace(1, 0.05, 7)[:, None] ** 0.7 * np.array([[0.5, 0.1]])
    return np.concatenate([spine - taper, (spine + taper)[::-1]])


def paint_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """An out-of-focus garden: soft patches, discs of light, distant grass."""
    tone = _BACKGROUNDS[rng.integers(len(_BACKGROUNDS))] * rng.uniform(0.85, 1.1)
    sheet = tone + rng.normal(0, rng.uniform(3, 22), (5, 5, 1)) + rng.normal(0, 5, (5, 5, 3))
    sheet += np.linspace(rng.uniform(0, 20), -rng.uniform(0, 25), 5)[:, None, None]
    canvas.paper(np.clip(sheet, 0, 255).astype(np.uint8))

    def near(low: float, high: float) -> Colour:
        """A tone close to the background's, a little greener."""
        return tuple(np.clip(tone * rng.uniform(low, high) + (-6, 6, -10), 0, 255).astype(int).tolist())

    if rng.random() < 0.3:
        for _ in range(rng.integers(2, 7)):
            radius = rng.uniform(0.03, 0.11)
            canvas.ellipse(rng.uniform(0, 1, 2), (radius, radius), 0, near(0.97, 1.06))
    for _ in range(rng.integers(0, 8)):
        foot = np.array([rng.uniform(0, 1), 1.05])
        tip = foot + (rng.normal(0, 0.15), -rng.uniform(0.2, 0.7))
        canvas.polygon(_blade(foot, (foot + tip) / 2 + (0.03, 0), tip, rng.uniform(0.02, 0.06)), near(0.82, 1.1))


def paint_foreground(canvas: Canvas, rng: np.random.Generator) -> None:
    """Blades of grass, now and then a broad one, between the plant and the painter."""
    for _ in range(rng.integers(0, 5)):
        foot = np.array([rng.uniform(-0.05, 1.05), 1.05])
        tip = foot + (rng.normal(0, 0.25), -rng.uniform(0.15, 0.8))
        width = rng.uniform(0.07, 0.14) if rng.random() < 0.1 else rng.uniform(0.018, 0.04)
        blade = _blade(foot, np.array([foot[0], (foot[1] + tip[1]) / 2]), tip, width)
        canvas.polygon(blade, vary((98, 132, 70), rng, 0.15))
