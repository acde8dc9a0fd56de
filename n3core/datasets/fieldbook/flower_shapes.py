"""Outlines and colours of petals and leaves, each in its own frame.

Owns geometry and palettes; knows no canvas. A petal or leaf runs along `u` from its base at 0 to its tip at 1,
`v` is the distance to its midline; outlines are (n, 2) arrays of (u, v).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from n3core.datasets.fieldbook.canvas import Colour

__all__ = [
    "COUNTS",
    "LEAF_COLOURS",
    "PETAL_COLOURS",
    "SECOND_COLOURS",
    "STEMS",
    "band",
    "inset",
    "leaf_outline",
    "petal_outline",
    "shade",
    "spots",
    "stripes",
]

COUNTS = {"three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "many": 16}
PETAL_COLOURS: dict[str, Colour] = {
    "white": (247, 246, 240),
    "yellow": (250, 213, 34),
    "orange": (244, 132, 22),
    "red": (213, 28, 34),
    "pink": (247, 160, 190),
    "magenta": (210, 28, 132),
    "purple": (124, 62, 172),
    "blue": (62, 104, 214),
    "maroon": (104, 16, 40),
}
SECOND_COLOURS: dict[str, Colour] = {
    "white": (250, 249, 244),
    "yellow": (252, 208, 20),
    "orange": (246, 126, 14),
    "red": (206, 22, 30),
    "pink": (248, 142, 182),
    "purple": (104, 44, 158),
    "blue": (48, 88, 206),
    "green": (122, 178, 52),
    "black": (36, 24, 30),
}
LEAF_COLOURS: dict[str, Colour] = {
    "green": (92, 160, 58),
    "dark": (26, 82, 44),
    "silver": (158, 178, 172),
    "bronze": (116, 56, 52),
    "variegated": (74, 140, 60),
}
STEMS: dict[str, tuple[Colour, float]] = {
    "slender": ((104, 154, 62), 0.016),
    "stout": ((112, 158, 70), 0.05),
    "red": ((158, 46, 54), 0.028),
    "thorny": ((92, 128, 58), 0.026),
    "woody": ((108, 76, 50), 0.036),
}


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (`factor` below 1) or lighten towards white (above 1) a colour."""
    if factor <= 1:
        return tuple(int(channel * factor) for channel in colour)
    return tuple(int(channel + (255 - channel) * min(1.0, factor - 1)) for channel in colour)


_RUN = (1 - np.cos(np.linspace(0, np.pi, 14))) / 2


def _mirrored(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half, half[::-1] * (1, -1)])


def _half_petal(shape: str, count: int) -> np.ndarray:
    """One side of a petal, base to tip, (n, 2)."""
    room = float(np.clip(np.tan(np.pi / count) * 0.72, 0.15, 0.5))
    t = _RUN
    if shape == "pointed":
        return np.stack([t, min(room, 0.34) * np.sin(np.pi * t**0.85) ** 0.9 + 0.03 * (1 - t)], 1)
    if shape == "narrow":
        width = 0.062 if count > 8 else 0.105
        return np.stack([t, width * np.minimum(1, 0.5 + 2 * t) * np.sqrt(np.clip(1 - t**8, 0, 1))], 1)
    if shape == "spoon":
        bulb = np.sqrt(np.clip(1 - ((t - 0.76) / 0.24) ** 2, 0, 1))
        return np.stack([t, np.maximum(np.minimum(room, 0.27) * bulb, np.where(t < 0.9, 0.045, 0))], 1)
    if shape == "notched":
        u = np.array([0, 0.15, 0.35, 0.55, 0.72, 0.86, 0.95, 1, 0.99, 0.93, 0.86, 0.78])
        v = np.array([0.08, 0.24, 0.5, 0.78, 0.97, 1, 0.88, 0.65, 0.43, 0.24, 0.1, 0])
        return np.stack([u, min(room * 0.82, 0.4) * v], 1)
    if shape == "fringed":
        u = np.array([0, 0.2, 0.45, 0.68, 0.86, 0.74, 0.96, 0.78, 1, 0.8, 1.03, 0.82])
        v = np.array([0.08, 0.35, 0.7, 0.98, 1.06, 0.8, 0.78, 0.55, 0.46, 0.27, 0.13, 0])
        return np.stack([u, room * v], 1)
    return np.stack([t, room * np.sin(np.pi * t**1.25) ** 0.62 + 0.05 * (1 - t)], 1)


@lru_cache(maxsize=64)
def petal_outline(shape: str, count: int) -> np.ndarray:
    """The closed outline of a petal of a flower with `count` petals, (n, 2)."""
    return _mirrored(_half_petal(shape, count))


def inset(outline: np.ndarray, keep: float) -> np.ndarray:
    """Shrink an outline towards its middle."""
    middle = np.array([0.5, 0.0])
    return (outline - middle) * (keep, keep) + middle


def _rise(half: np.ndarray) -> np.ndarray:
    """The side of a petal from its base to its farthest point, where `u` only grows."""
    return half[: int(np.argmax(half[:, 0])) + 1]


@lru_cache(maxsize=256)
def band(shape: str, count: int, low: float, high: float) -> np.ndarray:
    """The part of a petal between two distances from the flower's middle; 1 reaches the tip. Returns (n, 2)."""
    half = _half_petal(shape, count) * (1, 0.96)
    rise = _rise(half)
    reach = np.hypot(rise[:, 0], rise[:, 1])
    reach = np.maximum.accumulate(reach + np.arange(len(reach)) * 1e-6)

    def arc(radius: float) -> np.ndarray:
        """Half of the circle's arc across the petal, from its edge to its midline, (4, 2)."""
        u, v = np.interp(radius, reach, rise[:, 0]), np.interp(radius, reach, rise[:, 1])
        turn = np.arctan2(v, u) * np.array([1.0, 0.66, 0.33, 0.0])
        return np.stack([np.hypot(u, v) * np.cos(turn), np.hypot(u, v) * np.sin(turn)], 1)

    distance = np.hypot(half[:, 0], half[:, 1])
    if high >= 1:
        first = int(np.argmax(distance > low))
        return _mirrored(np.concatenate([arc(low)[::-1], half[first:]]))
    inside = rise[(reach > low) & (reach < high)]
    return _mirrored(np.concatenate([arc(low)[::-1], inside, arc(high)]))


@lru_cache(maxsize=64)
def stripes(shape: str, count: int) -> tuple[np.ndarray, ...]:
    """Tapering lines along a petal, each (n, 2)."""
    half = _half_petal(shape, count)
    rise = _rise(half)
    width = float(half[:, 1].max())
    u = np.linspace(0.1, 0.86, 6)
    edge = np.interp(u, rise[:, 0], rise[:, 1])
    thick = np.minimum(min(0.034, width * 0.28), edge * 0.2) * np.array([0.9, 1, 1, 1, 0.8, 0.25])
    lines = (0 * edge, 0.54 * edge, -0.54 * edge) if width > 0.13 else (0 * edge,)
    return tuple(np.concatenate([np.stack([u, v + thick], 1), np.stack([u, v - thick], 1)[::-1]]) for v in lines)


@lru_cache(maxsize=64)
def spots(shape: str, count: int) -> tuple[np.ndarray, ...]:
    """Round freckles on a petal, each (n, 2)."""
    half = _half_petal(shape, count)
    rise = _rise(half)
    turn = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    width = float(half[:, 1].max())
    size = min(0.052, width * 0.42)
    if width > 0.2:
        places = [(0.36, 0.0), (0.5, 0.5), (0.52, -0.45), (0.67, 0.05), (0.78, 0.58), (0.8, -0.55)]
    else:
        places = [(0.4, 0.1), (0.6, -0.1), (0.8, 0.1)]
    return tuple(ring * size + (u, v * float(np.interp(u, rise[:, 0], rise[:, 1]))) for u, v in places)


@lru_cache(maxsize=16)
def leaf_outline(shape: str) -> np.ndarray:
    """The closed outline of a leaf blade, (n, 2)."""
    t = _RUN
    if shape == "round":
        return _mirrored(np.stack([t, 0.47 * np.sqrt(np.clip(1 - (2 * t - 1) ** 2, 0, 1))], 1))
    if shape == "heart":
        u = np.array([0.16, 0.02, -0.08, -0.1, -0.04, 0.06, 0.2, 0.36, 0.54, 0.74, 0.9, 1.04])
        v = np.array([0, 0.08, 0.2, 0.32, 0.44, 0.5, 0.51, 0.45, 0.33, 0.19, 0.07, 0])
        return _mirrored(np.stack([u, v], 1))
    if shape == "lobed":
        u = np.array([0, 0.06, 0.02, 0.2, 0.3, 0.34, 0.42, 0.62, 0.6, 0.7, 0.8, 1])
        v = np.array([0.02, 0.16, 0.36, 0.3, 0.12, 0.3, 0.5, 0.36, 0.12, 0.26, 0.14, 0])
        return _mirrored(np.stack([u, v], 1))
    if shape == "feathery":
        root = np.linspace(0.08, 0.92, 8)
        reach = 0.3 * np.sin(np.pi * np.linspace(0.22, 0.95, 8))
        teeth = [
            ((u, 0.015), (u + 0.09, w), (u + 0.12, w), (u + 0.055, 0.015)) for u, w in zip(root, reach, strict=True)
        ]
        half = np.array([(0, 0.015), *(point for tooth in teeth for point in tooth), (1.04, 0)])
        return _mirrored(half)
    width = 0.05 if shape == "grassy" else 0.15
    return _mirrored(np.stack([t, width * np.sin(np.pi * t**0.8) ** 0.8 + 0.012 * (1 - t)], 1))
