"""Peak memory of `n3 evaluate` with 200 classes: the whole command in a process of its own.

    python benchmarks/evaluate_memory.py [--data NAME|PATH] [--split all] [--checkpoint DIR]

Without --data it makes a folder of 200 described classes of noise images.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from edit_latency import COLOURS, TEXT, shipped_or_random
from PIL import Image

CLASSES = 200


def main(
    data: Annotated[str | None, typer.Option(help="A dataset with 200 classes; made here by default.")] = None,
    split: str = "all",
    images: Annotated[int, typer.Option(help="Images of each class.")] = 50,
    permutations: int = 2,
    checkpoint: Annotated[Path | None, typer.Option(help="Trained N3; the shipped one, else a random one.")] = None,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = checkpoint or shipped_or_random(folder)
        command = [sys.executable, "-m", "n3core", "evaluate", "--data", data or str(make_folder(folder, images))]
        command += ["--split", split, "--limit", str(images), "--permutations", str(permutations), "--json"]
        process = subprocess.Popen([*command, "--checkpoint", str(chosen), "--device", "cpu"], stdout=subprocess.PIPE)
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise typer.Exit(1)
    found = json.loads(output)
    typer.echo(f"{found['classes']} classes, {found['images']} images, {found['seconds']:.0f} s")
    typer.echo(f"peak memory {usage.ru_maxrss / 2**20:.2f} GiB (under 3)")


def make_folder(parent: Path, images: int) -> Path:
    """Write a dataset of noise with field-guide texts of some 60 words."""
    rng = np.random.default_rng(0)
    folder = parent / "noise"
    texts = {}
    for number in range(CLASSES):
        name = f"class {number:03d}"
        (folder / name).mkdir(parents=True)
        texts[name] = TEXT.format(count=number, colour=COLOURS[number % len(COLOURS)])
        for image in range(images):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{image:03d}.png", compress_level=1)
    (folder / "descriptions.json").write_text(json.dumps(texts))
    return folder


if __name__ == "__main__":
    typer.run(main)
