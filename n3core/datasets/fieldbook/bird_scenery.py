"""Where birds are met: sky, foliage, water, perches, and the leaves that get in the way.

Owns everything on a bird plate that is not bird; knows nothing of plumage.
"""

from __future__ import annotations

import numpy as np

from n3core.datasets.fieldbook.canvas import Canvas, Colour

__all__ = ["before", "behind"]

_GROUNDS: dict[str, tuple[Colour, Colour]] = {
    "sky": ((196, 217, 232), (226, 233, 234)),
    "foliage": ((150, 172, 130), (188, 202, 158)),
    "wood": ((166, 158, 136), (190, 188, 160)),
    "water": ((176, 200, 206), (146, 176, 188)),
    "meadow": ((206, 212, 186), (176, 186, 134)),
    "paper": ((236, 229, 210), (228, 219, 196)),
}
_BARK: tuple[Colour, ...] = ((112, 92, 76), (96, 84, 74), (134, 116, 96), (84, 72, 62))
_LEAF: tuple[Colour, ...] = ((104, 134, 72), (84, 118, 66), (132, 150, 84), (150, 146, 88))


def _pick(choices: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    """Choose a colour and vary it a little."""
    colour = np.array(choices[rng.integers(len(choices))]) + rng.normal(0, 8, 3)
    return tuple(np.clip(colour, 0, 255).astype(int).tolist())


def _leaf(canvas: Canvas, centre: np.ndarray, length: float, angle: float, colour: Colour) -> None:
    """Paint a pointed leaf with a midrib."""
    s = np.linspace(-1, 1, 7)
    width = 0.34 * (1 - s**2)
    outline = np.concatenate([np.stack([s, width], 1), np.stack([s[::-1], -width[::-1]], 1)]) * length / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    canvas.polygon(outline @ turn + centre, colour)
    rib = np.array([[-length / 2, 0], [length / 2, 0]]) @ turn + centre
    canvas.stroke(rib, 0.004, _scaled(colour, 0.82))


def _scaled(colour: Colour, factor: float) -> Colour:
    """Make a colour darker or lighter by a factor."""
    return tuple(min(255, int(c * factor)) for c in colour)  # type: ignore[return-value]


def behind(canvas: Canvas, posture: str, feet: np.ndarray, rng: np.random.Generator) -> None:
    """Paint the background and what the bird stands on; `feet` is (2, 2) in plate units."""
    kinds = {
        "wading": ("water", "water", "meadow", "paper"),
        "waddling": ("water", "water", "meadow", "paper"),
        "ground": ("meadow", "wood", "paper"),
    }.get(posture, ("sky", "foliage", "wood", "paper"))
    top, bottom = _GROUNDS[kinds[rng.integers(len(kinds))]]
    ramp = np.linspace(0, 1, 7)[:, None, None]
    base = np.array(top) * (1 - ramp) + np.array(bottom) * ramp
    sheet = base + rng.normal(0, rng.uniform(2, 12), (7, 7, 1)) + rng.normal(0, 2.5, (7, 7, 3))
    canvas.paper(np.clip(sheet, 0, 255).astype(np.uint8))
    for _ in range(rng.integers(0, 7)):
        tone = tuple(np.clip(np.array(bottom) + rng.normal(0, 12) + rng.normal(0, 3, 3), 0, 255).astype(int).tolist())
        if rng.random() < 0.5:
            canvas.ellipse(rng.uniform(0, 1, 2), (rng.uniform(0.03, 0.1),) * 2, 0.0, tone)
        else:
            _leaf(canvas, rng.uniform(0, 1, 2), rng.uniform(0.15, 0.4), rng.uniform(0, 3), tone)
    middle = feet.mean(0)
    if posture in ("perching", "upright"):
        _branch(canvas, middle + np.array([0, 0.012]), rng.uniform(-0.18, 0.18), rng)
    elif posture == "clinging":
        _trunk(canvas, feet, rng)
    else:
        _floor(canvas, middle[1], posture, rng)


def _branch(canvas: Canvas, through: np.ndarray, slope: float, rng: np.random.Generator) -> None:
    """Paint a leafy branch through the point (2,) under the feet."""
    colour, width = _pick(_BARK, rng), rng.uniform(0.03, 0.06)
    x = np.array([-0.1, 0.25, 0.6, 1.1])
    y = through[1] + slope * (x - through[0]) + rng.normal(0, 0.008, 4) + width / 2
    canvas.stroke(np.stack([x, y], 1), width, colour)
    canvas.stroke(np.stack([x, y - width * 0.25], 1), width * 0.25, _scaled(colour, 1.2))
    for _ in range(rng.integers(0, 6)):
        at = rng.uniform(0, 1)
        centre = np.array([at, through[1] + slope * (at - through[0]) + rng.uniform(-0.07, 0.12)])
        _leaf(canvas, centre, rng.uniform(0.08, 0.18), rng.uniform(0, 3), _pick(_LEAF, rng))


def _trunk(canvas: Canvas, feet: np.ndarray, rng: np.random.Generator) -> None:
    """Paint an upright trunk just behind the (2, 2) feet."""
    colour = _pick(_BARK, rng)
    right = feet[:, 0].mean() > 0.5
    edge = feet[:, 0].mean() + (-0.01 if right else 0.01)
    far = 1.3 if right else -0.3
    canvas.polygon(np.array([[edge, -0.1], [edge + rng.normal(0, 0.02), 1.1], [far, 1.1], [far, -0.1]]), colour)
    dark = _scaled(colour, 0.78)
    for _ in range(12):
        x, y = rng.uniform(min(edge, far), max(edge, far)), rng.uniform(0, 1)
        canvas.stroke(np.array([[x, y], [x + rng.normal(0, 0.01), y + rng.uniform(0.08, 0.25)]]), 0.012, dark)


def _floor(canvas: Canvas, level: float, posture: str, rng: np.random.Generator) -> None:
    """Paint ground or shallow water up to `level`, with grass or reeds behind it and ripples or pebbles on it."""
    dry = posture == "ground" or rng.random() < 0.4
    soil = ((158, 150, 112), (146, 152, 100), (176, 160, 124))
    colour = _pick(soil if dry else ((128, 160, 172), (120, 150, 150), (150, 176, 182)), rng)
    reach = rng.uniform(0.08, 0.2) if dry else rng.uniform(0.2, 0.6)
    side = rng.uniform(0, 1)
    for _ in range(rng.integers(4, 14)):
        x = rng.uniform(0, 1) if dry else side + rng.normal(0, 0.12)
        lean = rng.normal(0, 0.05)
        height = level - reach * rng.uniform(0.3, 1)
        blade = np.array([[x, level + 0.02], [x + lean * 0.4, (level + height) / 2], [x + lean, height]])
        canvas.stroke(blade, rng.uniform(0.006, 0.013), _pick(_LEAF, rng))
    x = np.linspace(-0.1, 1.1, 8)
    y = level - 0.015 + rng.normal(0, 0.006, 8)
    canvas.polygon(np.concatenate([np.stack([x, y], 1), [[1.1, 1.1], [-0.1, 1.1]]]), colour)
    canvas.polygon(np.array([[-0.1, level + 0.1], [1.1, level + 0.1], [1.1, 1.1], [-0.1, 1.1]]), _scaled(colour, 0.94))
    for _ in range(rng.integers(4, 10)):
        at = np.array([rng.uniform(0, 1), rng.uniform(level, 1.0)])
        tone = _scaled(colour, rng.uniform(0.84, 1.16))
        if dry:
            canvas.ellipse(at, (rng.uniform(0.008, 0.03), 0.007), 0.0, tone)
        else:
            canvas.stroke(at + np.array([[-0.08, 0], [0.08, 0]]) * rng.uniform(0.4, 1.4), 0.008, tone)


def before(canvas: Canvas, body: np.ndarray, rng: np.random.Generator) -> None:
    """Sometimes hide a little of the bird, whose middle line is (n, 2) plate points, behind leaves or a twig."""
    if rng.random() > 0.4:
        return
    if rng.random() < 0.3:
        start = body[rng.integers(len(body))] + rng.normal(0, 0.05, 2)
        reach = np.array([rng.normal(0, 0.3), 1.1])
        canvas.stroke(np.stack([start - reach, start + reach]), rng.uniform(0.008, 0.018), _pick(_BARK, rng))
    for _ in range(rng.integers(1, 4)):
        at = body[rng.integers(len(body))] + rng.uniform(0.1, 0.28) * np.array([rng.choice([-1, 1]), 1])
        _leaf(canvas, at, rng.uniform(0.1, 0.2), rng.uniform(0, 3), _pick(_LEAF, rng))
