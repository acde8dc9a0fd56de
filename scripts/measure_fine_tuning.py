"""Measure what meta-training on a dataset's own seen classes adds to the shipped checkpoint, over several seeds.

    N3_DATA=path/to/datasets python scripts/measure_fine_tuning.py

Trains on Grocery's seen classes from assets/checkpoint, evaluates its unseen ones and writes the figures between the
`<!-- fine-tuning -->` marks of assets/MODEL_CARD.md. A run that is found in runs/ goes on where it stopped.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

_ROOT = Path(__file__).resolve().parent.parent
_MARKS = re.compile(r"<!-- fine-tuning -->.*?<!-- /fine-tuning -->", re.DOTALL)


def main(
    data: str = "grocery",
    seeds: int = 3,
    steps: int = 300,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-4,
) -> None:
    """Train, evaluate and write the table."""
    options = f"--data {data} --from assets/checkpoint --steps {steps} --learning-rate {learning_rate}"
    before = evaluate(data, None)
    rows = ["| seed | per-class accuracy % before | after | gain |", "|---|---|---|---|"]
    gains = []
    for seed in range(seeds):
        out = f"runs/{data.replace(':', '-')}-{seed}"
        run(f"train {options} --seed {seed} --out {out}")
        after = evaluate(data, f"{out}/checkpoint")
        gains.append(after - before)
        rows.append(f"| {seed} | {before:.1f} | {after:.1f} | {after - before:+.1f} |")
    rows.append(f"| mean | {before:.1f} | {before + sum(gains) / seeds:.1f} | {sum(gains) / seeds:+.1f} |")
    block = "\n".join(
        ["<!-- fine-tuning -->", f"`n3 train {options} --seed S`, {seeds} seeds by `{Path(__file__).name}`:", "", *rows]
    )
    card = _ROOT / "assets" / "MODEL_CARD.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(_MARKS.sub(lambda _: f"{block}\n<!-- /fine-tuning -->", text), encoding="utf-8")
    typer.echo("\n".join(rows))


def evaluate(data: str, checkpoint: str | None) -> float:
    """Per-class accuracy in percent on the unseen classes."""
    chosen = f" --checkpoint {checkpoint}" if checkpoint else ""
    return json.loads(run(f"evaluate --data {data} --split test --json{chosen}"))["per_class_accuracy"]


def run(arguments: str) -> str:
    """Run a command of `n3` and return what it prints."""
    command = [sys.executable, "-m", "n3core", *shlex.split(arguments)]
    return subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    typer.run(main)
