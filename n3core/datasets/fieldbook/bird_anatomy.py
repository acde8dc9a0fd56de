"""The shapes of birds: bodies, bills and tails, and where each feather lies on the plate.

Owns anatomy and pose; knows no colour. A body is a curved axis from head to tail with a thickness, so that every
feather sits at (t, f): `t` along the axis from head 0 to tail 1, `f` across it from belly line -1 to back line 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["BILLS", "Pose", "smooth_outline"]


@dataclass(frozen=True)
class _Build:
    """Anatomy of one posture: axis points, half thickness at them, head, wing root, breast edge, and the feet."""

    axis: tuple[tuple[float, float], ...]
    thickness: tuple[float, ...]
    head: float
    shoulder: float
    breast: float
    hip: float
    feet: tuple[tuple[float, float], tuple[float, float]]


_BUILDS: Mapping[str, _Build] = {
    "perching": _Build(
        ((0.70, 0.27), (0.66, 0.38), (0.56, 0.50), (0.41, 0.60), (0.27, 0.67)),
        (0.085, 0.125, 0.165, 0.135, 0.045),
        0.105,
        0.36,
        0.55,
        0.68,
        ((0.47, 0.81), (0.54, 0.81)),
    ),
    "upright": _Build(
        ((0.60, 0.18), (0.58, 0.30), (0.535, 0.45), (0.47, 0.61), (0.41, 0.73)),
        (0.085, 0.115, 0.15, 0.12, 0.045),
        0.105,
        0.34,
        0.55,
        0.74,
        ((0.50, 0.80), (0.56, 0.80)),
    ),
    "wading": _Build(
        ((0.70, 0.15), (0.635, 0.24), (0.665, 0.35), (0.585, 0.46), (0.42, 0.51), (0.26, 0.56)),
        (0.05, 0.045, 0.065, 0.13, 0.125, 0.04),
        0.078,
        0.48,
        0.66,
        0.72,
        ((0.41, 0.98), (0.50, 0.98)),
    ),
    "waddling": _Build(
        ((0.74, 0.24), (0.70, 0.35), (0.655, 0.46), (0.48, 0.57), (0.24, 0.58)),
        (0.065, 0.06, 0.12, 0.165, 0.05),
        0.092,
        0.48,
        0.62,
        0.74,
        ((0.43, 0.83), (0.53, 0.83)),
    ),
    "clinging": _Build(
        ((0.50, 0.20), (0.465, 0.31), (0.42, 0.46), (0.42, 0.62), (0.46, 0.73)),
        (0.08, 0.10, 0.135, 0.115, 0.04),
        0.10,
        0.34,
        0.55,
        0.66,
        ((0.64, 0.52), (0.64, 0.64)),
    ),
    "ground": _Build(
        ((0.68, 0.32), (0.635, 0.42), (0.51, 0.53), (0.36, 0.58), (0.22, 0.57)),
        (0.075, 0.135, 0.205, 0.175, 0.05),
        0.092,
        0.34,
        0.52,
        0.64,
        ((0.44, 0.86), (0.52, 0.86)),
    ),
}

BILLS: Mapping[str, Sequence[tuple[float, float]]] = {
    "conical": ((0.75, 0.42), (1.25, 0.26), (1.75, -0.12), (1.25, -0.40), (0.70, -0.45)),
    "slender": ((0.80, 0.17), (1.4, 0.10), (1.95, -0.02), (1.4, -0.11), (0.80, -0.16)),
    "hooked": ((0.72, 0.36), (1.25, 0.38), (1.66, 0.10), (1.70, -0.50), (1.44, -0.20), (1.15, -0.30), (0.72, -0.36)),
    "dagger": ((0.78, 0.26), (1.8, 0.17), (3.0, -0.04), (1.8, -0.17), (0.78, -0.24)),
    "decurved": ((0.78, 0.24), (1.6, 0.20), (2.3, -0.10), (2.9, -0.80), (2.15, -0.36), (1.5, -0.12), (0.78, -0.18)),
    "flat": ((0.70, 0.42), (1.25, 0.14), (1.95, 0.10), (2.30, -0.02), (2.25, -0.22), (1.4, -0.30), (0.70, -0.36)),
}
_TAILS: Mapping[str, Sequence[tuple[float, float]]] = {
    "short": ((0, 0.045), (0.13, 0.04), (0.14, -0.04), (0, -0.045)),
    "long": ((0, 0.045), (0.20, 0.04), (0.36, 0.022), (0.38, 0.0), (0.36, -0.025), (0.20, -0.04), (0, -0.045)),
    "forked": ((0, 0.045), (0.14, 0.055), (0.32, 0.11), (0.17, 0.0), (0.32, -0.11), (0.14, -0.055), (0, -0.045)),
    "fan": ((0, 0.045), (0.16, 0.11), (0.21, 0.085), (0.235, 0.0), (0.21, -0.085), (0.16, -0.11), (0, -0.045)),
}


def _spline(points: np.ndarray, steps: int, closed: bool) -> np.ndarray:
    """Pass a Catmull-Rom curve through (n, d) points; returns (n * steps, d) or, if open, ((n - 1) * steps + 1, d)."""
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    u = (np.arange(steps) / steps)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    curve = curve.reshape(-1, points.shape[1])
    return curve if closed else np.concatenate([curve, points[-1:]])


def smooth_outline(points: np.ndarray, steps: int) -> np.ndarray:
    """Round an (n, 2) polygon with `steps` curve points a corner; returns (n * steps, 2)."""
    return _spline(np.asarray(points, float), steps, closed=True)


def _axis(build: _Build) -> np.ndarray:
    """Sample the axis of a build: (m, 5) rows of x, y, the unit normal towards the back, and the half thickness."""
    knots = np.concatenate([np.array(build.axis), np.array(build.thickness)[:, None]], 1)
    curve = _spline(knots, 8, closed=False)
    along = np.gradient(curve[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.column_stack([curve[:, :2], -along[:, 1], along[:, 0], curve[:, 2]])


_AXES = {posture: _axis(build) for posture, build in _BUILDS.items()}


class Pose:
    """One individual's posture and its place on the plate.

    Args:
        posture: a value of the attribute `posture`.
        bill_shape: a value of the attribute `bill_shape`.
        tail_shape: a value of the attribute `tail_shape`.
        rng: decides plumpness, nod, mirror, tilt, scale and position; the whole bird fits the plate.
    """

    def __init__(self, posture: str, bill_shape: str, tail_shape: str, rng: np.random.Generator) -> None:
        self.posture, self.tail_shape = posture, tail_shape
        self.build, self._body_axis = _BUILDS[posture], _AXES[posture]
        self._plump = rng.uniform(0.92, 1.1)
        self._nod = rng.uniform(-0.22, 0.2)
        self.feet = np.array(self.build.feet)
        self._place(np.array(BILLS[bill_shape]), rng)

    def _place(self, bill: np.ndarray, rng: np.random.Generator) -> None:
        """Choose mirror, tilt, scale and position so that the whole bird fills most of the plate."""
        t = np.linspace(0, 1, 9)
        crest = self.head(np.array([[-0.35, 1.6], [-1.0, 0.0]]))
        corners = [self.tail(), self.head(bill, beak=True), crest, self.body(t, 1), self.body(t, -1), self.feet]
        tilt = rng.uniform(-0.1, 0.1)
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        turned = np.concatenate(corners) @ turn
        low, high = turned.min(0), turned.max(0)
        self.scale = rng.uniform(0.82, 0.98) / max(high - low)
        slack = 1 - self.scale * (high - low)
        self._linear = turn * self.scale
        self._offset = slack * rng.uniform(0.15, 0.85, 2) - low * self.scale
        self._mirror = rng.random() < 0.5

    def to_plate(self, points: np.ndarray) -> np.ndarray:
        """Move (n, 2) anatomical points onto the plate."""
        placed = np.asarray(points) @ self._linear + self._offset
        if self._mirror:
            placed[:, 0] = 1 - placed[:, 0]
        return placed

    def body(self, t: np.ndarray | float, f: np.ndarray | float) -> np.ndarray:
        """Return the (n, 2) anatomical points at body coordinates (t, f)."""
        t, f = np.broadcast_arrays(np.atleast_1d(np.asarray(t, float)), np.asarray(f, float))
        grid = np.linspace(0, 1, len(self._body_axis))
        x, y, nx, ny, thick = (np.interp(t, grid, column) for column in self._body_axis.T)
        return np.stack([x + nx * thick * f * self._plump, y + ny * thick * f * self._plump], 1)

    def head(self, points: np.ndarray, beak: bool = False) -> np.ndarray:
        """Return anatomical points from head coordinates: radius 1, x towards the bill, y up."""
        radius = self.build.head
        cos, sin = np.cos(self._nod), np.sin(self._nod)
        x, y = points[:, 0], points[:, 1]
        if beak:
            grow = max(radius, 0.095) / radius
            x, y = 0.75 + (x - 0.75) * grow, y * min(grow, 1.1)
        return np.array(self.build.axis[0]) + radius * np.stack([x * cos + y * sin, x * sin - y * cos], 1)

    def tail(self) -> np.ndarray:
        """Return the tail polygon in anatomical points."""
        base, before = self.body(0.97, 0)[0], self.body(0.85, 0)[0]
        along = (base - before) / np.linalg.norm(base - before)
        across = np.array([-along[1], along[0]])
        shape = np.array(_TAILS[self.tail_shape])
        return base + shape[:, :1] * along + shape[:, 1:] * across

    def wing(self, s: np.ndarray, g: np.ndarray | float) -> np.ndarray:
        """Return anatomical points at wing coordinates: `s` from shoulder 0 to tip 1, `g` from lower -1 to upper 1."""
        s, g = np.broadcast_arrays(np.asarray(s, float), np.asarray(g, float))
        upper = np.interp(s, [0, 0.12, 0.5, 0.85, 1], [0.25, 0.62, 0.78, 0.85, 0.6])
        lower = np.interp(s, [0, 0.12, 0.35, 0.6, 0.85, 1], [0.05, -0.32, -0.5, -0.35, 0.1, 0.5])
        return self.body(self.build.shoulder + s * (1.0 - self.build.shoulder), lower + (upper - lower) * (g + 1) / 2)
