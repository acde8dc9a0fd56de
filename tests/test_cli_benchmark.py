"""`n3 benchmark` and `n3 ablate`: one JSON object on stdout, one line and exit code 2 on bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from n3core.backbone import build_network, strip_classifier
from n3core.benchmark.files import read_results
from n3core.pretrain import write_base
from tests.command_line import refused, run

COLOURS = {
    "red": (220, 30, 30), "green": (30, 170, 50), "blue": (40, 60, 210), "yellow": (230, 220, 30),
    "orange": (250, 150, 20), "teal": (20, 150, 150), "violet": (140, 50, 190), "beige": (220, 210, 170),
}  # fmt: skip
SPLIT = {"train": ["red", "green", "blue", "yellow"], "val": ["orange", "teal"], "test": ["violet", "beige"]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    folder = tmp_path_factory.mktemp("base")
    write_base(folder, network, "resnet18", json.dumps({"image_size": 32}))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "cloth"
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(5):
            pixels = np.clip(np.array(colour) + rng.normal(0, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    (root / "descriptions.json").write_text(json.dumps({name: f"Plain {name} cloth." for name in COLOURS}))
    (root / "splits.json").write_text(json.dumps(SPLIT))
    return root


def test_one_object_on_stdout_and_files_beside(data: Path, base: Path, tmp_path: Path) -> None:
    command = (
        "benchmark", "--data", data, "--base", base, "--methods", "eszsl,n3-shipped", "--seeds", 2, "--trials", 2,
        "--setting", "conventional,generalized", "--permutations", 2, "--out", tmp_path / "out", "--device", "cpu",
    )  # fmt: skip
    result = run(*command, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(result.stdout)
    assert [entry["seed"] for entry in found["runs"]] == [0, 1] and set(found["unavailable"]) == {"n3-shipped"}
    assert "eszsl, seed 1" in result.stderr
    results = read_results(tmp_path / "out" / "results.json")
    assert results.setting.chance == 50 and results.runs[0].trials == 2
    identity = json.loads((tmp_path / "out" / "identity.json").read_text())
    assert results.setting.identity == {**identity, "device": "cpu"} and identity["texts"]
    told = f"images {identity['images']}, images per class all, texts {identity['texts']}, device cpu"
    assert told in (tmp_path / "out" / "results.md").read_text()
    again = run(*command)
    assert again.exit_code == 0 and "seed" not in again.stderr
    for word in ("chance", "shuffled text", "published, other data", "AUSUC", "no checkpoint"):
        assert word in " ".join(again.stdout.split()), word
    assert "| ESZSL |" in (tmp_path / "out" / "results.md").read_text()
    assert "another text reading" in refused(*command, "--text-mode", "static")


def test_a_run_that_measures_nothing_is_no_success(data: Path, base: Path, tmp_path: Path) -> None:
    result = run("benchmark", "--data", data, "--base", base, "--methods", "n3-shipped", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "nothing could be measured (n3-shipped: no checkpoint" in result.stderr.splitlines()[-1]


def test_an_ablation_is_a_table_of_its_values(data: Path, base: Path, tmp_path: Path) -> None:
    result = run(
        "ablate", "--kind", "text", "--method", "eszsl", "--data", data, "--base", base, "--seeds", 1,
        "--out", tmp_path / "out", "--device", "cpu", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)["variants"]) == ["contextual", "static", "sentence"]
    assert "| sentence |" in (tmp_path / "out" / "results.md").read_text()


def test_bad_input_is_told_in_one_line(data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = ("--out", tmp_path / "out", "--device", "cpu")
    own = ("--data", data, "--base", base, *out)
    monkeypatch.delenv("N3_DATA", raising=False)
    assert "$N3_DATA" in refused("benchmark", "--data", "tiny-imagenet", *out)
    monkeypatch.setenv("N3_DATA", str(tmp_path))
    assert f"no folder {tmp_path / 'tiny-imagenet'}" in refused("benchmark", "--data", "tiny-imagenet", *out)
    assert "did you mean 'eszsl'" in refused("benchmark", *own, "--methods", "eszls")
    assert "is no setting" in refused("benchmark", *own, "--setting", "easy")
    assert "text mode" in refused("benchmark", *own, "--text-mode", "aloud")
    assert "no base network" in refused("benchmark", "--data", data, "--base", tmp_path, *out)
    for split, message in (
        ({"train": ["red", "green"], "test": ["blue"]}, "1 class"),
        ({"train": ["red", "green"], "test": ["blue", "green"]}, "both in"),
        ({"train": ["red", "green"], "test": ["blue", "mauve"]}, "mauve"),
    ):
        file = tmp_path / "split.json"
        file.write_text(json.dumps(split))
        assert message in refused("benchmark", *own, "--split-file", file)
    assert "no file" in refused("benchmark", *own, "--split-file", tmp_path / "none.json")
    assert "--trials 0" in refused("benchmark", *own, "--split-file", _without_validation(tmp_path), "--trials", 2)
    assert "is unknown" in refused("ablate", "--kind", "colour", *own)
    assert "at least 2" in refused("ablate", "--kind", "base", *own)
    assert "give one" in refused("ablate", "--kind", "text", "--method", "all", *own)
    tasks = ("--setting", "conventional,continual", "--tasks", 50)
    assert "in 50 tasks" in refused("benchmark", *own, *tasks, "--methods", "eszsl")
    assert "--kind layers" in refused("ablate", "--kind", "layers", "--method", "eszsl", *own)


def test_classes_without_text_are_told(data: Path, base: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps({name: f"Plain {name} cloth." for name in COLOURS if name != "violet"}))
    line = refused(
        "benchmark", "--data", data, "--base", base, "--descriptions", texts, "--out", tmp_path / "out",
    )  # fmt: skip
    assert "violet" in line and "texts.json" in line


def _without_validation(folder: Path) -> Path:
    file = folder / "unvalidated.json"
    file.write_text(json.dumps({"train": SPLIT["train"], "test": SPLIT["test"]}))
    return file
