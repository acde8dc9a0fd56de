"""What leaves the studio: the snippet on the page loads the file beside it, with torchvision alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from streamlit.testing.v1 import AppTest

from n3core.descriptions import load_task, parse_task
from n3core.engine import Engine

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[..., AppTest]


def test_the_snippet_on_the_page_loads_the_exported_classifier(open_page: OpenPage, tmp_path: Path) -> None:
    from pages.components import resources

    app = open_page("describe")
    next(button for button in app.button if button.label == "Open").click().run()
    assert not app.code
    app.session_state["snippet"] = True
    app.run()
    task = load_task(PROJECT / "assets" / "tasks" / "flowers.json")
    engine = resources.get_engine()
    (tmp_path / "classifier.safetensors").write_bytes(resources.classifier_file(engine, task))
    check = (
        "import torch\nimages = torch.from_numpy(__import__('numpy').load('images.npy'))\n"
        "mean, std = (torch.tensor(json.loads(notes[key])).view(3, 1, 1) for key in ('mean', 'std'))\n"
        "print(json.dumps({'names': names, 'logits': network((images - mean) / std).tolist()}))"
    )
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "images.npy", images.numpy())
    done = subprocess.run(
        [sys.executable, "-c", f"{app.code[0].value}\n{check}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert tuple(result["names"]) == task.names
    expected = engine.synthesize(task)(images)
    torch.testing.assert_close(torch.tensor(result["logits"]), expected, rtol=1e-4, atol=1e-4)


def test_the_classifier_is_of_the_chosen_model(
    open_page: OpenPage, both_checkpoints: str, other_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit makes the file in a thread that knows nothing of the session."""
    from pages.components import export

    offered: list[Callable[[], bytes]] = []
    monkeypatch.setenv("N3_CHECKPOINT", both_checkpoints)
    monkeypatch.setattr(export.st, "download_button", lambda label, data, **options: offered.append(data))
    app = open_page("describe", {"model": "Other"})
    next(button for button in app.button if button.label == "Open").click().run()
    assert not app.exception
    with ThreadPoolExecutor(1) as pool:
        content = pool.submit(offered[-2]).result()
    task = load_task(PROJECT / "assets" / "tasks" / "flowers.json")
    expected = Engine(other_checkpoint).synthesize(task).network.state_dict()
    found = load(content)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name].float(), value.float(), msg=name)


def test_the_task_file_brings_the_task_back() -> None:
    from pages.components import resources

    task = load_task(PROJECT / "assets" / "tasks" / "flowers-repaired.json")
    assert parse_task(resources.task_file(task), "task.json") == task
