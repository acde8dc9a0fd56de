"""How much saliency falls on the object and its parts, beside the area that they cover: one line, a table, bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from n3core.figures.saliency import share_bars
from n3core.results.saliency import RegionShares, SaliencyMaps

__all__ = ["show"]


def show(whole: SaliencyMaps, last: SaliencyMaps, masks: Sequence[np.ndarray], parts: tuple[str, ...]) -> None:
    """Show the shares, as means over the pictures.

    Args:
        whole: maps of the fully adapted network.
        last: maps of the network of which only the last layer is generated.
        masks: a part mask (S, S) for each map.
        parts: names of the parts.
    """
    stacked = np.stack(masks)
    ours, theirs = whole.shares(stacked, parts).mean, last.shares(stacked, parts).mean
    st.subheader("On the object and its parts", anchor=False)
    st.markdown(_in_words(ours, theirs))
    table, bars = st.columns([6, 5], gap="large")
    with table:
        _show_table(ours, theirs)
        over = "" if len(whole) == 1 else " Means over the pictures that show a part."
        st.caption(f"The masks are those that the plates were drawn with.{over}")
    with bars:
        st.plotly_chart(
            share_bars(ours, theirs, images=len(whole)),
            key="saliency_shares",
            config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
            alt="Bars of the share of saliency over the share of area for every part and both networks; "
            + _in_words(ours, theirs),
        )


def _in_words(ours: RegionShares, theirs: RegionShares) -> str:
    share, other, area = ours.saliency[0, 0], theirs.saliency[0, 0], ours.area[0, 0]
    if np.isnan(share) or np.isnan(other):
        return "A map without any saliency has no shares: choose another method, target or stage."
    ratio, other_ratio = ours.concentration[0, 0], theirs.concentration[0, 0]
    return (
        f"The object covers {100 * area:.0f} % of the picture. With every layer adapted it draws {100 * share:.0f} % "
        f"of the saliency, {ratio:.2f} times its share of the area; with only the last layer generated "
        f"{100 * other:.0f} %, {other_ratio:.2f} times."
    )


def _show_table(ours: RegionShares, theirs: RegionShares) -> None:
    shown = [index for index, area in enumerate(ours.area[0]) if area > 0]
    rows = {
        "Region": [ours.names[index] for index in shown],
        "Area": 100 * ours.area[0, shown],
        "Every layer": 100 * ours.saliency[0, shown],
        "Every layer / area": ours.concentration[0, shown],
        "Last layer": 100 * theirs.saliency[0, shown],
        "Last layer / area": theirs.concentration[0, shown],
    }
    percent = {"format": "%.1f %%"}
    times = {"format": "%.2f", "help": "Share of the saliency over share of the area: 1 is what chance would give"}
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Region": st.column_config.TextColumn(
                help="The parts add up to the object, object and background to 100 %"
            ),
            "Area": st.column_config.NumberColumn(**percent, help="Share of the picture's pixels"),
            "Every layer": st.column_config.NumberColumn(
                **percent, help="Share of the saliency, fully adapted network"
            ),
            "Every layer / area": st.column_config.NumberColumn(**times),
            "Last layer": st.column_config.NumberColumn(
                **percent, help="Share of the saliency where only the last layer is generated"
            ),
            "Last layer / area": st.column_config.NumberColumn(**times),
        },
        alt="Share of area and of saliency of every part, for both networks",
    )
