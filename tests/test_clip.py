"""CLIP through transformers: a tiny random one answers as the pipeline does; where no weights are, no number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from PIL import Image

from n3core.baselines import clip as module
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet
from n3core.baselines.clip import CLIP, ENTRY, CLIPSettings
from n3core.errors import InputError

BASE = BaseNetwork("resnet18", {}, 32)
NAMES = ("heron", "wren", "great tit")
TEXTS = ("A tall grey bird by the water.", "A small brown bird.", " ".join(["A very long story about a tit."] * 40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of the real classes, two layers wide and deep, that spells every word."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)] + ["Ġ"]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[])
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = CLIPModel(
        CLIPConfig(
            text_config={**small, "vocab_size": len(words), "eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 1},
            vision_config={**small, "image_size": 48, "patch_size": 16},
            projection_dim=12,
        )
    )
    for parameter in model.parameters():  # as initialised, a network this small sees no difference between texts
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    path = tmp_path_factory.mktemp("clip")
    model.save_pretrained(path)
    images = CLIPImageProcessor(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})
    CLIPProcessor(images, tokenizer).save_pretrained(path)
    return path


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    yield
    module._load.cache_clear()
    module._missing_on_hub.cache_clear()


@pytest.fixture
def method(folder: Path, monkeypatch: pytest.MonkeyPatch) -> CLIP:
    monkeypatch.setenv("N3_CLIP", str(folder))
    assert ENTRY.unavailable(BASE) is None
    return ENTRY.build({"text": "name"}, BASE, 0)


@pytest.fixture
def texts() -> ClassTexts:
    count = len(NAMES)
    return ClassTexts(
        NAMES, NAMES, TEXTS, torch.zeros(count, 1, 1), torch.ones(count, 1, dtype=torch.bool), np.zeros((count, 1))
    )


@pytest.fixture
def images() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    return ImageSet(np.zeros((5, 4), np.float32), pixels=pixels)


def test_probabilities_are_those_of_the_transformers_pipeline(
    method: CLIP, folder: Path, texts: ClassTexts, images: ImageSet
) -> None:
    from transformers import pipeline

    classify = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")
    pictures = [Image.fromarray(pixels) for pixels in images.pixels]
    answers = classify(pictures, candidate_labels=list(NAMES), hypothesis_template="a photo of a {}")
    expected = [[next(row["score"] for row in answer if row["label"] == name) for name in NAMES] for answer in answers]
    scores = method.predict(images, texts)
    assert scores.shape == (5, 3) and scores.dtype == np.float32
    found = torch.from_numpy(scores).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.ptp(expected, axis=1).max() > 0.02, "the classes can be told apart"


@pytest.mark.parametrize("text", ["name", "description", "both"])
def test_permuting_classes_permutes_scores(method: CLIP, text: str, texts: ClassTexts, images: ImageSet) -> None:
    method = CLIP(CLIPSettings(text))
    scores = method.predict(images, texts)
    order = [2, 0, 1]
    np.testing.assert_allclose(method.predict(images, texts.take(order)), scores[:, order], atol=1e-4)
    assert np.array_equal(CLIP(CLIPSettings(text)).predict(images, texts), scores)


def test_each_wording_reads_what_it_says(method: CLIP, texts: ClassTexts, images: ImageSet) -> None:
    assert method.word("wren", "Small.") == "a photo of a wren"
    other = ClassTexts(texts.ids, texts.names, texts.texts[::-1], texts.states, texts.mask, texts.semantics)
    assert np.array_equal(method.predict(images, other), method.predict(images, texts))
    both, description = CLIP(CLIPSettings("both")), CLIP(CLIPSettings("description"))
    assert both.word("wren", "Small.") == "a photo of a wren. Small."
    assert not np.allclose(both.predict(images, other), both.predict(images, texts))
    np.testing.assert_allclose(
        description.predict(images, other), description.predict(images, texts)[:, ::-1], atol=1e-4
    )


def test_other_images_are_looked_at_anew(method: CLIP, texts: ClassTexts, images: ImageSet) -> None:
    first = method.predict(images, texts)
    np.testing.assert_allclose(method.predict(images.take([3, 1]), texts), first[[3, 1]], atol=1e-4)
    assert np.array_equal(method.predict(images, texts), first)
    assert method.predict(images.take([]), texts).shape == (0, 3)


def test_without_weights_there_is_a_reason_and_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("N3_CLIP", raising=False)
    reason = ENTRY.unavailable(BASE)
    assert reason is not None and reason.startswith("weights not available: openai/clip-vit-base-patch32")
    assert "\n" not in reason
    monkeypatch.setenv("N3_CLIP", str(tmp_path))
    reason = ENTRY.unavailable(BASE)
    assert reason is not None and reason.startswith("weights not available") and str(tmp_path) in reason
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        ENTRY.build(ENTRY.default, BASE, 0)
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"junk")
    monkeypatch.setenv("N3_CLIP", str(tmp_path))
    assert "model.safetensors" in (ENTRY.unavailable(BASE) or "")


def test_damaged_weights_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    monkeypatch.setenv("N3_CLIP", str(tmp_path))
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        ENTRY.build(ENTRY.default, BASE, 0)
    assert "\n" not in str(caught.value)


def test_defaults_lie_in_the_search_space() -> None:
    assert json.loads(json.dumps(dict(ENTRY.default))) == ENTRY.default
    assert ENTRY.suggest(optuna.trial.FixedTrial(dict(ENTRY.default))) == ENTRY.default
    assert ENTRY.needs == {"pixels"}
