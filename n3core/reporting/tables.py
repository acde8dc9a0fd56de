"""The tables of a report as CSV: full numbers, one header row, UTF-8."""

from __future__ import annotations

import math
from collections.abc import Mapping

from n3core.documents import dump_document
from n3core.reporting.content import Report

__all__ = ["tables_of", "to_csv"]

Rows = list[list[str]]


def tables_of(report: Report) -> Mapping[str, Rows]:
    """Every table of a report, by the name of its file without suffix."""
    found = {
        "setting": [["what", "value"], *([label, value] for label, value in report.setting.items())],
        "descriptions": _descriptions(report),
        "reasons": _reasons(report),
        "layers": _layers(report),
    }
    if report.diagnosis.confusion is not None:
        found["confusion"] = _confusion(report)
    if report.examples:
        found |= {"examples": _examples(report), "evidence": _evidence(report)}
    return found


def to_csv(rows: Rows) -> bytes:
    """The bytes of a CSV file; what a spreadsheet would take for a formula has an apostrophe before it."""
    return dump_document([[_plain(cell) for cell in row] for row in rows], ".csv").encode()


def _plain(cell: str) -> str:
    if len(cell) < 2 or cell[0] not in "=+-@\t\r":
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _descriptions(report: Report) -> Rows:
    """One row a class, worst first."""
    head = ["rank", "class", "score", "images", "right", "accuracy_percent", "named_so", "words", "visual_words",
            "description"]  # fmt: skip
    return [head] + [
        [
            str(report.diagnosis.ranks[entry.name]),
            entry.name,
            _cell(entry.score),
            _cell(entry.pictures),
            _cell(entry.right),
            _cell(entry.accuracy),
            _cell(entry.drawn),
            str(entry.words),
            str(entry.visual_words),
            entry.text,
        ]
        for entry in report.diagnosis.entries
    ]


def _reasons(report: Report) -> Rows:
    """One row a complaint."""
    return [["class", "kind", "rests_on", "points", "reason"]] + [
        [entry.name, reason.kind, reason.basis, _cell(reason.points), reason.sentence]
        for entry in report.diagnosis.entries
        for reason in entry.reasons
    ]


def _confusion(report: Report) -> Rows:
    """Counts; one row a true class, one column a predicted class."""
    confusion = report.diagnosis.confusion
    assert confusion is not None
    rows = zip(confusion.class_names, confusion.counts.tolist(), strict=True)
    return [["true class", *confusion.class_names]] + [[name, *map(str, counts)] for name, counts in rows]


def _layers(report: Report) -> Rows:
    found = report.magnitudes
    columns = zip(found.names, found.kinds, found.adaptation, found.base, found.relative, strict=True)
    return [["tensor", "kind", "l2_adaptation", "l2_pretrained", "relative_percent"]] + [
        [name, kind, _cell(adaptation), _cell(base), _cell(relative)]
        for name, kind, adaptation, base, relative in columns
    ]


def _examples(report: Report) -> Rows:
    head = ["image", "shows", "predicted", "probability", "explained_class", "loss_nats"]
    return [head] + [
        [
            example.id,
            example.true_name or "",
            example.guess,
            _cell(float(example.prediction.probabilities[0].max())),
            example.evidence.target,
            _cell(example.evidence.loss),
        ]
        for example in report.examples
    ]


def _evidence(report: Report) -> Rows:
    """One row a word of every description, for every example."""
    head = ["image", "explained_class", "class", "probability", "word", "start", "end", "magnitude", "support_logits"]
    return [head] + [
        [
            example.id,
            example.evidence.target,
            description.name,
            _cell(description.probability),
            word,
            str(start),
            str(end),
            _cell(magnitude),
            _cell(support),
        ]
        for example in report.examples
        for description in example.evidence.descriptions
        for word, (start, end), magnitude, support in zip(
            description.words,
            description.spans.tolist(),
            description.magnitudes,
            description.support,
            strict=True,
        )
    ]


def _cell(value: float | None) -> str:
    """Nine digits; nothing where it is not known."""
    return "" if value is None or not math.isfinite(value) else f"{value:.9g}"
