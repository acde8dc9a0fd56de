"""The studio run in process: a tiny seeded checkpoint in a temporary folder, and the app on a chosen page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from n3core.backbone import build_network, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.config import N3Config
from n3core.model import N3

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))  # the pages are no installed package; streamlit adds the folder of app.py, too

OpenPage = Callable[[str], AppTest]


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained N3 whose logits depend on the picture and on the texts."""
    torch.manual_seed(3)
    network = build_network("squeezenet1_1", 1)
    strip_classifier("squeezenet1_1", network)
    model = N3(N3Config("squeezenet1_1", image_size=32, width=16, heads=2), network.state_dict()).eval()
    folder = tmp_path_factory.mktemp("studio") / "checkpoint"
    save_checkpoint(folder, model)
    return folder


@pytest.fixture
def open_page(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Return `open_page(name)`: the app on pages/<name>.py, run once, with the tiny checkpoint and no other data."""
    monkeypatch.setenv("N3_CHECKPOINT", str(tiny_checkpoint))
    monkeypatch.delenv("N3_DATA", raising=False)
    monkeypatch.chdir(PROJECT)

    def open_it(name: str) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240).run()
        return app.switch_page(f"pages/{name}.py").run()

    return open_it
