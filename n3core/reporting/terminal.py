"""Summaries as tables for a terminal. Names in them are plain, printable text, to be printed without markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Column, Table

from n3core.errors import printable

__all__ = ["tabulate_diagnosis", "tabulate_evaluation", "tabulate_words"]

_WORST = 3  # classes named in the table
_MOST_IMAGES = 20  # told one by one
_WORDS_LEGEND = (
    "Words of largest gradient first: \u207a more of it raises the score of the class explained, \u207b lowers it. "
    "Ruled out: other classes, and the words of theirs that do it. Layers and pixels: --json, or n3 report."
)


def tabulate_evaluation(summary: Mapping[str, Any]) -> Table:
    """The figures of `summarise_evaluation` with `data`, `split` and `classes_file`."""
    (low, high), (least, most) = summary["interval"], summary["class_interval"]
    rows = [
        ("classes, images", f"{summary['classes']}, {summary['images']}"),
        ("per-class accuracy", f"{summary['per_class_accuracy']:.1f} %"),
        ("95 % by other images", f"{low:.1f} to {high:.1f} %"),
        ("95 % by other classes, too", f"{least:.1f} to {most:.1f} %"),
        ("top 5", f"{summary['top5']:.1f} %"),
        ("chance", f"{summary['chance']:.1f} %"),
    ]
    if spread := summary["permutations"]:
        rows.append(("class orders", f"median {spread['median']:.1f} %, spread {spread['spread']:.2f}"))
    for name, value in (summary["controls"] or {}).items():
        rows.append((f"control: {name.replace('_', ' ')}", f"{value:.1f} %"))
    columns = zip(summary["class_names"], summary["class_accuracies"], summary["column_sums"], strict=True)
    for name, accuracy, given in sorted(columns, key=lambda column: column[1])[:_WORST]:
        if accuracy < 100:
            rows.append((f"weakest: {name}", f"{accuracy:.1f} %, named {given} times"))
    own = [sum(row) for row in summary["confusion"]]
    drawn = max(range(len(own)), key=lambda place: summary["column_sums"][place] - own[place])
    if (given := summary["column_sums"][drawn]) > own[drawn]:
        rows.append((f"draws most: {summary['class_names'][drawn]}", f"named {given} times, has {own[drawn]} images"))
    table = Table(
        show_header=False, title=printable(f"{summary['data']} / {summary['split'] or summary['classes_file']}")
    )
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def tabulate_words(summary: Mapping[str, Any]) -> Table:
    """What `n3 explain` found: a row per image with the words that decide; for many images, a row per class."""
    images = summary["images"]
    if len(images) <= _MOST_IMAGES:
        table = Table(
            Column("image", overflow="fold"), "named", "explained", "its words", "ruled out", title="evidence",
            caption=_WORDS_LEGEND, caption_justify="left",
        )  # fmt: skip
        for row in images:
            evidence, best = row["evidence"], row["probabilities"][0]
            others = "; ".join(
                f"{other['class']}: {', '.join(word['word'] for word in other['words'][:3])}"
                for other in evidence["ruled_out"]
            )
            words = ", ".join(_signed(word) for word in evidence["positive"]["words"])
            named = f"{best['class']} {100 * best['probability']:.1f} %"
            table.add_row(*map(printable, (row["image"], named, evidence["target"], words, others)))
        return table
    title = f"evidence in {len(images)} images"
    table = Table("class", "images", "its words", title=title, caption=_WORDS_LEGEND, caption_justify="left")
    for entry in summary["words"]:
        words = ", ".join(_signed(word) for word in entry["words"])
        table.add_row(printable(entry["class"]), str(entry["images"]), printable(words))
    return table


def tabulate_diagnosis(summary: Mapping[str, Any]) -> Table:
    """What `n3 diagnose` found: the descriptions with a complaint, worst first."""
    accuracy = summary["per_class_accuracy"]
    title = f"{summary['images']} images" + (f", per-class accuracy {accuracy:.1f} %" if accuracy is not None else "")
    table = Table("", "class", "points", "reasons", title=title, caption="\n".join(summary["notes"]) or None)
    for entry in summary["ranking"]:
        if entry["reasons"]:
            reasons = "\n".join(printable(reason["sentence"]) for reason in entry["reasons"])
            table.add_row(str(entry["rank"]), printable(entry["class"]), f"{entry['score']:.0f}", reasons)
    if not table.row_count:
        table.add_row("", "", "", "No description has a complaint against it.")
    return table


def _signed(word: Mapping[str, Any]) -> str:
    return word["word"] + ("\u207a" if (word["support"] or 0) >= 0 else "\u207b")
