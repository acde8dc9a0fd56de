"""Token states of texts, and where they are kept on disk. Knows no encoder.

Paper section 3.2: D = {d_kl}.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from n3core.files import remove_abandoned

__all__ = ["TokenCache", "TokenStates", "join_states"]

_log = logging.getLogger(__name__)
_KEPT_TEXTS = 5000  # about 100 kB each
_WRITTEN_BETWEEN = 500  # looks at how many there are


@dataclass(frozen=True)
class TokenStates:
    """Token states of K texts, padded to the longest.

    states: (K, L, H) float32.
    mask: (K, L) bool, True where a real token stands.
    offsets: per text, per token, the characters (start, end) it covers; (0, 0) for special tokens.
    dropped_words: per text, words lost to truncation.
    """

    states: Tensor
    mask: Tensor
    offsets: tuple[tuple[tuple[int, int], ...], ...]
    dropped_words: tuple[int, ...]


def join_states(parts: Sequence[TokenStates]) -> TokenStates:
    """Stack token states of single texts, padding with zeros to the longest."""
    longest = max(part.states.shape[1] for part in parts)
    count = sum(len(part.states) for part in parts)
    states = parts[0].states.new_zeros(count, longest, parts[0].states.shape[2])
    mask = torch.zeros(count, longest, dtype=torch.bool)
    row = 0
    for part in parts:
        rows, length = part.mask.shape
        states[row : row + rows, :length] = part.states
        mask[row : row + rows, :length] = part.mask
        row += rows
    offsets = tuple(offset for part in parts for offset in part.offsets)
    return TokenStates(states, mask, offsets, tuple(n for part in parts for n in part.dropped_words))


class TokenCache:
    """A folder of token states, a file for each text, of which those read last are kept.

    Safe to share between threads and processes. One that cannot be written is told of once.

    Args:
        folder: where the files lie, made when the first is written.
        identity: what tells states of one encoder from another's.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder, self._identity = folder, identity
        self._written, self._warned = 0, False
        self._forget_oldest()

    def read(self, text: str) -> TokenStates | None:
        """The states of one text, (1, L, H); None where they are not kept."""
        path = self._path(text)
        try:
            tensors = load_file(path)
            states, pairs = tensors["states"].float()[None], tensors["offsets"].tolist()
            dropped = int(tensors["dropped"])
        except (OSError, KeyError, SafetensorError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        mask = torch.ones(states.shape[:2], dtype=torch.bool)
        return TokenStates(states, mask, (tuple((a, b) for a, b in pairs),), (dropped,))

    def write(self, text: str, part: TokenStates) -> None:
        """Keep the states of one text, (1, L, H)."""
        path = self._path(text)
        tensors = {
            "states": part.states[0].contiguous(),
            "offsets": torch.tensor(part.offsets[0], dtype=torch.int32).view(-1, 2),
            "dropped": torch.tensor(part.dropped_words[0]),
        }
        partial = path.with_suffix(f".{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, partial)
            partial.replace(path)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            if not self._warned:
                _log.warning("token states are not cached: %s; $N3_CACHE names another folder for them", error)
            self._warned = True
            return
        self._written += 1
        if self._written % _WRITTEN_BETWEEN == 0:
            self._forget_oldest()

    def _path(self, text: str) -> Path:
        key = hashlib.sha256(f"{self._identity}|{text}".encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / key[:2] / f"{key}.safetensors"

    def _forget_oldest(self) -> None:
        """Bound the folder: texts that were only tried once, word by word, would fill the disk."""
        used: list[tuple[int, Path]] = []
        for path in self._folder.glob("*/*.safetensors"):
            with contextlib.suppress(OSError):  # another process may bound the same folder
                used.append((path.stat().st_mtime_ns, path))
        with contextlib.suppress(OSError):  # one that may only be read
            for _, path in sorted(used)[: max(0, len(used) - _KEPT_TEXTS)]:
                path.unlink(missing_ok=True)
        remove_abandoned(self._folder.glob("*/*.part"))
