"""Write a checkpoint again without its base, which it takes from the checkpoint beside it from then on.

    python scripts/share_base.py runs/plates/checkpoint assets/checkpoint-plates --base-from assets/checkpoint

Both must hold the same base: start the training with `n3 train --base` and the checkpoint that is to lend it.
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
    base_from: Annotated[Path, typer.Option(help="Checkpoint beside OUT that holds the base.")],
) -> None:
    """Load, save without the base, and load what was saved."""
    try:
        save_checkpoint(out, load_checkpoint(checkpoint), base_from=base_from)
        load_checkpoint(out)
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    typer.echo(f"{out}: {size / 1e6:.1f} MB, with the base of {base_from}")


if __name__ == "__main__":
    typer.run(main)
