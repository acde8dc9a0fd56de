"""The flowers of the Fieldbook: their attributes, and the renderer that paints a plate of one.

Owns the kingdom and the composition of a plate; blooms, foliage and scenery are painted by their own modules.
Knows no prose.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook.canvas import Canvas, Colour
from n3core.datasets.fieldbook.flower_bloom import paint_bloom
from n3core.datasets.fieldbook.flower_foliage import (
    paint_buds,
    paint_leaves,
    paint_stem,
)
from n3core.datasets.fieldbook.flower_scenery import (
    View,
    curve,
    paint_background,
    paint_foreground,
    vary,
)
from n3core.datasets.fieldbook.flower_shapes import (
    COUNTS,
    LEAF_COLOURS,
    PETAL_COLOURS,
    SECOND_COLOURS,
    STEMS,
    shade,
)
from n3core.datasets.fieldbook.schema import Attribute, Kingdom

__all__ = ["FLOWERS", "draw_flower"]

FLOWERS = Kingdom(
    "flowers",
    (
        Attribute("petal_count", tuple(COUNTS), "petal"),
        Attribute("petal_shape", ("round", "pointed", "narrow", "notched", "fringed", "spoon"), "petal"),
        Attribute("petal_colour", tuple(PETAL_COLOURS), "petal"),
        Attribute("second_colour", tuple(SECOND_COLOURS), "centre"),
        Attribute("pattern", ("plain", "veined", "spotted", "edged", "blotched", "tipped", "ringed"), "petal"),
        Attribute("centre", ("disc", "stamens", "cup", "eye", "lip", "column"), "centre"),
        Attribute("inflorescence", ("solitary", "spike", "cluster", "spray", "arching"), "petal"),
        Attribute("leaf_shape", ("lance", "round", "heart", "grassy", "lobed", "feathery"), "leaf"),
        Attribute("leaf_colour", tuple(LEAF_COLOURS), "leaf"),
        Attribute("stem", tuple(STEMS), "stem"),
    ),
    ("petal", "centre", "leaf", "stem"),
)


def draw_flower(traits: Mapping[str, str], canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint one plate of a species, back to front.

    Args:
        traits: a value for every attribute of `FLOWERS`.
        canvas: a fresh canvas made with `FLOWERS.parts`.
        rng: draws everything in which two plates of a species differ.
    """
    paint_background(canvas, rng)
    angle, zoom = rng.normal(0, 0.1), rng.uniform(0.88, 1.18)
    flip = rng.choice([-1.0, 1.0])
    turn = zoom * np.array([[np.cos(angle) * flip, np.sin(angle)], [-np.sin(angle) * flip, np.cos(angle)]])
    middle = np.array([0.5, 0.46])
    view = View(canvas, turn, middle + rng.uniform(-0.06, 0.06, 2) - middle @ turn, zoom)
    stems, blooms = _arrange(traits["inflorescence"], rng)
    leaf_colour = vary(LEAF_COLOURS[traits["leaf_colour"]], rng, 0.08)
    paint_leaves(view, traits, leaf_colour, stems[0], rng, behind=True)
    for stem in stems:
        paint_stem(view, traits["stem"], stem, rng)
    paint_leaves(view, traits, leaf_colour, stems[0], rng, behind=False)
    colours = vary(PETAL_COLOURS[traits["petal_colour"]], rng, 0.07), _second_colour(traits, rng)
    if traits["inflorescence"] != "solitary":
        paint_buds(view, colours[0], stems, rng)
    for x, y, radius in blooms:
        paint_bloom(view, traits, colours, np.array([x, y]), radius, rng)
    paint_foreground(canvas, rng)


def _second_colour(traits: Mapping[str, str], rng: np.random.Generator) -> Colour:
    """The second colour; on petals of the same colour a deeper tone, so that it shows."""
    second = traits["second_colour"]
    colour = vary(SECOND_COLOURS[second], rng, 0.05)
    return shade(colour, 0.72) if second == traits["petal_colour"] else colour


def _arrange(inflorescence: str, rng: np.random.Generator) -> tuple[list[np.ndarray], list[tuple[float, float, float]]]:
    """Place stems, each (n, 2) from the ground up, and blooms (x, y, radius), back to front."""
    root = np.array([0.5 + rng.normal(0, 0.04), 1.25])
    sway = rng.normal(0, 0.06)
    if inflorescence == "solitary":
        top = np.array([0.5, 0.38])
        stems, blooms = [curve(root, np.array([0.5 + sway, 0.75]), top)], [(*top, rng.uniform(0.27, 0.33))]
        if rng.random() < 0.3:
            side = rng.choice([-1, 1])
            twin = np.array([0.5 + side * rng.uniform(0.32, 0.38), rng.uniform(0.5, 0.66)])
            stems.append(curve(root + (side * 0.22, 0), np.array([0.5 + side * 0.24, 0.9]), twin))
            blooms.insert(0, (*twin, rng.uniform(0.16, 0.2)))
        return stems, blooms
    if inflorescence == "spike":
        top = np.array([0.5, 0.02])
        stem = curve(root, np.array([0.5 + sway, 0.5]), top, 13)
        heights = np.array([0.07, 0.2, 0.36, 0.53, 0.7]) + rng.normal(0, 0.012, 5)
        side = rng.choice([-1, 1]) * np.array([1, -1, 1, -1, 1])
        radii = np.array([0.095, 0.13, 0.155, 0.17, 0.175]) * rng.uniform(0.92, 1.08, 5)
        order = np.argsort(stem[:, 1])
        spine = np.interp(heights, stem[order, 1], stem[order, 0])
        return [stem], list(zip(spine + side * radii * 0.6, heights, radii, strict=True))
    if inflorescence == "cluster":
        hub = np.array([0.5, 0.6])
        turn = np.linspace(0, 2 * np.pi, 5, endpoint=False) + rng.uniform(0, 2 * np.pi)
        ring = np.stack([0.5 + 0.22 * np.cos(turn), 0.36 + 0.2 * np.sin(turn)], 1)
        places = np.concatenate([ring, [[0.5, 0.36]]]) + rng.normal(0, 0.012, (6, 2))
        stems = [curve(root, np.array([0.5 + sway, 0.9]), hub)]
        stems += [curve(hub, hub * 0.6 + place * 0.4 - (0, 0.03), place, 5) for place in places]
        return stems, [(x, y, rng.uniform(0.145, 0.17)) for x, y in places]
    if inflorescence == "spray":
        fork = np.array([0.5, 0.78])
        places = np.array([[0.22, 0.36], [0.78, 0.33], [0.5, 0.14], [0.52, 0.56]]) + rng.normal(0, 0.025, (4, 2))
        stems = [curve(root, np.array([0.5 + sway, 1.0]), fork)]
        stems += [
            curve(fork, fork * 0.4 + np.array([x, fork[1] * 0.5 + y * 0.5]) * 0.6, np.array([x, y])) for x, y in places
        ]
        return stems, [(x, y, rng.uniform(0.15, 0.185)) for x, y in places]
    arch = np.concatenate(
        [
            curve(np.array([0.3, 1.3]), np.array([0.1, 0.66]), np.array([0.2, 0.28]), 7),
            curve(np.array([0.2, 0.28]), np.array([0.42, -0.12]), np.array([0.98, 0.3]), 9)[1:],
        ]
    )
    places = np.array([[0.28, 0.4], [0.5, 0.3], [0.72, 0.37], [0.91, 0.53]]) + rng.normal(0, 0.018, (4, 2))
    roots = np.array([[0.22, 0.24], [0.42, 0.11], [0.66, 0.13], [0.9, 0.25]])
    stalks = [curve(start, (start + end) / 2 + (0.03, 0), end, 5) for start, end in zip(roots, places, strict=True)]
    return [arch, *stalks], [(x, y, rng.uniform(0.14, 0.165)) for x, y in places]
