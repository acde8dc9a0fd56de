"""How a bird is painted: pigments, light, and every part from tail to eye.

Owns the palette and the plumage; knows no prose, no species and no scenery.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook.bird_anatomy import BILLS, Pose, smooth_outline
from n3core.datasets.fieldbook.canvas import Canvas, Colour

__all__ = ["PALETTE", "BirdPainter"]

PALETTE: Mapping[str, Colour] = {
    "black": (34, 32, 37),
    "white": (243, 242, 238),
    "grey": (136, 142, 151),
    "brown": (120, 76, 46),
    "red": (200, 32, 36),
    "orange": (238, 128, 32),
    "yellow": (247, 214, 50),
    "green": (86, 142, 52),
    "blue": (42, 96, 192),
}


def _shade(colour: Colour, factor: float) -> Colour:
    """Darken (below 1) or lighten (above 1) a colour."""
    target = 0 if factor < 1 else 255
    weight = 1 - factor if factor < 1 else factor - 1
    return tuple(int(c + (target - c) * weight) for c in colour)  # type: ignore[return-value]


def _contrast(name: str) -> Colour:
    """Return the colour of marks that stand out from plumage called `name`: dark on light, light on dark."""
    return (40, 34, 34) if name in ("white", "yellow", "orange", "grey") else (243, 241, 233)


class BirdPainter:
    """Paints one individual with its own slightly varied colours, part by part from back to front."""

    def __init__(self, traits: Mapping[str, str], canvas: Canvas, rng: np.random.Generator) -> None:
        self.traits, self.canvas, self.rng = traits, canvas, rng
        self.pose = Pose(traits["posture"], traits["bill_shape"], traits["tail_shape"], rng)
        jitter = rng.normal(0, 5, (len(PALETTE), 3))
        varied = np.array(list(PALETTE.values())) * rng.uniform(0.93, 1.06, (len(PALETTE), 1)) + jitter
        tones = np.clip(varied, 8, 250).astype(int).tolist()
        self.tones: dict[str, Colour] = {name: tuple(tone) for name, tone in zip(PALETTE, tones, strict=True)}

    def paint(self) -> None:
        """Draw the bird from its far side to its near side."""
        self.paint_tail()
        self.paint_legs()
        self.paint_body()
        self.paint_markings()
        self.paint_wing()
        self.paint_crest()
        self.paint_head()
        self.paint_bill()
        self.paint_eye()

    def colour(self, part: str) -> Colour:
        """Return this individual's colour of `part`, such as "crown"."""
        return self.tones[self.traits[f"{part}_colour"]]

    def edge(self, part: str) -> Colour:
        """Return the colour of feather edges on `part`: darker than the part, on black a little lighter."""
        return _shade(self.colour(part), 1.22 if self.traits[f"{part}_colour"] == "black" else 0.68)

    def fill(self, points: np.ndarray, colour: Colour, part: str) -> None:
        """Fill a polygon of anatomical points."""
        self.canvas.polygon(self.pose.to_plate(points), colour, part)

    def line(self, points: np.ndarray, width: float, colour: Colour, part: str) -> None:
        """Stroke a line through anatomical points."""
        self.canvas.stroke(self.pose.to_plate(points), width * self.pose.scale, colour, part)

    def patch(
        self, t: tuple[float, float], f: tuple[float, float], colour: Colour, part: str, bulge: float = 0
    ) -> None:
        """Fill the body between `t` and `f` limits; `bulge` bends the far edge along the axis."""
        along, across = np.linspace(*t, 12), np.linspace(f[0], f[1], 6)
        bend = t[1] + bulge * (1 - np.linspace(-1, 1, 6) ** 2)
        body = self.pose.body
        self.fill(np.concatenate([body(along, f[0]), body(bend, across), body(along[::-1], f[1])]), colour, part)

    def paint_tail(self) -> None:
        """Draw the tail and its feather shafts."""
        outline, colour = self.pose.tail(), self.colour("tail")
        self.fill(outline if self.pose.tail_shape == "forked" else smooth_outline(outline, 3), colour, "tail")
        base, tips = outline[[0, -1]].mean(0), outline[1:-1]
        for tip in tips:
            self.line(np.stack([base, base + 0.9 * (tip - base)]), 0.006, self.edge("tail"), "tail")

    def paint_legs(self) -> None:
        """Draw legs and toes, with webs between the toes of waddling birds."""
        colour, clinging = self.colour("leg"), self.pose.posture == "clinging"
        for index, foot in enumerate(self.pose.feet):
            hip = self.pose.body(self.pose.build.hip - 0.06 * index, -0.75)[0]
            knee = (hip + foot) / 2 - np.array([0.0 if clinging else 0.025, 0.0])
            tone = _shade(colour, 0.8) if index == 0 else colour
            self.line(np.stack([hip, knee, foot]), 0.026, tone, "leg")
            toward = np.array([-0.5, 0.0, 0.5, 3.1]) + (1.5 if clinging else 0.15)
            toes = np.stack([np.cos(toward), 0.45 * np.sin(toward) + (0.45 if clinging else 0.1)], 1)
            for toe in foot + 0.065 * toes:
                self.line(np.stack([foot, toe]), 0.018, tone, "leg")
            if self.pose.posture == "waddling":
                web = np.array([[-0.01, 0.0], [0.075, -0.005], [0.07, 0.03], [0.03, 0.035]])
                self.fill(foot + web, tone, "leg")

    def paint_body(self) -> None:
        """Draw back, belly and breast with light from above."""
        back, breast, belly = self.colour("back"), self.colour("breast"), self.colour("belly")
        split = self.pose.build.breast
        self.patch((0.0, 1.0), (-0.2, 1.0), back, "back")
        self.patch((0.12, 0.95), (0.72, 1.0), _shade(back, 1.08), "back")
        self.patch((0.14, 0.95), (0.88, 1.0), _shade(back, 1.17), "back")
        self.patch((split - 0.02, 1.0), (-1.0, 0.12), belly, "belly")
        self.patch((split, 0.98), (-1.0, -0.66), _shade(belly, 0.92), "belly")
        self.patch((split, 0.96), (-1.0, -0.84), _shade(belly, 0.83), "belly")
        self.patch((0.05, split), (-1.0, 0.28), breast, "breast", bulge=0.07)
        self.patch((0.1, split + 0.015), (-1.0, -0.72), _shade(breast, 0.93), "breast")
        self.patch((0.1, split + 0.005), (-1.0, -0.87), _shade(breast, 0.85), "breast")

    def paint_markings(self) -> None:
        """Draw streaks, spots or bars over breast and belly."""
        kind, split = self.traits["markings"], self.pose.build.breast
        if kind == "plain":
            return
        for row, t in enumerate(np.arange(max(0.18, self.pose.build.shoulder - 0.2), 0.93, 0.075)):
            part = "breast" if t < split + 0.03 else "belly"
            colour = _contrast(self.traits[f"{part}_colour"])
            if kind == "barred":
                f = np.linspace(-0.97, 0.0 if t > split else 0.2, 6)
                self.line(self.pose.body(t + 0.025 * np.cos(f * 2), f), 0.019, colour, part)
                continue
            for f in np.arange(-0.78, 0.1, 0.30) + (0.15 if row % 2 else 0):
                at = t + self.rng.uniform(-0.012, 0.012)
                across = f + self.rng.uniform(-0.05, 0.05)
                if kind == "streaked":
                    self.line(self.pose.body(np.array([at - 0.032, at + 0.032]), across), 0.016, colour, part)
                else:
                    centre = self.pose.to_plate(self.pose.body(at, across))[0]
                    self.canvas.ellipse(centre, (0.0155 * self.pose.scale,) * 2, 0, colour, part)

    def paint_wing(self) -> None:
        """Draw the folded wing: coverts as rows of scallops, long flight feathers, and the wing-bars."""
        colour, edge, wing = self.colour("wing"), self.edge("wing"), self.pose.wing
        s = np.linspace(0, 1, 14)
        outline = np.concatenate([wing(s, 1.0), wing(s[::-1], -1.0)])
        self.fill(outline, colour, "wing")
        self.fill(np.concatenate([wing(s[:-2], 0.95), wing(s[:-2][::-1], 0.55)]), _shade(colour, 1.1), "wing")
        self.line(np.concatenate([outline, outline[:1]]), 0.009, edge, "wing")
        for g in (-0.6, -0.25, 0.1, 0.45):
            self.line(wing(np.linspace(0.58, 0.97, 5), g), 0.008, edge, "wing")
        soft = _shade(colour, 1.14 if self.traits["wing_colour"] == "black" else 0.84)
        for middle, rows in ((0.2, 4), (0.36, 5), (0.5, 5)):
            g = np.linspace(-0.85, 0.85, 4 * rows + 1)
            scallop = middle + 0.035 * np.abs(np.sin(np.linspace(0, rows * np.pi, 4 * rows + 1)))
            self.line(wing(scallop, g), 0.007, soft, "wing")
        g = np.linspace(-0.96, 0.9, 6)
        for middle in {"none": (), "one": (0.36,), "two": (0.24, 0.47)}[self.traits["wing_bars"]]:
            bar = wing(middle + 0.05 * np.cos(g * 1.3), g)
            self.line(bar, 0.034, _contrast(self.traits["wing_colour"]), "wing")

    def paint_crest(self) -> None:
        """Draw the crest in the colour of the crown."""
        kind = self.traits["crest"]
        if kind == "tuft":
            points = ((0.5, 0.75), (0.15, 1.35), (-0.35, 1.95), (-0.45, 1.3), (-0.8, 1.3), (-0.85, 0.5))
        elif kind == "plume":
            points = ((0.3, 0.85), (-0.5, 1.15), (-1.4, 1.15), (-2.3, 0.75), (-1.4, 0.72), (-1.9, 0.3), (-0.85, 0.2))
        else:
            return
        self.fill(self.pose.head(np.array(points)), self.colour("crown"), "crest")

    def paint_head(self) -> None:
        """Draw face, crown and the pattern of the face."""
        head, turn = self.pose.head, np.linspace(0, 2 * np.pi, 28, endpoint=False)
        self.fill(head(np.stack([np.cos(turn), np.sin(turn)], 1)), self.colour("face"), "face")
        shadow = np.concatenate([turn[15:23], turn[15:23][::-1]])
        depth = np.repeat([1.0, 0.86], 8)
        self.fill(
            head(np.stack([np.cos(shadow), np.sin(shadow)], 1) * depth[:, None]),
            _shade(self.colour("face"), 0.88),
            "face",
        )
        cap = np.linspace(0.12, 3.3, 14)
        brim = np.array([[-0.55, 0.18], [0.1, 0.42], [0.55, 0.36]])
        self.fill(
            head(np.concatenate([1.03 * np.stack([np.cos(cap), np.sin(cap)], 1), brim])), self.colour("crown"), "crown"
        )
        pattern = self.traits["face_pattern"]
        if pattern != "plain":
            y = 0.06 if pattern == "eyestripe" else 0.46
            stripe = np.array([[0.9, y - 0.1], [0.4, y], [-0.3, y - 0.04], [-0.95, y - 0.26]])
            self.line(head(stripe), 0.03, _contrast(self.traits["face_colour"]), "face")

    def paint_bill(self) -> None:
        """Draw the bill, its lit ridge and its gape."""
        bill, shape = self.colour("bill"), np.array(BILLS[self.traits["bill_shape"]])
        self.fill(self.pose.head(smooth_outline(shape, 2), beak=True), bill, "bill")
        tip = shape[len(shape) // 2 - 1 : len(shape) // 2 + 1].mean(0)
        gape = np.stack([shape[[0, -1]].mean(0), tip])
        self.line(self.pose.head(gape, beak=True), 0.006, _shade(bill, 0.6), "bill")

    def paint_eye(self) -> None:
        """Draw the eye with its ring and its glint."""
        centre, ring = self.pose.to_plate(self.pose.head(np.array([[0.36, 0.12]])))[0], self.traits["eye_ring"]
        radius = max(self.pose.build.head, 0.09) * self.pose.scale
        rims: list[tuple[float, Colour]] = [(0.19, (16, 12, 14)), (0.06, (250, 250, 250))]
        if ring != "none":
            rims = [(0.4, (52, 46, 44)), (0.36, self.tones[ring]), *rims]
        elif self.traits["face_colour"] == "black":
            rims = [(0.23, (120, 84, 60)), *rims]
        for size, colour in rims:
            glint = radius * (0.07 if size < 0.1 else 0)
            self.canvas.ellipse(centre - glint, (radius * size,) * 2, 0, colour, "eye")
