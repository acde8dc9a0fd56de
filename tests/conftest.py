"""What every test shares: offline, a cache of its own, and tiny seeded models of the real architectures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from n3core.backbone import build_network, strip_classifier
from n3core.baselines.base import ClassTexts, ImageSet
from n3core.config import N3Config, TextConfig
from n3core.model import N3
from n3core.process import prepare_process
from n3core.results.benchmark import BenchmarkResults, BenchmarkSetting, ContinualScores, GeneralizedScores, MethodRun
from n3core.results.predictions import Controls, Interval

# Before anything imports a hub client: no test may depend on the network.
os.environ["HF_HUB_OFFLINE"] = "1"
prepare_process()  # as the command line and the studio do

PROJECT = Path(__file__).resolve().parent.parent
TEXT_WIDTH = 24

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[Tensor, Tensor]]
BenchmarkMaker = Callable[..., BenchmarkResults]


class ZeroShotTask(NamedTuple):
    """Images of seen classes to fit on and of unseen ones to predict; labels count the classes of their own part."""

    images: ImageSet
    labels: np.ndarray
    seen: ClassTexts
    test_images: ImageSet
    test_labels: np.ndarray
    unseen: ClassTexts

    def accuracy(self, scores: np.ndarray) -> float:
        """Share of the test images whose own class scores highest."""
        return float((scores.argmax(1) == self.test_labels).mean())


TaskMaker = Callable[..., ZeroShotTask]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, and skip what needs datasets that are not here.

    Of the processes that share the tests, one takes all of a file, and one all that drive a browser: a second studio
    and a second Chromium cost more than they gain.
    """
    for item in items:
        group = str(item.path.relative_to(PROJECT))
        if item.path.parent.name == "browser":
            group = "browser"
            item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.xdist_group(group))
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


@pytest.fixture(scope="session")
def make_benchmark() -> BenchmarkMaker:
    """Return `make(methods, seeds=3, generalized=True, continual=True)`: a benchmark of made-up numbers."""

    def make(
        methods: tuple[str, ...] = ("n3", "n3-fc", "pdcnn-fc", "eszsl", "attended"),
        *,
        seeds: int = 3,
        generalized: bool = True,
        continual: bool = True,
    ) -> BenchmarkResults:
        rng = np.random.default_rng(5)
        seen = tuple(f"seen flower {number}" for number in range(30))
        unseen = tuple(f"unseen flower {number}" for number in range(10))
        setting = BenchmarkSetting(
            dataset="fieldbook-flowers", split="default", split_hash="0123456789abcdef", base="resnet18",
            base_hash="fedcba9876543210", text="minilm contextual", seen=seen, validation=("held out",), unseen=unseen,
            train_images=1200, test_images=400, versions={"torch": "2.14.0", "numpy": "2.4.0"},
            command="n3 benchmark --data fieldbook-flowers --methods all --seeds 3",
        )  # fmt: skip
        runs = []
        for place, method in enumerate(methods):
            for seed in range(seeds):
                mean = float(np.clip(85 - 9 * place + rng.normal(0, 1.5), 12, 99))
                classes = np.clip(mean + rng.normal(0, 8, len(unseen)), 0, 100)
                curve = tuple((100 * t * mean / 100, 100 * (1 - t**2) * 0.9) for t in np.linspace(0, 1, 30))
                scores = GeneralizedScores(mean / 2, 50.0, 0.25, mean / 4, 70.0, 0.6 * mean / 100, curve)
                runs.append(
                    MethodRun(
                        method, seed, {"learning_rate": 0.001, "scale": 20.0}, 10, float(classes.mean()),
                        Interval(float(classes.mean()) - 2.5, float(classes.mean()) + 2.0),
                        dict(zip(unseen, classes.tolist(), strict=True)), 12.5 + place, 0.4,
                        Controls(11.0, 20.0 + place, 10.0), None, scores if generalized else None,
                    )
                )  # fmt: skip
        learners = ("sequential", "ewc-online", "mas-online", "a-gem", "multi-task")
        tasks = 5
        records = []
        for place, learner in enumerate(learners if continual else ()):
            for normalised in (False, True):
                level = 20 + 3 * place + 10 * normalised
                seen_, unseen_, joint = (tuple((level + 4 * rng.random(tasks)).tolist()) for _ in range(3))
                harmonic = tuple((level + 2 * np.arange(tasks - 1) + rng.random(tasks - 1)).tolist())
                auc = tuple((level / 200 + 0.01 * np.arange(tasks - 1)).tolist())
                records.append(ContinualScores(learner, normalised, seen_, unseen_[1:], harmonic, auc, joint, 0.1))
        reason = {"clip": "weights not available: download openai/clip-vit-base-patch32 once"}
        return BenchmarkResults(setting, tuple(runs), reason, tuple(records))

    return make


@pytest.fixture(scope="session")
def make_zero_shot_task() -> TaskMaker:
    """Return `make(seen=40, unseen=20, images=15)`: rectified features whose class means follow from the semantics."""

    def make(
        seen: int = 40, unseen: int = 20, *, images: int = 15, semantics: int = 12, width: int = 32, seed: int = 0
    ) -> ZeroShotTask:
        rng = np.random.default_rng(seed)
        ids = tuple(f"class {number}" for number in range(seen + unseen))
        described = rng.normal(size=(len(ids), semantics)).astype(np.float32)
        means = described @ rng.normal(0, semantics**-0.5, (semantics, width))
        texts = ClassTexts(
            ids, ids, ids, torch.zeros(len(ids), 1, 1), torch.ones(len(ids), 1, dtype=torch.bool), described
        )

        def photograph(classes: np.ndarray) -> ImageSet:
            places = means[classes][:, :, None, None] + rng.normal(1, 1.5, (len(classes), width, 4, 4))
            maps = np.maximum(places, 0).astype(np.float16)
            return ImageSet(maps.mean((2, 3), dtype=np.float32), maps)

        parts: list[Any] = []
        for rows in (np.arange(seen), np.arange(seen, len(ids))):
            classes = np.repeat(rows, images)
            parts += [photograph(classes), classes - rows[0], texts.take(rows)]
        return ZeroShotTask(*parts)

    return make
