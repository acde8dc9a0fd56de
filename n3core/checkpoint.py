"""A trained N3 on disk: config.json beside model.safetensors, never pickle.

Owns the format and the hash check; knows no training.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from n3core.backbone import BASES
from n3core.config import N3Config, from_json, to_json
from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.model import N3

__all__ = ["default_checkpoint", "load_checkpoint", "save_checkpoint"]

_WEIGHTS = "model.safetensors"
_CONFIG = "config.json"
_FORMAT = 2  # 2: columns of convolutions are laid out (kh, kw, I), without bias


def default_checkpoint() -> Path:
    """The checkpoint that ships with the project; `$N3_CHECKPOINT` overrides it."""
    given = os.environ.get("N3_CHECKPOINT")
    return Path(given) if given else Path(__file__).resolve().parent.parent / "assets" / "checkpoint"


def save_checkpoint(folder: Path, model: N3, *, half: bool = True) -> None:
    """Write a model; a failure at any moment leaves the previous checkpoint loadable.

    The new files are completed in a sibling folder, which then takes the old one's place.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    tensors = {
        name: value.detach().cpu().to(torch.float16 if half and value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    weights = save(tensors)
    notes = {
        "format": _FORMAT,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "base_tensors": list(model.base_tensors),
        "n3": json.loads(to_json(model.config)),
    }
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = _set_aside(folder)
    shutil.rmtree(part, ignore_errors=True)
    try:
        if old.exists() and not folder.exists():
            old.rename(folder)
        write_atomically(part / _WEIGHTS, weights)
        write_atomically(part / _CONFIG, json.dumps(notes, indent=2).encode())
        for extra in folder.iterdir() if folder.exists() else ():
            if extra.is_dir():
                shutil.copytree(extra, part / extra.name)
            elif extra.name not in (_WEIGHTS, _CONFIG):
                shutil.copy2(extra, part / extra.name)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    except OSError as error:
        raise InputError(f"cannot save the checkpoint {folder} ({error.strerror}); the old one is kept") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _set_aside(folder: Path) -> Path:
    """Where the previous checkpoint lies for the moment between the two renames of a save, or after a kill there."""
    return folder.with_name(f".{folder.name}.old")


def load_checkpoint(folder: Path) -> N3:
    """Read a model, verify its hash and return it in eval mode, float32.

    Raises:
        InputError: missing, damaged, or made for another base network.
    """
    if not folder.exists() and _set_aside(folder).exists():
        folder = _set_aside(folder)
    if not (folder / _CONFIG).is_file() or not (folder / _WEIGHTS).is_file():
        raise InputError(f"no checkpoint in {folder}; it needs {_CONFIG} and {_WEIGHTS}")
    try:
        notes = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        config = from_json(N3Config, json.dumps(notes["n3"]))
        names, expected = notes["base_tensors"], notes["sha256"]
        weights = (folder / _WEIGHTS).read_bytes()
    except OSError as error:
        raise InputError(f"checkpoint {folder} cannot be read ({error.strerror}); check its permissions") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"checkpoint config {folder / _CONFIG} is not readable ({error}); restore the file") from None
    if notes.get("format") != _FORMAT:
        raise InputError(
            f"checkpoint {folder} has format {notes.get('format')}; this version reads format {_FORMAT}, train it anew"
        )
    if hashlib.sha256(weights).hexdigest() != expected:
        raise InputError(
            f"checkpoint {folder / _WEIGHTS} is corrupt: its hash differs from {_CONFIG}; restore the file"
        )
    if config.base not in BASES:
        raise InputError(f"checkpoint {folder} adapts {config.base!r}; this version knows {', '.join(BASES)}")
    try:
        tensors = load(weights)
        base = {name: tensors[N3.base_key(name)] for name in names}
        model = N3(config, {k: v.float() if v.is_floating_point() else v for k, v in base.items()})
        model.load_state_dict(tensors)
    except (SafetensorError, RuntimeError, KeyError, TypeError, AttributeError, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[-1].strip()  # torch names the tensor last
        raise InputError(f"checkpoint {folder} does not fit its config ({reason}); restore both files") from None
    return model.float().eval().requires_grad_(False)
