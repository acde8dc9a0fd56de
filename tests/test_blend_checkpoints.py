"""The script that writes weights between two checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from n3core.checkpoint import load_checkpoint, save_checkpoint
from n3core.config import TextConfig
from n3core.model import N3
from tests.conftest import ModelMaker
from tests.project_scripts import load_script


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(load_script("blend_checkpoints").main)
    return app


@pytest.fixture
def swatches(image_folder: Path, tmp_path: Path) -> Path:
    data = shutil.copytree(image_folder, tmp_path / "swatches")
    splits = {"train": ["red", "green"], "val": ["grey", "blue"], "test": ["grey"]}
    (data / "splits.json").write_text(json.dumps(splits))
    return data


@torch.no_grad()
def moved(model: N3, by: float) -> N3:
    """The same base with parameters that lie elsewhere."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter += by * torch.randn(parameter.shape, generator=generator)
    return model


def test_the_weights_lie_the_share_of_the_way_between(
    command: typer.Typer, make_model: ModelMaker, swatches: Path, tmp_path: Path
) -> None:
    start, end, out = tmp_path / "start", tmp_path / "end", tmp_path / "out"
    save_checkpoint(start, make_model(adapt=("fc",), text=TextConfig()))
    save_checkpoint(end, moved(make_model(adapt=("fc",), text=TextConfig()), 0.5))
    words = [str(start), str(end), str(out), "--data", str(swatches)]
    result = CliRunner().invoke(command, [*words, "--share", "0.25"])
    assert result.exit_code == 0, result.output
    assert "0.25: swatches" in result.output
    first, last, between = (dict(load_checkpoint(path).named_parameters()) for path in (start, end, out))
    for name, value in between.items():
        torch.testing.assert_close(value, torch.lerp(first[name], last[name], 0.25), rtol=2e-3, atol=2e-3)

    result = CliRunner().invoke(command, words)
    assert [line[:4] for line in result.output.splitlines()[:5]] == ["0.00", "0.25", "0.50", "0.75", "1.00"]


def test_checkpoints_of_other_bases_are_refused(
    command: typer.Typer, make_model: ModelMaker, swatches: Path, tmp_path: Path
) -> None:
    for name, seed in (("start", 0), ("end", 1)):
        save_checkpoint(tmp_path / name, make_model(seed=seed, adapt=("fc",), text=TextConfig()))
    paths = [str(tmp_path / name) for name in ("start", "end", "out")]
    result = CliRunner().invoke(command, [*paths, "--data", str(swatches)])
    assert result.exit_code == 2
    assert "did not go on from" in result.output
    assert not (tmp_path / "out").exists()
