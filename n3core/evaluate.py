"""Accuracy, confusion, spread over class orders, and controls without the texts (paper section 4).

Takes a function from texts to a predict function; knows no model and no dataset. Per-class accuracy is equation 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from n3core.errors import InputError
from n3core.indices import check_labels
from n3core.metrics import per_class_accuracy
from n3core.results import ConfusionMatrix, Controls, Evaluation, Interval, Spread

__all__ = [
    "Build",
    "Predict",
    "count_builds",
    "derange",
    "evaluate",
    "measure_controls",
    "measure_permutations",
    "predict_all",
    "score",
]

Predict = Callable[[np.ndarray], np.ndarray]  # images (N, S, S, 3) as the model reads them -> logits (N, K)
Build = Callable[[Sequence[str]], Predict]  # K texts -> a predict function whose column k is text k

_BATCH = 250
_SHUFFLES = 5
_RESAMPLES = 2000


def evaluate(
    build: Build,
    texts: Sequence[str],
    class_names: Sequence[str],
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    permutations: int = 10,
    controls: bool = True,
    foreign_texts: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Judge what is built from K texts on labelled images.

    Args:
        build: makes a predict function from texts; called `count_builds` times.
        texts: K texts.
        class_names: K names, for the result and the control "name only".
        images: (N, S, S, 3), whatever the predict function takes.
        labels: (N,) index of the true class.
        permutations: random orders of the classes to try; 0 leaves them out.
        controls: whether to measure the controls.
        foreign_texts: texts of classes outside the task; where there are K or more, the control "shuffled" gives
            every class one of these, else the text of another class of the task.
        seed: of orders, shuffles and resampling.

    Returns:
        All figures.

    Raises:
        InputError: fewer than 2 classes, a class without images, labels that do not fit, or logits that are no numbers.
    """
    labels = check_labels(labels, len(images), len(texts))
    found = score(predict_all(build(texts), images), labels, class_names, seed=seed)
    if permutations:
        found = replace(found, permutations=measure_permutations(build, texts, images, labels, permutations, seed=seed))
    if controls:
        found = replace(
            found,
            controls=measure_controls(
                build, texts, class_names, images, labels, foreign_texts=foreign_texts, seed=seed
            ),
        )
    return found


def count_builds(permutations: int, controls: bool) -> int:
    """How often `evaluate` calls its `build`, for a progress bar."""
    return 1 + permutations + (_SHUFFLES + 2 if controls else 0)


def predict_all(predict: Predict, images: np.ndarray, *, batch_size: int = _BATCH) -> np.ndarray:
    """Logits (N, K) of many images, batch by batch."""
    return np.concatenate([predict(images[start : start + batch_size]) for start in range(0, len(images), batch_size)])


def score(
    logits: np.ndarray, labels: Sequence[int] | np.ndarray, class_names: Sequence[str], *, seed: int = 0
) -> Evaluation:
    """Turn logits into figures.

    Args:
        logits: (N, K); -inf for a class that an image cannot be of.
        labels: (N,) index of the true class.
        class_names: K names.
        seed: of the resampling.

    Returns:
        Figures without permutations and controls.

    Raises:
        InputError: fewer than 2 classes, a class without images, labels that do not fit, or logits that are no numbers.
    """
    classes = len(class_names)
    if classes < 2:
        raise InputError(f"{classes} class to evaluate; name at least 2")
    labels, logits = check_labels(labels, len(logits), classes), np.ascontiguousarray(logits, np.float32)
    if logits.shape != (len(labels), classes):
        raise InputError(f"logits of the shape {logits.shape} for {classes} classes; give one column for each")
    if not (logits < np.inf).all():  # not a number is not
        raise InputError("logits hold values that are no numbers; the model has diverged, or its images are damaged")
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        raise InputError(f"the class {class_names[int(np.argmin(counts))]!r} has no image to evaluate; leave it out")
    scores, truth = torch.from_numpy(logits), torch.from_numpy(labels)
    confusion = multiclass_confusion_matrix(scores, truth, classes, validate_args=False).numpy()
    top5 = multiclass_accuracy(scores, truth, classes, average=None, top_k=min(5, classes), validate_args=False)
    accuracies = confusion.diagonal() / counts
    return Evaluation(
        ConfusionMatrix(tuple(class_names), confusion),
        100 * float(accuracies.mean()),
        100 * accuracies,
        100 * float(top5.mean()),
        _interval(accuracies, counts, np.random.default_rng(seed)),
        _class_interval(accuracies, counts, np.random.default_rng(seed)),
    )


def measure_permutations(
    build: Build, texts: Sequence[str], images: np.ndarray, labels: np.ndarray, count: int, *, seed: int = 0
) -> Spread:
    """Per-class accuracy of `count` random orders of the same classes.

    Args:
        build, texts, images, labels: as in `evaluate`.
        count: number of orders.
        seed: of the orders.

    Returns:
        One accuracy per order; for a permutation-equivariant model they differ by rounding only.
    """
    rng = np.random.default_rng([seed, 1])
    values = []
    for _ in range(count):
        order = rng.permutation(len(texts))
        logits = predict_all(build([texts[k] for k in order]), images)
        values.append(per_class_accuracy(logits.argmax(axis=1), np.argsort(order)[labels]))
    return Spread(tuple(values))


def measure_controls(
    build: Build,
    texts: Sequence[str],
    class_names: Sequence[str],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    foreign_texts: Sequence[str] = (),
    seed: int = 0,
) -> Controls:
    """Per-class accuracy with texts that say nothing true about the classes.

    Args:
        build, texts, class_names, images, labels, foreign_texts, seed: as in `evaluate`.

    Returns:
        The three controls. For a model that reads, "empty" is at chance, and so is "shuffled" where there are foreign
        texts; texts that change places within the task leave it below chance.
    """

    def accuracy(given: Sequence[str]) -> float:
        return per_class_accuracy(predict_all(build(given), images).argmax(axis=1), labels)

    rng = np.random.default_rng([seed, 2])

    def shuffle() -> list[str]:
        # Among themselves, K true texts in wrong places score (1 - accuracy) / (K - 1), below chance.
        if len(foreign_texts) >= len(texts):
            return [foreign_texts[k] for k in rng.choice(len(foreign_texts), len(texts), replace=False)]
        return [texts[k] for k in derange(len(texts), rng)]

    shuffled = [accuracy(shuffle()) for _ in range(_SHUFFLES)]
    return Controls(float(np.mean(shuffled)), accuracy(class_names), accuracy([""] * len(texts)))


def derange(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a permutation (count,) that leaves nothing in its place; uniform over all such. `count` >= 2."""
    while True:  # about e draws
        order = rng.permutation(count)
        if (order != np.arange(count)).all():
            return order


def _interval(accuracies: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> Interval:
    """Percentile bootstrap over images within classes: n images drawn with replacement have Binomial(n, p) right."""
    right = rng.binomial(counts, accuracies, (_RESAMPLES, len(counts)))
    return _percentiles((right / counts).mean(axis=1))


def _class_interval(accuracies: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> Interval:
    """Percentile bootstrap over classes, and over the images within each class that is drawn."""
    drawn = rng.integers(0, len(counts), (_RESAMPLES, len(counts)))
    right = rng.binomial(counts[drawn], accuracies[drawn])
    return _percentiles((right / counts[drawn]).mean(axis=1))


def _percentiles(shares: np.ndarray) -> Interval:
    low, high = np.percentile(100 * shares, [2.5, 97.5])
    return Interval(float(low), float(high))
