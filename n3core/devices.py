"""Where tensors live: the one place that turns a name of a device into a device."""

from __future__ import annotations

import torch

from n3core.errors import InputError

__all__ = ["choose_device"]


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device.

    Raises:
        InputError: unknown name, or no GPU where one is asked for.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {name!r} is unknown; use auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device 'cuda': torch finds no GPU on this machine; use --device cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
