"""A report as files: the page by itself, or a zip with the page, its numbers, its task, every table and every figure.

No path of a machine is told.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from n3core.datasets.registry import portable_name
from n3core.descriptions import TaskSpec, dump_task
from n3core.errors import InputError
from n3core.figures.export import draw_confusion, draw_magnitudes, draw_saliency, to_png
from n3core.files import write_atomically
from n3core.reporting.content import Report
from n3core.reporting.html import to_html
from n3core.reporting.summaries import summarise_report
from n3core.reporting.tables import tables_of, to_csv

__all__ = ["FORMATS", "check_format", "to_files", "to_zip", "write_report"]

FORMATS = (".html", ".zip")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same report, the same zip


def to_files(report: Report) -> dict[str, bytes]:
    """Every file of a report by its name: report.html, report.json, task.json, tables/*.csv, figures/*.png."""
    numbers = json.dumps(summarise_report(report), ensure_ascii=False, allow_nan=False, indent=1)
    files = {
        "report.html": to_html(report),
        "report.json": numbers.encode("utf-8", "replace"),
        "task.json": dump_task(_without_path(report.task)).encode("utf-8", "replace"),
    }
    files |= {f"tables/{name}.csv": to_csv(rows) for name, rows in tables_of(report).items()}
    files["figures/layers.png"] = to_png(draw_magnitudes(report.magnitudes))
    if report.diagnosis.confusion is not None:
        files["figures/confusion.png"] = to_png(draw_confusion(report.diagnosis.confusion))
    for number, example in enumerate(report.examples, start=1):
        files[f"figures/saliency-{number}.png"] = to_png(draw_saliency(example.pixels, example.saliency, 0))
    return files


def _without_path(task: TaskSpec) -> TaskSpec:
    return replace(task, dataset=portable_name(task.dataset) if task.dataset else task.dataset)


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Pack files, such as those of `to_files`, into one archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def check_format(path: Path) -> None:
    """Find out whether a report can be written under a name.

    Raises:
        InputError: its suffix is none of `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"--out {str(path)!r} must end in {' or '.join(FORMATS)}; choose such a name")


def write_report(report: Report, path: Path | str) -> None:
    """Write a report, whole or not at all.

    Args:
        report: what to say.
        path: *.html for the page alone, *.zip for everything.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    path = Path(path)
    check_format(path)
    page_alone = path.suffix.lower() == ".html"
    write_atomically(path, to_html(report) if page_alone else to_zip(to_files(report)))
