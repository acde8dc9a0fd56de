"""Paints one bloom: its petals with their pattern, and its centre.

Owns how a flower's face looks; knows neither stems nor leaves nor where blooms stand.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook.canvas import Colour
from n3core.datasets.fieldbook.flower_scenery import FINE, View
from n3core.datasets.fieldbook.flower_shapes import (
    COUNTS,
    band,
    inset,
    petal_outline,
    shade,
    spots,
    stripes,
)

__all__ = ["paint_bloom"]

_GROUND = 3  # the layers of a petal that lie under its veins


def paint_bloom(
    view: View,
    traits: Mapping[str, str],
    colours: tuple[Colour, Colour],
    place: np.ndarray,
    radius: float,
    rng: np.random.Generator,
) -> None:
    """Paint a bloom seen at a random slant.

    Args:
        view: the scene's camera.
        traits: petal count, shape and pattern, and the kind of centre.
        colours: of the petals, and of pattern and centre.
        place: the middle of the bloom, (2,), in plate units.
        radius: length of a petal in plate units.
        rng: draws slant, turn and small irregularities.
    """
    count, shape = COUNTS[traits["petal_count"]], traits["petal_shape"]
    squash, lean = rng.uniform(0.72, 1.0), rng.normal(0, 0.5)
    axis = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    tilt = axis.T @ np.diag([1, squash]) @ axis * radius
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 2 * np.pi)
    angles = angles + rng.normal(0, 0.25 / count, count)
    lengths = rng.uniform(0.93, 1.05, count)
    cos, sin = np.cos(angles) * lengths, np.sin(angles) * lengths
    turns = np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], 1) @ tilt
    light = 1 + 0.07 * np.cos(angles - rng.uniform(0, 2 * np.pi))
    painted = _petal_layers(traits["pattern"], shape, count, *colours)
    layers = [(points @ turns + place, colour) for points, colour in painted]
    veins = [line @ turns + place for line in _fine_veins(shape, count)] if view.canvas.size >= FINE else []
    for index in rng.permutation(count):
        for points, colour in layers[:_GROUND]:
            view.polygon(points[index], shade(colour, light[index]), "petal")
        for line in veins:
            view.stroke(line[index], 0.02 * radius, shade(colours[0], 0.88 * light[index]), "petal")
        for points, colour in layers[_GROUND:]:
            view.polygon(points[index], shade(colour, light[index]), "petal")
    _paint_centre(view, traits["centre"], colours[1], place, tilt, rng)


def _petal_layers(
    pattern: str, shape: str, count: int, base: Colour, second: Colour
) -> list[tuple[np.ndarray, Colour]]:
    """Outlines in the petal's frame with their colours, bottom layer first."""
    outline = petal_outline(shape, count)
    sunlit = outline[: len(outline) // 2]
    sunlit = inset(np.concatenate([sunlit, sunlit[::-1] * (1, 0)]), 0.88)
    if pattern == "edged":
        return [
            (outline, second),
            (inset(outline, 0.86) * (1, 0.86) - (0.06, 0), base),
            (inset(sunlit, 0.8), shade(base, 1.1)),
        ]
    layers = [(outline, shade(base, 0.7)), (inset(outline, 0.94), base), (sunlit, shade(base, 1.13))]
    if pattern == "veined":
        layers += [(line, second) for line in stripes(shape, count)]
    elif pattern == "spotted":
        layers += [(spot, second) for spot in spots(shape, count)]
    elif pattern == "blotched":
        layers.append((band(shape, count, 0.05, 0.56), second))
    elif pattern == "tipped":
        layers.append((band(shape, count, 0.7, 1.0), second))
    elif pattern == "ringed":
        layers.append((band(shape, count, 0.5, 0.74), second))
    return layers


def _fine_veins(shape: str, count: int) -> list[np.ndarray]:
    """Hair lines along a petal, each (3, 2) in the petal's frame."""
    width = float(petal_outline(shape, count)[:, 1].max())
    rays = np.linspace(-0.6, 0.6, 5) if width > 0.15 else np.array([0.0])
    return [np.array([(0.12, ray * width * 0.2), (0.45, ray * width * 0.8), (0.72, ray * width)]) for ray in rays]


def _paint_centre(
    view: View, kind: str, colour: Colour, place: np.ndarray, tilt: np.ndarray, rng: np.random.Generator
) -> None:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    dark, bright, radius = shade(colour, 0.62), shade(colour, 1.25), float(np.sqrt(abs(np.linalg.det(tilt))))

    def fill(points: np.ndarray, tone: Colour) -> None:
        view.polygon(points @ tilt + place, tone, "centre")

    if kind == "disc":
        fill(ring * 0.34, dark)
        fill(ring * 0.3, colour)
        for step in range(12):
            angle, reach = step * 2.4, 0.26 * np.sqrt((step + 0.5) / 12)
            fill(ring[::4] * 0.035 + (reach * np.cos(angle), reach * np.sin(angle)), bright if step % 2 else dark)
    elif kind == "stamens":
        fill(ring * 0.12, dark)
        start = rng.uniform(0, 2 * np.pi)
        for angle in start + np.linspace(0, 2 * np.pi, 11, endpoint=False):
            tip = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.36, 0.46)
            view.stroke(np.stack([place, tip @ tilt + place]), 0.035 * radius, colour, "centre")
            fill(ring[::4] * 0.062 + tip, colour)
    elif kind == "cup":
        wave = 0.4 + 0.03 * np.cos(8 * turn)[:, None]
        fill(ring * wave, dark)
        fill(ring * (wave - 0.04), colour)
        fill(ring * 0.22, dark)
        fill(ring * 0.16 + (0, 0.03), shade(colour, 0.42))
    elif kind == "lip":
        u = np.array([-0.12, 0.0, 0.2, 0.42, 0.6, 0.68])
        v = np.array([0.08, 0.13, 0.2, 0.34, 0.26, 0.0])
        lip = np.concatenate([np.stack([v, u], 1), np.stack([-v, u], 1)[::-1]])
        fill(lip * 1.08, dark)
        fill(lip, colour)
        fill(ring * (0.09, 0.13) + (0, 0.05), shade(colour, 0.45))
    elif kind == "column":
        fill(ring * 0.14, dark)
        angle = rng.uniform(-0.9, 0.9)
        tip = np.array([np.sin(angle), -np.cos(angle)]) * 0.8
        view.stroke(
            np.stack([place, (tip * 0.5 + (0.04, 0)) @ tilt + place, tip @ tilt + place]),
            0.13 * radius,
            colour,
            "centre",
        )
        for step in range(5):
            fill(ring[::3] * 0.075 + tip + np.array([np.cos(step * 1.26), np.sin(step * 1.26)]) * 0.1, bright)
    else:
        fill(ring * 0.17, dark)
        fill(ring * 0.14, colour)
