"""How long the studio takes to answer an edit, against the plain network on the same images.

Edits one of 10 descriptions and predicts 40 images (encode one text, synthesize, forward), in turns with the forward
pass of the plain torchvision network, itself channels-last and float32 like ours. Prints the ratio of the medians.

    python benchmarks/edit_latency.py [--checkpoint DIR] [--threads 2]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import torch
import typer

from n3core.backbone import build_network, normalise, strip_classifier, to_float
from n3core.checkpoint import save_checkpoint
from n3core.config import N3Config
from n3core.descriptions import ClassDescription, TaskSpec
from n3core.engine import Engine
from n3core.known_checkpoints import default_checkpoint
from n3core.model import N3
from n3core.process import prepare_process

CLASSES, IMAGES = 10, 40
TEXT = (
    "A low perennial herb of damp meadows and open woodland with solitary flowers on slender stems. The {count} "
    "rounded petals are pale {colour} with a darker base and surround a dense yellow centre. The leaves are deeply "
    "divided into narrow toothed segments and grow in a whorl below the flower, which opens in March in full sun."
)
COLOURS = ("white", "blue", "pink", "red", "violet", "yellow", "orange", "cream", "purple", "green")


def main(
    checkpoint: Annotated[Path | None, typer.Option(help="Trained N3; the shipped one, else a random one.")] = None,
    threads: int = 2,
    rounds: int = 20,
) -> None:
    """Measure and print."""
    prepare_process()
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(checkpoint or shipped_or_random(Path(folder)), device="cpu")
        size = engine.image_size
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, size, size, 3), dtype=np.uint8)
        plain = build_network(engine.config.base, CLASSES).eval().to(memory_format=torch.channels_last)
        classes = [ClassDescription(name, TEXT.format(count=5, colour=name)) for name in COLOURS]
        stamp = time.time_ns() // 1000 % 10**6  # texts that no cache on disk has seen

        def edit(turn: int) -> None:
            text = TEXT.format(count=f"{turn} {stamp}", colour="white")
            engine.predict(TaskSpec((ClassDescription("white", text), *classes[1:])), images)

        @torch.inference_mode()
        def forward(turn: int) -> None:
            plain(normalise(to_float(images)))

        edit(-1)
        forward(-1)
        times: dict[str, list[float]] = {"edit": [], "forward": []}
        for turn in range(rounds):
            for name, action in (("edit", edit), ("forward", forward)):
                start = time.perf_counter()
                action(turn)
                times[name].append(1000 * (time.perf_counter() - start))
    edited, plain_time = median(times["edit"]), median(times["forward"])
    typer.echo(f"{engine.config.base}, {size} pixels, {threads} threads, {IMAGES} images, {CLASSES} classes")
    typer.echo(f"edit and predict {edited:.1f} ms, plain forward {plain_time:.1f} ms")
    typer.echo(f"ratio {edited / plain_time:.2f} (at most 2)")


def shipped_or_random(folder: Path) -> Path:
    """The shipped checkpoint, or one with default settings and random weights: the time is the same."""
    if (default_checkpoint() / "config.json").is_file():
        return default_checkpoint()
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    save_checkpoint(folder / "checkpoint", N3(N3Config(), network.state_dict()))
    return folder / "checkpoint"


if __name__ == "__main__":
    typer.run(main)
