"""Class texts as the systems read them: token states, and one max-pooled vector a class (N3 paper section 4).

Owns the ways of reading a text (the paper's ablation of table 4); knows no image and no system.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n3core.baselines.base import ClassTexts
from n3core.config import TextConfig
from n3core.errors import InputError
from n3core.text_encoder import TextEncoder
from n3core.token_states import TokenStates

__all__ = ["TEXT_MODES", "TextReader", "pool_states", "split_sentences"]

TEXT_MODES = ("contextual", "static", "sentence")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class TextReader:
    """Turns texts of classes into `ClassTexts`.

    Args:
        name: "minilm", a hub id or a local folder.
        mode: "contextual" (whole text at once), "static" (input word embeddings) or "sentence" (every sentence
            by itself, its token states joined; what does not fit into the encoder's length is left out).
        cache_folder: where token states are kept; None keeps nothing.

    Raises:
        InputError: unknown mode, or an encoder that cannot be loaded.
    """

    def __init__(self, name: str = "minilm", mode: str = "contextual", cache_folder: Path | None = None) -> None:
        if mode not in TEXT_MODES:
            raise InputError(f"text mode {mode!r} is unknown; choose one of {', '.join(TEXT_MODES)}")
        self._by_sentence = mode == "sentence"
        self._encoder = TextEncoder.load(name, "contextual" if self._by_sentence else mode, cache_folder)
        self.label = f"{name} {mode}"

    @property
    def config(self) -> TextConfig:
        """Settings of the encoder."""
        return self._encoder.config

    def read(self, ids: Sequence[str], names: Sequence[str], texts: Sequence[str]) -> ClassTexts:
        """Encode the texts of K classes.

        Args:
            ids, names, texts: K each.

        Returns:
            Token states (K, L, H), their mask, and max-pooled semantics (K, H).
        """
        found = [self._sentences(text) for text in texts] if self._by_sentence else None
        states, mask = _pad(found) if found else _unpack(self._encoder.encode(texts))
        return ClassTexts(tuple(ids), tuple(names), tuple(texts), states, mask, pool_states(states, mask))

    def _sentences(self, text: str) -> Tensor:
        """Token states (L, H) of the sentences of a text, one after the other."""
        encoded = self._encoder.encode(split_sentences(text))
        parts = [states[mask] for states, mask in zip(encoded.states, encoded.mask, strict=True)]
        return torch.cat(parts)[: self.config.max_tokens]


def pool_states(states: Tensor, mask: Tensor) -> np.ndarray:
    """Largest state over the tokens of each class: (K, L, H) and (K, L) -> (K, H) float32."""
    return states.masked_fill(~mask[..., None], -torch.inf).amax(dim=1).float().numpy()


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, at least one; a text without an end of sentence is one."""
    return [part for part in _SENTENCE_END.split(text) if part.strip()] or [text]


def _unpack(encoded: TokenStates) -> tuple[Tensor, Tensor]:
    return encoded.states, encoded.mask


def _pad(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    states = torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
    lengths = torch.tensor([len(part) for part in parts])
    return states, torch.arange(states.shape[1])[None] < lengths[:, None]
