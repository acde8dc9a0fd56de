"""Measure the shipped checkpoints: run every `n3 evaluate` of the model card and write the figures into both documents.

    N3_DATA=path/to/datasets python scripts/measure.py

Figures land in assets/figures.json and between the `<!-- figures -->` marks of README.md and assets/MODEL_CARD.md.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
_REPAIRED = "--data fieldbook-flowers --descriptions assets/tasks/flowers-repaired.json"
_PLATES = "--checkpoint assets/checkpoint-plates"
_PHOTOGRAPHS = "--checkpoint assets/checkpoint-photographs"
_COMMANDS = (
    ("flowers, windflower repaired", _REPAIRED),
    ("flowers, windflower as the book has it", "--data fieldbook-flowers"),
    ("birds", "--data fieldbook-birds"),
    ("Tiny ImageNet photographs", "--data tiny-imagenet"),
    ("Grocery photographs, SS", "--data grocery"),
    ("the model for plates: flowers, windflower repaired", f"{_REPAIRED} {_PLATES}"),
    ("the model for plates: flowers, windflower as the book has it", f"--data fieldbook-flowers {_PLATES}"),
    ("the model for plates: birds", f"--data fieldbook-birds {_PLATES}"),
    ("the model for photographs: Tiny ImageNet", f"--data tiny-imagenet {_PHOTOGRAPHS}"),
    ("the model for photographs: Grocery, SS", f"--data grocery {_PHOTOGRAPHS}"),
)
_MARKS = re.compile(r"<!-- figures -->.*?<!-- /figures -->", re.DOTALL)


def measure(arguments: str) -> dict[str, Any]:
    """Run one evaluation and return its JSON object."""
    command = [sys.executable, "-m", "n3core", "evaluate", *shlex.split(arguments), "--split", "test", "--json"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    found["checkpoint"] = os.path.relpath(found["checkpoint"], _ROOT)
    return found


def tabulate(figures: dict[str, dict[str, Any]]) -> str:
    """One row per evaluation, with the command that made it."""
    rows = [
        "| unseen classes | K | per-class accuracy % (95 %, images) | 95 %, classes too | worst % | top-5 % | chance % "
        "| shuffled % | name only % | empty % | command |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for title, arguments in _COMMANDS:
        if title not in figures:
            continue
        found = figures[title]
        controls, (low, high), (least, most) = found["controls"], found["interval"], found["class_interval"]
        accuracies = found["class_accuracies"]
        worst = min(accuracies)
        weakest = found["class_names"][accuracies.index(worst)]
        unread = sum(accuracy == 0 for accuracy in accuracies)
        cells = [
            title,
            str(len(found["class_names"])),
            f"**{found['per_class_accuracy']:.1f}** ({low:.1f} to {high:.1f})",
            f"{least:.0f} to {most:.0f}",
            f"{unread} classes at 0" if unread > 1 else f"{weakest} {worst:.0f}",
            *(f"{value:.1f}" for value in (found["top5"], found["chance"])),
            *(f"{controls[name]:.1f}" for name in ("shuffled", "name_only", "empty")),
            f"`n3 evaluate {arguments} --split test`",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure, and write what was found."""
    figures = {}
    for title, arguments in _COMMANDS:
        if "fieldbook" not in arguments and "N3_DATA" not in os.environ:
            print(f"{title}: skipped, $N3_DATA names no folder", file=sys.stderr)
            continue
        figures[title] = measure(arguments)
        print(f"{title}: {figures[title]['per_class_accuracy']:.1f} %", flush=True)
    (_ROOT / "assets" / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    block = f"<!-- figures -->\n{tabulate(figures)}\n<!-- /figures -->"
    for document in (_ROOT / "README.md", _ROOT / "assets" / "MODEL_CARD.md"):
        document.write_text(_MARKS.sub(lambda _: block, document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
