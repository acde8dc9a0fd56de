"""Making a report: what to measure, progress, the files to take away, and the gist of it on the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.results.saliency import METHODS
from pages.components.plain import literal
from pages.components.resources_report import MadeReport, known_report, make_report, zip_of

if TYPE_CHECKING:
    from n3core.reporting.collect import ReportOptions
    from n3core.reporting.content import Report

__all__ = ["Settings", "show", "show_settings"]

_TARGETS = {"predicted": "The predicted class", "true": "The true class"}
_WORST = 3  # descriptions told on the page


@dataclass(frozen=True)
class Settings:
    """each: pictures of each class. chosen: ids of pictures to explain, as far as they are among those judged."""

    each: int
    chosen: tuple[str, ...]
    options: ReportOptions


def show_settings(has_pictures: bool, chosen: str | None) -> Settings:
    """Let the user choose what the report measures.

    Args:
        has_pictures: whether the task has pictures; without, only texts and layers are told.
        chosen: id of the picture that is looked at on the other pages.
    """
    from n3core.reporting.collect import ReportOptions

    if not has_pictures:
        return Settings(0, (), ReportOptions(examples=0))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        each = st.segmented_control(
            "Pictures of each class", (4, 10, 40), default=10, required=True, key="report_each", persist_state="session"
        )
        examples = st.segmented_control(
            "Pictures explained",
            (0, 3, 6, 12),
            default=6,
            required=True,
            key="report_examples",
            persist_state="session",
            help="Each with its evidence and its saliency: sure mistakes and sure successes by turns, the picture "
            "chosen on the other pages first.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = st.selectbox(
            "Class that is explained",
            _TARGETS,
            format_func=_TARGETS.get,
            key="report_target",
            persist_state="session",
            width=220,
        )
        method = st.selectbox(
            "Saliency",
            list(METHODS),
            format_func=lambda name: METHODS[name].title,
            key="report_method",
            persist_state="session",
            width=220,
        )
    controls = st.checkbox(
        "Measure the accuracy without the right texts",
        key="report_controls",
        persist_state="session",
        help="With other classes' descriptions, with names alone and without any text: seven networks more.",
    )
    measured = st.checkbox(
        "Measure what each description is worth",
        key="report_measured",
        persist_state="session",
        help="Synthesizes the task without each class, and with its name alone: two networks more for each class.",
    )
    options = ReportOptions(examples, target, method, controls=controls, measured=measured)
    return Settings(each, (chosen,) if chosen and examples else (), options)


def show(task: TaskSpec, settings: Settings) -> None:
    """Show the button that makes the report, and the report once it is there.

    Raises:
        InputError: no checkpoint, or a dataset or an image that cannot be read.
    """
    wanted = (task, settings.each, settings.options, settings.chosen)
    found = known_report(*wanted)
    if found is not None:
        st.caption("Made for the task as it stands and these settings; change one, and a new report can be made.")
        _show_files(found)
        _show_gist(found.report)
        _show_figures(found)
        return
    pressed = st.button("Make the report", type="primary", icon=":material/description:", key="make_report")
    place = st.empty()
    place.caption("Takes some seconds; nothing is measured before you ask for it.")
    if pressed:
        bar = place.progress(0.0, text="Beginning…")
        try:
            make_report(*wanted, progress=lambda share, what: bar.progress(share, text=f"{what.capitalize()}…"))
        finally:
            place.empty()
        st.rerun()


def _show_files(found: MadeReport) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Report (HTML)",
            found.files["report.html"],
            file_name="report.html",
            mime="text/html",
            icon=":material/download:",
            on_click="ignore",
            help="One file that opens from disk, without a network.",
        )
        st.download_button(
            "Everything (zip)",
            partial(zip_of, found),
            file_name="report.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
            help="The page, its numbers and its task as JSON, its tables as CSV and its figures as PNG.",
        )


def _show_gist(found: Report) -> None:
    st.subheader("What it says", anchor=False)
    grid = st.grid(3, min_column_width=120, border=True)
    accuracy = found.diagnosis.per_class_accuracy
    grid.metric("Accuracy", "-" if accuracy is None else f"{accuracy:.1f} %", help="Mean over the classes")
    interval = found.evaluation.interval if found.evaluation else None
    grid.metric(
        "95 % interval",
        f"{interval.low:.1f} to {interval.high:.1f} %" if interval else "-",
        help="Had there been other pictures of these classes; other classes would differ far more",
    )
    grid.metric("Pictures", f"{found.diagnosis.pictures:,}")
    controls = found.evaluation.controls if found.evaluation else None
    if controls is not None:
        st.caption(
            f"Without the right texts: {controls.shuffled:.1f} % with other classes' descriptions, "
            f"{controls.name_only:.1f} % with names alone, {controls.empty:.1f} % without text."
        )
    for note in (*found.notes, *found.diagnosis.notes):
        st.caption(literal(note))
    st.markdown("**Descriptions, worst first**")
    worst = [entry for entry in found.diagnosis.entries if entry.reasons][:_WORST]
    if not worst:
        st.caption("No description has a complaint against it.")
    for entry in worst:
        st.markdown(f"**{literal(entry.name)}**, {entry.score:.0f} of 100 points against it")
        for reason in entry.reasons:
            st.markdown(f"- {literal(reason.sentence)}")


def _show_figures(found: MadeReport) -> None:
    """The confusion matrix and the examples as they stand in the report."""
    pictures, matrix = st.columns([6, 5], gap="large")
    with pictures:
        for number, example in enumerate(found.report.examples, start=1):
            verdict = {True: ":green[:material/check:] ", False: ":orange[:material/close:] ", None: ""}[example.right]
            st.markdown(f"{verdict}**{literal(example.guess)}**, picture {literal(example.id)}")
            alt = f"Picture {example.id}, named {example.guess}, and the pixels that mattered in two networks"
            st.image(found.files[f"figures/saliency-{number}.png"], alt=alt)
    if "figures/confusion.png" in found.files:
        matrix.image(found.files["figures/confusion.png"], alt="Confusion matrix, rows in percent")
