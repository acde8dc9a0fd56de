"""Meta-training of the classification layer alone, on what the frozen base makes of whole images.

Owns episodes on features and their optimisation; no step runs the base. Knows no dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from n3core.config import TrainConfig
from n3core.episodes import EpisodeSource, TextPool, draw_task
from n3core.model import N3
from n3core.train import build_optimizer, extract_features
from n3core.training import (
    load_state,
    new_accelerator,
    one_cycle,
    run_settings,
    run_steps,
    save_state,
    step_generator,
    track_pieces,
)

__all__ = [
    "FeatureSource",
    "Outcome",
    "RunEpisode",
    "classification_layer",
    "classification_layer_alone",
    "feature_episodes",
    "meta_train",
    "start_on_features",
]

_BATCH = 256
_CHUNK = 5000  # images between two steps of the progress bar


class Outcome(NamedTuple):
    """Logits (N, K) and labels (N,) of an episode, and what its loss has beside their cross-entropy."""

    logits: Tensor
    labels: Tensor
    penalty: Tensor | float = 0.0


RunEpisode = Callable[[np.random.Generator], Outcome]


@dataclass(frozen=True)
class FeatureSource:
    """What EpisodeSource is, with features (N, F) of the images instead of pixels."""

    features: np.ndarray
    pool: TextPool
    rows_of: Sequence[np.ndarray]
    text_noise: float = 0.0
    pull: float = 0.0


def classification_layer_alone(model: N3, base_tensors: Mapping[str, Tensor]) -> N3:
    """What of a model generates the classification layer, over a base that stays as it is; weights are copied."""
    alone = N3(replace(model.config, adapt=("fc",)), base_tensors)
    own = alone.state_dict().keys() - {"log_mu"}  # it scales no layer there
    alone.load_state_dict({name: value for name, value in model.state_dict().items() if name in own}, strict=False)
    return alone


def classification_layer(model: N3, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (K, F) and bias (K,) of the classification layer, from label embeddings c (K, d)."""
    tensors = model.adapt_to_labels(embedded)
    return tensors[model.weight_name].flatten(1), tensors[model.bias_name]


def feature_episodes(
    model: N3, config: TrainConfig, sources: Sequence[FeatureSource], shares: Sequence[float]
) -> RunEpisode:
    """Episodes whose logits are w'(f - m) + b, and whose penalty is the source's pull times 1 - cos(w, mean of f - m).

    Args:
        model: an N3 that generates the classification layer alone.
        config: settings.
        sources: seen classes of each dataset.
        shares: chance that an episode comes from each source.
    """
    device = model.log_mu.device
    chances = np.asarray(shares, np.float64) / np.sum(shares)
    means = [_mean_directions(model, source) if source.pull else None for source in sources]

    def run_episode(rng: np.random.Generator) -> Outcome:
        chosen = int(rng.choice(len(sources), p=chances)) if len(sources) > 1 else 0
        source, mean = sources[chosen], means[chosen]
        task = draw_task(source.pool, source.rows_of, config, rng, text_noise=source.text_noise)
        with torch.autocast(device.type, torch.bfloat16):
            embedded = model.tokens2label(task.states.to(device), task.mask.to(device))
        weight, bias = classification_layer(model, embedded.float())
        features = torch.from_numpy(np.asarray(source.features[task.rows], np.float32)).to(device)
        penalty: Tensor | float = 0.0
        if mean is not None:
            target = mean[torch.from_numpy(task.classes).to(device)]
            penalty = source.pull * (1 - functional.cosine_similarity(weight, target).mean())
        return Outcome(functional.linear(features, weight, bias), task.labels.to(device), penalty)

    return run_episode


def _mean_directions(model: N3, source: FeatureSource) -> Tensor:
    """Mean centred feature (C, F) of the images of each class."""
    means = np.stack([source.features[rows].mean(0, dtype=np.float32) for rows in source.rows_of])
    return torch.from_numpy(means).to(model.feature_mean.device) - model.feature_mean


def meta_train(model: N3, config: TrainConfig, run_episode: RunEpisode) -> None:
    """Minimise the loss of one episode a step; leave the model frozen and in eval mode."""
    optimizer = build_optimizer(model, config)
    model.train()
    for step in range(config.steps):
        _train_step(model, config, run_episode, optimizer, step)
    model.eval().requires_grad_(False)


def _train_step(
    model: N3, config: TrainConfig, run_episode: RunEpisode, optimizer: torch.optim.Optimizer, step: int
) -> float:
    """One episode and one move of the optimizer; returns the loss."""
    logits, labels, penalty = run_episode(step_generator(config.seed, step))
    loss = functional.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing) + penalty
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * one_cycle(step, config.steps)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def start_on_features(
    model: N3,
    config: TrainConfig,
    sources: Sequence[EpisodeSource],
    shares: Sequence[float],
    out: Path,
    *,
    device: str = "auto",
    save_every: float = 180.0,
) -> bool:
    """Train the part of Gamma that generates the classification layer, in place.

    While the adaptation of the other layers is small, logits are nearly those that the episodes on features saw.
    Every process takes the same steps; none waits for another's gradient.

    Args:
        model: calibrated, see `calibrate_features`; its base and its decoders of other layers stay as they are.
        config: settings; `feature_steps` are done, of `_BATCH` images each, with `feature_learning_rate` at the peak.
        sources: seen classes of each dataset; features are those of whole images: no crop, no mirror.
        shares: chance that an episode comes from each source.
        out: run folder; a state found there is resumed.
        device: "auto", "cpu" or "cuda".
        save_every: seconds between saves of the state.

    Returns:
        True when finished, False when stopped early by a signal.

    Raises:
        InputError: the state is damaged or of another setting, an image cannot be read, or a loss is no number.
    """
    accelerator = new_accelerator(device)
    model.to(accelerator.device)
    alone = classification_layer_alone(model, {}).to(accelerator.device)
    rate = config.feature_learning_rate
    config = replace(config, steps=config.feature_steps, batch_size=_BATCH, learning_rate=rate)
    start = {**model.base_tensors, **dict(model.named_parameters())}
    settings, state = run_settings(config, model.config, start, sources), out / "feature-state"
    optimizer = build_optimizer(alone.train(), config)
    first = load_state(state, alone, optimizer, settings)
    finished = first == config.steps
    if not finished:
        found = _on_features(model, sources)
        run_episode = feature_episodes(alone, config, found, shares)
        finished = run_steps(
            accelerator,
            lambda step: {"loss": _train_step(alone, config, run_episode, optimizer, step)},
            lambda step: save_state(state, step, alone, optimizer, settings),
            first=first,
            last=config.steps,
            images_per_step=_BATCH // accelerator.num_processes,
            save_every=save_every,
            log_folder=out / "logs" / "features",
            title="on features",
        )
    trained = alone.state_dict()
    del trained["log_mu"]
    model.load_state_dict(trained, strict=False)
    return finished


def _on_features(model: N3, sources: Sequence[EpisodeSource]) -> list[FeatureSource]:
    """The sources with features in the place of images; those of the same images share them."""
    features: dict[int, np.ndarray] = {}
    for source in sources:
        pixels = source.images.pixels
        if id(pixels) not in features:
            starts = track_pieces(range(0, len(pixels), _CHUNK), f"features of {source.images.name}")
            parts = [extract_features(model, pixels[start : start + _CHUNK]) for start in starts]
            features[id(pixels)] = np.concatenate(parts)
    return [
        FeatureSource(features[id(source.images.pixels)], source.pool, source.rows_of, source.text_noise, source.pull)
        for source in sources
    ]
