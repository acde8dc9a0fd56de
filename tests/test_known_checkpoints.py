"""Which checkpoints there are to choose from, and their titles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from n3core.known_checkpoints import MAX_TITLE_CHARACTERS, default_checkpoint, known_checkpoints, title_of

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def write_config(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return folder


def test_those_that_ship_are_known_with_the_default_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("N3_CHECKPOINT", raising=False)
    names = ("checkpoint", "checkpoint-photographs", "checkpoint-plates")
    assert known_checkpoints() == tuple(ASSETS / name for name in names)
    assert default_checkpoint() == ASSETS / "checkpoint"
    titles = ["Photographs and plates", "Photographs only", "Plates only"]
    assert [title_of(folder) for folder in known_checkpoints()] == titles


def test_the_environment_names_one_or_several(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path))
    assert known_checkpoints() == (default_checkpoint(),) == (tmp_path,)
    first, second = tmp_path / "z", tmp_path / "a"
    monkeypatch.setenv("N3_CHECKPOINT", os.pathsep.join(map(str, ("", first, second, first))))
    assert known_checkpoints() == (first, second)


def test_a_title_is_one_short_line(tmp_path: Path) -> None:
    assert title_of(write_config(tmp_path, json.dumps({"title": "  Mosses \n of\tIceland "}))) == "Mosses of Iceland"
    assert title_of(write_config(tmp_path, json.dumps({"title": "M\x00o\u202es\ud800s"}))) == "Moss"
    assert len(title_of(write_config(tmp_path, json.dumps({"title": "long " * 1000})))) <= MAX_TITLE_CHARACTERS


@pytest.mark.parametrize(
    "config", ["{}", "[]", "null", "", '{"title": 7}', '{"title": " "}', '{"title": null}', "{\x00"]
)
def test_without_a_title_the_folder_gives_the_name(tmp_path: Path, config: str) -> None:
    assert title_of(write_config(tmp_path / "mosses", config)) == "mosses"
    assert title_of(write_config(tmp_path / "mosses" / "checkpoint", config)) == "mosses"


def test_a_missing_checkpoint_has_a_name_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert title_of(tmp_path / "gone") == "gone"
    monkeypatch.chdir(tmp_path)
    assert title_of(Path("checkpoint")) == tmp_path.name


def test_bytes_that_are_no_text_are_no_title(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    assert title_of(tmp_path) == tmp_path.name


def test_no_torch_is_loaded_for_it() -> None:
    code = "import sys, n3core.known_checkpoints; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
