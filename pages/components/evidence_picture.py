"""Choosing the picture and the class that the evidence is about; the picture is the one that all pages look at."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from n3core.datasets.base import ImageRef
from n3core.descriptions import TaskSpec
from pages.components import task_state, uploads
from pages.components.plain import literal
from pages.components.resources import large_picture
from pages.components.steps import show_steps
from pages.components.verdicts import Verdicts, class_ids_of, find_picture, judge, pictures_of, title_of

__all__ = ["Choice", "Picture", "show"]

_PICTURE, _TARGET, _OTHER, _OWN = "evidence_picture", "evidence_target", "evidence_other", "evidence_own"
_PREDICTED, _TRUE, _ANOTHER = "Predicted", "True", "Another"
_EACH, _MOST = 10, 400  # pictures on offer: of every class, and about so many in all


@dataclass(frozen=True)
class Picture:
    """A picture of a dataset, the class it shows ("" where that is not known), and the class it is given.

    data: name or path of the dataset, or the name of uploaded pictures.
    probability: of the class it is given, 0 to 1.
    """

    data: str
    ref: ImageRef
    truth: str
    guess: str
    probability: float

    @property
    def title(self) -> str:
        """One line of plain text for a list."""
        return title_of(self.ref, self.truth, self.guess)


@dataclass(frozen=True)
class Choice:
    """What to explain: a picture and the target class."""

    picture: Picture
    target: str


def show(task: TaskSpec) -> Choice | None:
    """Let the user choose a picture and a target class.

    Returns:
        The choice, or None where neither the dataset nor the user has a picture.

    Raises:
        InputError: the dataset or a picture cannot be read.
    """
    offered = _offered(task)
    if not offered:
        st.info(
            "This task has no pictures to explain: its classes are in no dataset that can be opened. Look at pictures "
            "of your own, or open a task whose classes are those of a dataset.",
            icon=":material/image_not_supported:",
        )
        uploads.show_uploader()
        return None
    ids = list(offered)
    chosen = task_state.chosen_image()
    first = pictures_of(task, _each(task))[0]
    default = first[0].id if first else ids[0]
    st.session_state[_PICTURE] = chosen if chosen in offered else default
    picture = offered[st.session_state[_PICTURE]]
    st.selectbox(
        "Picture",
        ids,
        format_func=lambda key: offered[key].title if key in offered else key,
        key=_PICTURE,
        on_change=_take_picture,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        alt = f"{picture.truth or 'Own picture'}, picture {picture.ref.id}"
        with st.container(width=170):  # a width of the image would shrink it, full screen too
            st.image(large_picture(picture.data, picture.ref), alt=alt, width="stretch")
        with st.container(width=150, gap="xsmall"):
            st.markdown(f"Shows **{literal(picture.truth)}**" if picture.truth else "A picture of your own")
            icon = ":orange[:material/close:]" if picture.truth else ":gray[:material/label:]"
            icon = ":green[:material/check:]" if picture.truth == picture.guess else icon
            st.markdown(f"{icon} Named **{literal(picture.guess)}**, {100 * picture.probability:.0f} %")
    place = ids.index(picture.ref.id)
    with st.container(horizontal=True):
        show_steps(ids, place)
    target = _show_target(task, picture)
    with st.expander("Pictures of your own", icon=":material/upload:", on_change="rerun", key=_OWN) as box:
        if box.open:
            uploads.show_uploader()
    return Choice(picture, target)


def _offered(task: TaskSpec) -> dict[str, Picture]:
    """Some pictures of every class, the chosen one wherever it was chosen, and the user's own; by id."""
    refs, truth, _ = pictures_of(task, _each(task))
    found = _flatten(judge(task, refs, truth)) if refs else []
    chosen = task_state.chosen_image()
    if chosen not in {ref.id for ref in refs} and (elsewhere := find_picture(task, chosen)):
        found += _flatten(judge(task, (elsewhere[0],), (elsewhere[1],)))
    found.sort(key=lambda picture: (task.names.index(picture.truth), picture.ref.id))
    if own := uploads.held():
        names = class_ids_of(task, own)
        found += _flatten(judge(task, own.refs, tuple(names.get(ref.class_id, "") for ref in own.refs), own.name))
    return {picture.ref.id: picture for picture in found}


def _each(task: TaskSpec) -> int:
    return min(_EACH, max(1, _MOST // len(task.names)))


def _flatten(verdicts: Verdicts) -> list[Picture]:
    probabilities = verdicts.prediction.probabilities.max(axis=1).tolist()
    rows = zip(verdicts.refs, verdicts.truth.tolist(), verdicts.guesses.tolist(), probabilities, strict=True)
    return [Picture(verdicts.data, ref, truth, guess, probability) for ref, truth, guess, probability in rows]


def _show_target(task: TaskSpec, picture: Picture) -> str:
    kinds = (_PREDICTED, _TRUE, _ANOTHER) if picture.truth else (_PREDICTED, _ANOTHER)
    if st.session_state.get(_TARGET) not in kinds:
        st.session_state[_TARGET] = _PREDICTED
    kind = st.segmented_control(
        "Class to explain",
        kinds,
        required=True,
        key=_TARGET,
        persist_state="session",
        help="Evidence is about one class: the one the network names, the one the picture shows, or any other",
    )
    if kind == _PREDICTED:
        return picture.guess
    if kind == _TRUE:
        return picture.truth
    if st.session_state.get(_OTHER) not in task.names:
        st.session_state[_OTHER] = next(name for name in task.names if name != picture.guess)
    return st.selectbox("Which class", task.names, key=_OTHER, persist_state="session")


def _take_picture() -> None:
    task_state.choose_image(st.session_state[_PICTURE])
