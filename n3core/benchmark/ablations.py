"""Ablations of N3 (paper section 4.3): what changes with base network, text, gamma and mu, and the layers adapted.

Owns the values and how each becomes a run of its own by the same machinery; knows no training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from n3core.baselines.base import MethodEntry, Settings, Trial
from n3core.benchmark.bases import open_base
from n3core.benchmark.progress import Listener, Silent
from n3core.benchmark.published import ABLATIONS
from n3core.benchmark.request import BenchRequest
from n3core.benchmark.run import Plan, run_benchmark
from n3core.benchmark.tables import PUBLISHED_HEADER, Sheet, methods_sheet
from n3core.benchmark.texts import TEXT_MODES
from n3core.errors import InputError
from n3core.results.benchmark import BenchmarkResults

__all__ = ["KINDS", "Variant", "ablation_sheet", "fix_settings", "list_variants", "run_ablation"]

KINDS = ("base", "text", "scale", "layers")
_SCALES = ((0.999, 0.001), (0.99, 0.01), (0.9, 0.1), (0.5, 0.5), (0.1, 0.9), (0.01, 0.99))  # table 3: mu = 1 - gamma
_LAYERS = {
    "all": ("conv", "norm", "fc"),
    "conv": ("conv", "fc"),
    "norm": ("norm", "fc"),
    "fc": ("fc",),
}  # the classification layer is always generated


@dataclass(frozen=True)
class Variant:
    """One value of an ablation.

    name: in tables, and the folder of its run.
    settings: of N3, held fixed while others are tuned.
    base: folder of the base network instead of the request's.
    text_mode: way of reading instead of the request's.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: Path | None = None
    text_mode: str | None = None


def list_variants(kind: str, bases: Sequence[Path] = ()) -> tuple[Variant, ...]:
    """The values of an ablation.

    Args:
        kind: one of `KINDS`.
        bases: folders of base networks, at least two for "base" and at most one otherwise.

    Returns:
        One variant per value.

    Raises:
        InputError: unknown kind, or a wrong number of bases.
    """
    if kind not in KINDS:
        raise InputError(f"ablation {kind!r} is unknown; choose one of {', '.join(KINDS)}")
    if kind == "base":
        if len(bases) < 2:
            raise InputError(f"--kind base compares networks and has {len(bases)} --base; give at least 2")
        names = [open_base(folder).name for folder in bases]
        names = [name if names.count(name) == 1 else folder.name for name, folder in zip(names, bases, strict=True)]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"two --base folders are called {twice[0]!r}; rename one")
        return tuple(Variant(name, base=folder) for name, folder in zip(names, bases, strict=True))
    if len(bases) > 1:
        raise InputError(f"--kind {kind} is on one network and has {len(bases)} --base; give one")
    if kind == "text":
        return tuple(Variant(mode, text_mode=mode) for mode in TEXT_MODES)
    if kind == "scale":
        return tuple(Variant(f"{gamma}-{mu}", {"gamma": gamma, "mu": mu}) for gamma, mu in _SCALES)
    return tuple(Variant(name, {"adapt": list(layers)}) for name, layers in _LAYERS.items())


def fix_settings(entry: MethodEntry, fixed: Settings) -> MethodEntry:
    """The same system with some settings that no trial changes."""

    def suggest(trial: Trial) -> Settings:
        return {**entry.suggest(trial), **fixed}

    return replace(entry, default={**entry.default, **fixed}, suggest=suggest)


def run_ablation(
    variants: Sequence[Variant], request: BenchRequest, entry: MethodEntry, plan: Plan, listener: Listener | None = None
) -> dict[str, BenchmarkResults]:
    """Run a system once per variant, each in its own folder below `plan.out`.

    Args:
        variants: values, from `list_variants`.
        request: dataset, split and all that the variants leave as it is.
        entry: the system, which is N3 in the paper.
        plan: seeds, trials and measurements; its entries are not used.
        listener: told of the progress.

    Returns:
        Variant -> results, in order.

    Raises:
        InputError: as `run_benchmark`.
    """
    listener = listener if listener is not None else Silent()
    found = {}
    for variant in variants:
        listener.say(f"variant {variant.name}")
        bench = replace(
            request, base=variant.base or request.base, text_mode=variant.text_mode or request.text_mode
        ).open()
        own = replace(plan, entries=(fix_settings(entry, variant.settings),), out=plan.out / variant.name)
        found[variant.name] = run_benchmark(bench, own, listener)
    return found


def ablation_sheet(kind: str, found: Mapping[str, BenchmarkResults]) -> Sheet:
    """One row per variant, chance last, with what the paper reports on CUB (SS)."""
    first = next(iter(found.values()))
    # Its columns are those that any variant has.
    whole = methods_sheet(replace(first, runs=tuple(run for results in found.values() for run in results.runs)))
    columns = whole.headers[1:-1]
    rows = []
    for name, results in found.items():
        sheet = methods_sheet(results)
        cells = dict(zip(sheet.headers, sheet.rows[0], strict=True))
        reported = ABLATIONS[kind].get(name)
        rows.append(
            (
                name,
                *(cells.get(column, "-") for column in columns),
                f"CUB SS {reported}" if reported is not None else "-",
            )
        )
    return Sheet(
        f"ablation {kind}: {whole.title}", (kind, *columns, PUBLISHED_HEADER), (*rows, whole.rows[-1]), whole.notes
    )
