"""A trained N3 on disk: config.json beside model.safetensors, never pickle.

Owns the format and the hash check; knows no training. Several models on one base need not each carry it: a checkpoint
may name another one beside it and take the base from there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from n3core.backbone import BASES, build_network, strip_classifier
from n3core.config import N3Config, check_config, from_json, to_json
from n3core.errors import InputError
from n3core.files import unfinished, write_atomically
from n3core.known_checkpoints import CONFIG, MAX_TITLE_CHARACTERS, SHIPPED
from n3core.model import N3

__all__ = ["load_checkpoint", "save_checkpoint"]

_WEIGHTS = "model.safetensors"
_FORMAT = 2  # 2: columns of convolutions are laid out (kh, kw, I), without bias


def save_checkpoint(
    folder: Path, model: N3, *, half: bool = True, base_from: Path | None = None, title: str | None = None
) -> None:
    """Write a model; a failure at any moment leaves the previous checkpoint loadable.

    The new files are completed in a sibling folder, which then takes the old one's place.

    Args:
        folder: where to.
        model: what to write.
        half: store floating-point tensors as float16.
        base_from: a checkpoint beside `folder` that holds the same base, which is then not written a second time.
        title: what people call the model, one line; see `n3core.known_checkpoints.title_of`.

    Raises:
        InputError: the disk is full or the folder cannot be written; `base_from` is no such checkpoint; the title is
            too long.
    """
    if title is not None and len(title) > MAX_TITLE_CHARACTERS:
        raise InputError(f"the title of a checkpoint has {len(title)} characters; use at most {MAX_TITLE_CHARACTERS}")
    tensors = {
        name: value.detach().cpu().to(torch.float16 if half and value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    notes: dict[str, Any] = {"format": _FORMAT} | ({"title": title} if title is not None else {})
    if base_from is not None:
        notes["base_from"] = _leave_out_base(tensors, model, folder, base_from)
    weights = save(tensors)
    notes |= {
        "sha256": hashlib.sha256(weights).hexdigest(),
        "base_tensors": list(model.base_tensors),
        "n3": json.loads(to_json(model.config)),
    }
    part = unfinished(folder)
    old = _set_aside(folder)
    shutil.rmtree(part, ignore_errors=True)
    try:
        if old.exists() and not folder.exists():
            old.rename(folder)
        write_atomically(part / _WEIGHTS, weights)
        write_atomically(part / CONFIG, json.dumps(notes, indent=2).encode())
        for extra in folder.iterdir() if folder.exists() else ():
            if extra.is_dir():
                shutil.copytree(extra, part / extra.name)
            elif extra.name not in (_WEIGHTS, CONFIG):
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


def _leave_out_base(tensors: dict[str, Tensor], model: N3, folder: Path, base_from: Path) -> dict[str, str]:
    """Take the base out of `tensors`; returns where it is: the other folder's name and the hash of its weights."""
    if base_from.resolve().parent != folder.resolve().parent or base_from.resolve() == folder.resolve():
        raise InputError(
            f"checkpoint {base_from} is not beside {folder}; only one in the same folder can lend its base"
        )
    other, notes = _read_tensors(base_from)
    for key in map(N3.base_key, model.base_tensors):
        own = tensors.pop(key)
        if key not in other or other[key].dtype != own.dtype or not torch.equal(other[key], own):
            raise InputError(f"checkpoint {base_from} has another base ({key} differs); save the model with its own")
    return {"folder": base_from.resolve().name, "sha256": notes["sha256"]}


def load_checkpoint(folder: Path) -> N3:
    """Read a model, verify its hash and return it in eval mode, float32.

    Raises:
        InputError: missing, damaged, or made for another base network.
    """
    tensors, notes = _read_tensors(folder)
    try:
        config = from_json(N3Config, json.dumps(notes["n3"]))
        check_config(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"checkpoint config {folder / CONFIG} is not readable ({error}); restore the file") from None
    if config.base not in BASES:
        raise InputError(f"checkpoint {folder} adapts {config.base!r}; this version knows {', '.join(BASES)}")
    try:
        keys = {name: N3.base_key(name) for name in notes["base_tensors"]}
        if "base_from" in notes:
            tensors |= _borrow_base(folder, notes["base_from"], list(keys.values()))
        base = {name: tensors[key] for name, key in keys.items()}
        _check_tensors(config, tensors, base)
        model = N3(config, {k: v.float() if v.is_floating_point() else v for k, v in base.items()})
        model.load_state_dict(tensors)
    except (RuntimeError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise _misfit(folder, error) from None
    return model.float().eval().requires_grad_(False)


def _check_tensors(config: N3Config, tensors: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> None:
    """Compare the tensors of a file with what its config asks for, before a model of that size is made.

    Raises:
        RuntimeError: a tensor is missing, unknown, of another shape or kind, or not finite; the message names it.
    """
    network = build_network(config.base, 1, device="meta")
    strip_classifier(config.base, network)
    _compare(network.state_dict(), base)
    with torch.device("meta"):
        blank = N3(config, {name: value.to("meta") for name, value in base.items()})
    _compare(blank.state_dict(), tensors)


def _compare(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name in sorted(wanted.keys() ^ found.keys()):
        raise RuntimeError(f"{name[:200]} is {'missing' if name in wanted else 'no tensor of this model'}")
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            raise RuntimeError(f"{name} has the shape {tuple(found[name].shape)}, not {tuple(value.shape)}")
        if found[name].is_floating_point() != value.is_floating_point() or found[name].is_complex():
            raise RuntimeError(f"{name} is of the kind {found[name].dtype}")
        if not torch.isfinite(found[name]).all():
            raise RuntimeError(f"{name} has values that are not finite")


def _borrow_base(folder: Path, place: Mapping[str, str], keys: list[str]) -> dict[str, Tensor]:
    """The base of a checkpoint that another one beside it holds, which must be the very file it was saved with."""
    name = place["folder"]
    if Path(name).name != name or name in ("", ".."):
        raise InputError(f"checkpoint {folder} takes its base from {name!r}, no folder beside it; restore {CONFIG}")
    lender = folder.resolve().parent / name
    try:
        tensors, notes = _read_tensors(lender)
    except (InputError, OSError) as error:  # a name may be too long for the file system
        raise InputError(f"checkpoint {folder} has no base of its own: {error}") from None
    if notes["sha256"] != place["sha256"]:
        raise InputError(f"checkpoint {folder} takes its base from {lender}, which has changed since; restore that one")
    return {key: tensors[key] for key in keys}


def _read_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and notes of a checkpoint whose hash and format are right.

    Raises:
        InputError: missing or damaged, or of another format.
    """
    if not folder.exists() and _set_aside(folder).exists():
        folder = _set_aside(folder)
    if not (folder / CONFIG).is_file() or not (folder / _WEIGHTS).is_file():
        inside = folder / "checkpoint"  # where a run keeps it
        hint = f"it needs {CONFIG} and {_WEIGHTS}; --checkpoint or N3_CHECKPOINT names another"
        if (inside / CONFIG).is_file():
            hint = f"did you mean {inside}?"
        elif folder == SHIPPED:
            hint = "the project's folder has it, an installed package does not; --checkpoint or N3_CHECKPOINT names one"
        raise InputError(f"no checkpoint in {folder}; {hint}")
    try:
        config, weights = _read_together(folder)
        notes = json.loads(config)
        found, expected = notes.get("format"), notes["sha256"]
    except OSError as error:
        raise InputError(f"checkpoint {folder} cannot be read ({error.strerror}); check its permissions") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"checkpoint config {folder / CONFIG} is not readable ({error}); restore the file") from None
    if found != _FORMAT:
        raise InputError(f"checkpoint {folder} has format {found}; this version reads format {_FORMAT}, train it anew")
    if hashlib.sha256(weights).hexdigest() != expected:
        raise InputError(f"checkpoint {folder / _WEIGHTS} is corrupt: its hash differs from {CONFIG}; restore the file")
    try:
        return load(weights), notes
    except SafetensorError as error:
        raise _misfit(folder, error) from None


def _read_together(folder: Path) -> tuple[bytes, bytes]:
    """Config and weights of one save: a training may replace the folder between the reading of the two."""
    while True:
        config, weights = (folder / CONFIG).read_bytes(), (folder / _WEIGHTS).read_bytes()
        if config == (folder / CONFIG).read_bytes():
            return config, weights


def _misfit(folder: Path, error: Exception) -> InputError:
    reason = (str(error) or type(error).__name__).splitlines()[-1].strip()  # torch names the tensor last
    return InputError(f"checkpoint {folder} does not fit its config ({reason}); restore both files")
