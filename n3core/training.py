"""What both training loops share: schedule, resumable state, signals, progress, metrics.

Every random draw of step t comes from generators seeded with (seed, t, rank), so a resumed run repeats
the losses of an uninterrupted one without storing generator states. State is safetensors + json.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from n3core.backbone import hash_tensors
from n3core.config import to_json
from n3core.devices import choose_device
from n3core.errors import InputError
from n3core.files import unfinished

__all__ = [
    "Identified",
    "join_processes",
    "load_state",
    "new_accelerator",
    "one_cycle",
    "run_settings",
    "run_steps",
    "save_state",
    "step_generator",
    "track_pieces",
]

Piece = TypeVar("Piece")
_LONGEST_WAIT = timedelta(hours=6)  # for another process


class Identified(Protocol):
    """What a run learns from or is judged by."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What a run is bound to, in words -> its value, which json can hold."""
        ...


def step_generator(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """Return the generator of one training step and seed torch (dropout) likewise."""
    sequence = np.random.SeedSequence([seed, step, rank])
    torch.manual_seed(int(sequence.generate_state(1)[0]))
    return np.random.default_rng(sequence)


def one_cycle(step: int, steps: int, *, warmup: float = 0.05, anneal: bool = True) -> float:
    """Factor of the peak learning rate: linear warm-up, then cosine to zero (or held, without `anneal`)."""
    rising = max(1.0, warmup * steps)
    if step < rising:
        return (step + 1) / rising
    if not anneal:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1.0, steps - rising))))


def join_processes(device: str) -> PartialState:
    """This process and those that were launched with it, as Accelerate counts them, and the device it computes on.

    One of them may take its time to make what the others then find in the cache.

    Raises:
        InputError: as `choose_device`.
    """
    return PartialState(cpu=choose_device(device).type == "cpu", timeout=_LONGEST_WAIT)


def new_accelerator(device: str, **options: Any) -> Accelerator:
    """What spreads a training over processes and computes in bfloat16, on the kind of device that is asked for.

    Args:
        device: "auto", "cpu" or "cuda".
        options: further ones of Accelerate.

    Raises:
        InputError: as `choose_device`.
    """
    return Accelerator(cpu=choose_device(device).type == "cpu", mixed_precision="bf16", **options)


def run_settings(config: Any, network: Any, start: Mapping[str, Tensor], data: Sequence[Identified]) -> str:
    """What a state belongs to, as json: a run goes on only with the same settings, network, start and data.

    Classes count: where others are seen than before, going on would leave some both trained on and called unseen.

    Args:
        config: settings of the training, a dataclass.
        network: what is trained, in words or as a dataclass.
        start: the tensors that the run begins with.
        data: image sets, with their texts where these are used.
    """
    described = network if isinstance(network, str) else json.loads(to_json(network))
    used = {
        what: hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
        for part in data
        for what, value in part.identity.items()
    }
    settings = {"training": json.loads(to_json(config)), "network": described, "start": hash_tensors(start)}
    return json.dumps({**settings, "data": used})


def save_state(folder: Path, step: int, module: nn.Module, optimizer: torch.optim.Optimizer, settings: str) -> None:
    """Write module, optimizer, step and settings (json); an interrupted write leaves the previous state intact.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    numbers: dict[str, Any] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            elif value is not None:
                numbers[f"{index}.{name}"] = value
    part = unfinished(folder)
    try:
        part.mkdir(parents=True)
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, part / "state.safetensors"
        )
        (part / "state.json").write_text(
            json.dumps({"step": step, "optimizer": numbers, "settings": json.loads(settings)})
        )
        old = folder.with_name(f"{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise InputError(f"cannot save the training state {folder} ({error}); the previous one is kept") from None
    shutil.rmtree(old, ignore_errors=True)


def load_state(folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, settings: str) -> int:
    """Restore what `save_state` wrote with the same settings; returns the next step, 0 where nothing was saved.

    Raises:
        InputError: the state is damaged or belongs to a run with other settings.
    """
    old = folder.with_name(f"{folder.name}.old")
    if not folder.exists() and old.exists():
        with suppress(FileNotFoundError):  # another process was first
            old.rename(folder)
    if not folder.exists():
        return 0
    try:
        notes = json.loads((folder / "state.json").read_text())
        tensors = load_file(folder / "state.safetensors")
        found, step, numbers = notes["settings"], int(notes["step"]), notes["optimizer"].items()
        state: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = value
        for name, value in numbers:
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise InputError(f"training state {folder} is damaged ({error}); remove the folder to start afresh") from None
    if found != json.loads(settings):
        other = _first_difference(found if isinstance(found, dict) else {}, json.loads(settings))
        raise InputError(f"training state {folder} belongs to {other}; choose another --out or remove it")
    try:
        module.load_state_dict({k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")})
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    except (RuntimeError, ValueError, KeyError):  # the number of classes is no setting
        raise InputError(
            f"training state {folder} belongs to other classes of the same data; choose another --out or remove it"
        ) from None
    return step


def _first_difference(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """In words, the first of the run's settings that is not what the state was saved with."""
    for name, new in asked.items():
        old = found.get(name)
        if old == new:
            continue
        if name == "start":
            return "another start (--base or --from)"
        if name == "data":
            return _other_data(old, new)
        if isinstance(old, dict) and isinstance(new, dict):
            return _first_difference(old, new)
        return f"a run with {name} {str(old)[:80]} instead of {str(new)[:80]}"
    return "other settings"


def _other_data(found: Any, asked: Mapping[str, str]) -> str:
    """In words, the first of the run's data that is not what the state was saved with."""
    if not isinstance(found, dict):
        return "a run that noted no classes"
    what = next((what for what, new in asked.items() if found.get(what) != new), "data")
    return f"a run with other {what}"


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM so that the loop can stop after the current step; only the main thread gets them."""
    received: list[int] = []
    previous = {}
    ours = threading.current_thread() is threading.main_thread()
    for number in (signal.SIGINT, signal.SIGTERM) if ours else ():
        previous[number] = signal.signal(number, lambda signum, frame: received.append(signum))
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _any_process(accelerator: Accelerator, flag: bool) -> bool:
    """Whether the flag is up in any process: all must leave the loop at the same step, or the rest wait for ever."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum").item())


def track_pieces(pieces: Iterable[Piece], title: str, total: int | None = None) -> Iterable[Piece]:
    """Pass pieces of preparation on and show how many are done, on stderr, by the first process of a machine alone."""
    others = int(os.environ.get("LOCAL_RANK", "0")) > 0
    return track(pieces, title, total=total, console=Console(stderr=True), disable=others)


def run_steps(
    accelerator: Accelerator,
    train_step: Callable[[int], dict[str, float]],
    save: Callable[[int], None],
    *,
    first: int,
    last: int,
    images_per_step: int,
    save_every: float,
    log_folder: Path,
    title: str,
) -> bool:
    """Run steps first..last-1 with progress, metrics and periodic saves.

    Args:
        accelerator: of this process.
        train_step: runs one step, returns its metrics.
        save: writes the state with the number of the next step.
        first, last: the steps to run, `last` not among them.
        images_per_step: of this process, for the speed shown.
        save_every: seconds between saves.
        log_folder: of the TensorBoard files.
        title: of the progress bar.

    Returns:
        True when all steps ran, False when SIGINT or SIGTERM ended the run early (state saved).

    Raises:
        InputError: the log folder cannot be written, or a loss is no number (the last saved state stays).
    """
    from torch.utils.tensorboard import SummaryWriter

    main = accelerator.is_main_process
    try:
        log_folder.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(str(log_folder)) if main else None
    except OSError as error:
        raise InputError(f"{log_folder} cannot be written ({error.strerror}); choose another --out") from None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    metrics_file = log_folder / "metrics.jsonl"
    saved = started = time.monotonic()
    stopping = False
    with Progress(*columns, console=Console(stderr=True), disable=not main) as progress, _stop_signals() as stop:
        task = progress.add_task(title, total=last, completed=first)
        for step in range(first, last):
            metrics = train_step(step)
            if not math.isfinite(metrics["loss"]):
                raise InputError(f"the loss of step {step} is {metrics['loss']}; choose a lower learning rate")
            now = time.monotonic()
            rate = images_per_step * accelerator.num_processes * (step + 1 - first) / (now - started)
            progress.update(
                task, completed=step + 1, description=f"{title} {rate:.0f} images/s loss {metrics['loss']:.3f}"
            )
            if writer is not None:
                with metrics_file.open("a") as lines:
                    lines.write(json.dumps({"step": step, "images_per_second": round(rate, 1), **metrics}) + "\n")
                for name, value in metrics.items():
                    writer.add_scalar(name, value, step)
            stopping = _any_process(accelerator, bool(stop))
            if main and (stopping or now - saved > save_every):
                save(step + 1)
                saved = now
            if stopping:
                break
        else:
            if main:
                save(last)
    if writer is not None:
        writer.close()
    return not stopping
