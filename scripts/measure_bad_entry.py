"""Measure what one bad entry costs: each validation flower in turn is given the windflower's entry as the book has it.

    python scripts/measure_bad_entry.py [--checkpoint DIR]

The same question as the windflower's, asked of classes that a checkpoint may be chosen by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from n3core.checkpoint import load_checkpoint
from n3core.datasets.base import classes_of, load_pixels
from n3core.datasets.fieldbook.book import Fieldbook
from n3core.evaluate import score
from n3core.files import cache_folder
from n3core.known_checkpoints import default_checkpoint
from n3core.results import Evaluation
from n3core.text_encoder import TextEncoder
from n3core.train import classify


def main(checkpoint: Annotated[Path | None, typer.Option(help="Default: the one that ships.")] = None) -> None:
    """Evaluate with good entries and with one bad entry, class by class."""
    model = load_checkpoint(checkpoint or default_checkpoint())
    encoder = TextEncoder(model.config.text, cache_folder() / "texts")
    book = Fieldbook("flowers")
    classes = classes_of(book, "val")
    names = [info.id for info in classes]
    refs = [ref for name in names for ref in book.image_refs(name)]
    pixels = load_pixels(book, refs, model.config.image_size)
    labels = np.array([names.index(ref.class_id) for ref in refs])

    def judge(texts: list[str]) -> Evaluation:
        encoded = encoder.encode(texts)
        return score(classify(model.synthesize(encoded.states, encoded.mask, names), pixels), labels, names)

    texts = [info.description for info in classes]
    good = judge(texts)
    bad_text = book.entry("windflower").text
    typer.echo("class given the bad entry: per-class accuracy %, its own %, pictures in its column")
    typer.echo(f"none: {good.per_class_accuracy:.1f}")
    found = []
    for position, name in enumerate(names):
        bad = judge([*texts[:position], bad_text, *texts[position + 1 :]])
        column = int(bad.confusion.counts[:, position].sum())
        found.append((bad.per_class_accuracy, bad.class_accuracies[position], column))
        typer.echo(f"{name}: {found[-1][0]:.1f}, {found[-1][1]:.0f}, {column}")
    accuracy, own, column = np.mean(found, axis=0)
    cost = good.per_class_accuracy - accuracy
    typer.echo(f"mean: {accuracy:.1f}, {own:.0f}, {column:.0f}; a bad entry costs {cost:.1f} points")


if __name__ == "__main__":
    typer.run(main)
