"""The network that learns a sequence of tasks, what it is taught at a time, and the hyper-parameters of all learners.

Owns the settings with their search space, and how much the function of a network hangs on each of its weights. Knows
neither learners nor the order of tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from n3core.baselines.attribute_network import AttributeNorm, scaled_cosine_logits
from n3core.baselines.base import Settings, Trial

__all__ = ["ContinualSettings", "Lesson", "Student", "mean_importance", "suggest"]

_CHUNK = 16  # images whose gradients are held at once: each is as large as the network


@dataclass(frozen=True)
class ContinualSettings:
    """Hyper-parameters of all learners; one that does not use a setting ignores it.

    hidden_size, scale: of the attribute network and its scaled cosine logits, which all rows have, CN or not.
    learning_rate, weight_decay: of Adam, begun anew with every task.
    epochs, batch_size: per task.
    attribute_norm: "unit", "scaled" or "none".
    standardise_features, standardise_semantics: by the images, or the texts, of the first task: later ones have not
        arrived when training begins. Centred features have both signs, so the network then does not end in a ReLU.
    importance_weight: lambda of EWC-online and MAS-online, where the importances of a task have mean 1.
    decay: gamma of EWC-online and MAS-online, in [0, 1].
    importance_images: images of a task at most from which importances are measured.
    memory_per_class: images a class that A-GEM keeps.
    reference_size: images of the memory from which A-GEM takes its reference gradient, drawn for every step.
    """

    hidden_size: int = 512
    scale: float = 5.0
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    epochs: int = 10
    batch_size: int = 64
    attribute_norm: AttributeNorm = "unit"
    standardise_features: bool = False
    standardise_semantics: bool = True
    importance_weight: float = 1.0
    decay: float = 0.9
    importance_images: int = 200
    memory_per_class: int = 3
    reference_size: int = 64


def suggest(trial: Trial) -> Settings:
    """Draw settings; one search space for every learner, so that equal trials try equal settings of the network."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True),
        "epochs": trial.suggest_categorical("epochs", [5, 10, 20]),
        "scale": trial.suggest_float("scale", 3.0, 7.0),
        "attribute_norm": trial.suggest_categorical("attribute_norm", ["unit", "scaled"]),
        "standardise_features": trial.suggest_categorical("standardise_features", [False, True]),
        "importance_weight": trial.suggest_float("importance_weight", 1e-3, 1e2, log=True),
        "decay": trial.suggest_float("decay", 0.5, 1.0),
        "memory_per_class": trial.suggest_int("memory_per_class", 1, 5),
    }


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is trained on at one time.

    features: (N, F).
    labels: (N,) class among all classes of the sequence.
    classes: (K,) the classes told apart, among all classes of the sequence.
    """

    features: Tensor
    labels: Tensor
    classes: Tensor

    @property
    def targets(self) -> Tensor:
        """(N,) index of each label in `classes`."""
        return (self.labels[:, None] == self.classes).int().argmax(dim=1)

    def take(self, rows: Tensor) -> Lesson:
        """The images `rows`; the same classes."""
        return Lesson(self.features[rows], self.labels[rows], self.classes)


@dataclass(frozen=True, eq=False)
class Student:
    """The network that learns: y_nc = scale^2 cos(z_n, P(a_c)).

    network: P, the only thing trained.
    semantics: a (C, M) of all classes of the sequence.
    scale: gamma of the scaled cosine.
    """

    network: nn.Module
    semantics: Tensor
    scale: float

    def logits(self, features: Tensor, classes: Tensor) -> Tensor:
        """Logits (N, K) of features (N, F) for the classes (K,)."""
        return scaled_cosine_logits(features, self.network(self.semantics[classes]), self.scale)

    @property
    def weights(self) -> list[Tensor]:
        """Trained tensors, in a fixed order."""
        return list(self.network.parameters())


def mean_importance(
    student: Student,
    features: Tensor,
    classes: Tensor,
    targets: Tensor,
    value: Callable[[Tensor, Tensor], Tensor],
    size: Callable[[Tensor], Tensor],
) -> list[Tensor]:
    """Average, over images, of the size of each weight's gradient; every image by itself, unlike a mini-batch's.

    Args:
        student: in evaluation mode, so that the function measured is the one later tasks shall not change.
        features: (N, F).
        classes: (K,) whose logits are taken.
        targets: (N,) index into `classes`.
        value: logits (K,) and target () of one image -> the number () whose gradient is taken.
        size: of a gradient, element by element, such as its square.

    Returns:
        One tensor for each of the student's weights, shaped like it.
    """
    names = [name for name, _ in student.network.named_parameters()]
    weights = {name: weight.detach() for name, weight in student.network.named_parameters()}
    semantics = student.semantics[classes]

    def of_one(tensors: dict[str, Tensor], feature: Tensor, target: Tensor) -> Tensor:
        prototypes = functional_call(student.network, tensors, (semantics,))
        return value(scaled_cosine_logits(feature[None], prototypes, student.scale)[0], target)

    gradients = vmap(grad(of_one), in_dims=(None, 0, 0))
    totals = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for start in range(0, len(features), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        for name, found in gradients(weights, features[chunk], targets[chunk]).items():
            totals[name] += size(found).sum(dim=0)
    return [totals[name] / len(features) for name in names]
