"""Supervised training of the base network on seen classes.

One linear head per target (classes of a photograph dataset, attributes of Fieldbook plates) on shared
features; images without a target for a head do not count for it. Knows no text.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import DistributedDataParallelKwargs
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from n3core.backbone import BASES, build_network, normalise, strip_classifier, to_float
from n3core.config import PretrainConfig, to_json
from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.pixels import PixelSet, augment, draw_augmentation
from n3core.training import load_state, new_accelerator, one_cycle, run_settings, run_steps, save_state, step_generator

__all__ = ["BaseWithHeads", "load_base", "pretrain"]

_IGNORED = -100


class BaseWithHeads(nn.Module):
    """A torchvision network without classifier, and one linear layer per head."""

    def __init__(self, base: str, head_sizes: dict[str, int]) -> None:
        super().__init__()
        self.network = build_network(base, 1)
        width = strip_classifier(base, self.network)
        self.head_names = tuple(head_sizes)  # a module's name may not have every character that a dataset's may
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in head_sizes.values())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map normalised images (N, 3, H, W) to head -> logits (N, size)."""
        features = self.network(images).flatten(1)
        return {name: head(features) for name, head in zip(self.head_names, self.heads, strict=True)}


def draw_batch(
    sources: Sequence[PixelSet],
    shares: np.ndarray,
    count: int,
    size: int,
    rng: np.random.Generator,
    *,
    device: torch.device | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw a mixed batch.

    Args:
        sources: image sets.
        shares: (S,) relative weight of each source.
        count: images in the batch.
        size: side in pixels after augmentation.
        rng: source of the randomness.
        device: where the images are varied and the batch lies.

    Returns:
        images (count, 3, size, size) in [0, 1] and head -> targets (count,), -100 where a head does not apply; heads
        that apply to no image are left out.
    """
    counts = rng.multinomial(count, shares / shares.sum())
    pixels = []
    targets = {name: np.full(count, _IGNORED, np.int64) for source in sources for name in source.targets}
    start = 0
    for source, number in zip(sources, counts, strict=True):
        if number == 0:
            continue
        index = np.sort(rng.integers(0, len(source.pixels), number))
        pixels.append(source.pixels[index])
        for name, values in source.targets.items():
            targets[name][start : start + number] = values[index]
        start += number
    images = augment(to_float(np.concatenate(pixels), device), draw_augmentation(count, rng), size)
    used = {name: values for name, values in targets.items() if (values != _IGNORED).any()}
    return images, {name: torch.from_numpy(values).to(device) for name, values in used.items()}


def head_weights(sources: Sequence[PixelSet]) -> dict[str, float]:
    """Head -> weight: all attributes of a plate together weigh a few times what the one class of a photograph does."""
    return {name: len(source.targets) ** -0.5 for source in sources for name in source.targets}


def heads_loss(
    logits: dict[str, Tensor], targets: dict[str, Tensor], weights: dict[str, float], smoothing: float
) -> tuple[Tensor, dict[str, float]]:
    """Sum over heads of weight * share of images concerned * cross-entropy; and accuracy per head.

    Masks and one reading at the end: to choose the rows of a head, or read its figure, is to wait for the GPU.
    """
    total = next(iter(logits.values())).new_zeros((), dtype=torch.float32)
    right = []
    for name, values in targets.items():
        scores = logits[name].float()
        loss = functional.cross_entropy(
            scores, values, ignore_index=_IGNORED, label_smoothing=smoothing, reduction="sum"
        )
        total = total + weights.get(name, 1.0) * loss / len(values)
        right.append((scores.argmax(1) == values).sum() / (values != _IGNORED).sum())
    shares = torch.stack(right).tolist() if right else []
    return total, {f"accuracy/{name}": share for name, share in zip(targets, shares, strict=True)}


def pretrain(
    config: PretrainConfig,
    sources: Sequence[PixelSet],
    shares: Sequence[float],
    out: Path | str,
    *,
    base: str = "resnet18",
    start: Mapping[str, Tensor] | None = None,
    device: str = "auto",
    save_every: float = 180.0,
) -> bool:
    """Train the base and write `out/base.safetensors` and `out/base.json`.

    Args:
        config: settings; `epochs` counts images of all sources once.
        sources: image sets with targets.
        shares: relative weight of each source in a batch.
        out: run folder; a state found there is resumed.
        base: which network, one of `BASES`.
        start: state dict of a feature network of this kind to go on from, as `load_base` returns.
        device: "auto", "cpu" or "cuda".
        save_every: seconds between saves of the state.

    Returns:
        True when finished, False when stopped early by a signal (the base so far is written all the same).

    Raises:
        InputError: two sources have a head of the same name; the state found is damaged, of other settings or of other
            data; a loss is no number; `out` cannot be written.
    """
    out = Path(out)
    names = [name for source in sources for name in source.head_sizes]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"two datasets would train the same head {twice[0]!r}; rename one of them")
    # A process may draw no image for a head, whose parameters then take no part in its loss.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = new_accelerator(device, kwargs_handlers=[unused])
    torch.manual_seed(config.seed)
    head_sizes = {name: size for source in sources for name, size in source.head_sizes.items()}
    weights = head_weights(sources)
    model = BaseWithHeads(base, head_sizes)
    if start is not None:
        model.network.load_state_dict(start)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), config.learning_rate, momentum=0.9, nesterov=True, weight_decay=config.weight_decay
    )
    settings = run_settings(config, base, start or {}, sources)
    first = load_state(out / "state", model, optimizer, settings)
    model, optimizer = accelerator.prepare(model, optimizer)
    images_total = sum(len(source.pixels) for source in sources)
    batch_size = config.batch_size // accelerator.num_processes
    steps = round(config.epochs * images_total / config.batch_size) or int(config.epochs > 0)
    shares_array = np.asarray(shares, np.float64)

    def train_step(step: int) -> dict[str, float]:
        rng = step_generator(config.seed, step, accelerator.process_index)
        rate = config.learning_rate * one_cycle(step, steps, anneal=config.anneal)
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, targets = draw_batch(
            sources, shares_array, batch_size, config.image_size, rng, device=accelerator.device
        )
        with accelerator.autocast():
            logits = model(normalise(images))
        loss, accuracy = heads_loss(logits, targets, weights, config.label_smoothing)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        return {
            "loss": accelerator.reduce(loss.detach(), "mean").item(),
            "accuracy": float(np.mean(list(accuracy.values()))),
            **accuracy,
        }

    def save(step: int) -> None:
        save_state(out / "state", step, accelerator.unwrap_model(model), optimizer, settings)

    finished = run_steps(
        accelerator,
        train_step,
        save,
        first=first,
        last=steps,
        images_per_step=batch_size,
        save_every=save_every,
        log_folder=out / "logs",
        title="pretrain",
    )
    if accelerator.is_main_process:
        write_base(out, accelerator.unwrap_model(model).network, base, to_json(config))
    return finished


def write_base(folder: Path, network: nn.Module, base: str, settings: str) -> None:
    """Write the feature network as safetensors + json.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    weights = save(tensors)
    notes = {"base": base, "sha256": hashlib.sha256(weights).hexdigest(), "pretrain": json.loads(settings)}
    write_atomically(folder / "base.safetensors", weights)
    write_atomically(folder / "base.json", json.dumps(notes, indent=2).encode())


def load_base(folder: Path) -> tuple[dict[str, Tensor], str]:
    """Read what `write_base` wrote: state dict of the feature network, and the base's name.

    Raises:
        InputError: the folder holds no finished base, or a damaged one.
    """
    try:
        notes = json.loads((folder / "base.json").read_text())
        weights = (folder / "base.safetensors").read_bytes()
        name, expected, tensors = notes["base"], notes["sha256"], load(weights)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        command = f"n3 pretrain --data NAME --out {folder}"
        raise InputError(f"no base network in {folder} ({error}); run `{command}` first") from None
    if hashlib.sha256(weights).hexdigest() != expected:
        raise InputError(f"{folder / 'base.safetensors'} is corrupt: its hash differs from base.json; restore the file")
    if name not in BASES:
        raise InputError(f"{folder / 'base.json'} names the base {str(name)[:80]!r}; it is one of {', '.join(BASES)}")
    return tensors, name
