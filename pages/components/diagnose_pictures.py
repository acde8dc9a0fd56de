"""Pictures that a diagnosis speaks of; and, where no labels are known, what each class draws."""

from __future__ import annotations

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from n3core.results import Prediction
from n3core.results.diagnosis import Diagnosis
from pages.components import task_state
from pages.components.diagnose_source import Case
from pages.components.plain import literal
from pages.components.resources import thumbnail

__all__ = ["show_drawn", "show_pictures"]

_TILES = 18


def show_drawn(task: TaskSpec, case: Case, found: Diagnosis, prediction: Prediction) -> None:
    """Show how many pictures each class draws, where no labels are known, and the pictures of the chosen class."""
    st.subheader("What each class draws", anchor=False)
    entries = [found.of(name) for name in task.names]
    event = st.dataframe(
        {
            "Class": [entry.name for entry in entries],
            "Named so": [entry.drawn for entry in entries],
            "Of its due": [100 * (entry.drawn or 0) / found.due for entry in entries],
            "Probability held": [100 * (entry.mass or 0) for entry in entries],
            "Confidence": [100 * entry.confidence if entry.confidence is not None else None for entry in entries],
        },
        hide_index=True,
        column_config={
            "Of its due": st.column_config.ProgressColumn(
                format="%.0f %%",
                min_value=0,
                max_value=max(200.0, max(100 * (entry.drawn or 0) / found.due for entry in entries)),
                help="100 %: as many pictures as every class would have if all had the same number",
            ),
            "Probability held": st.column_config.NumberColumn(format="%.1f %%", help="Share of all probability"),
            "Confidence": st.column_config.NumberColumn(
                format="%.0f %%", help="Mean probability of the class where it is the most probable"
            ),
        },
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key=f"drawn {len(task.names)}",
        alt="How many pictures are given to each class, and how surely",
    )
    st.caption("Click a row to see the pictures that are named so.")
    rows = event.selection.rows or [cell[0] for cell in event.selection.cells]
    column = rows[0] if rows else int(np.argmax([entry.drawn or 0 for entry in entries]))
    kept = np.flatnonzero(prediction.labels == column)
    show_pictures(case, prediction, kept, f"pictures named {literal(task.names[column])}", column)


def show_pictures(case: Case, prediction: Prediction, kept: np.ndarray, what: str, column: int | None) -> None:
    """Show pictures with the probability of one class.

    Args:
        case: where they are from.
        prediction: of all pictures of the case.
        kept: indices of those to show.
        what: "pictures ...", what they are, as Markdown.
        column: whose probability; None: that of the most probable class of each.
    """
    count = len(kept)
    words = " ".join(what.split())
    if not count:
        st.caption(f"There are no {words}.")
        return
    more = f", the first {_TILES}" if count > _TILES else ""
    st.markdown(f"**{count:,} {words if count > 1 else words.replace('pictures', 'picture', 1)}**{more}")
    grid = st.grid("auto", min_column_width=76, gap="xsmall")
    for index in kept[:_TILES]:
        ref, true = case.refs[index], case.truth[index]
        place = int(prediction.labels[index]) if column is None else column
        name, share = prediction.class_names[place], prediction.probabilities[index, place]
        with grid.cell(), st.container(gap="xxsmall"):
            try:
                st.image(
                    thumbnail(case.data, ref),
                    alt=f"{true or 'class not known'}, named {name}, picture {ref.id}",
                    width="stretch",
                )
            except InputError as error:
                st.caption(literal(str(error)))
                continue
            chosen = task_state.chosen_image() == ref.id
            st.button(
                f"{100 * share:.0f} %",
                key=f"cell {ref.id}",
                type="tertiary",
                icon=":material/push_pin:" if chosen else None,
                help=f"{literal(name)}: probability. Click to look at this picture on the other pages, too.",
                on_click=task_state.choose_image,
                args=(ref.id,),
            )
