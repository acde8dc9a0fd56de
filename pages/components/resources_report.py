"""Reports that were made: kept for a while by content, so that a changed task or setting asks for a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from n3core.descriptions import TaskSpec
from pages.components.resources import checkpoint_stamp, get_dataset, get_engine

if TYPE_CHECKING:  # torch loads with the engine, not with the first page
    from n3core.reporting.collect import Progress, ReportOptions
    from n3core.reporting.content import Report

__all__ = ["MadeReport", "known_report", "make_report", "zip_of"]


@dataclass(frozen=True, eq=False)
class MadeReport:
    """A report and its files by name: the page, tables as CSV, figures as PNG."""

    report: Report
    files: Mapping[str, bytes]


def known_report(task: TaskSpec, each: int, options: ReportOptions, chosen: tuple[str, ...]) -> MadeReport | None:
    """The report on this very task with these settings, where some session has made it.

    Args:
        task: described classes.
        each: pictures of each class.
        options: what to measure.
        chosen: ids of pictures to explain.

    Raises:
        InputError: no checkpoint, or the dataset cannot be opened.
    """
    place = _place_of(task, each, options, chosen)
    return place[0] if place else None


def make_report(
    task: TaskSpec, each: int, options: ReportOptions, chosen: tuple[str, ...], progress: Progress
) -> MadeReport:
    """Make a report and keep it; the arguments are those of `known_report`.

    Args:
        progress: told the share that is done and the next step.

    Raises:
        InputError: as `known_report`, or an image that cannot be read.
    """
    from n3core.reporting.bundle import to_files
    from n3core.reporting.collect import collect
    from n3core.reporting.pictures import TaskSource, find_classes, load_pictures

    engine = get_engine()
    dataset = get_dataset(task.dataset) if task.dataset else None
    source = TaskSource(task, dataset, find_classes(task, dataset), "a person, in the studio")
    progress(0.0, "loading the pictures")
    pictures = load_pictures(source, engine.image_size, each=each, also=chosen)
    asked = tuple(name for name in chosen if name in pictures.ids)
    report = collect(engine, source, pictures, replace(options, each=each), chosen=asked, progress=progress)
    progress(1.0, "drawing the figures")
    found = MadeReport(report, to_files(report))
    _place_of(task, each, options, chosen)[:] = [found]
    return found


def zip_of(made: MadeReport) -> bytes:
    """All files of a report in one archive."""
    from n3core.reporting.bundle import to_zip

    return to_zip(made.files)


def _place_of(task: TaskSpec, each: int, options: ReportOptions, chosen: tuple[str, ...]) -> list[MadeReport]:
    engine, data = get_engine(), task.dataset or ""
    version = get_dataset(data).version if data else ""
    return _report_place(
        checkpoint_stamp(engine), task.title, task.names, task.texts, data, version, each, repr(options), chosen
    )


@st.cache_resource(max_entries=16, ttl="2h", show_spinner=False)
def _report_place(
    checkpoint: str,
    title: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    each: int,
    options: str,
    chosen: tuple[str, ...],
) -> list[MadeReport]:
    """A list that holds the report once it is there: a progress bar cannot be drawn from inside a cached function."""
    return []
