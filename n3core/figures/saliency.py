"""Saliency as pictures: heat maps laid over images, their colour bar, the shares of the parts, and one sheet to export.

Owns colours and blending. Knows saliency results and pixels; no network, no dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly import colors

from n3core.figures.style import BEFORE, NOW, axis_label
from n3core.results.saliency import RegionShares

if TYPE_CHECKING:  # matplotlib loads with the first sheet
    from matplotlib.figure import Figure

__all__ = ["COLOUR_MAPS", "SIGNED_MAP", "Look", "colour_bar", "draw_sheet", "outline_of", "overlay", "share_bars"]

SIGNED_MAP = "signed"
# All read well with any kind of colour vision and, the last aside, in black and white: brightness rises with the value.
_MAPS: dict[str, tuple[str, list[str]]] = {
    "viridis": ("Viridis", colors.sequential.Viridis),
    "cividis": ("Cividis", colors.sequential.Cividis),
    "magma": ("Magma", colors.sequential.Magma),
    "greys": ("Greys", ["#000000", "#ffffff"]),
    SIGNED_MAP: ("Against (orange) or for (purple)", colors.diverging.PuOr),
}
COLOUR_MAPS: Mapping[str, str] = MappingProxyType({name: title for name, (title, _) in _MAPS.items()})
_STEPS = 256
_OUTLINE = (255, 255, 255)


@dataclass(frozen=True)
class Look:
    """How a heat map is drawn.

    colour_map: a key of COLOUR_MAPS; the signed one shows opposition and support, the others strength.
    opacity: of the heat map, 0 to 1; the picture beneath is grey, so that all colour is saliency.
    """

    colour_map: str = "viridis"
    opacity: float = 0.6


@cache
def _palette(colour_map: str) -> np.ndarray:
    """The colours from the lowest to the highest value, (256, 3) in 0 to 255."""
    stops = np.array(colors.convert_colors_to_same_type(_MAPS[colour_map][1], "tuple")[0]) * 255
    places = np.linspace(0, 1, len(stops))
    steps = np.linspace(0, 1, _STEPS)
    return np.stack([np.interp(steps, places, stops[:, channel]) for channel in range(3)], axis=1)


def overlay(
    picture: np.ndarray,
    values: np.ndarray,
    limit: float,
    look: Look,
    *,
    outline: np.ndarray | None = None,
) -> np.ndarray:
    """Lay a heat map over a picture.

    Args:
        picture: (P, P, 3) uint8, at any size.
        values: (S, S), magnitudes or, for the signed colour map, signed values; enlarged smoothly.
        limit: the value at which the colours end; 0 for a map of zeros.
        look: colours and opacity.
        outline: (P, P) bool, pixels to paint white, such as the rim of the object.

    Returns:
        (P, P, 3) uint8.
    """
    height, width = picture.shape[:2]
    heat = Image.fromarray(np.asarray(values, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    place = np.asarray(heat) / limit if limit > 0 else np.zeros((height, width))
    if look.colour_map == SIGNED_MAP:
        place = (place + 1) / 2
    palette = _palette(look.colour_map)
    coloured = palette[(np.clip(place, 0, 1) * (_STEPS - 1)).round().astype(int)]
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float64)[..., None]
    mixed = look.opacity * coloured + (1 - look.opacity) * grey
    if outline is not None:
        mixed[outline] = _OUTLINE
    return mixed.round().astype(np.uint8)


def outline_of(mask: np.ndarray, size: int) -> np.ndarray:
    """The rim of the object of a part mask.

    Args:
        mask: (S, S) integers, 0 is background.
        size: side P of the picture to draw it on.

    Returns:
        (P, P) bool: the object's pixels that touch the background.
    """
    enlarged = Image.fromarray((mask > 0).astype(np.uint8) * 255).resize((size, size), Image.Resampling.BICUBIC)
    inside = np.asarray(enlarged) > 127
    padded = np.pad(inside, 1, mode="edge")
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def colour_bar(unit: str, look: Look, limit: float | None) -> go.Figure:
    """Draw what the colours of the heat maps mean.

    Args:
        unit: what a value is.
        look: the colours.
        limit: where the colours end, in `unit`; None where every map has a limit of its own.

    Returns:
        A flat horizontal bar with its scale.
    """
    signed = look.colour_map == SIGNED_MAP
    most = 100.0 if limit is None else limit
    places = np.linspace(-most if signed else 0, most, _STEPS)
    scale = [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in _palette(look.colour_map)]
    figure = go.Figure(go.Heatmap(z=[places], x=places, y=[""], colorscale=scale, showscale=False, hoverinfo="x"))
    what = "Against or for the class" if signed else "Saliency"
    title = _scale_title(unit, limit).replace(" (%", "<br>(%")  # one line is too long for a narrow screen
    lines = 1 + title.count("<br>")
    figure.update_layout(
        title={"text": what, "x": 0, "xanchor": "left", "font": {"size": 14}},
        xaxis={
            "title": {"text": title, "standoff": 4, "font": {"size": 13}},
            "range": [float(places[0]), float(places[-1])] if most > 0 else None,
            "fixedrange": True,
            "nticks": 6,
            "exponentformat": "power",
        },
        yaxis={"visible": False, "fixedrange": True},
        height=96 + 16 * lines,
        margin={"l": 12, "r": 24, "t": 28, "b": 30 + 16 * lines},
    )
    return figure


def share_bars(whole: RegionShares, last: RegionShares, *, images: int) -> go.Figure:
    """Compare how strongly two networks look at each region, beyond what its size explains.

    Args:
        whole: shares of the fully adapted network, one row.
        last: the same for the network of which only the last layer is generated.
        images: number of images that the shares are a mean of.

    Returns:
        Horizontal bars of the concentration, in times, with a line at 1; regions that no image shows are left out.
    """
    shown = [index for index, area in enumerate(whole.area[0]) if area > 0]
    labels = [axis_label(whole.names[index]) for index in shown]
    figure = go.Figure()
    styles = {
        "every layer adapted": {"color": NOW},
        "only the last layer": {"color": BEFORE, "pattern": {"shape": "/", "size": 5}},
    }
    for (name, marker), shares in zip(styles.items(), (whole, last), strict=True):
        values = [None if np.isnan(value) else float(value) for value in shares.concentration[0, shown]]
        details = 100 * np.stack([shares.saliency[0, shown], shares.area[0, shown]], axis=1)
        figure.add_bar(
            x=values,
            y=labels,
            orientation="h",
            name=name,
            marker=marker,
            customdata=details,
            hovertemplate="%{y}: %{customdata[0]:.1f} % of the saliency on %{customdata[1]:.1f} % of the area, "
            "%{x:.2f} times<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=1, line={"width": 1, "dash": "dot", "color": "grey"})
    over = "this picture" if images == 1 else f"{images} pictures"
    figure.update_layout(
        title={"text": f"Saliency per area, {over}", "x": 0, "xanchor": "left", "font": {"size": 15}},
        xaxis={
            "title": {"text": "Share of saliency / share of area (times)"},
            "rangemode": "tozero",
            "fixedrange": True,
        },
        yaxis={"autorange": "reversed", "fixedrange": True, "type": "category"},
        height=130 + 40 * len(shown),
        margin={"l": 8, "r": 8, "t": 64, "b": 8},
        barmode="group",
        bargap=0.3,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )
    return figure


def draw_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    columns: Sequence[str],
    labels: Sequence[str],
    *,
    title: str,
    unit: str,
    look: Look,
    limit: float | None,
) -> Callable[[], Figure]:
    """Draw pictures and their heat maps side by side, as in the paper's figure 4, for `n3core.figures.export`.

    Args:
        rows: per image, one (P, P, 3) uint8 picture for each column.
        columns: headings.
        labels: a line for each image.
        title: of the sheet.
        unit: what a value is.
        look: the colours of the heat maps.
        limit: where the colours end; None where every map has a limit of its own.

    Returns:
        What makes the figure, one image per row, a colour bar below.
    """

    def draw() -> Figure:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap, Normalize
        from matplotlib.figure import Figure

        most = 100.0 if limit is None else limit or 1.0
        height = 2.3 * len(rows) + 1.2
        figure = Figure(figsize=(2.3 * len(columns) + 0.4, height), layout="compressed")
        figure.suptitle(title, parse_math=False)
        grid = figure.subplots(len(rows), len(columns), squeeze=False)
        for axes_row, pictures, label in zip(grid, rows, labels, strict=True):
            for axes, picture in zip(axes_row, pictures, strict=True):
                axes.imshow(picture)
                axes.set_xticks([])
                axes.set_yticks([])
            axes_row[0].set_ylabel(label, parse_math=False)
        for axes, heading in zip(grid[0], columns, strict=True):
            axes.set_title(heading, fontsize=9, loc="center", parse_math=False)
        low = -most if look.colour_map == SIGNED_MAP else 0.0
        scale = ScalarMappable(Normalize(low, most), ListedColormap(_palette(look.colour_map) / 255))
        bar = figure.colorbar(scale, ax=grid, orientation="horizontal", fraction=0.25 / height, pad=0.02, aspect=40)
        bar.set_label(_scale_title(unit, limit), parse_math=False)
        return figure

    return draw


def _scale_title(unit: str, limit: float | None) -> str:
    return f"{unit} (% of each map's 99th percentile)" if limit is None else unit
