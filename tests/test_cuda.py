"""A GPU finds what the CPU finds; skipped where there is none."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torchvision import models

from n3core.backbone import normalise, to_float
from n3core.checkpoint import load_checkpoint
from n3core.config import TextConfig, TrainConfig
from n3core.descriptions import ClassDescription, TaskSpec
from n3core.engine import Engine
from n3core.episodes import Episode, draw_episode
from n3core.explain.evidence import explain_tokens
from n3core.explain.saliency import explain_pixels
from n3core.feature_training import start_on_features
from n3core.model import N3
from n3core.recipes import episode_sources, validation_sets
from n3core.results.saliency import METHODS, SaliencySettings
from n3core.text_encoder import TextEncoder
from n3core.train import calibrate_features, train, validate
from tests.command_line import save_tiny_checkpoint

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")

SIZE = 32
TASK = TaskSpec(tuple(ClassDescription(name, f"A square of {name} cloth.") for name in ("red", "blue", "grey")))
PICTURES = np.random.default_rng(5).integers(0, 256, (4, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Convolutions without TensorFloat-32, which rounds to 10 bits; later tests choose the device of their training."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Engine]:
    """The same checkpoint on the GPU and on the CPU."""
    checkpoint = save_tiny_checkpoint(tmp_path_factory.mktemp("cuda") / "checkpoint")
    return Engine(checkpoint, device="cuda"), Engine(checkpoint, device="cpu")


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2 * np.abs(expected).max())


def test_predictions_and_exports_agree(engines: tuple[Engine, Engine], tmp_path: Path) -> None:
    gpu, cpu = engines
    expected = cpu.predict(TASK, PICTURES).logits
    assert next(gpu.synthesize(TASK).parameters()).device.type == "cuda"
    assert_close(gpu.predict(TASK, PICTURES).logits, expected)
    gpu.export(TASK, tmp_path / "cloth.safetensors")
    network = models.resnet18(num_classes=len(TASK.names)).eval()
    network.load_state_dict(load_file(tmp_path / "cloth.safetensors"))
    with torch.no_grad():
        assert_close(network(normalise(to_float(PICTURES))).numpy(), expected)


@pytest.mark.parametrize("method", METHODS)
def test_saliency_agrees(method: str, engines: tuple[Engine, Engine]) -> None:
    settings = SaliencySettings(steps=4, samples=3, window=8, stride=8)
    gpu, cpu = (explain_pixels(engine.synthesize(TASK), PICTURES, [0, 1, 2, 0], method, settings=settings)
                for engine in engines)  # fmt: skip
    assert_close(gpu.values, cpu.values)


def test_token_evidence_agrees(engines: tuple[Engine, Engine]) -> None:
    pairs = zip(*(explain_tokens(engine.model, engine.encode(TASK.texts), TASK.names, TASK.texts, PICTURES[:2], [0, 2])
                  for engine in engines), strict=True)  # fmt: skip
    for gpu, cpu in pairs:
        for found, expected in zip(gpu.descriptions, cpu.descriptions, strict=True):
            assert_close(found.magnitudes, expected.magnitudes)
            assert_close(found.support, expected.support)


def test_training_agrees_and_resumes(
    make_model: Callable[..., N3], image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TextEncoder.load()
    sources, shares = episode_sources([str(image_folder)], SIZE, encoder)
    held_out = validation_sets([str(image_folder)], SIZE, encoder)
    config = TrainConfig(steps=4, batch_size=8, classes=(2, 3), feature_steps=3)

    def run(name: str, device: str) -> tuple[bool, list[float]]:
        AcceleratorState._reset_state(reset_partial_state=True)
        model, out = make_model(text=TextConfig(), dropout=0.0), tmp_path / name
        calibrate_features(model, sources[0].images.pixels)
        start_on_features(model, config, sources, shares, out, device=device)
        finished = train(model, config, sources, shares, held_out, out, device=device, validate_every=2)
        assert {value.device.type for value in model.state_dict().values()} == {device}
        return finished, [json.loads(line)["loss"] for line in (out / "logs" / "metrics.jsonl").open()]

    def draw_at_last(*given: Any) -> Episode:
        signal.raise_signal(signal.SIGTERM)
        return draw_episode(*given)

    whole, losses = run("whole", "cuda")
    with monkeypatch.context() as patch:
        patch.setattr("n3core.train.draw_episode", draw_at_last)
        stopped, first = run("parts", "cuda")
    resumed, joined = run("parts", "cuda")
    assert whole and not stopped and resumed and len(first) == 1
    assert joined == pytest.approx(losses, rel=1e-2)
    assert np.isfinite(validate(load_checkpoint(tmp_path / "parts" / "checkpoint").cuda(), held_out[0]))
    assert run("cpu", "cpu")[1][0] == pytest.approx(losses[0], rel=0.05)
