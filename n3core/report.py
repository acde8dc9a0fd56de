"""An evaluation as the words and numbers that a command prints: a JSON summary and a table of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from n3core.results import Evaluation

__all__ = ["summarise", "tabulate"]

_WORST = 3  # classes named in the table


def summarise(found: Evaluation) -> dict[str, Any]:
    """The JSON form of an evaluation.

    Args:
        found: what was measured.

    Returns:
        Accuracies in percent; rows of `confusion` are true classes; None for what was not measured.
    """
    spread, controls = found.permutations, found.controls
    return {
        "classes": len(found.class_names),
        "images": found.images,
        "chance": _rounded(found.chance),
        "per_class_accuracy": _rounded(found.per_class_accuracy),
        "top5": _rounded(found.top5),
        "interval": [_rounded(found.interval.low), _rounded(found.interval.high)],
        "permutations": {"median": _rounded(spread.median), "spread": _rounded(spread.spread)} if spread else None,
        "controls": {
            "shuffled": _rounded(controls.shuffled),
            "name_only": _rounded(controls.name_only),
            "empty": _rounded(controls.empty),
        }
        if controls
        else None,
        "class_names": list(found.class_names),
        "class_accuracies": [_rounded(value) for value in found.class_accuracies],
        "confusion": found.confusion.counts.tolist(),
        "column_sums": found.confusion.column_sums.tolist(),
    }


def tabulate(summary: Mapping[str, Any]) -> Table:
    """A table of `summarise`'s figures; names in it are plain text, to be printed without markup."""
    low, high = summary["interval"]
    rows = [
        ("classes, images", f"{summary['classes']}, {summary['images']}"),
        ("per-class accuracy", f"{summary['per_class_accuracy']:.1f} % ({low:.1f} to {high:.1f})"),
        ("top 5", f"{summary['top5']:.1f} %"),
        ("chance", f"{summary['chance']:.1f} %"),
    ]
    if spread := summary["permutations"]:
        rows.append(("class orders", f"median {spread['median']:.1f} %, spread {spread['spread']:.2f}"))
    for name, value in (summary["controls"] or {}).items():
        rows.append((f"control: {name.replace('_', ' ')}", f"{value:.1f} %"))
    columns = zip(summary["class_names"], summary["class_accuracies"], summary["column_sums"], strict=True)
    for name, accuracy, given in sorted(columns, key=lambda column: column[1])[:_WORST]:
        rows.append((f"weakest: {name}", f"{accuracy:.1f} %, {given} images given to it"))
    table = Table(show_header=False, title=f"{summary['data']} / {summary['split']}")
    for row in rows:
        table.add_row(*row)
    return table


def _rounded(value: float) -> float:
    return round(float(value), 4)
