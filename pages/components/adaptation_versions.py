"""Which layers moved between two versions of the descriptions. Owns which two are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.figures.adaptation import class_row_bars, difference_dots
from n3core.figures.layer_rows import KIND_NAMES
from n3core.results.adaptation import LayerDifference
from pages.components.adaptation import Scale, chart_config
from pages.components.plain import literal
from pages.components.resources_adaptation import difference

__all__ = ["show"]

_EARLIER, _LATER = "adaptation_earlier", "adaptation_later"
_NAMED = 6  # classes named in a sentence
_ROUNDING = 1e-3  # percent; below it, a tensor did not move


def show(versions: Mapping[str, TaskSpec], scale: Scale) -> None:
    """Show how far every tensor moved between two versions.

    Args:
        versions: label -> version; the last is the present one, the last but one what to compare it with at first.
        scale: how to draw norms.

    Raises:
        InputError: no checkpoint.
    """
    labels = list(versions)
    if len(labels) < 2 or len(set(versions.values())) < 2:
        st.info(
            "There is one version of this task so far. Change a description on the Describe page, or keep a snapshot, "
            "and see here which layers move.",
            icon=":material/compare_arrows:",
        )
        return
    with st.container(horizontal=True):
        earlier = _show_choice("From", labels, _EARLIER, labels[-2])
        later = _show_choice("To", labels, _LATER, labels[-1])
    from_task, to_task = versions[earlier], versions[later]
    if (from_task.names, from_task.texts) == (to_task.names, to_task.texts):
        st.info("These two versions read the same, so nothing moved. Choose others.", icon=":material/equal:")
        return
    st.markdown(_edits_in_words(from_task, to_task))
    found = difference(from_task, to_task)
    layers, rest = st.columns([7, 5], gap="large")
    with layers:
        st.plotly_chart(
            difference_dots(found, relative=scale.relative, log=scale.log),
            key="difference",
            config=chart_config("layers-that-moved"),
            alt=_movement_in_words(found),
        )
    with rest:
        st.markdown(_movement_in_words(found))
        if found.class_names:
            st.plotly_chart(
                class_row_bars(found, relative=scale.relative),
                key="class_rows",
                config=chart_config("classes-that-moved"),
                alt="Bars of how far each class's row of the classification layer moved",
            )
            st.caption(
                "Every class has its own row in the classification layer. The other rows move too: the network reads "
                "all descriptions of a task together."
            )
        else:
            st.info("The versions have no class in common, so no row of the classification layer can be compared.")
    with st.expander("The same as a table", icon=":material/table:"):
        _show_table(found)


def _show_choice(label: str, labels: list[str], key: str, default: str) -> str:
    if st.session_state.get(key) not in labels:
        st.session_state[key] = default
    return st.selectbox(label, labels, key=key, persist_state="session")


def _edits_in_words(earlier: TaskSpec, later: TaskSpec) -> str:
    old, new = (dict(zip(task.names, task.texts, strict=True)) for task in (earlier, later))
    parts = {
        "described anew": [name for name in new if name in old and new[name] != old[name]],
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
    }
    said = [f"{_names(names)} {what}" for what, names in parts.items() if names]
    return f"Between them: {'; '.join(said)}." if said else "Between them: the order of the classes."


def _names(names: list[str]) -> str:
    shown = ", ".join(f"**{literal(name)}**" for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _movement_in_words(found: LayerDifference) -> str:
    feature = np.array([kind != "fc" for kind in found.kinds])
    shares = np.where(feature, np.nan_to_num(found.relative), 0)
    order = [index for index in np.argsort(-shares, kind="stable")[:3] if shares[index] > _ROUNDING]
    if not order:
        return "No layer before the classification layer moved."
    most = ", ".join(f"`{found.names[k]}` ({shares[k]:.2g} %)" for k in order)
    return (
        f"Before the classification layer, most of its earlier adaptation changed in {most}; the median tensor "
        f"changed by {np.median(shares[feature]):.2g} %."
    )


def _show_table(found: LayerDifference) -> None:
    st.dataframe(
        {
            "Tensor": list(found.names),
            "Kind": [KIND_NAMES[kind] for kind in found.kinds],
            "L2 moved": found.moved,
            "L2 of the earlier adaptation": found.earlier,
            "Share": found.relative,
        },
        hide_index=True,
        column_config={
            "L2 moved": st.column_config.NumberColumn(format="%.4g"),
            "L2 of the earlier adaptation": st.column_config.NumberColumn(format="%.4g"),
            "Share": st.column_config.NumberColumn(format="%.2f %%"),
        },
        alt="How far every tensor moved between the two versions, in network order",
    )
