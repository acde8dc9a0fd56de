"""What every test shares: offline, a cache of its own, and tiny seeded models of the real architectures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from n3core.backbone import build_network, strip_classifier
from n3core.config import N3Config, TextConfig
from n3core.model import N3

# Before anything imports a hub client: no test may depend on the network.
os.environ["HF_HUB_OFFLINE"] = "1"

PROJECT = Path(__file__).resolve().parent.parent
TEXT_WIDTH = 24

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[Tensor, Tensor]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs datasets that this machine lacks."""
    root = os.environ.get("N3_DATA")
    if root and Path(root).is_dir():
        return
    missing = pytest.mark.skip(reason="$N3_DATA names no folder: the shared datasets are not here")
    for item in items:
        if "data" in item.keywords:
            item.add_marker(missing)


@pytest.fixture(scope="session", autouse=True)
def private_user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Derived data of the tests goes to a folder that lives as long as they do."""
    folder = tmp_path_factory.mktemp("n3-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N3_CACHE", str(folder))
        yield folder


@pytest.fixture
def make_model() -> ModelMaker:
    """Return `make(base="resnet18", **config)`: a seeded N3 in eval mode over a base with random weights.

    mu is large so that every adapted tensor matters for the logits.
    """

    def make(base: str = "resnet18", *, seed: int = 0, **settings: Any) -> N3:
        torch.manual_seed(seed)
        network = build_network(base, 1)
        strip_classifier(base, network)
        defaults: dict[str, Any] = {
            "image_size": 32, "width": 16, "heads": 2, "mu": 0.05, "text": TextConfig(hidden_size=TEXT_WIDTH),
        }  # fmt: skip
        return N3(N3Config(base, **(defaults | settings)), network.state_dict()).eval()

    return make


@pytest.fixture
def make_states() -> StatesMaker:
    """Return `make(classes, seed=0)`: token states (K, L, H) of unequal lengths and their mask."""

    def make(classes: int, *, seed: int = 0, hidden_size: int = TEXT_WIDTH) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(3, 9, (classes,), generator=generator)
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        states = torch.randn(classes, mask.shape[1], hidden_size, generator=generator)
        return states * mask[..., None], mask

    return make


@pytest.fixture
def images() -> Tensor:
    """Five random images (5, 3, 32, 32), float in [0, 1]."""
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one's own: four classes of six small images that differ in colour, with descriptions."""
    folder = tmp_path_factory.mktemp("own") / "swatches"
    colours = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200), "grey": (128, 128, 128)}
    rng = np.random.default_rng(0)
    lines = []
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True)
        lines.append(f'"{name}": "A square of plain {name} cloth, slightly worn."')
        for index in range(6):
            pixels = np.clip(np.array(colour) + rng.normal(0, 25, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    (folder / "descriptions.json").write_text("{" + ", ".join(lines) + "}")
    return folder
