"""What meta-training draws from: texts of seen classes as token states, and episodes of K classes.

Owns text pools and the choice of classes, texts and images of a step; knows no network.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n3core.config import TrainConfig
from n3core.files import write_atomically
from n3core.pixels import PixelSet
from n3core.text_encoder import TextEncoder
from n3core.training import track_pieces

__all__ = ["Episode", "EpisodeSource", "Task", "TextPool", "draw_episode", "draw_task", "encode_pool"]


@dataclass(frozen=True)
class TextPool:
    """Token states of several texts per class, flat in memory.

    states: (total tokens, H) float16.
    starts: (texts + 1,) first row of each text.
    texts_of: class -> indices of its texts.
    weights_of: class -> chance of each of these texts.
    means: (classes, H) unit mean state of each class, the space in which confusable classes are found.
    digest: hash of the texts and of what read them; empty where nobody asks.
    """

    states: np.ndarray
    starts: np.ndarray
    texts_of: tuple[np.ndarray, ...]
    weights_of: tuple[np.ndarray, ...]
    means: np.ndarray
    digest: str = ""

    @classmethod
    def of(cls, states: np.ndarray, starts: np.ndarray, weights: Sequence[Sequence[float]]) -> TextPool:
        """Index encoded texts by class.

        Args:
            states: (total tokens, H) float16, text after text, class after class.
            starts: (texts + 1,) first row of each text.
            weights: per class, one weight for each of its texts; normalised here.
        """
        first = np.cumsum([0, *map(len, weights)])
        texts_of = tuple(np.arange(a, b) for a, b in pairwise(first))
        weights_of = tuple(np.array(options) / sum(options) for options in weights)
        means = np.stack(
            [
                np.mean([states[starts[t] : starts[t + 1]].astype(np.float32).mean(0) for t in rows], 0)
                for rows in texts_of
            ]
        )
        return cls(states, starts, texts_of, weights_of, means / np.linalg.norm(means, axis=1, keepdims=True))

    def gather(self, texts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pad some texts to states (K, L, H) float32 and mask (K, L)."""
        lengths = [int(self.starts[t + 1] - self.starts[t]) for t in texts]
        states = torch.zeros(len(texts), max(lengths), self.states.shape[1])
        mask = torch.zeros(len(texts), max(lengths), dtype=torch.bool)
        for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            start = int(self.starts[text])
            states[row, :length] = torch.from_numpy(np.array(self.states[start : start + length])).float()
            mask[row, :length] = True
        return states, mask


def encode_pool(
    encoder: TextEncoder, texts: Sequence[Sequence[tuple[str, float]]], folder: Path, *, chunk: int = 256
) -> TextPool:
    """Encode the texts of every class once; later calls read the result from `folder`.

    Args:
        encoder: reads them.
        texts: per class, (text, weight) pairs; weights are normalised.
        folder: of the cache.
        chunk: texts encoded at a time.

    Returns:
        The token states of all texts.

    Raises:
        InputError: the disk has no room for the result.
    """
    flat = [text for options in texts for text, _ in options]
    key = hashlib.sha256(json.dumps([encoder.identity, flat]).encode()).hexdigest()[:24]
    path = folder / f"{key}.npz"
    found = _read_states(path)
    if found is None:
        order = sorted(range(len(flat)), key=lambda index: len(flat[index]))
        pieces: list[np.ndarray] = [np.empty(0)] * len(flat)
        for start in track_pieces(range(0, len(flat), chunk), f"reading {len(flat)} texts"):
            rows = order[start : start + chunk]
            encoded = encoder.encode([flat[row] for row in rows])
            for position, row in enumerate(rows):
                pieces[row] = encoded.states[position][encoded.mask[position]].half().numpy()
        found = np.concatenate(pieces), np.cumsum([0, *map(len, pieces)])
        content = io.BytesIO()
        np.savez(content, states=found[0], starts=found[1])
        write_atomically(path, content.getbuffer())
    digest = hashlib.sha256(json.dumps([encoder.identity, texts]).encode()).hexdigest()[:16]
    return replace(TextPool.of(*found, [[weight for _, weight in options] for options in texts]), digest=digest)


def _read_states(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """States and starts as `encode_pool` keeps them; None where the file is missing or damaged."""
    try:
        with np.load(path) as stored:
            return stored["states"], stored["starts"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


@dataclass(frozen=True)
class EpisodeSource:
    """Images and texts of seen classes: class i of `pool` is label i of `images`.

    text_noise: deviation of the shift that an episode gives to all states of a text, in units of the root mean
    square of the text's mean state. Few classes are learned by heart; noise makes neighbours in meaning alike.
    pull: on features, how much of the loss is the angle between a class's generated direction and its mean feature.
    """

    images: PixelSet
    pool: TextPool
    rows_of: tuple[np.ndarray, ...]
    text_noise: float = 0.0
    pull: float = 0.0

    @property
    def identity(self) -> dict[str, object]:
        """What a run that learns from these images and texts is bound to, in words -> its value."""
        return {**self.images.identity, f"texts of {self.images.name}": self.pool.digest}

    @classmethod
    def of(cls, images: PixelSet, pool: TextPool, *, text_noise: float = 0.0, pull: float = 0.0) -> EpisodeSource:
        """Index the images by class."""
        order = np.argsort(images.labels, kind="stable")
        bounds = np.searchsorted(images.labels[order], np.arange(len(images.class_ids) + 1))
        rows_of = tuple(np.sort(order[a:b]) for a, b in pairwise(bounds))
        return cls(images, pool, rows_of, text_noise, pull)


@dataclass(frozen=True)
class Task:
    """K classes to tell apart: their texts, and which images of theirs to look at.

    classes (K,) of the pool, states (K, L, H), mask (K, L), rows (N,) of the image set, labels (N,) in 0..K-1.
    """

    classes: np.ndarray
    states: Tensor
    mask: Tensor
    rows: np.ndarray
    labels: Tensor


@dataclass(frozen=True)
class Episode:
    """One step's task: texts of K classes and a mini-batch of their images.

    states (K, L, H), mask (K, L), pixels (N, S, S, 3) uint8, labels (N,) in 0..K-1.
    """

    states: Tensor
    mask: Tensor
    pixels: np.ndarray
    labels: Tensor


def draw_task(
    pool: TextPool,
    rows_of: Sequence[np.ndarray],
    config: TrainConfig,
    rng: np.random.Generator,
    *,
    text_noise: float = 0.0,
) -> Task:
    """Draw K classes (neighbours in text space with chance `config.confusable`), a text and images for each.

    Args:
        pool: texts of the seen classes.
        rows_of: per class, its images, as rows of whatever holds them.
        config: settings.
        rng: source of the randomness.
        text_noise: see `EpisodeSource`.
    """
    total = len(rows_of)
    low, high = config.classes
    count = int(rng.integers(min(low, total), min(high, total) + 1))
    if rng.random() < config.confusable and total > 2 * count:
        anchor = int(rng.integers(total))
        nearest = np.argpartition(-(pool.means @ pool.means[anchor]), 2 * count)[: 2 * count]
        classes = rng.choice(nearest, count, replace=False)
    else:
        classes = rng.choice(total, count, replace=False)
    texts = [int(rng.choice(pool.texts_of[c], p=pool.weights_of[c])) for c in classes]
    states, mask = pool.gather(texts)
    if text_noise:
        states = states + _text_shift(states, mask, rng) * text_noise
    keep = torch.from_numpy(rng.random(mask.shape) >= config.word_dropout)
    keep[:, 0] = True
    labels = np.sort(rng.integers(0, count, config.batch_size))
    rows = np.array([rng.choice(rows_of[classes[label]]) for label in labels])
    return Task(classes, states, mask & keep, rows, torch.from_numpy(labels))


def draw_episode(source: EpisodeSource, config: TrainConfig, rng: np.random.Generator) -> Episode:
    """Draw a task and load its images; the arguments are those of `draw_task`."""
    task = draw_task(source.pool, source.rows_of, config, rng, text_noise=source.text_noise)
    return Episode(task.states, task.mask, source.images.pixels[task.rows], task.labels)


def _text_shift(states: Tensor, mask: Tensor, rng: np.random.Generator) -> Tensor:
    """A random direction per text, (K, 1, H), as long on average as the mean of its states."""
    share = mask.unsqueeze(-1) / mask.sum(1)[:, None, None]
    size = (states * share).sum(1, keepdim=True).pow(2).mean(2, keepdim=True).sqrt()  # (K, 1, 1)
    return torch.from_numpy(rng.standard_normal((len(states), 1, states.shape[2]), np.float32)) * size
