"""Leaving words out: what is measured is what the network of the edited text says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from n3core.checkpoint import save_checkpoint
from n3core.config import TextConfig
from n3core.engine import Engine
from n3core.explain.evidence import explain_tokens
from n3core.explain.faithfulness import drop_words, judge_texts, with_text
from n3core.model import N3
from n3core.results.evidence import DescriptionEvidence

ModelMaker = Callable[..., N3]
NAMES = ("fire lily", "cornflower")
TEXTS = ("Six scarlet petals.", "A small, deep blue flower-head.")


@pytest.fixture
def engine(make_model: ModelMaker, tmp_path: Path) -> Engine:
    save_checkpoint(tmp_path / "checkpoint", make_model(text=TextConfig(), temperature=0.5))
    return Engine(tmp_path / "checkpoint", device="cpu")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


def described(name: str, text: str, support: Sequence[float]) -> DescriptionEvidence:
    ends = np.cumsum([len(word) + 1 for word in text.split()]) - 1
    spans = np.stack([ends - [len(word) for word in text.split()], ends], axis=1)
    return DescriptionEvidence(name, text, spans, np.abs(support), np.array(support, float), 0.0)


def test_texts_are_judged_as_the_engine_judges_them(engine: Engine, pixels: np.ndarray) -> None:
    before = {name: value.clone() for name, value in engine.model.state_dict().items()}
    found = judge_texts(engine.model, engine.encode(TEXTS), pixels)
    assert found == pytest.approx(engine.predict_function(TEXTS)(pixels), abs=1e-3)
    assert all(torch.equal(value, before[name]) for name, value in engine.model.state_dict().items())
    assert not engine._classifiers or len(engine._classifiers) == 1


def test_dropping_a_word_measures_the_network_of_the_shorter_text(engine: Engine, pixels: np.ndarray) -> None:
    def judge(texts: Sequence[str]) -> np.ndarray:
        return judge_texts(engine.model, engine.encode(texts), pixels)

    encoded = engine.encode(TEXTS)
    evidence = explain_tokens(engine.model, encoded, NAMES, TEXTS, pixels[:1], [0])[0]
    steps: list[tuple[int, int]] = []
    effects = drop_words(
        judge, NAMES, TEXTS, evidence.of("cornflower"), "fire lily", progress=lambda *step: steps.append(step)
    )
    assert [evidence.of("cornflower").words[word] for word in effects.words] == [
        "A", "small", "deep", "blue", "flower-head",
    ]  # fmt: skip
    assert steps == [(number, 5) for number in range(1, 6)]
    for index, text in ((1, "A, deep blue flower-head."), (4, "A small, deep blue.")):
        logits = engine.predict_function((TEXTS[0], text))(pixels)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert effects.logits[index] == pytest.approx(logits[:, 0].mean(), abs=1e-3)
        assert effects.probabilities[index] == pytest.approx(shares[:, 0].mean(), abs=2e-3)
    assert effects.logit == pytest.approx(engine.predict_function(TEXTS)(pixels)[:, 0].mean(), abs=1e-3)
    assert np.abs(effects.effects).max() > 0


def test_a_word_that_alone_decides_stands_out_and_a_true_gradient_is_called_true() -> None:
    worth = {"red": 3.0, "petals": -1.0, "with": 0.5, "spots": 0.1}

    def judge(texts: Sequence[str]) -> np.ndarray:
        return np.array([[0.0, sum(value for word, value in worth.items() if word in texts[1].split())]])

    text = "red petals with spots"
    truthful = described("b", text, [30, -10, 5, 1])
    effects = drop_words(judge, ("a", "b"), ("x", text), truthful, "b")
    assert effects.effects == pytest.approx([3.0, -1.0, 0.5, 0.1])
    assert effects.support_correlation == pytest.approx(1) and effects.same_sign == 1
    assert effects.probabilities[0] < effects.probability < effects.probabilities[1]
    liar = drop_words(judge, ("a", "b"), ("x", text), described("b", text, [-30, 10, -5, -1]), "b")
    assert liar.support_correlation == pytest.approx(-1) and liar.same_sign == 0
    assert liar.magnitude_correlation == pytest.approx(1)


def test_the_only_word_of_a_description_can_be_left_out(engine: Engine, pixels: np.ndarray) -> None:
    def judge(texts: Sequence[str]) -> np.ndarray:
        return judge_texts(engine.model, engine.encode(texts), pixels)

    effects = drop_words(judge, NAMES, ("lily", TEXTS[1]), described(NAMES[0], "lily", [1.0]), NAMES[0])
    assert np.isfinite(effects.logits).all() and np.isnan(effects.support_correlation)
    nothing = DescriptionEvidence(NAMES[0], "!", np.array([(0, 1)]), np.ones(1), np.ones(1), 0.0)
    assert drop_words(judge, NAMES, ("!", TEXTS[1]), nothing, NAMES[0]).effects.shape == (0,)


def test_only_the_named_text_changes() -> None:
    assert with_text(NAMES, TEXTS, "cornflower", "") == (TEXTS[0], "")
