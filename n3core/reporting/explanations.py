"""Why a task's network says what it says of many pictures: token evidence and saliency, in bounded steps.

Owns the choice of the target and the steps; the science is in `n3core.explain`, the network comes from the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n3core.descriptions import TaskSpec
from n3core.engine import Engine
from n3core.errors import InputError
from n3core.explain.evidence import aggregate_evidence, explain_tokens
from n3core.explain.saliency import explain_pixels, synthesize_pair
from n3core.reporting.pictures import Pictures
from n3core.results import Prediction
from n3core.results.evidence import ClassEvidence, TokenEvidence
from n3core.results.saliency import SaliencyMaps, SaliencySettings, join_maps

__all__ = [
    "ADAPTED",
    "FC_ONLY",
    "PREDICTED",
    "TRUE",
    "Explanations",
    "check_target",
    "choose_targets",
    "explain",
    "gather_words",
]

PREDICTED, TRUE = "predicted", "true"
ADAPTED, FC_ONLY = "every layer adapted", "classification layer only"
_STEP = 16  # pictures between two calls of progress


@dataclass(frozen=True, eq=False)
class Explanations:
    """What was found about N pictures, in their order.

    targets: (N,) int64 index of the class that is explained.
    evidence: N.
    saliency: name of a network -> its maps of the N pictures.
    """

    pictures: Pictures
    prediction: Prediction
    targets: np.ndarray
    evidence: tuple[TokenEvidence, ...]
    saliency: Mapping[str, SaliencyMaps]


def choose_targets(task: TaskSpec, pictures: Pictures, prediction: Prediction, target: str) -> np.ndarray:
    """Settle which class is explained for each picture.

    Args:
        task: whose classes.
        pictures: N of them.
        prediction: of the pictures.
        target: a class name, else "predicted" or "true".

    Returns:
        Class indices (N,).

    Raises:
        InputError: no such class, or "true" where the truth is not known.
    """
    check_target(task, target)
    if target in task.names:
        return np.full(len(pictures), task.names.index(target), np.int64)
    if target == PREDICTED:
        return prediction.labels
    if not pictures.labelled:
        raise InputError(f"target {target!r} needs pictures of a dataset; use {PREDICTED!r} or a class name")
    return pictures.labels


def check_target(task: TaskSpec, target: str) -> None:
    """Find out whether a target can be explained.

    Raises:
        InputError: neither a class of the task nor "predicted" or "true".
    """
    if target not in (*task.names, PREDICTED, TRUE):
        names = ", ".join(task.names[:5]) + (", ..." if len(task.names) > 5 else "")
        raise InputError(
            f"target {target[:80]!r} is no class of the task; use {PREDICTED!r}, {TRUE!r} or one of {names}"
        )


def explain(
    engine: Engine,
    task: TaskSpec,
    pictures: Pictures,
    target: str = PREDICTED,
    *,
    method: str = "gradient",
    quantity: str = "loss",
    settings: SaliencySettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanations:
    """Explain what the network of a task says of pictures.

    Args:
        engine: the checkpoint at work.
        task: described classes.
        pictures: at least one.
        target: as in `choose_targets`.
        method, quantity, settings: of the saliency, see `n3core.explain.saliency.explain_pixels`.
        progress: told how many pictures are done, of how many.

    Returns:
        Evidence and saliency of every picture, for the network with every layer adapted and for the one of which only
        the classification layer is generated.

    Raises:
        InputError: no picture, or as `choose_targets` and `explain_pixels`.
    """
    if not len(pictures):
        raise InputError("no picture to explain; give images or a dataset that has the classes of the task")
    prediction = engine.predict(task, pictures.pixels)
    targets = choose_targets(task, pictures, prediction, target)
    encoded = engine.encode(task.texts)
    pair = dict(zip((ADAPTED, FC_ONLY), synthesize_pair(engine.model, encoded, task.names), strict=True))
    evidence: list[TokenEvidence] = []
    maps: dict[str, list[SaliencyMaps]] = {name: [] for name in pair}
    for start in range(0, len(pictures), _STEP):
        pixels, wanted = pictures.pixels[start : start + _STEP], targets[start : start + _STEP].tolist()
        for name, classifier in pair.items():
            maps[name].append(explain_pixels(classifier, pixels, wanted, method, quantity=quantity, settings=settings))
        evidence += explain_tokens(
            engine.model, encoded, task.names, task.texts, pixels, wanted, classifier=pair[ADAPTED]
        )
        if progress is not None:
            progress(len(evidence), len(pictures))
    saliency = {name: join_maps(parts) for name, parts in maps.items()}
    return Explanations(pictures, prediction, targets, tuple(evidence), saliency)


def gather_words(evidence: Sequence[TokenEvidence]) -> tuple[ClassEvidence, ...]:
    """The words that carry each class that is a target, in the order of the task."""
    groups: dict[str, list[TokenEvidence]] = defaultdict(list)
    for found in evidence:
        groups[found.target].append(found)
    order = [description.name for description in evidence[0].descriptions] if evidence else []
    return tuple(aggregate_evidence(groups[name]) for name in order if name in groups)
