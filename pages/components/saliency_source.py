"""The pictures that the saliency page looks at: some of every class of the dataset, or the user's own; judged."""

from __future__ import annotations

import streamlit as st

from n3core.descriptions import TaskSpec
from pages.components import task_state, uploads
from pages.components.verdicts import Verdicts, class_ids_of, find_picture, judge, pictures_of

__all__ = ["show"]

_SOURCE = "saliency_source"
_DATASET, _OWN = "The dataset", "My own pictures"
_EACH = 10  # pictures of every class


def show(task: TaskSpec) -> Verdicts | None:
    """Let the user choose between the pictures of the dataset and their own.

    Returns:
        What the network makes of the pictures, or None as long as there are none.

    Raises:
        InputError: the dataset or a picture cannot be read.
    """
    refs, truth, _ = pictures_of(task, _EACH)
    own, chosen = uploads.held(), task_state.chosen_image()
    if refs:
        if _SOURCE not in st.session_state:
            st.session_state[_SOURCE] = _OWN if own and chosen in {ref.id for ref in own.refs} else _DATASET
        source = st.segmented_control(
            "Pictures of", (_DATASET, _OWN), required=True, key=_SOURCE, persist_state="session"
        )
        if source == _DATASET:
            if chosen not in {ref.id for ref in refs} and (elsewhere := find_picture(task, chosen)):
                refs, truth = (*refs, elsewhere[0]), (*truth, elsewhere[1])
            return judge(task, refs, truth)
    else:
        st.info(
            "This task has no pictures to look at: its classes are in no dataset that can be opened. Look at pictures "
            "of your own.",
            icon=":material/image_not_supported:",
        )
    uploads.show_uploader()
    if (own := uploads.held()) is None:
        return None
    names = class_ids_of(task, own)
    return judge(task, own.refs, tuple(names.get(ref.class_id, "") for ref in own.refs), own.name)
