"""The two checkpoints that come with the project: what they share, what each is for, and what they weigh."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from n3core.checkpoint import load_checkpoint
from n3core.datasets.base import classes_of, load_pixels
from n3core.datasets.fieldbook.book import Fieldbook
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


def test_they_have_one_base(both: N3, plates: N3) -> None:
    assert both.base_tensors.keys() == plates.base_tensors.keys()
    assert all(torch.equal(tensor, plates.base_tensors[name]) for name, tensor in both.base_tensors.items())


def test_the_one_for_plates_reads_birds_better(both: N3, plates: N3) -> None:
    book = Fieldbook("birds")
    classes = classes_of(book, "val")
    names = [info.id for info in classes]
    encoded = TextEncoder(both.config.text).encode([info.description for info in classes])
    refs = [ref for name in names for ref in book.image_refs(name)]
    pixels = load_pixels(book, refs, both.config.image_size)
    labels = np.array([names.index(ref.class_id) for ref in refs])
    found = [
        score(classify(model.synthesize(encoded.states, encoded.mask, names), pixels), labels, names).per_class_accuracy
        for model in (both, plates)
    ]
    assert 55 < found[0] < found[1]


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
