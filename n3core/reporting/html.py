"""A report as one HTML file that opens from disk: no script, no request, nothing outside the file.

Owns what is shown and how; the page is laid out in templates/report.html. Every text goes through jinja2's escaping,
and the page's own policy forbids scripts and requests should one ever slip through.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from n3core.figures.export import draw_confusion, draw_magnitudes, draw_saliency, to_svg
from n3core.reporting.content import Example, Report
from n3core.reporting.tables import tables_of, to_csv
from n3core.results.diagnosis import ClassDiagnosis
from n3core.results.evidence import DescriptionEvidence
from n3core.results.saliency import METHODS

__all__ = ["Piece", "cut_text", "mark_complaints", "to_html"]

_WORST = 5  # descriptions told with their reasons
_RULED_OUT = 2  # descriptions shown beside the target's
_LOUDEST = 0.65  # opacity of the strongest word
_environment = Environment(
    loader=PackageLoader("n3core.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A stretch of a description.

    sign: "raise" or "lower" for a word by its support, "plain" between words, "unread" behind what was read, "blamed"
        where a complaint speaks of it.
    strength: opacity of its colour, 0 to 1.
    note: its numbers.
    """

    text: str
    sign: str = "plain"
    strength: float = 0.0
    note: str = ""


def to_html(report: Report) -> bytes:
    """Lay the report out.

    Args:
        report: what to say.

    Returns:
        A UTF-8 file.
    """
    diagnosis = report.diagnosis
    figures = {"layers": _picture(to_svg(draw_magnitudes(report.magnitudes)))}
    if diagnosis.confusion is not None:
        figures["confusion"] = _picture(to_svg(draw_confusion(diagnosis.confusion)))
    page = _environment.get_template("report.html").render(
        report=report,
        diagnosis=diagnosis,
        evaluation=report.evaluation,
        worst=[(entry, mark_complaints(entry)) for entry in diagnosis.entries if entry.reasons][:_WORST],
        examples=[_example(example) for example in report.examples],
        figures=figures,
        files={name: _link(to_csv(rows)) for name, rows in tables_of(report).items()},
        saliency=next((maps for example in report.examples for maps in example.saliency.values()), None),
        methods=METHODS,
        swallowing=_swallowing(report),
        kinds=_kinds(report),
    )
    return page.encode("utf-8", "replace")


def cut_text(evidence: DescriptionEvidence) -> tuple[Piece, ...]:
    """Cut a description into words with their evidence and what stands between them; joined, the text as it was."""
    pieces: list[Piece] = []
    end = 0
    for index, (start, stop) in enumerate(evidence.spans.tolist()):
        if start > end:
            pieces.append(Piece(evidence.text[end:start]))
        end = stop
        if not evidence.is_word[index]:
            pieces.append(Piece(evidence.text[start:stop]))
            continue
        support = float(evidence.support[index])
        pieces.append(
            Piece(
                evidence.text[start:stop],
                "raise" if support >= 0 else "lower",
                round(_LOUDEST * float(evidence.strengths[index]), 2),
                f"magnitude {evidence.magnitudes[index]:.3g}, support {support:+.3g} logits",
            )
        )
    if end < len(evidence.text):
        pieces.append(Piece(evidence.text[end:], "unread" if evidence.text[end:].strip() else "plain"))
    return tuple(pieces)


def mark_complaints(entry: ClassDiagnosis) -> tuple[Piece, ...]:
    """Cut a description into what complaints speak of and what they leave alone; joined, the text as it was."""
    pieces: list[Piece] = []
    done = 0
    for start, end in sorted(span for reason in entry.reasons for span in reason.spans):
        if start > done:
            pieces.append(Piece(entry.text[done:start]))
        if end > done:
            pieces.append(Piece(entry.text[max(start, done) : end], "blamed"))
            done = end
    return (*pieces, Piece(entry.text[done:]))


def _example(example: Example) -> dict[str, Any]:
    maps = example.saliency
    found = example.evidence
    return {
        "example": example,
        "figure": _picture(to_svg(draw_saliency(example.pixels, maps, 0))),
        "bars": [(name, 100 * share) for name, share in example.prediction.top(0, 5)],
        "target": found.positive,
        "target_pieces": cut_text(found.positive),
        "ruled_out": [(other, cut_text(other)) for other in found.ruled_out[:_RULED_OUT]],
        "top": [found.positive.words[index] for index in found.positive.top(5)],
    }


def _swallowing(report: Report) -> str | None:
    """The class that draws most beyond its due, where that is half as much again."""
    entries = [entry for entry in report.diagnosis.entries if entry.drawn is not None]
    if not entries or report.diagnosis.pictures == 0:
        return None
    most = max(entries, key=lambda entry: entry.drawn or 0)
    return most.name if (most.drawn or 0) > 1.5 * report.diagnosis.due else None


def _kinds(report: Report) -> list[tuple[str, int, str, str, str]]:
    """Kind, number of tensors, mean norms and share, ready to be shown."""
    titles = {"conv": "Convolutions", "norm": "Batch-norm", "fc": "Classification layer (generated)"}
    found = report.magnitudes.by_kind
    rows = zip(found.kinds, found.counts, found.adaptation, found.base, found.relative, strict=True)
    return [
        (titles[kind], int(count), _known(adaptation), _known(base), _known(relative, " %"))
        for kind, count, adaptation, base, relative in rows
    ]


def _known(value: float, unit: str = "") -> str:
    return f"{value:.3g}{unit}" if np.isfinite(value) else "-"


def _picture(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _link(content: bytes) -> str:
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(content).decode()
