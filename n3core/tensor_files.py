"""Tensors as the bytes of a safetensors file: the same tensors and notes, the same bytes. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

__all__ = ["to_bytes"]

_LENGTH_BYTES = 8  # before the header, little-endian
_ALIGNMENT = 8  # of the tensors' first byte


def to_bytes(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> bytes:
    """Serialise tensors with notes; the keys of the header are sorted, which safetensors itself leaves to chance.

    Args:
        tensors: by name, contiguous, on the CPU.
        notes: what a reader finds as the file's metadata.

    Returns:
        The content of a file in the safetensors format.
    """
    content = save(dict(tensors), dict(notes))
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    found = json.loads(content[_LENGTH_BYTES:start])
    header = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    return b"".join((len(header).to_bytes(_LENGTH_BYTES, "little"), header, memoryview(content)[start:]))
