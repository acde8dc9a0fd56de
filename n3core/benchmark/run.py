"""Every system on one bench: tune, fit, judge, write each piece down, and go on from there when started again.

Owns the order of the pieces and what to do when one fails; knows no file format and no system's inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from n3core.baselines.base import MethodEntry
from n3core.benchmark.bench import Bench
from n3core.benchmark.data import BenchmarkData
from n3core.benchmark.folder import RunFolder
from n3core.benchmark.judge import Measurements, judge_method, validate_settings
from n3core.benchmark.progress import Listener, Silent
from n3core.benchmark.sequences import ContinualPlan, check_sequences, run_sequences
from n3core.benchmark.tables import Sheet, continual_sheet, methods_sheet, to_markdown
from n3core.benchmark.tune import tune
from n3core.errors import InputError
from n3core.results.benchmark import BenchmarkResults

__all__ = ["Plan", "make_sheets", "run_benchmark"]


@dataclass(frozen=True)
class Plan:
    """What to run on a bench.

    entries: systems, in the order of the table.
    out: folder of the run; what is finished there is not done again.
    seeds: fits of each system, with seeds 0, 1, ...
    trials: settings tried for each system, its defaults included; 0 takes the defaults as they are.
    measurements: what is measured of each fit.
    continual: learners of the continual setting; None leaves it out.
    known: all systems there are, for the order and the titles of rows that earlier runs left in the folder.
    """

    entries: tuple[MethodEntry, ...]
    out: Path
    seeds: int = 3
    trials: int = 10
    measurements: Measurements = field(default_factory=Measurements)
    continual: ContinualPlan | None = None
    known: tuple[MethodEntry, ...] = ()


def run_benchmark(bench: Bench, plan: Plan, listener: Listener | None = None) -> BenchmarkResults:
    """Do what is left of a plan.

    A system that fails with an InputError keeps its reason in `unavailable`, loses no other, and is tried again by the
    next run; so is one that says it cannot run here.

    Args:
        bench: what the systems are run on.
        plan: which and how.
        listener: told of the progress.

    Returns:
        Everything the folder holds, pieces of earlier runs included; results.json and results.md say the same.

    Raises:
        InputError: the folder holds a run of something else, or the split lacks what the plan needs.
    """
    listener = listener if listener is not None else Silent()
    _check(bench, plan)
    folder = RunFolder(plan.out, bench.identity)
    missing: dict[str, str] = {}
    pending: list[MethodEntry] = []
    for entry in plan.entries:
        if reason := bench.reason_against(entry):
            missing[entry.name] = reason
        elif any(not _is_done(folder, plan, entry, seed) for seed in range(plan.seeds)):
            pending.append(entry)

    def write() -> BenchmarkResults:
        return _write(bench, plan, folder, missing)

    if pending:
        needs = frozenset().union(*(entry.needs for entry in pending))
        data = bench.load(needs, generalized=plan.measurements.generalized, listener=listener)
        for entry in pending:
            try:
                _run_method(entry, bench, plan, folder, data, listener, write)
            except InputError as error:
                missing[entry.name] = f"failed: {error}"
                listener.say(f"{entry.name} failed: {error}")
    if plan.continual is not None:
        run_sequences(plan.continual, bench, folder, listener, write)
    return write()


def _check(bench: Bench, plan: Plan) -> None:
    """Refuse, before anything is computed, what the split cannot give."""
    count = bench.validation_classes
    if plan.entries and plan.trials and count < 2:
        raise InputError(
            f"{count} validation class(es) to choose settings by; name at least 2 in 'val', or give --trials 0"
        )
    if plan.entries and plan.measurements.generalized and not count:
        raise InputError("no validation class to choose gamma by; name some in 'val', or leave out generalized")
    if plan.continual is not None:
        check_sequences(plan.continual, bench)


def _is_done(folder: RunFolder, plan: Plan, entry: MethodEntry, seed: int) -> bool:
    run = folder.find(entry.name, seed)
    return run is not None and run.trials == plan.trials and not plan.measurements.lacking_in(run)


def _run_method(
    entry: MethodEntry,
    bench: Bench,
    plan: Plan,
    folder: RunFolder,
    data: BenchmarkData,
    listener: Listener,
    write: Callable[[], object],
) -> None:
    listener.begin(entry.title, plan.trials + plan.seeds)

    def validate(settings: Mapping[str, object]) -> float:
        accuracy = validate_settings(entry, settings, data, bench.base)
        listener.advance()
        return accuracy

    tuned = tune(entry, plan.trials, folder.studies, validate, tell=listener.say)
    for seed in range(plan.seeds):
        if not _is_done(folder, plan, entry, seed):
            run = judge_method(entry, tuned.settings, tuned.trials, seed, data, bench.base, plan.measurements)
            folder.add(run)
            listener.say(f"{entry.name}, seed {seed}: {run.accuracy:.1f} % on the unseen classes")
            write()
        listener.advance()


def _write(bench: Bench, plan: Plan, folder: RunFolder, missing: Mapping[str, str]) -> BenchmarkResults:
    known = {entry.name: entry for entry in (*plan.known, *plan.entries)}
    runs = folder.runs(tuple(known))
    finished = {run.method for run in runs}
    identity = {**bench.identity, "device": bench.base.device}  # a run may go on with another device
    results = BenchmarkResults(
        replace(bench.setting, identity=identity),
        runs,
        {name: reason for name, reason in missing.items() if name not in finished},
        folder.continual(plan.continual.learners if plan.continual is not None else ()),
    )
    folder.write(results, to_markdown(results.setting, make_sheets(results, tuple(known.values()))))
    return results


def make_sheets(results: BenchmarkResults, entries: Sequence[MethodEntry]) -> list[Sheet]:
    """The tables of a run, those without a row left out."""
    titles = {entry.name: entry.title for entry in entries}
    notes = {entry.name: entry.note for entry in entries if entry.note}
    sheets = [methods_sheet(results, titles, notes)] if results.runs or results.unavailable else []
    extra = continual_sheet(results)
    return [*sheets, extra] if extra is not None else sheets
