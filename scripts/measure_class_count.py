"""Measure what holds the accuracy on unseen photographs back: the features, or the number of described classes.

    N3_DATA=path/to/datasets python scripts/measure_class_count.py

On the shipped base, kernel ridge regression maps the mean token state of a description to the mean feature of its
class: closed form, so that nothing but the seen classes varies. Beside it stand the same with the likenesses of
assets/texts, each with the mixture of the seen classes' directions that it is said to look like, and the validation
classes' own mean features, from other photographs of them. The table goes between the `<!-- class-count -->` marks of
assets/MODEL_CARD.md. Validation classes only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from n3core.benchmark.bases import open_base
from n3core.config import N3Config
from n3core.datasets.base import Dataset, classes_of, load_pixels
from n3core.datasets.registry import open_dataset
from n3core.evaluate import score
from n3core.files import cache_folder
from n3core.likenesses import Likenesses, load_likenesses
from n3core.model import N3
from n3core.pixels import cached_pixels
from n3core.text_encoder import TextEncoder
from n3core.train import extract_features

_ASSETS = Path(__file__).resolve().parent.parent / "assets"
_CARD = _ASSETS / "MODEL_CARD.md"
_MARKS = re.compile(r"<!-- class-count -->.*?<!-- /class-count -->", re.DOTALL)
_COUNTS = (10, 20, 40, 75, 110)


def main(
    data: str = "tiny-imagenet",
    images: Annotated[int, typer.Option(help="Training images of each class.")] = 60,
    draws: Annotated[int, typer.Option(help="Random choices of the seen classes.")] = 20,
    ridge: Annotated[float, typer.Option(help="Beside a kernel of height 1.")] = 0.3,
) -> None:
    """Measure, and write the table."""
    base = open_base()
    model = N3(N3Config(base.name, base.image_size, text=base.text), base.tensors)
    dataset = open_dataset(data)
    seen, held_out = classes_of(dataset, "train"), classes_of(dataset, "val")
    means = mean_features(model, dataset, [info.id for info in seen + held_out], images)
    centre = means[: len(seen)].mean(0)
    means = unit(means - centre)

    shown = cached_pixels(dataset, [info.id for info in held_out], base.image_size, "evaluate")
    features = extract_features(model, shown.pixels) - centre
    encoder = TextEncoder(base.text, cache_folder() / "texts")
    texts = mean_states(encoder, [info.description for info in seen + held_out])

    def judge(layer: np.ndarray) -> float:
        return score(features @ layer.T, shown.labels, shown.class_ids).per_class_accuracy

    rows = ["| what the classification layer is made of | per-class accuracy % (lowest to highest) |", "|---|---|"]
    rng = np.random.default_rng(0)
    for count in (*(count for count in _COUNTS if count < len(seen)), len(seen)):
        found = []
        for _ in range(draws if count < len(seen) else 1):
            chosen = rng.choice(len(seen), count, replace=False)
            layer = kernel_ridge(texts[chosen], means[chosen], texts[len(seen) :], ridge)
            found.append(judge(layer))
        spread = f" ({min(found):.1f} to {max(found):.1f})" if len(found) > 1 else ""
        rows.append(f"| texts, read with {count} seen classes | {np.mean(found):.1f}{spread} |")
    path = _ASSETS / "texts" / f"{data}.json"
    if path.is_file():
        more = load_likenesses(path, {data: dataset})
        further, targets = with_likenesses(more, encoder, [info.id for info in seen], means[: len(seen)])
        read, known = np.concatenate([texts[: len(seen)], further]), np.concatenate([means[: len(seen)], targets])
        found = judge(kernel_ridge(read, known, texts[len(seen) :], ridge))
        rows.append(f"| the same, and {len(more.things)} likenesses of theirs, without a photograph | {found:.1f} |")
    own = judge(means[len(seen) :])
    rows.append(f"| {images} other photographs of each unseen class | {own:.1f} |")
    block = "\n".join(["<!-- class-count -->", *rows, "<!-- /class-count -->"])
    _CARD.write_text(_MARKS.sub(lambda _: block, _CARD.read_text(encoding="utf-8")), encoding="utf-8")
    typer.echo("\n".join(rows))


def mean_features(model: N3, dataset: Dataset, class_ids: Sequence[str], images: int) -> np.ndarray:
    """Mean feature of each class, (C, F), from its first training images."""
    refs = [dataset.image_refs(class_id, subset="train")[:images] for class_id in class_ids]
    size = model.config.image_size
    return np.stack([extract_features(model, load_pixels(dataset, group, size)).mean(0) for group in refs])


def mean_states(encoder: TextEncoder, texts: Sequence[str], *, at_once: int = 200) -> np.ndarray:
    """Unit mean token state of each text, (N, H)."""
    parts = []
    for start in range(0, len(texts), at_once):
        encoded = encoder.encode(texts[start : start + at_once])
        mask = encoded.mask.unsqueeze(-1)
        parts.append(((encoded.states * mask).sum(1) / mask.sum(1)).numpy())
    return unit(np.concatenate(parts))


def with_likenesses(
    more: Likenesses, encoder: TextEncoder, class_ids: Sequence[str], means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Unit mean states (T, H) of all texts of a file of likenesses, and the unit directions (T, F) they stand for."""
    place = {class_id: row for row, class_id in enumerate(class_ids)}
    texts, weights = [], []
    for class_id, further in more.texts.items():
        texts += further
        weights += [{class_id: 1.0}] * len(further)
    for thing in more.things:
        texts += thing.texts
        weights += [thing.shares] * len(thing.texts)
    mixture = np.zeros((len(texts), len(class_ids)))
    for row, shares in enumerate(weights):
        for class_id, share in shares.items():
            mixture[row, place[class_id]] = share
    return mean_states(encoder, texts), unit(mixture @ means)


def kernel_ridge(texts: np.ndarray, targets: np.ndarray, asked: np.ndarray, ridge: float) -> np.ndarray:
    """Unit class directions (K, F) for the texts asked (K, H), from C texts (C, H) with targets (C, F)."""
    width = texts.var(0).sum()

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        distance = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return np.exp(-distance / (2 * width))

    weights = np.linalg.solve(kernel(texts, texts) + ridge * np.eye(len(texts)), targets)
    return unit(kernel(asked, texts) @ weights)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    typer.run(main)
