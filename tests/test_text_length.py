"""Measuring a text says what encoding it would find, without encoding it."""

from __future__ import annotations

import pytest

from n3core.config import TextConfig
from n3core.text_encoder import TextEncoder


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    """The embedded encoder, reading 16 tokens."""
    return TextEncoder(TextConfig(max_tokens=16))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a red flower",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",
        "petal " * 5000,
        "\u202eflower \U0001f33a " * 40,
        "antidisestablishmentarianism " * 9,
    ],
)
def test_measuring_agrees_with_encoding(encoder: TextEncoder, text: str) -> None:
    length = encoder.measure(text)
    encoded = encoder.encode([text])
    assert length.limit == 16
    assert length.dropped_words == encoded.dropped_words[0]
    assert min(length.tokens, length.limit) == encoded.mask.sum()


def test_measuring_leaves_the_truncation_of_the_tokenizer_as_it_was(encoder: TextEncoder) -> None:
    before = encoder.encode(["petal " * 30])
    encoder.measure("petal " * 30)
    after = encoder.encode(["petal " * 30 + " "])
    assert after.mask.shape == before.mask.shape
