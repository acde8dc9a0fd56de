"""How far the descriptions move each tensor of the network, by layer and by kind, and what its activations become.

Owns how norms are drawn (absolute or relative, linear or logarithmic) for every view of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.figures.adaptation import activation_histogram, kind_dots, magnitude_dots
from n3core.figures.layer_rows import KIND_NAMES
from n3core.results.adaptation import LayerMagnitudes
from pages.components.plain import literal
from pages.components.resources_adaptation import activation_norms, magnitudes

__all__ = ["VIEWS", "Scale", "chart_config", "show", "show_controls"]

VIEWS = ("Magnitude", "Between versions", "Importance")
_MEASURES = ("Absolute", "Relative")
_AXES = ("Logarithmic", "Linear")


@dataclass(frozen=True)
class Scale:
    """relative: norms in percent of what was there. log: logarithmic axis."""

    relative: bool
    log: bool


def show_controls() -> tuple[str, Scale, int]:
    """Let the user choose what to see, how norms are drawn and how many pictures are looked at.

    Returns:
        One of `VIEWS`, the scale, and the number of pictures of each class.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "View", VIEWS, default=VIEWS[0], required=True, key="adaptation_view", bind="query-params"
        )
        measure = st.segmented_control(
            "Norms",
            _MEASURES,
            default=_MEASURES[0],
            required=True,
            key="adaptation_measure",
            persist_state="session",
            help="Relative: in percent of what was there before",
        )
        axis = st.segmented_control(
            "Axis", _AXES, default=_AXES[0], required=True, key="adaptation_axis", persist_state="session"
        )
        each = st.segmented_control(
            "Pictures of each class",
            (4, 10, 40),
            default=10,
            required=True,
            key="adaptation_each",
            persist_state="session",
            disabled=view == VIEWS[1],
        )
    return view, Scale(measure == _MEASURES[1], axis == _AXES[0]), each


def chart_config(name: str) -> dict[str, Any]:
    """Settings of a plotly chart: nothing but a button that saves it as PNG under a name."""
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
    }


def show(task: TaskSpec, refs: tuple[ImageRef, ...], scale: Scale) -> None:
    """Show the norms of every tensor, their means by kind, and the activations of the pictures.

    Args:
        task: described classes.
        refs: pictures of its dataset, perhaps none.
        scale: how to draw norms.

    Raises:
        InputError: no checkpoint.
    """
    found = magnitudes(task)
    layers, summary = st.columns([7, 5], gap="large")
    with layers:
        st.plotly_chart(
            magnitude_dots(found, relative=scale.relative, log=scale.log),
            key="magnitudes",
            config=chart_config("adaptation"),
            alt=_in_words(found),
        )
    with summary:
        st.plotly_chart(
            kind_dots(found.by_kind, relative=scale.relative, log=scale.log),
            key="kinds",
            config=chart_config("adaptation-by-kind"),
            alt=_kinds_in_words(found),
        )
        st.markdown(_kinds_in_words(found))
        generated = [name for name, kind in zip(found.names, found.kinds, strict=True) if kind == "fc"]
        st.markdown(
            f"The classification layer ({' and '.join(f'`{name}`' for name in generated)}) is **generated whole** "
            "from the descriptions. The pre-trained network has no counterpart, so it stands without one."
        )
        _show_activations(task, refs)
    with st.expander("The same as a table", icon=":material/table:"):
        _show_table(found)


def _in_words(found: LayerMagnitudes) -> str:
    if not np.isfinite(found.relative).any():
        return "L2 norms of every tensor of the network, in network order"
    most = int(np.nanargmax(found.relative))
    return (
        "L2 norms of the adaptation and of the pre-trained tensors in network order; relative to what was there, "
        f"{found.names[most]} moves most, by {found.relative[most]:.2g} percent"
    )


def _kinds_in_words(found: LayerMagnitudes) -> str:
    means = found.by_kind
    shares = [
        f"{KIND_NAMES[kind]} tensors by {share:.2g} %"
        for kind, share in zip(means.kinds, means.relative, strict=True)
        if np.isfinite(share)
    ]
    return f"On average the descriptions move {' and '.join(shares)} of their pre-trained L2." if shares else ""


def _show_activations(task: TaskSpec, refs: tuple[ImageRef, ...]) -> None:
    if not refs:
        st.info(
            "Activations need pictures, and none were found for the classes of this task.",
            icon=":material/image_not_supported:",
        )
        return
    try:
        norms = activation_norms(task, refs)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.plotly_chart(
        activation_histogram(norms),
        key="activations",
        config=chart_config("activations"),
        alt=f"Two distributions of the norm of the penultimate activation; adaptation changes the median by "
        f"{norms.median_change:+.1f} percent",
    )
    st.caption(
        f"{len(refs):,} pictures of the task, in the pre-trained and in the adapted network: the median norm changes "
        f"by {norms.median_change:+.1f} %."
    )


def _show_table(found: LayerMagnitudes) -> None:
    st.dataframe(
        {
            "Tensor": list(found.names),
            "Kind": [KIND_NAMES[kind] for kind in found.kinds],
            "L2 of the adaptation": found.adaptation,
            "L2 pre-trained": found.base,
            "Share": found.relative,
        },
        hide_index=True,
        column_config={
            "L2 of the adaptation": st.column_config.NumberColumn(format="%.4g"),
            "L2 pre-trained": st.column_config.NumberColumn(
                format="%.4g", help="Empty for the classification layer: it is generated whole"
            ),
            "Share": st.column_config.NumberColumn(format="%.2f %%"),
        },
        alt="L2 norms of every tensor of the network, in network order",
    )
