"""How far descriptions move a network and which of its tensors matter: numbers per parameter tensor and per image.

Tensors come in network order with their torchvision names. "Adaptation" is mu * Delta, what is added to a pre-trained
tensor. The classification layer (kind "fc") is generated whole: it has no pre-trained counterpart. Knows no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = [
    "ActivationNorms",
    "KindMagnitudes",
    "LayerDifference",
    "LayerImportance",
    "LayerMagnitudes",
]

_KINDS = ("conv", "norm", "fc")


@dataclass(frozen=True, eq=False)
class KindMagnitudes:
    """Means over the tensors of each kind (draft figure 5a).

    kinds: those that the network has, of "conv", "norm" and "fc".
    counts: (G,) number of tensors.
    adaptation, base: (G,) mean L2 norm; base is nan for "fc".
    relative: (G,) mean of the tensors' own shares, in percent; nan for "fc".
    """

    kinds: tuple[str, ...]
    counts: np.ndarray
    adaptation: np.ndarray
    base: np.ndarray
    relative: np.ndarray


@dataclass(frozen=True, eq=False)
class LayerMagnitudes:
    """L2 norms of T parameter tensors in network order (paper figure 6).

    names: torchvision names, such as "layer2.0.conv1.weight".
    kinds: "conv", "norm" or "fc".
    adaptation: (T,) L2 of mu * Delta; 0 for a tensor the checkpoint leaves alone; of "fc", L2 of what was generated.
    base: (T,) L2 of the pre-trained tensor; nan for "fc".
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    adaptation: np.ndarray
    base: np.ndarray

    @cached_property
    def relative(self) -> np.ndarray:
        """Adaptation in percent of the pre-trained norm, (T,); nan without a pre-trained tensor, or where it is 0."""
        return _percent(self.adaptation, self.base)

    @cached_property
    def by_kind(self) -> KindMagnitudes:
        """The means over convolutions, batch-norm tensors and the classification layer."""
        kinds = tuple(kind for kind in _KINDS if kind in self.kinds)
        members = [np.array([other == kind for other in self.kinds]) for kind in kinds]
        return KindMagnitudes(
            kinds,
            np.array([int(chosen.sum()) for chosen in members]),
            *(
                np.array([_mean(values[chosen]) for chosen in members])
                for values in (self.adaptation, self.base, self.relative)
            ),
        )


@dataclass(frozen=True, eq=False)
class LayerDifference:
    """How far each of T parameter tensors moved from an earlier to a later version of a task, in network order.

    names, kinds: as in `LayerMagnitudes`.
    moved: (T,) L2 of the later tensor minus the earlier one; of "fc", over the classes of both versions.
    earlier: (T,) L2 of the earlier adaptation; of "fc", of what was generated earlier for the classes of both.
    class_names: the C classes of both versions, in the later one's order.
    class_moved, class_earlier: (C,) the same for the class's own row of the classification layer, bias left out.
    added, removed: classes of the later and of the earlier version alone.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    moved: np.ndarray
    earlier: np.ndarray
    class_names: tuple[str, ...]
    class_moved: np.ndarray
    class_earlier: np.ndarray
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @cached_property
    def relative(self) -> np.ndarray:
        """What moved in percent of the earlier adaptation, (T,); nan where that is 0 or no class is in both."""
        return _percent(self.moved, self.earlier)

    @cached_property
    def class_relative(self) -> np.ndarray:
        """What moved in percent of the class's earlier row, (C,)."""
        return _percent(self.class_moved, self.class_earlier)


@dataclass(frozen=True, eq=False)
class ActivationNorms:
    """L2 norm of the penultimate activation, what enters the classification layer, for N images (draft figure 5b).

    before: (N,) in the pre-trained network.
    after: (N,) in the adapted network.
    """

    before: np.ndarray
    after: np.ndarray

    @property
    def median_change(self) -> float:
        """Change of the median norm in percent of the median before."""
        return 100 * float(np.median(self.after) / np.median(self.before) - 1)


@dataclass(frozen=True, eq=False)
class LayerImportance:
    """What is lost on N labelled images when the adaptation of one tensor is left out, for all T adapted tensors.

    names, kinds: the adapted tensors in network order; the classification layer cannot be left out.
    accuracy: per-class averaged accuracy with every adaptation, in percent.
    fc_only_accuracy: the same with none, the generated classification layer on the pre-trained network.
    accuracies: (T,) with all adaptations but this one.
    loss, losses: mean cross-entropy in nats in place of accuracy; it moves before a prediction changes.
    changed: (T,) images whose predicted class changes.
    images: N.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    accuracy: float
    fc_only_accuracy: float
    accuracies: np.ndarray
    loss: float
    losses: np.ndarray
    changed: np.ndarray
    images: int

    @property
    def drops(self) -> np.ndarray:
        """Accuracy lost without each adaptation, (T,) in points; negative where the network is better without it."""
        return self.accuracy - self.accuracies

    @property
    def loss_rises(self) -> np.ndarray:
        """Cross-entropy gained without each adaptation, (T,) in nats."""
        return self.losses - self.loss


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return 100 * np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
