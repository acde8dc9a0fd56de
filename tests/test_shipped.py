"""The checkpoints that come with the project: what they share, what each is for, and what they weigh."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from n3core.checkpoint import load_checkpoint
from n3core.datasets.base import Dataset, classes_of, load_pixels
from n3core.datasets.fieldbook.book import Fieldbook
from n3core.datasets.registry import open_dataset
from n3core.engine import Engine
from n3core.evaluate import score
from n3core.model import N3
from n3core.reporting.provenance import list_versions
from n3core.text_encoder import TextEncoder
from n3core.train import classify

ASSETS = Path(__file__).resolve().parent.parent / "assets"
MOST_BYTES = 45e6


@pytest.fixture(scope="module")
def both() -> N3:
    return load_checkpoint(ASSETS / "checkpoint")


@pytest.fixture(scope="module")
def plates() -> N3:
    return load_checkpoint(ASSETS / "checkpoint-plates")


@pytest.fixture(scope="module")
def photographs() -> N3:
    return load_checkpoint(ASSETS / "checkpoint-photographs")


def test_they_have_one_base(both: N3, plates: N3, photographs: N3) -> None:
    for other in (plates, photographs):
        assert both.base_tensors.keys() == other.base_tensors.keys()
        assert all(torch.equal(tensor, other.base_tensors[name]) for name, tensor in both.base_tensors.items())


def accuracies(models: Sequence[N3], dataset: Dataset) -> list[float]:
    """Per-class accuracy of each model on the validation classes."""
    classes = classes_of(dataset, "val")
    names = [info.id for info in classes]
    encoded = TextEncoder(models[0].config.text).encode([info.description for info in classes])
    refs = [ref for name in names for ref in dataset.image_refs(name)]
    pixels = load_pixels(dataset, refs, models[0].config.image_size)
    labels = np.array([names.index(ref.class_id) for ref in refs])
    return [
        score(classify(model.synthesize(encoded.states, encoded.mask, names), pixels), labels, names).per_class_accuracy
        for model in models
    ]


def test_the_one_for_plates_reads_birds_better(both: N3, plates: N3) -> None:
    found = accuracies((both, plates), Fieldbook("birds"))
    assert 55 < found[0] < found[1]


@pytest.mark.data
def test_the_one_for_photographs_reads_them_better(both: N3, photographs: N3) -> None:
    found = accuracies((both, photographs), open_dataset("tiny-imagenet"))
    assert 25 < found[0] < found[1]


def test_a_report_names_the_weights_of_both() -> None:
    hashes = [
        hashlib.sha256((ASSETS / name / "model.safetensors").read_bytes()).hexdigest()
        for name in ("checkpoint-plates", "checkpoint")
    ]
    versions = list_versions(Engine(ASSETS / "checkpoint-plates", device="cpu"))
    assert [value for name, value in versions.items() if "sha256" in name] == hashes
    alone = list_versions(Engine(ASSETS / "checkpoint", device="cpu"))
    assert [value for name, value in alone.items() if "sha256" in name] == hashes[1:]


def test_all_assets_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) <= MOST_BYTES
