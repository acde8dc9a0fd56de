"""What each tensor's adaptation is worth, measured on demand on labelled pictures, beside its magnitude."""

from __future__ import annotations

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.figures.importance import importance_bars, importance_scatter
from n3core.figures.layer_rows import KIND_NAMES
from n3core.metrics import rank_correlation
from n3core.results.adaptation import LayerImportance, LayerMagnitudes
from pages.components.adaptation import Scale, chart_config
from pages.components.plain import literal
from pages.components.resources_adaptation import known_importance, magnitudes, measure_importance

__all__ = ["show"]

_WORTHS = ("Accuracy", "Cross-entropy")


def show(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...], scale: Scale) -> None:
    """Show the importance of every tensor, after measuring it when asked to.

    Args:
        task: described classes.
        refs: pictures of its dataset, perhaps none.
        truth: class name of each.
        scale: how to draw norms.

    Raises:
        InputError: no checkpoint.
    """
    st.markdown(
        "A large change may not matter, and a small one may. To measure what a tensor's adaptation is worth, it alone "
        "is left out, and the pictures are judged again."
    )
    if not refs:
        st.info(
            "Importance is measured on labelled pictures, and none were found for the classes of this task. Name them "
            "as a dataset does and open the task from there.",
            icon=":material/image_not_supported:",
        )
        return
    found = known_importance(task, refs, truth) or _show_button(task, refs, truth)
    if found is None:
        return
    if not found.names:
        st.info("This checkpoint adapts the classification layer alone: there is nothing to leave out.")
        return
    _show_figures(found)
    worth = st.segmented_control(
        "Importance as",
        _WORTHS,
        default=_WORTHS[0],
        required=True,
        key="importance_as",
        persist_state="session",
        help="Cross-entropy moves before any prediction changes; accuracy moves in whole pictures",
    )
    loss, sizes = worth == _WORTHS[1], magnitudes(task)
    layers, rest = st.columns([7, 5], gap="large")
    with layers:
        st.plotly_chart(
            importance_bars(found, loss=loss),
            key="importance",
            config=chart_config("importance"),
            alt=_most_in_words(found, loss),
        )
    with rest:
        st.markdown(_most_in_words(found, loss))
        st.plotly_chart(
            importance_scatter(found, sizes, relative=scale.relative, log=scale.log, loss=loss),
            key="importance_scatter",
            config=chart_config("importance-and-magnitude"),
            alt="Points, one a tensor: magnitude of the adaptation across, importance upwards",
        )
        st.caption(_agreement_in_words(found, sizes, scale, loss))
    with st.expander("The same as a table", icon=":material/table:"):
        _show_table(found, sizes)


def _show_button(task: TaskSpec, refs: tuple[ImageRef, ...], truth: tuple[str, ...]) -> LayerImportance | None:
    place = st.empty()
    with place.container():
        asked = st.button(
            f"Measure on {len(refs):,} pictures",
            type="primary",
            icon=":material/experiment:",
            help="Judges the pictures once for every tensor; more pictures, finer steps, longer wait",
        )
    if not asked:
        return None
    bar = place.progress(0.0, "Leaving out one adaptation after another…")
    try:
        found = measure_importance(
            task,
            refs,
            truth,
            lambda done, total: bar.progress(done / total, f"Left out {max(done - 1, 0)} of {total - 2} adaptations…"),
        )
    except InputError as error:
        place.error(literal(str(error)), icon=":material/error:")
        return None
    place.empty()
    return found


def _show_figures(found: LayerImportance) -> None:
    grid = st.grid(3, min_column_width=240, border=True)
    grid.metric("All layers adapted", f"{found.accuracy:.1f} %", help="Per-class averaged accuracy on these pictures")
    grid.metric(
        "Classification layer only",
        f"{found.fc_only_accuracy:.1f} %",
        f"{found.fc_only_accuracy - found.accuracy:+.1f} points",
        help="The generated classification layer on the pre-trained network, every other adaptation left out",
    )
    grid.metric(
        "Tensors that change a prediction",
        f"{int((found.changed > 0).sum())} of {len(found.names)}",
        help="Adaptations without which at least one picture is named otherwise",
    )


def _most_in_words(found: LayerImportance, loss: bool) -> str:
    values = found.loss_rises if loss else found.drops
    most = int(np.argmax(values))
    if values[most] <= 0:
        return f"No single adaptation helps on these {found.images:,} pictures."
    harmful = int((values < 0).sum())
    worth = f"{values[most]:.3f} nats gained" if loss else f"{values[most]:.1f} points lost"
    ties = int((values == values[most]).sum()) - 1
    first = f"`{found.names[most]}`" + (f" and {ties} more, each" if ties else ",")
    line = f"Worth most: {first} {worth} without it."
    return line + (f" Without {harmful} of the {len(values)}, the network does better." if harmful else "")


def _agreement_in_words(found: LayerImportance, sizes: LayerMagnitudes, scale: Scale, loss: bool) -> str:
    place = {name: index for index, name in enumerate(sizes.names)}
    size = (sizes.relative if scale.relative else sizes.adaptation)[[place[name] for name in found.names]]
    agreement = rank_correlation(size, found.loss_rises if loss else found.drops)
    said = "cannot be told" if np.isnan(agreement) else f"{agreement:+.2f}"
    return (
        f"Rank correlation of magnitude and importance: {said} (+1: magnitude would be importance, 0: it says nothing "
        f"of it). One of the {found.images:,} pictures is worth about {100 / found.images:.2g} % of accuracy."
    )


def _show_table(found: LayerImportance, sizes: LayerMagnitudes) -> None:
    place = {name: index for index, name in enumerate(sizes.names)}
    st.dataframe(
        {
            "Tensor": list(found.names),
            "Kind": [KIND_NAMES[kind] for kind in found.kinds],
            "Accuracy lost": found.drops,
            "Cross-entropy gained": found.loss_rises,
            "Named anew": found.changed,
            "L2 of the adaptation": sizes.adaptation[[place[name] for name in found.names]],
        },
        hide_index=True,
        column_config={
            "Accuracy lost": st.column_config.NumberColumn(format="%.2f points"),
            "Cross-entropy gained": st.column_config.NumberColumn(format="%.4f nats"),
            "Named anew": st.column_config.NumberColumn(help="Pictures whose predicted class changes"),
            "L2 of the adaptation": st.column_config.NumberColumn(format="%.4g"),
        },
        alt="What is lost without each tensor's adaptation",
    )
