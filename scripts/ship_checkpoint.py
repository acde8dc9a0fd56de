"""Write a trained checkpoint where others will use it, with a title and, if wanted, without a base of its own.

    python scripts/ship_checkpoint.py runs/n3/checkpoint assets/checkpoint --title "Photographs and plates"
    python scripts/ship_checkpoint.py runs/plates/checkpoint assets/checkpoint-plates --title "Plates only" \
        --base-from assets/checkpoint

With --base-from, the base is taken from the checkpoint beside it from then on. Both must hold the same one: start the
training with `n3 train --base` and the checkpoint that is to lend it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from n3core.checkpoint import load_checkpoint, save_checkpoint
from n3core.errors import InputError


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint to read.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new one.")],
    title: Annotated[str | None, typer.Option(help="What people call it: the studio offers it by this name.")] = None,
    base_from: Annotated[Path | None, typer.Option(help="Checkpoint beside OUT that holds the base.")] = None,
) -> None:
    """Load, save, and load what was saved."""
    try:
        save_checkpoint(out, load_checkpoint(checkpoint), base_from=base_from, title=title)
        load_checkpoint(out)
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    typer.echo(f"{out}: {size / 1e6:.1f} MB" + (f", with the base of {base_from}" if base_from else ""))


if __name__ == "__main__":
    typer.run(main)
