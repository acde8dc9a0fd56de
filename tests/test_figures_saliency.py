"""Heat maps say what the values say: order, sign, opacity and scale; bars and sheets name what they show."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from n3core.figures.export import to_png
from n3core.figures.saliency import (
    COLOUR_MAPS,
    SIGNED_MAP,
    Look,
    colour_bar,
    draw_sheet,
    outline_of,
    overlay,
    share_bars,
)
from n3core.results.saliency import RegionShares

SEQUENTIAL = [name for name in COLOUR_MAPS if name != SIGNED_MAP]


def ramp(size: int = 16) -> np.ndarray:
    """Values that rise from 0 to 1 from left to right."""
    return np.tile(np.linspace(0, 1, size, dtype=np.float32), (size, 1))


def brightness(pixels: np.ndarray) -> np.ndarray:
    return pixels[8].astype(float) @ [0.2126, 0.7152, 0.0722]


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("colour_map", SEQUENTIAL)
def test_brightness_rises_with_saliency(colour_map: str) -> None:
    drawn = overlay(noise(16), ramp(), 1.0, Look(colour_map, 1.0))
    assert drawn.shape == (16, 16, 3) and drawn.dtype == np.uint8
    assert (np.diff(brightness(drawn)) > 0).all()


def test_opacity_leads_from_the_grey_picture_to_the_heat_map() -> None:
    picture = noise(16)
    nothing = overlay(picture, ramp(), 1.0, Look("magma", 0.0))
    assert (nothing == np.asarray(Image.fromarray(picture).convert("L"))[..., None]).all()
    whole = overlay(picture, ramp(), 1.0, Look("magma", 1.0))
    assert np.array_equal(whole, overlay(noise(16)[::-1].copy(), ramp(), 1.0, Look("magma", 1.0)))
    half = overlay(picture, ramp(), 1.0, Look("magma", 0.5)).astype(int)
    assert np.abs(2 * half - nothing.astype(int) - whole.astype(int)).max() <= 3


def test_the_limit_scales_and_clips() -> None:
    picture, look = noise(16), Look("viridis", 1.0)
    assert np.array_equal(overlay(picture, ramp(), 1.0, look), overlay(picture, 3 * ramp(), 3.0, look))
    clipped = overlay(picture, ramp(), 0.5, look)
    assert (clipped[:, 8:] == clipped[0, -1]).all()
    dark = overlay(picture, np.zeros((4, 4)), 0.0, look)
    assert (dark == overlay(picture, ramp(), 1.0, look)[0, 0]).all()


def test_signed_colours_tell_for_from_against_around_a_neutral_middle() -> None:
    drawn = overlay(noise(17), 2 * ramp(17) - 1, 1.0, Look(SIGNED_MAP, 1.0))[8].astype(int)
    against, neutral, in_favour = drawn[2], drawn[8], drawn[-3]
    assert against[0] > against[2] and in_favour[2] > in_favour[1]
    assert neutral.min() > 235


def test_maps_are_enlarged_to_the_picture_and_stay_in_place() -> None:
    values = np.zeros((8, 8), np.float32)
    values[1, 6] = 1
    drawn = overlay(np.zeros((64, 64, 3), np.uint8), values, 1.0, Look("greys", 1.0))
    row, column = np.unravel_index(drawn[..., 0].argmax(), (64, 64))
    assert drawn.shape == (64, 64, 3) and 8 <= row < 16 and 48 <= column < 56


def test_the_outline_is_the_rim_of_the_object() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 3
    rim = outline_of(mask, 8)
    assert rim.sum() == 12 and not rim[3:5, 3:5].any() and rim[2, 2:6].all()
    drawn = overlay(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)), 1.0, Look(), outline=rim)
    assert (drawn[rim] == 255).all() and not (drawn[~rim] == 255).all(axis=1).any()
    assert not outline_of(np.zeros((8, 8), np.uint8), 32).any()


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
def test_the_colour_bar_has_a_title_a_unit_and_the_colours_of_the_maps(colour_map: str) -> None:
    bar = colour_bar("nats", Look(colour_map), 0.25)
    assert bar.layout.title.text and bar.layout.xaxis.title.text == "nats"
    assert bar.layout.xaxis.range == ((-0.25 if colour_map == SIGNED_MAP else 0.0), 0.25)
    most = overlay(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2)), 1.0, Look(colour_map, 1.0))[0, 0]
    assert bar.data[0].colorscale[-1][1] == "rgb({},{},{})".format(*most)
    each = colour_bar("nats", Look(colour_map), None)
    assert "percentile" in each.layout.xaxis.title.text and each.layout.xaxis.range[1] == 100
    assert colour_bar("nats", Look(colour_map), 0.0).layout.xaxis.title.text == "nats"


def shares(*saliency: float) -> RegionShares:
    return RegionShares(
        ("object", "<b>petal</b>", "stem", "background"), np.array([saliency]), np.array([[0.4, 0.4, 0.0, 0.6]])
    )


def test_bars_are_share_over_area_and_leave_out_what_is_not_seen() -> None:
    figure = share_bars(shares(0.8, 0.8, np.nan, 0.2), shares(0.4, 0.4, np.nan, 0.6), images=5)
    whole, last = figure.data
    np.testing.assert_allclose(whole.x, [2, 2, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(last.x, [1, 1, 1], rtol=1e-6)
    assert len(whole.y) == 3 and "<" not in "".join(whole.y)
    assert "5 pictures" in figure.layout.title.text and "times" in figure.layout.xaxis.title.text
    assert "this picture" in share_bars(shares(1, 1, 0, 0), shares(1, 1, 0, 0), images=1).layout.title.text
    empty = share_bars(shares(*[np.nan] * 4), shares(0.4, 0.4, 0, 0.6), images=1)
    assert list(empty.data[0].x) == [None, None, None]


@pytest.mark.parametrize("limit", [None, 0.5, 0.0])
def test_the_sheet_has_a_row_for_every_picture(limit: float | None) -> None:
    row = (noise(32), noise(32), noise(32))

    def height(count: int) -> int:
        draw = draw_sheet(
            [row] * count,
            ("picture", "$x_", "c"),
            ["<script>$x_"] * count,
            title="Saliency $y_",
            unit="nats",
            look=Look(SIGNED_MAP),
            limit=limit,
        )
        return Image.open(io.BytesIO(to_png(draw, dots=40))).height

    assert height(3) > height(1) + 150
