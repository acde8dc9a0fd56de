"""Write the weights between a checkpoint and one trained on from it that do best on validation classes.

    N3_DATA=path/to/datasets python scripts/blend_checkpoints.py runs/n3/checkpoint runs/n3-likenesses/checkpoint \
        runs/n3-blend --data tiny-imagenet --data fieldbook-varieties

What further training gains on its data and what it loses elsewhere often lie so that weights between keep most of both
(Wortsman et al. 2022, WiSE-FT). `n3 train` tries such weights between its own start and end; where a run started on
features (--feature-steps), that start is not the checkpoint it was given.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from n3core.checkpoint import load_checkpoint, save_checkpoint
from n3core.errors import InputError
from n3core.files import cache_folder
from n3core.model import N3
from n3core.recipes import validation_sets
from n3core.text_encoder import TextEncoder
from n3core.train import validate

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def main(
    start: Annotated[Path, typer.Argument(help="Checkpoint that the other went on from.")],
    end: Annotated[Path, typer.Argument(help="The trained one.")],
    out: Annotated[Path, typer.Argument(help="Folder of the best between them.")],
    data: Annotated[list[str], typer.Option(help="Dataset whose validation classes count; several times.")],
    share: Annotated[
        float | None, typer.Option(help="Of the way from START to END; by default the best of some.", min=0, max=1)
    ] = None,
) -> None:
    """Try some shares of the way from START to END and write the best."""
    try:
        blend(start, end, out, data, _SHARES if share is None else (share,))
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


def blend(start: Path, end: Path, out: Path, data: list[str], shares: tuple[float, ...]) -> None:
    """As `main`.

    Raises:
        InputError: a checkpoint or dataset cannot be read, or the two are not of one config and base.
    """
    model, trained = load_checkpoint(start), load_checkpoint(end)
    bases = (model.base_tensors, trained.base_tensors)
    if model.config != trained.config or not all(torch.equal(bases[0][name], bases[1][name]) for name in bases[0]):
        raise InputError(f"{end} did not go on from {start}: their settings or base networks differ; name another pair")
    encoder = TextEncoder(model.config.text, cache_folder() / "texts")
    held_out = validation_sets(data, model.config.image_size, encoder)
    first, last = (dict(found.named_parameters()) for found in (model, trained))
    first = {name: value.clone() for name, value in first.items()}
    best = float("-inf")
    for share in shares:
        set_between(model, first, last, share)
        scores = [validate(model, part) for part in held_out]
        typer.echo(
            f"{share:4.2f}: "
            + ", ".join(f"{part.name} {score:.1f}" for part, score in zip(held_out, scores, strict=True))
        )
        if np.mean(scores) > best:
            best = float(np.mean(scores))
            save_checkpoint(out, model)
    typer.echo(f"{out}: mean {best:.2f}")


@torch.no_grad()
def set_between(model: N3, first: dict[str, torch.Tensor], last: dict[str, torch.Tensor], share: float) -> None:
    """Give a model the weights that lie a share of the way between two sets."""
    for name, parameter in model.named_parameters():
        parameter.copy_(torch.lerp(first[name], last[name], share))


if __name__ == "__main__":
    typer.run(main)
