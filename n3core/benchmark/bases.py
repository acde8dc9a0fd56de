"""The one frozen network of a run: from a pre-trained base or from the base inside a checkpoint.

Knows where base networks are kept; knows no dataset and no system.
"""

from __future__ import annotations

import json
from pathlib import Path

from n3core.backbone import hash_tensors
from n3core.baselines.base import BaseNetwork
from n3core.checkpoint import load_checkpoint
from n3core.errors import InputError
from n3core.known_checkpoints import default_checkpoint
from n3core.pretrain import load_base

__all__ = ["hash_base", "open_base"]


def open_base(folder: Path | None = None, device: str = "cpu") -> BaseNetwork:
    """Open the network that all systems of a run share.

    Args:
        folder: what `n3 pretrain` or `n3 train` wrote; None takes `default_checkpoint()`.
        device: "cpu" or "cuda".

    Returns:
        The network. `checkpoint` is set, and `text` is the checkpoint's encoder, where the folder is a checkpoint.

    Raises:
        InputError: the folder holds neither.
    """
    folder = folder if folder is not None else default_checkpoint()
    if (folder / "base.json").is_file():
        tensors, name = load_base(folder)
        try:
            size = int(json.loads((folder / "base.json").read_text(encoding="utf-8"))["pretrain"]["image_size"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / 'base.json'} lacks the image size ({error}); restore the file") from None
        return BaseNetwork(name, tensors, size, device=device)
    if not (folder / "config.json").is_file():
        raise InputError(f"no base network in {folder}; give a folder of `n3 pretrain` (base.json) or a checkpoint")
    model = load_checkpoint(folder)
    config = model.config
    return BaseNetwork(config.base, model.base_tensors, config.image_size, config.text, device, folder)


def hash_base(base: BaseNetwork) -> str:
    """16 hex digits of the network's name, image size and tensors."""
    return hash_tensors(base.tensors, f"{base.name}|{base.image_size}")[:16]
