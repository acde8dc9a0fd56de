"""Where tensors live: the one place that turns a name of a device into a device."""

from __future__ import annotations

import logging
import os
from functools import lru_cache

import torch

from n3core.errors import InputError

__all__ = ["choose_device"]

_log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device; "auto" is the CPU where the GPU cannot be used, with a warning.

    Raises:
        InputError: unknown name, or no GPU that can be used where one is asked for.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {name!r} is unknown; use auto, cpu or cuda (CUDA_VISIBLE_DEVICES chooses among GPUs)")
    if name == "cpu":
        return torch.device("cpu")
    fault = _gpu_fault()
    if fault and name == "cuda":
        raise InputError(f"device 'cuda': {fault}; use --device cpu")
    return torch.device("cpu" if fault else "cuda")


@lru_cache(maxsize=1)
def _gpu_fault() -> str | None:
    """Why no GPU can be used, None where one can; looked up once. torch also lists GPUs that it cannot run on."""
    if not torch.cuda.is_available():
        return "torch finds no GPU on this machine"
    own = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()  # every process of several has its own
    try:
        torch.zeros(1, device=f"cuda:{own}").add_(1).item()
    except RuntimeError as error:
        fault = (str(error).splitlines() or [type(error).__name__])[0][:200]
        _log.warning("the GPU cannot be used (%s)", fault)
        return f"the GPU cannot be used ({fault})"
    return None
