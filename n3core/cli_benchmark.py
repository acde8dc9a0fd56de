"""The commands of `n3` that compare: benchmark and ablate. Words on a command line in, tables and files out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from n3core.cli_options import Data, Device, Json, print_json, show_progress, warn
from n3core.errors import InputError

if TYPE_CHECKING:
    from n3core.benchmark.bench import Bench

__all__ = ["app"]

_SETTINGS = ("conventional", "generalized", "continual")

app = typer.Typer()

Out = Annotated[Path, typer.Option(help="Folder of the run; the same command goes on from what is there.")]
Split = Annotated[str | None, typer.Option(help="A split of the dataset, where it has several, such as SCE.")]
SplitFile = Annotated[
    Path | None, typer.Option(help='Own split: {"train": [classes], "val": [classes], "test": [classes]}.')
]
Texts = Annotated[Path | None, typer.Option(help="Descriptions file instead of the dataset's own texts.")]
Methods = Annotated[  # all of the registry, which would import torch to show a help
    str,
    typer.Option(
        help="all, or some of n3, n3-fc, n3-cn, n3-shipped, pdcnn-fc, pdcnn-fc-conv, megazsl, eszsl, mlp, mlp-cosine, "
        "mlp-cn, attended, clip, separated by commas."
    ),
]
Seeds = Annotated[int, typer.Option(help="Fits of each method, with seeds 0, 1, ...", min=1)]
Trials = Annotated[int, typer.Option(help="Settings tried for each method on validation classes; 0: defaults.", min=0)]
Permutations = Annotated[int, typer.Option(help="Random orders of the classes to try.", min=0)]
Limit = Annotated[int | None, typer.Option(help="At most so many images of each class, the first ones.", min=2)]
Controls = Annotated[bool, typer.Option(help="Measure shuffled, name-only and empty texts.")]
Encoder = Annotated[str | None, typer.Option("--text-encoder", "--encoder", help="minilm, a hub id or a local folder.")]
Mode = Annotated[str | None, typer.Option(help="How texts are read: contextual, static or sentence.")]


@app.command()
def benchmark(
    data: Data,
    out: Out,
    split: Split = None,
    split_file: SplitFile = None,
    descriptions: Texts = None,
    methods: Methods = "all",
    setting: Annotated[
        str, typer.Option(help="Some of conventional, generalized, continual, separated by commas.")
    ] = "conventional",
    seeds: Seeds = 3,
    trials: Trials = 10,
    base: Annotated[
        Path | None, typer.Option(help="Folder of a base network or checkpoint; the shipped one by default.")
    ] = None,
    text_encoder: Encoder = None,
    text_mode: Mode = None,
    permutations: Permutations = 10,
    controls: Controls = True,
    images_per_class: Limit = None,
    tasks: Annotated[int, typer.Option(help="Tasks of the continual setting.", min=2)] = 10,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Compare every method on one dataset and split, in one run."""
    settings = _settings(setting)
    from n3core.baselines.registry import METHODS, choose_methods
    from n3core.benchmark.files import encode
    from n3core.benchmark.judge import Measurements
    from n3core.benchmark.request import BenchRequest
    from n3core.benchmark.run import Plan, make_sheets, run_benchmark
    from n3core.benchmark.sequences import ContinualPlan
    from n3core.devices import choose_device

    entries = choose_methods(methods) if settings != {"continual"} else ()
    request = BenchRequest(
        data, split, split_file, descriptions, images_per_class, base, text_encoder, text_mode,
        choose_device(device).type, _command(),
    )  # fmt: skip
    plan = Plan(
        entries,
        out,
        seeds,
        trials,
        Measurements(controls, permutations, "generalized" in settings),
        ContinualPlan(tasks, seeds, trials) if "continual" in settings else None,
        known=tuple(METHODS.values()),
    )
    bench = request.open()
    _warn(bench)
    with _listener() as listener:
        results = run_benchmark(bench, plan, listener)
    if as_json:
        print_json({"out": str(out), **encode(results)})
    else:
        _print(make_sheets(results, plan.known))
        typer.echo(f"{out / 'results.json'}", err=True)
    if not results.runs and not results.continual:
        name, reason = next(iter(results.unavailable.items()))
        raise InputError(f"nothing could be measured ({name}: {reason}); choose other --methods")


@app.command()
def ablate(
    data: Data,
    out: Out,
    kind: Annotated[str, typer.Option(help="base, text, scale (gamma and mu) or layers.")],
    split: Split = None,
    split_file: SplitFile = None,
    descriptions: Texts = None,
    method: Annotated[str, typer.Option(help="Which N3: n3 or n3-cn; any method for base and text.")] = "n3",
    base: Annotated[list[Path] | None, typer.Option(help="Folder of a base network; several with --kind base.")] = None,
    seeds: Seeds = 3,
    trials: Trials = 0,
    text_encoder: Encoder = None,
    permutations: Permutations = 0,
    controls: Controls = True,
    images_per_class: Limit = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Change one thing of N3 at a time and measure each value."""
    from n3core.baselines.registry import choose_methods
    from n3core.benchmark.ablations import ablation_sheet, list_variants, run_ablation
    from n3core.benchmark.files import encode
    from n3core.benchmark.judge import Measurements
    from n3core.benchmark.request import BenchRequest
    from n3core.benchmark.run import Plan
    from n3core.benchmark.tables import to_markdown
    from n3core.devices import choose_device
    from n3core.files import write_atomically

    variants = list_variants(kind, base or ())
    entries = choose_methods([method])
    if len(entries) > 1:
        raise InputError(f"--method {method!r} names {len(entries)} systems; give one, such as n3")
    if kind in ("scale", "layers") and method not in ("n3", "n3-cn"):
        raise InputError(
            f"--kind {kind} changes how N3 adapts a network; --method {method!r} does not, use n3 or n3-cn"
        )
    request = BenchRequest(
        data, split, split_file, descriptions, images_per_class, base[0] if base else None, text_encoder, None,
        choose_device(device).type, _command(),
    )  # fmt: skip
    plan = Plan(entries, out, seeds, trials, Measurements(controls, permutations))
    with _listener() as listener:
        found = run_ablation(variants, request, entries[0], plan, listener)
    sheet = ablation_sheet(kind, found)
    setting = next(iter(found.values())).setting
    write_atomically(out / "results.md", to_markdown(setting, [sheet]).encode())
    if as_json:
        print_json({"out": str(out), "kind": kind, "variants": {name: encode(part) for name, part in found.items()}})
        return
    _print([sheet])


class _Bar:
    """Shows the piece of work at hand as one bar on stderr, and lines above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, what: str, total: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total)

    def advance(self, steps: int = 1) -> None:
        if self._task is not None:
            self._progress.advance(self._task, steps)

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _listener() -> Iterator[_Bar]:
    with show_progress() as progress:
        yield _Bar(progress)


def _settings(text: str) -> set[str]:
    chosen = {part.strip() for part in text.split(",") if part.strip()}
    unknown = sorted(chosen - set(_SETTINGS))
    if unknown or not chosen:
        named = repr(unknown[0]) if unknown else "nothing"
        raise InputError(f"--setting: {named} is no setting; use some of {','.join(_SETTINGS)}")
    return chosen


def _command() -> tuple[str, ...]:
    """The words of this command, as far as they were typed."""
    return ("n3", *sys.argv[1:])


def _warn(bench: Bench) -> None:
    for line in bench.warnings:
        warn(line)


def _print(sheets: Sequence[object]) -> None:
    from n3core.benchmark.tables import Sheet, to_terminal

    console = Console(markup=False)
    for sheet in sheets:
        assert isinstance(sheet, Sheet)
        for table in to_terminal(sheet, console.width):
            console.print(table)
        for note in sheet.notes:
            console.print(note, highlight=False)
