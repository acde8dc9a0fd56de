"""The `n3` command: words on a command line in, files and figures out.

Owns options and exit codes; every result comes from elsewhere. Torch is imported by the commands that need it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from typer.core import TyperGroup

from n3core.errors import InputError

if TYPE_CHECKING:
    from n3core.engine import Engine

__all__ = ["app", "main"]

_LAYER_KINDS = ("conv", "norm", "fc")
_INTERRUPTED = 130  # what a shell reports for Ctrl-C


class _Commands(TyperGroup):
    """Turns the error a user can mend into one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)

Data = Annotated[str, typer.Option(help="Dataset: a name, a folder or a parquet file.")]
DataList = Annotated[list[str], typer.Option(help="Dataset to train on; may be given several times.")]
Descriptions = Annotated[Path, typer.Option(help="Descriptions or task file (json, yaml, csv).")]
Checkpoint = Annotated[Path | None, typer.Option(help="Folder of a trained N3; the shipped one by default.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Out = Annotated[Path, typer.Option(help="Folder of the run; the same command resumes it.")]


@app.callback()
def _start() -> None:
    """Image classifiers from natural-language descriptions of their classes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="warning: %(message)s")


@app.command("app")
def run_app(
    port: Annotated[int, typer.Option(help="Port of the studio.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    checkpoint: Checkpoint = None,
) -> None:
    """Open the studio in a browser."""
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.is_file():
        raise InputError(f"no studio at {script}; run n3 from a checkout of the project")
    if checkpoint is not None:
        os.environ["N3_CHECKPOINT"] = str(checkpoint.resolve())
    options = [f"--server.port={port}", f"--server.headless={str(headless).lower()}"]
    os.chdir(script.parent)  # where streamlit looks for its theme
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), *options])


@app.command()
def pretrain(
    data: DataList,
    out: Out,
    start_from: Annotated[Path | None, typer.Option("--from", help="Folder of a finished base to go on from.")] = None,
    base: Annotated[str, typer.Option(help="resnet18, googlenet or squeezenet1_1.")] = "resnet18",
    size: Annotated[int, typer.Option(help="Side of the images in pixels.", min=16)] = 64,
    epochs: Annotated[float, typer.Option(help="Passes over the images of all datasets.", min=0)] = 10.0,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.", min=0)] = 0.2,
    anneal: Annotated[bool, typer.Option(help="Let the rate fall to zero at the end.")] = True,
    seed: int = 0,
    device: Device = "auto",
) -> None:
    """Train a base network on the seen classes of datasets."""
    from n3core.backbone import BASES
    from n3core.config import PretrainConfig
    from n3core.engine import choose_device
    from n3core.pretrain import pretrain as train_base
    from n3core.recipes import pretrain_sources

    if base not in BASES:
        raise InputError(f"base network {base!r} is unknown; choose one of {', '.join(BASES)}")
    choose_device(device)
    config = PretrainConfig(tuple(data), size, epochs, learning_rate=learning_rate, anneal=anneal, seed=seed)
    sources, shares = pretrain_sources(data, size)
    finished = train_base(config, sources, shares, out, base=base, start_from=start_from, device=device)
    _close_run(finished, out)


@app.command()
def train(
    data: DataList,
    out: Out,
    base: Annotated[Path | None, typer.Option(help="Folder of a pre-trained base, for a new N3.")] = None,
    start_from: Annotated[Path | None, typer.Option("--from", help="Checkpoint to go on from.")] = None,
    steps: Annotated[int, typer.Option(help="Episodes.", min=1)] = 4000,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.", min=0)] = 1e-3,
    adapt: Annotated[str | None, typer.Option(help="Layers to adapt: all, fc, or kinds such as conv,norm.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="minilm, a hub id or a local folder.")] = None,
    text_mode: Annotated[str | None, typer.Option(help="contextual or static.")] = None,
    seed: int = 0,
    device: Device = "auto",
) -> None:
    """Meta-train an N3 on the seen classes of datasets."""
    import torch

    from n3core.checkpoint import load_checkpoint
    from n3core.config import N3Config, TrainConfig
    from n3core.engine import choose_device
    from n3core.model import N3
    from n3core.pixels import cache_folder
    from n3core.pretrain import load_base
    from n3core.recipes import episode_sources, validation_sets
    from n3core.text_encoder import TextEncoder
    from n3core.train import calibrate_features
    from n3core.train import train as meta_train

    if (base is None) == (start_from is None):
        raise InputError("a new N3 needs --base DIR, a trained one --from CHECKPOINT; give exactly one of them")
    choose_device(device)
    kinds = _layer_kinds(adapt or "all")
    torch.manual_seed(seed)
    if start_from is not None:
        for option, value in (("--adapt", adapt), ("--text-encoder", text_encoder), ("--text-mode", text_mode)):
            if value is not None:
                raise InputError(f"{option} {value!r} is settled in the checkpoint {start_from}; leave it out")
        model = load_checkpoint(start_from).requires_grad_(True)
        encoder = TextEncoder(model.config.text, cache_folder() / "texts")
    else:
        assert base is not None
        tensors, name = load_base(base)
        size = json.loads((base / "base.json").read_text())["pretrain"]["image_size"]
        encoder = TextEncoder.load(text_encoder or "minilm", text_mode or "contextual", cache_folder() / "texts")
        model = N3(N3Config(name, size, adapt=kinds, text=encoder.config), tensors)
    config = TrainConfig(tuple(data), steps, learning_rate=learning_rate, seed=seed)
    sources, shares = episode_sources(data, model.config.image_size, encoder)
    held_out = validation_sets(data, model.config.image_size, encoder)
    if base is not None:
        calibrate_features(model, sources[0].images.pixels[:: max(1, len(sources[0].images.pixels) // 2000)])
    finished = meta_train(model, config, sources, shares, held_out, out, device=device)
    _close_run(finished, out / "checkpoint")


@app.command()
def evaluate(
    data: Data,
    split: Annotated[str | None, typer.Option(help="train, val, test (the default) or all.")] = None,
    classes: Annotated[Path | None, typer.Option(help="File that names the classes, instead of a split.")] = None,
    descriptions: Annotated[Path | None, typer.Option(help="Descriptions or task file instead of own texts.")] = None,
    text: Annotated[str | None, typer.Option(help="Which own text: description (default), gloss, name.")] = None,
    checkpoint: Checkpoint = None,
    controls: Annotated[bool, typer.Option(help="Measure shuffled, name-only and empty texts.")] = True,
    permutations: Annotated[int, typer.Option(help="Random orders of the classes to try.", min=0)] = 10,
    limit: Annotated[int | None, typer.Option(help="At most so many images of each class.", min=1)] = None,
    seed: int = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Judge a checkpoint on classes of a dataset."""
    started = time.monotonic()
    from n3core.selection import select

    selection = select(data, split=split, classes_file=classes, descriptions=descriptions, kind=text)
    for line in selection.warnings:
        typer.echo(f"warning: {line}", err=True)

    from n3core.evaluate import count_builds
    from n3core.evaluate import evaluate as judge
    from n3core.report import summarise, tabulate

    engine = _load_engine(checkpoint, device, max_classifiers=1)
    images, labels = selection.load_images(engine.image_size, limit)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("evaluate", total=count_builds(permutations, controls))

        def build(texts: Sequence[str]) -> Any:
            progress.advance(task)
            return engine.predict_function(texts)

        found = judge(
            build,
            selection.texts,
            selection.class_names,
            images,
            labels,
            foreign_texts=selection.foreign_texts,
            permutations=permutations,
            controls=controls,
            seed=seed,
        )
    summary = {
        "data": selection.dataset.name,
        "split": selection.split,
        **summarise(found),
        "checkpoint": str(engine.checkpoint),
        "seconds": round(time.monotonic() - started, 2),
    }
    _print_json(summary) if as_json else Console(markup=False).print(tabulate(summary))


@app.command()
def synthesize(
    descriptions: Descriptions,
    out: Annotated[Path, typer.Option(help="File to write, *.safetensors.")],
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write the classifier of described classes as a torchvision state dict."""
    from n3core.descriptions import load_task

    if out.suffix != ".safetensors":
        raise InputError(f"--out {str(out)!r} must end in .safetensors; choose such a name")
    task = load_task(descriptions)
    engine = _load_engine(checkpoint, device)
    classifier = engine.export(task, out)
    if as_json:
        parameters = sum(value.numel() for value in classifier.network.parameters())
        names = list(classifier.class_names)
        _print_json({
            "out": str(out), "base": classifier.base, "image_size": engine.image_size, "class_names": names,
            "parameters": parameters, "bytes": out.stat().st_size, "checkpoint": str(engine.checkpoint),
        })  # fmt: skip
    else:
        typer.echo(f"{out}: {classifier.base} for {len(classifier.class_names)} classes, {engine.image_size} pixels")


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files.", metavar="IMAGE...")],
    descriptions: Descriptions,
    checkpoint: Checkpoint = None,
    top: Annotated[int, typer.Option(help="Classes to print per image (without --json).", min=1)] = 3,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Classify images into described classes."""
    from n3core.datasets.base import square_pixels
    from n3core.datasets.images import decode_image
    from n3core.descriptions import load_task

    task = load_task(descriptions)
    for path in images:
        decode_image(path, str(path))  # a bad image is told before the slow part starts

    import numpy as np

    engine = _load_engine(checkpoint, device)
    squares = [square_pixels(decode_image(path, str(path)), engine.image_size) for path in images]
    found = engine.predict(task, np.stack(squares))
    if as_json:
        rows = [
            {
                "image": str(path),
                "class": task.names[found.labels[row]],
                "probabilities": dict(zip(task.names, found.probabilities[row].astype(float).tolist(), strict=True)),
            }
            for row, path in enumerate(images)
        ]
        _print_json({"class_names": list(task.names), "images": rows, "checkpoint": str(engine.checkpoint)})
        return
    for row, path in enumerate(images):
        best = ", ".join(f"{name} {share:.1%}" for name, share in found.top(row, top))
        typer.echo(f"{path}: {best}")


def main() -> None:
    """Entry point of `n3` and `python -m n3core`."""
    app(prog_name="n3")


def _load_engine(checkpoint: Path | None, device: str, *, max_classifiers: int = 8) -> Engine:
    from n3core.engine import Engine

    return Engine(checkpoint, device=device, max_classifiers=max_classifiers)


def _layer_kinds(adapt: str) -> tuple[str, ...]:
    """Turn --adapt into the layer kinds that receive a delta; the classification layer is always generated."""
    kinds = _LAYER_KINDS if adapt == "all" else tuple(part.strip() for part in adapt.split(","))
    for kind in kinds:
        if kind not in _LAYER_KINDS:
            raise InputError(f"--adapt: layer kind {kind!r} is unknown; use all or some of {','.join(_LAYER_KINDS)}")
    return tuple(kind for kind in _LAYER_KINDS if kind in kinds or kind == "fc")


def _close_run(finished: bool, result: Path) -> None:
    if not finished:
        typer.echo("stopped, state saved; the same command goes on from here", err=True)
        raise typer.Exit(_INTERRUPTED)
    typer.echo(f"finished: {result}", err=True)


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


if __name__ == "__main__":
    main()
