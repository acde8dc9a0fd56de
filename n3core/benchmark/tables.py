"""Results as tables: for a terminal and as Markdown, from one set of rows.

Owns what a reader sees beside a figure: chance, controls, spread, and what papers report on other data, in a column of
its own. Knows no system; titles and notes are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from n3core.benchmark.published import CONTINUAL, published_of
from n3core.results.benchmark import BenchmarkResults, BenchmarkSetting, ContinualScores, MethodRun

__all__ = ["PUBLISHED_HEADER", "Sheet", "continual_sheet", "methods_sheet", "to_markdown", "to_terminal"]

PUBLISHED_HEADER = "published, other data"
_NONE = "-"
_TOLD = ("images", "images per class", "texts", "device")  # of the identity; the rest stands in the lines above it
_WIDEST_CELL = 36  # characters; longer cells are folded in a terminal
_BORDER = 3


@dataclass(frozen=True)
class Sheet:
    """A table before it is drawn; every cell is plain text.

    rows: each as long as `headers`.
    notes: lines under the table.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def methods_sheet(
    results: BenchmarkResults, titles: Mapping[str, str] | None = None, notes: Mapping[str, str] | None = None
) -> Sheet:
    """One row per system, chance last; columns that no run has are left out.

    Args:
        results: runs of any number of seeds.
        titles: system -> what to call it.
        notes: system -> what a reader must know of its row.

    Returns:
        The table.
    """
    titles, setting = titles or {}, results.setting
    measured = [run.generalized is not None for run in results.runs]
    controlled = [run.controls is not None for run in results.runs]
    columns: list[tuple[str, Callable[[Sequence[MethodRun]], str]]] = [
        ("accuracy", lambda runs: _mean_and_spread([run.accuracy for run in runs])),
        ("95 % interval", _interval),
    ]
    if any(controlled):
        columns += [
            ("shuffled text", lambda runs: _mean([run.controls.shuffled for run in runs if run.controls])),
            ("name only", lambda runs: _mean([run.controls.name_only for run in runs if run.controls])),
            ("empty text", lambda runs: _mean([run.controls.empty for run in runs if run.controls])),
        ]
    if any(run.permutations is not None for run in results.runs):
        columns.append(("orders: median (spread)", _orders))
    if any(measured):
        columns += [
            ("U", lambda runs: _mean([run.generalized.unseen for run in runs if run.generalized])),
            ("S", lambda runs: _mean([run.generalized.seen for run in runs if run.generalized])),
            ("H", lambda runs: _mean_and_spread([r.generalized.harmonic_mean for r in runs if r.generalized])),
            ("AUSUC", lambda runs: _mean([run.generalized.ausuc for run in runs if run.generalized], 3)),
        ]
    columns += [
        ("fit s", lambda runs: _mean([run.fit_seconds for run in runs])),
        ("predict s", lambda runs: _mean([run.predict_seconds for run in runs], 2)),
        ("seeds", lambda runs: str(len(runs))),
        ("trials", lambda runs: ", ".join(map(str, sorted({run.trials for run in runs})))),
    ]
    rows = []
    for method in results.methods:
        runs = results.runs_of(method)
        cells = [make(runs) for _, make in columns]
        rows.append((titles.get(method, method), *cells, _published(method)))
    for method, reason in results.unavailable.items():
        rows.append((titles.get(method, method), reason, *[_NONE] * (len(columns) - 1), _published(method)))
    rows.append(("chance", f"{setting.chance:.1f}", *[_NONE] * len(columns)))
    shown = [*results.methods, *results.unavailable]
    return Sheet(
        _title(setting),
        ("method", *(header for header, _ in columns), PUBLISHED_HEADER),
        tuple(rows),
        (*_LEGEND, *(f"{titles.get(name, name)}: {note}" for name, note in (notes or {}).items() if name in shown)),
    )


def continual_sheet(results: BenchmarkResults) -> Sheet | None:
    """One row per learner, with and without Class Normalization; None where nothing continual was measured."""
    groups: dict[tuple[str, bool], list[ContinualScores]] = {}
    for scores in results.continual:
        groups.setdefault((scores.learner, scores.normalised), []).append(scores)
    if not groups:
        return None
    rows = []
    for (learner, normalised), runs in groups.items():
        reported = CONTINUAL.get((learner, normalised))
        published = "CUB mAUC {:.1f}, mH {:.1f}, mJA {:.1f}, forgetting {:.2f}".format(*reported) if reported else _NONE
        rows.append((
            f"{learner} + CN" if normalised else learner,
            _mean_and_spread([100 * scores.mean_auc for scores in runs]),
            _mean_and_spread([scores.mean_harmonic for scores in runs]),
            _mean_and_spread([scores.mean_joint for scores in runs]),
            _mean_and_spread([scores.forgetting for scores in runs], 2),
            str(len(runs)),
            published,
        ))  # fmt: skip
    tasks = len(results.continual[0].joint)
    return Sheet(
        f"{results.setting.dataset}: continual, {tasks} tasks",
        ("learner", "mAUC %", "mH %", "mJA %", "forgetting", "seeds", PUBLISHED_HEADER),
        tuple(rows),
        (_SPREAD,),
    )


def to_terminal(sheet: Sheet, width: int) -> list[Table]:
    """Rich tables, to be printed without markup: one, or several that repeat the first column where it is too wide.

    The sheet's notes are not among them.

    Args:
        sheet: the table.
        width: of the terminal, in characters.
    """
    widths = [
        min(_WIDEST_CELL, max(map(len, (header, *(row[column] for row in sheet.rows))))) + _BORDER
        for column, header in enumerate(sheet.headers)
    ]
    groups: list[list[int]] = [[]]
    for column in range(1, len(sheet.headers)):
        if groups[-1] and widths[0] + sum(widths[k] for k in groups[-1]) + widths[column] + 1 > width:
            groups.append([])
        groups[-1].append(column)
    tables = []
    for group in groups:
        table = Table(title=None if tables else sheet.title, title_justify="left")
        for column in (0, *group):
            header = sheet.headers[column]
            text = column == 0 or header == PUBLISHED_HEADER
            table.add_column(header, justify="left" if text else "right", overflow="fold", max_width=_WIDEST_CELL)
        for row in sheet.rows:
            table.add_row(*(row[column] for column in (0, *group)))
        tables.append(table)
    return tables


def to_markdown(setting: BenchmarkSetting, sheets: Sequence[Sheet]) -> str:
    """A document of tables with the command that makes them."""
    shared = (
        f"base {setting.base} ({setting.base_hash}), text {setting.text}, split {setting.split} ({setting.split_hash})",
        f"{setting.train_images:,} images to fit on, {setting.test_images:,} to judge",
        ", ".join(f"{name} {version}" for name, version in setting.versions.items()),
    )
    known = [f"{key} {setting.identity[key]}" for key in _TOLD if key in setting.identity]
    lines = (*shared, ", ".join(known)) if known else shared
    parts = [f"    {setting.command}" if setting.command else "", "\n".join(f"- {line}" for line in lines)]
    for sheet in sheets:
        lines = [_line(sheet.headers), _line(["---"] * len(sheet.headers)), *map(_line, sheet.rows)]
        parts += [f"## {sheet.title}", "\n".join(lines), "\n".join(f"- {note}" for note in sheet.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


_SPREAD = "a value +- its standard deviation over the seeds"
_LEGEND = (
    "accuracy: per-class average over the unseen classes, percent; " + _SPREAD,
    "interval: 95 % bootstrap over images within classes, bounds averaged over the seeds",
    "shuffled text, name only, empty text: controls, accuracy of the same fit with these instead of the texts",
    f"{PUBLISHED_HEADER}: what the papers report, with other images, networks and texts; not comparable",
)


def _title(setting: BenchmarkSetting) -> str:
    seen, unseen = len(setting.seen), len(setting.unseen)
    told = setting.split == "default" or setting.dataset.endswith(f":{setting.split}")
    name = setting.dataset if told else f"{setting.dataset}, split {setting.split}"
    return f"{name}: {unseen} unseen and {seen} seen classes, chance {setting.chance:.1f} %"


def _interval(runs: Sequence[MethodRun]) -> str:
    low, high = (np.mean([getattr(run.interval, end) for run in runs]) for end in ("low", "high"))
    return f"{low:.1f} to {high:.1f}"


def _orders(runs: Sequence[MethodRun]) -> str:
    spreads = [run.permutations for run in runs if run.permutations is not None]
    if not spreads:
        return _NONE
    return f"{_mean([found.median for found in spreads])} ({max(found.spread for found in spreads):.1f})"


def _published(method: str) -> str:
    return ", ".join(
        f"{figure.data} {'' if figure.measure == 'accuracy' else figure.measure + ' '}{figure.value}"
        for figure in published_of(method)
    ) or _NONE  # fmt: skip


def _mean(values: Sequence[float], digits: int = 1) -> str:
    return f"{np.mean(values):.{digits}f}" if values else _NONE


def _mean_and_spread(values: Sequence[float], digits: int = 1) -> str:
    if len(values) < 2:
        return _mean(values, digits)
    return f"{_mean(values, digits)} +- {np.std(values, ddof=1):.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    """A row of Markdown; class and file names are strangers' text and may hold bars and line breaks."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
