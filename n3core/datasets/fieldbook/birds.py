"""The bird kingdom: which traits a bird has, how varieties are drawn by lot, and how one plate is drawn.

Owns the attributes and the order of painting; knows no prose and no species.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook import bird_scenery
from n3core.datasets.fieldbook.bird_painter import PALETTE, BirdPainter
from n3core.datasets.fieldbook.canvas import Canvas
from n3core.datasets.fieldbook.schema import Attribute, Kingdom

__all__ = ["BIRDS", "PALETTE", "draw_bird", "random_traits"]

_PLUMAGE = tuple(PALETTE)
_BARE = ("black", "grey", "yellow", "orange", "red")

BIRDS = Kingdom(
    name="birds",
    attributes=(
        Attribute("posture", ("perching", "upright", "wading", "waddling", "clinging", "ground"), "leg"),
        Attribute("bill_shape", ("conical", "slender", "hooked", "dagger", "decurved", "flat"), "bill"),
        Attribute("bill_colour", _BARE, "bill"),
        Attribute("crest", ("none", "tuft", "plume"), "crest"),
        Attribute("crown_colour", _PLUMAGE, "crown"),
        Attribute("face_colour", _PLUMAGE, "face"),
        Attribute("face_pattern", ("plain", "eyestripe", "eyebrow"), "face"),
        Attribute("eye_ring", ("none", "white", "yellow", "red"), "eye"),
        Attribute("back_colour", _PLUMAGE, "back"),
        Attribute("breast_colour", _PLUMAGE, "breast"),
        Attribute("belly_colour", _PLUMAGE, "belly"),
        Attribute("markings", ("plain", "streaked", "spotted", "barred"), "breast"),
        Attribute("wing_colour", _PLUMAGE, "wing"),
        Attribute("wing_bars", ("none", "one", "two"), "wing"),
        Attribute("tail_shape", ("short", "long", "forked", "fan"), "tail"),
        Attribute("tail_colour", _PLUMAGE, "tail"),
        Attribute("leg_colour", _BARE, "leg"),
    ),
    parts=("bill", "crown", "face", "eye", "crest", "back", "breast", "belly", "wing", "tail", "leg"),
)


def random_traits(rng: np.random.Generator) -> dict[str, str]:
    """Draw the traits of a plausible variety: neighbouring parts often share a colour, as in real plumage."""
    traits = {a.name: str(rng.choice(a.values)) for a in BIRDS.attributes}
    for name, source, chance in (
        ("face_colour", "crown_colour", 0.25),
        ("wing_colour", "back_colour", 0.35),
        ("tail_colour", "wing_colour", 0.35),
        ("belly_colour", "breast_colour", 0.35),
    ):
        if rng.random() < chance:
            traits[name] = traits[source]
    for name, common, chance in (("crest", "none", 0.3), ("markings", "plain", 0.3), ("eye_ring", "none", 0.3)):
        if rng.random() < chance:
            traits[name] = common
    return traits


def draw_bird(traits: Mapping[str, str], canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw one individual in its surroundings.

    Args:
        traits: one value for every attribute of `BIRDS`.
        canvas: a fresh canvas with the parts of `BIRDS`.
        rng: decides pose, place, scale, mirror, colour jitter, background and occlusion.
    """
    painter = BirdPainter(traits, canvas, rng)
    pose = painter.pose
    bird_scenery.behind(canvas, pose.posture, pose.to_plate(pose.feet), rng)
    painter.paint()
    bird_scenery.before(canvas, pose.to_plate(pose.body(np.linspace(0.3, 1, 8), 0)), rng)
