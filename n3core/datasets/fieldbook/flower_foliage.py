"""Paints what carries the blooms: stems, leaves and buds.

Owns the green parts; knows nothing of open flowers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook.canvas import Colour
from n3core.datasets.fieldbook.flower_scenery import FINE, View, vary
from n3core.datasets.fieldbook.flower_shapes import STEMS, inset, leaf_outline, shade

__all__ = ["paint_buds", "paint_leaves", "paint_stem"]

_BUD = np.array([(-0.2, 0), (0, 0.3), (0.4, 0.42), (0.8, 0.28), (1.2, 0), (0.8, -0.28), (0.4, -0.42), (0, -0.3)])
_RIB = np.stack([np.linspace(0.02, 0.93, 5), np.zeros(5)], 1)


def paint_stem(view: View, kind: str, stem: np.ndarray, rng: np.random.Generator) -> None:
    """Paint a stem through (n, 2) points from the ground up; side stalks, which start higher, are thinner."""
    colour, width = STEMS[kind]
    colour = vary(colour, rng, 0.05)
    width *= 1.0 if stem[0, 1] > 1 else 0.6
    view.stroke(stem, width, shade(colour, 0.75), "stem")
    view.stroke(stem - (width * 0.15, 0), width * 0.6, shade(colour, 1.12), "stem")
    if kind == "thorny":
        for index in range(len(stem) - 1):
            place, along = stem[index], stem[index + 1] - stem[index]
            along = along / np.hypot(*along)
            across = np.array([-along[1], along[0]]) * (1 if index % 2 else -1)
            prickle = np.stack([place - along * 0.018, place + across * 0.055 + along * 0.02, place + along * 0.018])
            view.polygon(prickle, (142, 62, 44), "stem")
    elif kind == "woody":
        for index in range(1, len(stem) - 1, 2):
            view.stroke(
                stem[index] + np.array([[-0.4, 0.1], [0.4, -0.1]]) * width, width * 0.22, shade(colour, 0.5), "stem"
            )


def paint_buds(view: View, colour: Colour, stems: list[np.ndarray], rng: np.random.Generator) -> None:
    """Paint a few unopened flowers on short stalks."""
    for _ in range(rng.integers(0, 4)):
        stem = stems[rng.integers(len(stems))]
        foot = stem[rng.integers(2 * len(stem) // 3, len(stem))]
        tip = foot + (rng.choice([-1, 1]) * rng.uniform(0.05, 0.1), -rng.uniform(0.03, 0.1))
        view.stroke(np.stack([foot, tip]), 0.01, (98, 140, 62), "stem")
        along = (tip - foot) / np.hypot(*(tip - foot)) * 0.06
        bud = np.stack(
            [_BUD[:, 0] * along[0] - _BUD[:, 1] * along[1], _BUD[:, 0] * along[1] + _BUD[:, 1] * along[0]], 1
        )
        view.polygon(tip + bud, shade(colour, 0.9), "petal")
        view.polygon(tip + bud * 0.5, (110, 150, 70), "stem")


def paint_leaves(
    view: View, traits: Mapping[str, str], colour: Colour, stem: np.ndarray, rng: np.random.Generator, *, behind: bool
) -> None:
    """Paint the leaves along a stem: those behind it, or the nearer, smaller ones in front."""
    shape = traits["leaf_shape"]
    if shape == "grassy":
        heights, lengths = (
            (rng.uniform(0.98, 1.1, 5), (0.55, 0.8)) if behind else (rng.uniform(1.0, 1.1, 2), (0.45, 0.6))
        )
    else:
        heights, lengths = (np.array([0.97, 0.93]), (0.36, 0.46)) if behind else (np.array([0.8, 0.74]), (0.27, 0.36))
    order = np.argsort(stem[:, 1])
    for index, height in enumerate(heights + rng.normal(0, 0.02, len(heights))):
        side = 1 if index % 2 else -1
        base = np.array([np.interp(height, stem[order, 1], stem[order, 0]), height])
        upward = rng.uniform(0.9, 1.35) if shape == "grassy" else rng.uniform(0.1, 0.75)
        _paint_leaf(
            view, traits, shade(colour, rng.uniform(0.88, 1.06)), base, side, upward, rng.uniform(*lengths), rng
        )


def _paint_leaf(
    view: View,
    traits: Mapping[str, str],
    colour: Colour,
    base: np.ndarray,
    side: int,
    upward: float,
    length: float,
    rng: np.random.Generator,
) -> None:
    outline = leaf_outline(traits["leaf_shape"])
    bend = rng.uniform(0.05, 0.3)
    if traits["leaf_shape"] in ("round", "heart", "lobed"):
        foot = base + np.array([side * np.cos(upward), -np.sin(upward)]) * rng.uniform(0.06, 0.12)
        view.stroke(np.stack([base, foot]), 0.014, shade(colour, 0.8), "leaf")
        base = foot

    def place(points: np.ndarray) -> np.ndarray:
        angle = upward - bend * points[:, 0]
        along = points[:, 0] * length
        x = along * np.cos(angle) - points[:, 1] * length * np.sin(angle)
        y = along * np.sin(angle) + points[:, 1] * length * np.cos(angle)
        return base + np.stack([side * x, -y], 1)

    if traits["leaf_colour"] == "variegated":
        view.polygon(place(outline), (240, 236, 188), "leaf")
        view.polygon(place(inset(outline, 0.76) * (1, 0.92)), colour, "leaf")
    else:
        view.polygon(place(outline), shade(colour, 0.72), "leaf")
        view.polygon(place(inset(outline, 0.93)), colour, "leaf")
        upper = outline[: len(outline) // 2]
        view.polygon(place(inset(np.concatenate([upper, upper[::-1] * (1, 0)]), 0.86)), shade(colour, 1.1), "leaf")
    pale = shade(colour, 1.3)
    view.stroke(place(_RIB), 0.006, pale, "leaf")
    if view.canvas.size >= FINE and traits["leaf_shape"] in ("lance", "round", "heart"):
        reach = float(outline[:, 1].max()) * 0.72
        for start in (0.16, 0.34, 0.52):
            for v in (reach, -reach):
                view.stroke(place(np.array([(start, 0), (start + 0.22, v * (1 - start * 0.9))])), 0.003, pale, "leaf")
