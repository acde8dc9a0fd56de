"""The `n3` command as the tests run it: within the process, and what it must print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from click.testing import Result
from typer.testing import CliRunner

from n3core.backbone import build_network, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.cli import app
from n3core.config import N3Config
from n3core.model import N3

__all__ = ["refused", "run", "run_json", "save_tiny_checkpoint"]


def run(*arguments: object) -> Result:
    """Run `n3` with these words."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="n3")


def run_json(*arguments: object) -> dict[str, Any]:
    """Run with --json what must succeed; returns the one object printed."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def refused(*arguments: object) -> str:
    """Run what must fail; returns the one line of its error."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


def save_tiny_checkpoint(folder: Path) -> Path:
    """Write an untrained N3 of 32 pixels and width 16, the same each time."""
    torch.manual_seed(0)
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    save_checkpoint(folder, N3(N3Config(image_size=32, width=16, heads=2, mu=0.05), network.state_dict()))
    return folder
