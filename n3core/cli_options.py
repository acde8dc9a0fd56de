"""What the commands of `n3` share: option types, the one-line error, the engine and JSON on stdout.

Knows no command. Torch is imported by the functions that need it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from typer.core import TyperGroup

from n3core.errors import InputError

if TYPE_CHECKING:
    from n3core.engine import Engine

__all__ = [
    "Checkpoint",
    "Commands",
    "Data",
    "Descriptions",
    "Device",
    "Json",
    "Limit",
    "Seed",
    "Split",
    "load_engine",
    "print_json",
    "show_progress",
    "warn",
]


class Commands(TyperGroup):
    """Turns the error a user can mend into one line and exit code 2."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        line = str(error)
    except typer.TyperException as error:
        if "\n" in error.format_message():  # the help of a command that was called without a word
            raise
        line = _wrong_usage(error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported here
            raise
        line = "the GPU has too little memory free; close what else uses it, or give --device cpu"
    except OSError as error:  # a path that no command could foresee, such as one below a closed folder
        if error.filename is None or isinstance(error, BrokenPipeError):
            raise
        line = f"{str(error.filename)[:200]!r} cannot be used ({error.strerror}); check path and permissions"
    else:
        return
    typer.echo(f"error: {line}", err=True)
    raise typer.Exit(2)


def _wrong_usage(error: typer.TyperException) -> str:
    """What Typer says of an option or argument, with the value that it leaves out and where to read on."""
    reason = error.format_message().rstrip(".")
    details = getattr(error.__cause__, "errors", None)  # a ValidationError of pydantic, by which Typer checks values
    if details is not None:
        reason += f", not {str(details()[0]['input'])[:80]!r}"
    context = getattr(error, "ctx", None)
    return str(InputError(f"{reason}; see {context.command_path if context else 'n3'} --help"))


Data = Annotated[str, typer.Option(help="Dataset: a name, a folder or a parquet file.")]
Descriptions = Annotated[Path, typer.Option(help="Descriptions or task file (json, yaml, csv).")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Folder of a trained N3; $N3_CHECKPOINT, or the shipped one, by default.")
]
Split = Annotated[
    str | None,
    typer.Option(
        help="train, val, test or all, or another split of the dataset; test by default, all where it has no splits."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Limit = Annotated[
    int | None, typer.Option(help="At most so many images of each class, spread evenly over those there are.", min=1)
]
Seed = Annotated[int, typer.Option(help="Of everything drawn at random.", min=0, max=2**63 - 1)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def load_engine(checkpoint: Path | None, device: str, *, max_classifiers: int = 8) -> Engine:
    """The engine that a command works with; see `n3core.engine.Engine`."""
    from n3core.engine import Engine

    return Engine(checkpoint, device=device, max_classifiers=max_classifiers)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on one line of stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def show_progress() -> Progress:
    """A progress bar on stderr that leaves nothing behind; silent where stderr is no terminal."""
    return Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


def warn(line: str) -> None:
    """Tell something on stderr that does not stop the command."""
    typer.echo(f"warning: {line}", err=True)
