"""The `n3` command: words on a command line in, files and figures out.

Owns options and exit codes; every result comes from elsewhere. Torch is imported by the commands that need it.
"""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from n3core import cli_benchmark, cli_explain, cli_fetch, cli_training
from n3core.cli_options import (
    Checkpoint,
    Commands,
    Data,
    Descriptions,
    Device,
    Json,
    Limit,
    Seed,
    Split,
    load_engine,
    print_json,
    show_progress,
    warn,
)
from n3core.errors import InputError, printable
from n3core.known_checkpoints import CONFIG
from n3core.process import prepare_process

__all__ = ["app", "main"]

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)

app.add_typer(cli_training.app)
app.add_typer(cli_explain.app)
app.add_typer(cli_benchmark.app)
app.add_typer(cli_fetch.app, name="describe")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"n3-studio {importlib.metadata.version('n3-studio')}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Image classifiers from natural-language descriptions of their classes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="warning: %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be text; in JSON \udcff stays readable
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare_process()


@app.command("app")
def run_app(
    port: Annotated[int, typer.Option(help="Port of the studio.", min=1, max=65535)] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in, and the studio has no accounts.")
    ] = "127.0.0.1",
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a trained N3, given again for more to switch between; $N3_CHECKPOINT, or the shipped "
            "ones, by default."
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Open the studio in a browser."""
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.is_file():
        raise InputError(f"no studio at {script}; run n3 from a checkout of the project")
    _check_port(host, port)
    if device != "auto":
        from n3core.devices import choose_device

        choose_device(device)
        os.environ["N3_DEVICE"] = device
    if checkpoint:
        if missing := next((folder for folder in checkpoint if not (folder / CONFIG).is_file()), None):
            raise InputError(f"no checkpoint in {missing}: there is no {CONFIG}; check the path")
        folders = [str(folder.resolve()) for folder in checkpoint]
        if split := next((folder for folder in folders if os.pathsep in folder), None):
            raise InputError(f"checkpoint {split!r} has {os.pathsep!r} in its path; rename the folder")
        os.environ["N3_CHECKPOINT"] = os.pathsep.join(folders)
    _fix_folders()
    options = [f"--server.address={host}", f"--server.port={port}", f"--server.headless={str(headless).lower()}"]
    os.chdir(script.parent)  # where streamlit looks for its theme
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), *options])


def _fix_folders() -> None:
    """Make the folders that the environment names independent of the folder that the studio runs in."""
    for variable in ("N3_DATA", "N3_CACHE", "N3_CHECKPOINT"):
        named = os.environ.get(variable, "")
        parts = named.split(os.pathsep) if variable == "N3_CHECKPOINT" else [named]
        if whole := [os.path.abspath(os.path.expanduser(part)) for part in parts if part]:
            os.environ[variable] = os.pathsep.join(whole)


def _check_port(host: str, port: int) -> None:
    """Refuse a port that another program listens on or that only root may open, and an address of another machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"port {port} of {host!r} cannot be opened ({reason}); give another with --port or --host"
        ) from None


@app.command()
def evaluate(
    data: Data,
    split: Split = None,
    classes: Annotated[Path | None, typer.Option(help="File that names the classes, instead of a split.")] = None,
    descriptions: Annotated[Path | None, typer.Option(help="Descriptions or task file instead of own texts.")] = None,
    text: Annotated[str | None, typer.Option(help="Which own text: description (default), gloss, name.")] = None,
    checkpoint: Checkpoint = None,
    controls: Annotated[bool, typer.Option(help="Measure shuffled, name-only and empty texts.")] = True,
    permutations: Annotated[int, typer.Option(help="Random orders of the classes to try.", min=0)] = 10,
    limit: Limit = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Judge a checkpoint on classes of a dataset."""
    started = time.monotonic()
    from n3core.selection import select

    selection = select(data, split=split, classes_file=classes, descriptions=descriptions, kind=text)
    for line in selection.warnings:
        warn(line)

    from n3core.evaluate import count_builds
    from n3core.evaluate import evaluate as judge
    from n3core.reporting.provenance import summarise_provenance
    from n3core.reporting.summaries import summarise_evaluation
    from n3core.reporting.terminal import tabulate_evaluation

    engine = load_engine(checkpoint, device, max_classifiers=1)
    images, labels = selection.load_images(engine.image_size, limit)
    with show_progress() as progress:
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
        "classes_file": selection.classes_file,
        **summarise_evaluation(found),
        "checkpoint": str(engine.checkpoint),
        "provenance": summarise_provenance(
            engine,
            selection.class_names,
            selection.texts,
            descriptions=descriptions,
            text=(text or "description") if descriptions is None else None,
            dataset=selection.dataset,
            limit=limit,
            seed=seed,
        ),
        "seconds": round(time.monotonic() - started, 2),
    }
    print_json(summary) if as_json else Console(markup=False).print(tabulate_evaluation(summary))


@app.command()
def synthesize(
    descriptions: Descriptions,
    out: Annotated[Path, typer.Option(help="File to write, *.safetensors.")],
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a torchvision network from descriptions.

    The file is a state dict in safetensors, with the names of the classes.
    """
    from n3core.descriptions import load_task

    if out.suffix != ".safetensors":
        raise InputError(f"--out {str(out)!r} must end in .safetensors; choose such a name")
    task = load_task(descriptions)
    engine = load_engine(checkpoint, device)
    classifier = engine.export(task, out)
    if as_json:
        from n3core.reporting.provenance import summarise_provenance

        parameters = sum(value.numel() for value in classifier.network.parameters())
        names = list(classifier.class_names)
        print_json({
            "out": str(out), "base": classifier.base, "image_size": engine.image_size, "class_names": names,
            "parameters": parameters, "bytes": out.stat().st_size, "checkpoint": str(engine.checkpoint),
            "provenance": summarise_provenance(engine, task.names, task.texts, descriptions=descriptions),
        })  # fmt: skip
    else:
        typer.echo(f"{out}: {classifier.base} for {len(classifier.class_names)} classes, {engine.image_size} pixels")


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.", metavar="IMAGE...")],
    descriptions: Descriptions,
    checkpoint: Checkpoint = None,
    top: Annotated[int, typer.Option(help="Classes to print per image (without --json).", min=1)] = 3,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Classify images into described classes."""
    from n3core.datasets.base import square_pixels
    from n3core.datasets.image_files import expand_folders
    from n3core.datasets.images import decode_image
    from n3core.descriptions import load_task

    task = load_task(descriptions)
    images, skipped = expand_folders(images)
    for line in skipped:
        warn(line)
    for path in images:
        decode_image(path, str(path))  # a bad image is told before the slow part starts

    import numpy as np

    engine = load_engine(checkpoint, device)
    squares = [square_pixels(decode_image(path, str(path)), engine.image_size) for path in images]
    found = engine.predict(task, np.stack(squares))
    if as_json:
        from n3core.reporting.provenance import summarise_provenance

        rows = [
            {
                "image": str(path),
                "class": task.names[found.labels[row]],
                "probabilities": dict(zip(task.names, found.probabilities[row].astype(float).tolist(), strict=True)),
            }
            for row, path in enumerate(images)
        ]
        print_json({
            "class_names": list(task.names), "images": rows, "checkpoint": str(engine.checkpoint),
            "provenance": summarise_provenance(engine, task.names, task.texts, descriptions=descriptions),
        })  # fmt: skip
        return
    for row, path in enumerate(images):
        best = ", ".join(f"{name} {share:.1%}" for name, share in found.top(row, top))
        typer.echo(printable(f"{path}: {best}"))


def main() -> None:
    """Entry point of `n3` and `python -m n3core`."""
    app(prog_name="n3")


if __name__ == "__main__":
    main()
