"""The studio run in process: a tiny seeded checkpoint in a temporary folder, and the app on a chosen page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from streamlit.testing.v1 import AppTest

from n3core.backbone import build_network, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.config import N3Config
from n3core.model import N3

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))  # the pages are no installed package; streamlit adds the folder of app.py, too

OpenPage = Callable[..., AppTest]


def write_checkpoint(folder: Path, seed: int, title: str) -> Path:
    torch.manual_seed(seed)
    network = build_network("squeezenet1_1", 1)
    strip_classifier("squeezenet1_1", network)
    model = N3(N3Config("squeezenet1_1", image_size=32, width=16, heads=2), network.state_dict()).eval()
    save_checkpoint(folder, model, title=title)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained N3 whose logits depend on the picture and on the texts."""
    return write_checkpoint(tmp_path_factory.mktemp("studio") / "checkpoint", 3, "Tiny")


@pytest.fixture(scope="session")
def other_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tiny_checkpoint`, with other weights."""
    return write_checkpoint(tmp_path_factory.mktemp("studio") / "checkpoint", 8, "Other")


@pytest.fixture
def both_checkpoints(tiny_checkpoint: Path, other_checkpoint: Path) -> str:
    """Both as $N3_CHECKPOINT names several."""
    return os.pathsep.join((str(tiny_checkpoint), str(other_checkpoint)))


@pytest.fixture
def open_page(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Return `open_page(name, address)`: the app on pages/<name>.py with the tiny checkpoint and no other data.

    `address` holds the parameters of the link that leads there.
    """
    monkeypatch.setenv("N3_CHECKPOINT", str(tiny_checkpoint))
    monkeypatch.delenv("N3_DATA", raising=False)
    monkeypatch.chdir(PROJECT)

    def open_it(name: str, address: Mapping[str, str | list[str]] = MappingProxyType({})) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240)
        app.query_params.update(address)
        return app.switch_page(f"pages/{name}.py").run()

    return open_it
