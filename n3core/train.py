"""Meta-training (paper section 3.3): episodes of K described classes, cross-entropy, gradients into Gamma.

Owns the optimisation and early stopping on validation classes; recipes.py decides what it is fed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import DistributedDataParallelKwargs
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional

from n3core.backbone import build_network, classifier_names, feature_network, normalise, to_float
from n3core.checkpoint import save_checkpoint
from n3core.config import TrainConfig
from n3core.episodes import EpisodeSource, draw_episode
from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.metrics import per_class_accuracy
from n3core.model import N3, SynthesizedClassifier
from n3core.pixels import augment, draw_augmentation
from n3core.training import load_state, new_accelerator, one_cycle, run_settings, run_steps, save_state, step_generator

__all__ = [
    "ValidationSet",
    "build_optimizer",
    "calibrate_features",
    "centre_features",
    "classify",
    "extract_features",
    "train",
    "validate",
]


_SHARES_OF_END = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class ValidationSet:
    """Described classes that no episode draws.

    pixels (N, S, S, 3) uint8, labels (N,), token states, mask and ids of the K classes; version of the dataset; texts,
    one a class.
    """

    name: str
    pixels: np.ndarray
    labels: np.ndarray
    states: Tensor
    mask: Tensor
    class_ids: tuple[str, ...]
    version: str = ""
    texts: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, object]:
        """What a run that is judged by these classes is bound to, in words -> its value."""
        images, classes, texts = (f"validation {what} of {self.name}" for what in ("images", "classes", "texts"))
        return {images: self.version, classes: self.class_ids, texts: self.texts}


class _FullPrecision(nn.Module):
    """A layer that autocast leaves alone: rounded to bfloat16, logits of different classes are often the same."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return self.layer(features.float())


@torch.inference_mode()
def classify(classifier: SynthesizedClassifier, pixels: np.ndarray, *, batch_size: int = 250) -> np.ndarray:
    """Run a classifier in bfloat16 autocast, its classification layer in float32.

    Args:
        classifier: not in use elsewhere meanwhile; left channels-last.
        pixels: (N, S, S, 3) uint8.
        batch_size: images per pass.

    Returns:
        Logits (N, K) float32.
    """
    network = classifier.to(memory_format=torch.channels_last).network
    name = classifier_names(classifier.base)[0].removesuffix(".weight")
    head = network.get_submodule(name)
    device = next(head.parameters()).device
    found = [np.empty((0, len(classifier.class_names)), np.float32)]
    network.set_submodule(name, _FullPrecision(head))
    try:
        with torch.autocast(device.type, torch.bfloat16):
            for start in range(0, len(pixels), batch_size):
                images = to_float(pixels[start : start + batch_size], device)
                found.append(classifier(images).float().cpu().numpy())
    finally:
        network.set_submodule(name, head)
    return np.concatenate(found)


def validate(model: N3, held_out: ValidationSet, *, batch_size: int = 250) -> float:
    """Per-class averaged accuracy in percent (paper equation 7)."""
    device = model.log_mu.device
    names = [str(k) for k in range(len(held_out.states))]
    classifier = model.synthesize(held_out.states.to(device), held_out.mask.to(device), names)
    logits = classify(classifier, held_out.pixels, batch_size=batch_size)
    return per_class_accuracy(logits.argmax(axis=1), held_out.labels)


def calibrate_features(model: N3, pixels: np.ndarray) -> None:
    """Set the centre and the typical norm of the base's features from seen images (N, S, S, 3) uint8.

    `n3 train --base` takes those of the first dataset that it is given.
    """
    centre_features(model, torch.from_numpy(extract_features(model, pixels, dtype=torch.float32)))


@torch.inference_mode()
def extract_features(
    model: N3, pixels: np.ndarray, *, batch_size: int = 250, dtype: torch.dtype = torch.bfloat16
) -> np.ndarray:
    """What the base alone makes of images: (N, S, S, 3) uint8 to penultimate features (N, F) float32.

    Args:
        model: the N3 whose base it is.
        pixels: the images.
        batch_size: images per pass.
        dtype: of the convolutions; bfloat16 takes less time and rounds.
    """
    device = model.log_mu.device
    network = feature_network(model.config.base, model.base_tensors)
    network.to(device, memory_format=torch.channels_last)
    parts = []
    with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        for start in range(0, len(pixels), batch_size):
            images = normalise(to_float(pixels[start : start + batch_size], device))
            parts.append(network(images).float().cpu().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def centre_features(model: N3, features: Tensor) -> None:
    """As `calibrate_features`, from the base's features (N, F) of seen images."""
    model.feature_mean.copy_(features.mean(0))
    model.feature_norm.copy_((features - features.mean(0)).norm(dim=1).mean())


def train(
    model: N3,
    config: TrainConfig,
    sources: Sequence[EpisodeSource],
    shares: Sequence[float],
    held_out: Sequence[ValidationSet],
    out: Path,
    *,
    device: str = "auto",
    save_every: float = 180.0,
    validate_every: int = 250,
) -> bool:
    """Meta-train and keep, in `out/checkpoint`, the model that is best on the mean over `held_out`.

    Candidates are the start, what steps lead to, and at the end weights between the start's and the last step's, which
    often do better than either (Wortsman et al. 2022, WiSE-FT).

    Every process draws the same episode and takes its own slice of the images, so N processes compute the
    gradient of one.

    Args:
        model: the N3 to train; its base stays frozen.
        config: settings.
        sources: seen classes of each dataset.
        shares: chance that an episode comes from each source.
        held_out: validation classes; with none, the last step is kept.
        out: run folder; a state found there is resumed.
        device: "auto", "cpu" or "cuda".
        save_every: seconds between saves of the state.
        validate_every: steps between looks at `held_out`.

    Returns:
        True when finished, False when stopped early by a signal.

    Raises:
        InputError: the state found is damaged, of other settings or of other data; a run that is resumed lacks the
            weights it started from or its best figure, or they are damaged; a loss is no number.
    """
    # Without adapted layers the scales mu take no part in the loss, which several processes must be told. The buffers
    # are the frozen base, which each has.
    parallel = DistributedDataParallelKwargs(find_unused_parameters=not model.mu, broadcast_buffers=False)
    accelerator = new_accelerator(device, kwargs_handlers=[parallel])
    skeleton = build_network(model.config.base, 2).to(accelerator.device, memory_format=torch.channels_last).eval()
    skeleton.requires_grad_(False)
    optimizer = build_optimizer(model, config)
    begin = {**model.base_tensors, **dict(model.named_parameters())}
    settings = run_settings(config, model.config, begin, [*sources, *held_out])
    first = load_state(out / "state", model, optimizer, settings)
    best_file, start_file = out / "best.json", out / "start.safetensors"
    start = _read_start(start_file, model) if held_out and first else {}
    best = _read_best(best_file) if held_out and first else float("-inf")
    wrapped, optimizer = accelerator.prepare(model.train(), optimizer)
    _count_on_cpu(optimizer)
    chances = np.asarray(shares, np.float64) / np.sum(shares)
    world = accelerator.num_processes
    own = slice(accelerator.process_index, None, world)  # images of this process

    def train_step(step: int) -> dict[str, float]:
        rng = step_generator(config.seed, step)
        source = sources[int(rng.choice(len(sources), p=chances))]
        episode = draw_episode(source, config, rng)
        drawn = draw_augmentation(len(episode.pixels), rng)
        pixels = to_float(episode.pixels[own], accelerator.device)
        images = augment(pixels, drawn.take(own), model.config.image_size)
        images = images.to(memory_format=torch.channels_last)
        labels = episode.labels[own].to(accelerator.device)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * one_cycle(step, config.steps)
        with accelerator.autocast():
            logits = wrapped(
                skeleton, episode.states.to(accelerator.device), episode.mask.to(accelerator.device), images
            )
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing)
        share = len(labels) * world / len(episode.labels)  # slices differ by an image where the batch does not divide
        optimizer.zero_grad()
        accelerator.backward(loss * share)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        measured = torch.stack([loss.detach(), (logits.argmax(1) == labels).float().mean()]) * share
        overall, accuracy = accelerator.reduce(measured, "mean").tolist()
        metrics = {
            "loss": overall,
            f"loss/{source.images.name}": overall,
            "classes": float(len(episode.states)),
            "accuracy": accuracy,
        }
        if held_out and ((step + 1) % validate_every == 0 or step + 1 == config.steps):
            metrics.update(keep_best(step + 1))
        return metrics

    def keep_best(step: int, share_of_end: float = 1.0) -> dict[str, float]:
        nonlocal best
        model.eval()
        scores = {f"val/{part.name}": validate(model, part) for part in held_out}
        model.train()
        mean = float(np.mean(list(scores.values())))
        if mean > best and accelerator.is_main_process:
            best = mean
            save_checkpoint(out / "checkpoint", model)
            found = {"mean": mean, "step": step, "share_of_end": share_of_end, **scores}
            write_atomically(best_file, json.dumps(found, indent=2).encode())
        return {"val/mean": mean, **scores}

    def keep_best_between() -> None:
        end = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        for share in _SHARES_OF_END:
            between = {name: torch.lerp(start[name].to(value.device), value, share) for name, value in end.items()}
            model.load_state_dict(between, strict=False)
            keep_best(config.steps, share)
        model.load_state_dict(end, strict=False)

    if held_out and first == 0:
        start = {name: value.detach().cpu().clone() for name, value in model.named_parameters()}
        if accelerator.is_main_process:
            write_atomically(start_file, to_bytes(start))
        keep_best(0)  # training that only makes a good start worse keeps the start

    def save(step: int) -> None:
        save_state(out / "state", step, accelerator.unwrap_model(wrapped), optimizer, settings)

    finished = run_steps(
        accelerator,
        train_step,
        save,
        first=first,
        last=config.steps,
        images_per_step=config.batch_size // world,
        save_every=save_every,
        log_folder=out / "logs",
        title="train",
    )
    if finished and accelerator.is_main_process and held_out:
        keep_best_between()
    elif finished and accelerator.is_main_process:
        save_checkpoint(out / "checkpoint", copy.deepcopy(accelerator.unwrap_model(wrapped)).eval())
    return finished


def _count_on_cpu(optimizer: torch.optim.Optimizer) -> None:
    """AdamW reads its count of steps for every parameter, and Accelerate moves those of a resumed run to the GPU."""
    for state in optimizer.state.values():
        state["step"] = state["step"].cpu()


def _read_start(path: Path, model: N3) -> dict[str, Tensor]:
    """The parameters that a run started with."""
    shapes = {name: value.shape for name, value in model.named_parameters()}
    try:
        start = load_file(path)
        whole = {name: value.shape for name, value in start.items()} == shapes
    except (OSError, SafetensorError):
        whole = False
    if not whole:
        raise InputError(f"{path}, where this run started, is missing or damaged; choose another --out")
    return start


def _read_best(path: Path) -> float:
    """The best mean accuracy of a run so far."""
    try:
        return float(json.loads(path.read_bytes())["mean"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}, the best of this run so far, is missing or damaged; choose another --out") from None


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW that decays matrices only: scales, biases and norms are left alone."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, config.learning_rate, betas=(0.9, 0.98))
