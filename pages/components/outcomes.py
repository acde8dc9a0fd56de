"""Whether the pictures of a gallery are named rightly: under the open task, or under all classes that are shown.

Owns the filter "right or wrong", which stands in the address. Predictions are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from n3core.datasets.base import ClassInfo, Dataset, ImageRef
from n3core.datasets.uploads import UploadedPictures
from n3core.descriptions import TaskSpec
from n3core.errors import InputError
from pages.components import task_state
from pages.components.plain import literal
from pages.components.verdicts import Verdicts, class_ids_of, judge, task_of

__all__ = ["Outcome", "filter_pictures", "show_filter"]

_ANY, _BOTH, _RIGHT, _WRONG = "not asked", "shown", "right only", "wrong only"
_MOST = 2_000  # pictures judged


@dataclass(frozen=True)
class Outcome:
    """What a picture was named, and whether that is right; None where its class is not known."""

    guess: str
    right: bool | None

    @property
    def mark(self) -> str:
        """Markdown: the name, behind a sign of its own for right, wrong and not known."""
        colour, icon = {True: ("green", "check"), False: ("orange", "close"), None: ("gray", "label")}[self.right]
        return f":{colour}[:material/{icon}:] {literal(self.guess)}"


def show_filter() -> str:
    """Let the user choose whether predictions are shown, and which pictures."""
    return st.selectbox(
        "Predictions",
        (_ANY, _BOTH, _RIGHT, _WRONG),
        key="predicted",
        bind="query-params",
        help="Of the task that is open, if it is one of this dataset; otherwise of all the classes that are shown",
    )


def filter_pictures(
    kind: str, data: str, dataset: Dataset, refs: tuple[ImageRef, ...], classes: tuple[ClassInfo, ...]
) -> tuple[tuple[ImageRef, ...], Mapping[str, Outcome]]:
    """Judge pictures and keep those that are named rightly, or wrongly.

    Args:
        kind: what `show_filter` returned.
        data: name or path of the dataset.
        dataset: the same, open.
        refs: pictures of the gallery.
        classes: their classes.

    Returns:
        The pictures that are left, and image id -> outcome; all and nothing (and a message) where it cannot be done.
    """
    if kind == _ANY or not refs:
        return refs, {}
    try:
        task, truth = _choose_task(data, dataset, refs, classes)
        own = isinstance(dataset, UploadedPictures)
        judged = [number for number, name in enumerate(truth) if name or own]
        if len(judged) > _MOST:
            st.info(
                f"{len(judged):,} pictures are too many to judge at once: choose fewer classes, so that there are at "
                f"most {_MOST:,}.",
                icon=":material/speed:",
            )
            return refs, {}
        if not judged:
            st.info("None of these pictures shows a class of the open task.", icon=":material/filter_alt_off:")
            return refs, {}
        kept = tuple(refs[number] for number in judged)
        verdicts = judge(task, kept, tuple(truth[number] for number in judged), data)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return refs, {}
    _show_summary(task, verdicts, len(refs))
    outcomes = {
        ref.id: Outcome(str(guess), bool(right) if known else None)
        for ref, guess, right, known in zip(kept, verdicts.guesses, verdicts.right, verdicts.known, strict=True)
    }
    if kind == _BOTH:
        return refs, outcomes
    return tuple(ref for ref in kept if outcomes[ref.id].right is (kind == _RIGHT)), outcomes


def _show_summary(task: TaskSpec, verdicts: Verdicts, shown: int) -> None:
    count = len(verdicts.refs)
    about = f"{count:,} {'picture' if count == 1 else 'pictures'}{' of its classes' if count < shown else ''}"
    right = f"{verdicts.per_class_accuracy:.1f} % right on" if verdicts.known.any() else "named"
    st.caption(f"{literal(task.title or 'The open task')}, {len(task.classes)} classes: {right} {about}")


def _choose_task(
    data: str, dataset: Dataset, refs: tuple[ImageRef, ...], classes: tuple[ClassInfo, ...]
) -> tuple[TaskSpec, list[str]]:
    """The task to judge under, and for every picture the name of its class there, "" where it has none."""
    task = task_state.current()
    if isinstance(dataset, UploadedPictures):
        if task is None:
            raise InputError("your own pictures need a task to be named: open one, or write one, on the page Describe")
    elif task is None or task.dataset != data:
        task = task_of(data, classes, f"All {len(classes)} classes shown")
    names = class_ids_of(task, dataset)
    return task, [names.get(ref.class_id, "") for ref in refs]
