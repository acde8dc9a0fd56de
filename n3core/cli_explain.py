"""The commands of `n3` that explain: explain, diagnose and report, for single images or all of a dataset at once.

Owns their options; every result comes from `n3core.reporting`. Torch is imported when a command runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from n3core.cli_options import Checkpoint, Device, Json, Limit, Seed, load_engine, print_json, show_progress, warn
from n3core.errors import InputError

if TYPE_CHECKING:
    from n3core.engine import Engine
    from n3core.reporting.pictures import Pictures, TaskSource

__all__ = ["app"]

app = typer.Typer()

Data = Annotated[str | None, typer.Option(help="Dataset: a name, a folder or a parquet file.")]
Descriptions = Annotated[
    Path | None, typer.Option(help="Descriptions or task file (json, yaml, csv): the task, its classes in its order.")
]
Split = Annotated[str | None, typer.Option(help="Take the classes of a split: train, val, test or all.")]
Classes = Annotated[Path | None, typer.Option(help="File that names the classes.")]
Images = Annotated[list[Path] | None, typer.Option("--image", help="Image file, instead of those of a dataset.")]
Target = Annotated[str, typer.Option(help="Class to explain: its name, or predicted, or true.")]
Method = Annotated[  # all there are, whose owner would import numpy to show a help
    str,
    typer.Option(help="Saliency: gradient, gradient_x_input, integrated_gradients, smoothgrad, grad_cam or occlusion."),
]
Quantity = Annotated[str, typer.Option(help="What the saliency explains: loss or logit.")]
Measure = Annotated[bool, typer.Option("--measure", help="Synthesize without each class and by its name alone, too.")]


@app.command()
def explain(
    data: Data = None,
    descriptions: Descriptions = None,
    image: Images = None,
    split: Split = None,
    classes: Classes = None,
    limit: Limit = None,
    target: Target = "predicted",
    method: Method = "gradient",
    quantity: Quantity = "loss",
    words: Annotated[int, typer.Option(help="Words of each description to tell.", min=1)] = 8,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Tell which words decide about images.

    The table is of words; --json adds pixels and layers, and n3 report shows them.
    """
    started = time.monotonic()
    source = _open(data, descriptions, split, classes)

    from n3core.explain.magnitudes import measure_magnitudes
    from n3core.reporting import summaries
    from n3core.reporting.explanations import ADAPTED, FC_ONLY, check_target, gather_words
    from n3core.reporting.explanations import explain as explain_pictures
    from n3core.reporting.terminal import tabulate_words
    from n3core.results.saliency import SaliencySettings

    check_target(source.task, target)
    _check_method(method, quantity)
    engine = load_engine(checkpoint, device)
    pictures = _load(source, engine, image, limit)
    with show_progress() as progress:
        bar = progress.add_task("explain", total=len(pictures))
        found = explain_pictures(
            engine,
            source.task,
            pictures,
            target,
            method=method,
            quantity=quantity,
            progress=lambda done, total: progress.update(bar, completed=done),
        )
    shares = {
        name: maps.shares(pictures.masks, pictures.parts) if pictures.masks is not None else None
        for name, maps in found.saliency.items()
    }
    rows = [
        {
            "image": pictures.ids[row],
            "true": source.task.names[label] if label >= 0 else None,
            "class": source.task.names[found.prediction.labels[row]],
            "probabilities": summaries.summarise_prediction(found.prediction, row),
            "evidence": summaries.summarise_evidence(found.evidence[row], words=words),
            "saliency": {
                key: summaries.summarise_saliency(found.saliency[name], row, shares[name])
                for key, name in (("adapted", ADAPTED), ("fc_only", FC_ONLY))
            },
        }
        for row, label in enumerate(pictures.labels.tolist())
    ]
    summary = {
        "data": source.dataset.name if source.dataset is not None and not image else None,
        "class_names": list(source.task.names),
        "target": target,
        "images": rows,
        "words": [summaries.summarise_words(entry, words=words) for entry in gather_words(found.evidence)],
        "layers": summaries.summarise_magnitudes(measure_magnitudes(engine.model, engine.encode(source.task.texts))),
        "checkpoint": str(engine.checkpoint),
        "provenance": _provenance(engine, source, descriptions, image, limit, seed=SaliencySettings().seed),
        "seconds": round(time.monotonic() - started, 2),
    }
    print_json(summary) if as_json else Console(markup=False).print(tabulate_words(summary))


@app.command()
def diagnose(
    data: Data = None,
    descriptions: Descriptions = None,
    image: Images = None,
    split: Split = None,
    classes: Classes = None,
    limit: Limit = None,
    measure: Measure = False,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Rank the descriptions of a task, worst first, with reasons."""
    started = time.monotonic()
    source = _open(data, descriptions, split, classes)

    from n3core.reporting.collect import diagnose_task
    from n3core.reporting.summaries import summarise_diagnosis
    from n3core.reporting.terminal import tabulate_diagnosis

    engine = load_engine(checkpoint, device, max_classifiers=2)
    pictures = _load(source, engine, image, limit)
    if measure and not pictures.labelled:
        raise InputError("--measure needs images whose classes are known; give --data")
    with show_progress() as progress:
        bar = progress.add_task("measure", total=len(source.task.names), visible=measure)
        found = diagnose_task(
            engine,
            source.task,
            pictures,
            measured=measure,
            progress=lambda done, total: progress.update(bar, completed=done),
        )
    summary = {
        "data": source.dataset.name if source.dataset is not None and not image else None,
        "split": source.split,
        "classes_file": source.chosen_by if source.split is None else None,
        **summarise_diagnosis(found),
        "checkpoint": str(engine.checkpoint),
        "provenance": _provenance(engine, source, descriptions, image, limit),
        "seconds": round(time.monotonic() - started, 2),
    }
    print_json(summary) if as_json else Console(markup=False).print(tabulate_diagnosis(summary))


@app.command()
def report(
    data: Data = None,
    descriptions: Descriptions = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: *.html, or *.zip with numbers, tables and figures.")
    ] = None,
    split: Split = None,
    classes: Classes = None,
    limit: Limit = None,
    examples: Annotated[int, typer.Option(help="Images to explain.", min=0)] = 6,
    example: Annotated[list[str] | None, typer.Option(help="Id of an image to explain; may be repeated.")] = None,
    target: Target = "predicted",
    method: Method = "gradient",
    quantity: Quantity = "loss",
    controls: Annotated[bool, typer.Option(help="Measure shuffled, name-only and empty texts.")] = True,
    measure: Measure = False,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write an HTML report about a task.

    One self-contained file: figures, worst descriptions, examples, layers.
    """
    started = time.monotonic()
    if out is None and not as_json:
        raise InputError("nowhere to write; give --out report.html, --out report.zip or --json")
    source = _open(data, descriptions, split, classes)

    from n3core.reporting.bundle import check_format, write_report
    from n3core.reporting.collect import ReportOptions, collect
    from n3core.reporting.explanations import check_target
    from n3core.reporting.summaries import summarise_report

    if out is not None:
        check_format(out)
    if source.dataset is None:
        for option, given in (("--example", bool(example)), ("--measure", measure)):
            if given:
                raise InputError(f"{option} needs images whose classes are known; give --data")
    check_target(source.task, target)
    _check_method(method, quantity)
    options = ReportOptions(examples, target, method, quantity, controls, measure, seed, limit)
    engine = load_engine(checkpoint, device, max_classifiers=2)
    pictures = _load(source, engine, None, limit, also=example or ())
    with show_progress() as progress:
        bar = progress.add_task("report", total=1.0)
        found = collect(
            engine,
            source,
            pictures,
            options,
            chosen=example or (),
            progress=lambda share, what: progress.update(bar, completed=share, description=what),
        )
    if out is not None:
        write_report(found, out)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        summary = {"out": str(out) if out is not None else None, **summarise_report(found)}
        print_json({**summary, "checkpoint": str(engine.checkpoint), "seconds": seconds})
    else:
        typer.echo(f"{out}: {len(source.task.names)} classes, {len(pictures)} images, {seconds} s")


def _open(data: str | None, descriptions: Path | None, split: str | None, classes: Path | None) -> TaskSource:
    from n3core.reporting.pictures import open_source

    source = open_source(data, descriptions, split=split, classes_file=classes)
    for line in source.warnings:
        warn(line)
    if source.dataset is not None and source.missing:
        more = f" and {len(source.missing) - 1} more classes" if len(source.missing) > 1 else ""
        warn(f"{source.dataset.name} has no images of {source.missing[0]!r}{more}; check the name if it should")
    return source


def _load(
    source: TaskSource, engine: Engine, images: list[Path] | None, limit: int | None, also: Sequence[str] = ()
) -> Pictures:
    """The files named by --image, else the pictures of the dataset; none where there is no dataset."""
    from n3core.reporting.pictures import load_files, load_pictures

    if images:
        return load_files(images, engine.image_size)
    with show_progress() as progress:
        bar = progress.add_task("load images")
        return load_pictures(
            source,
            engine.image_size,
            each=limit,
            also=also,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def _provenance(
    engine: Engine,
    source: TaskSource,
    descriptions: Path | None,
    images: list[Path] | None,
    limit: int | None,
    seed: int | None = None,
) -> dict[str, Any]:
    from n3core.reporting.provenance import summarise_provenance

    return summarise_provenance(
        engine,
        source.task.names,
        source.task.texts,
        descriptions=descriptions,
        text="description" if descriptions is None else None,
        dataset=source.dataset if not images else None,
        limit=limit if not images else None,
        seed=seed,
    )


def _check_method(method: str, quantity: str) -> None:
    from n3core.results.saliency import METHODS

    for option, value, known in (("--method", method, tuple(METHODS)), ("--quantity", quantity, ("loss", "logit"))):
        if value not in known:
            raise InputError(f"{option} {value!r} is unknown; use one of {', '.join(known)}")
