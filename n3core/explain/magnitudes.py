"""How far descriptions move a network: norms of mu * Delta per tensor, between two versions, and of what the network
computes (paper figure 6, draft figures 5a and 5b).

Takes the model and token states; knows no task, no file and no screen. The model is only read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from n3core.backbone import build_network, normalise, strip_classifier, to_float
from n3core.model import N3
from n3core.results.adaptation import ActivationNorms, LayerDifference, LayerMagnitudes
from n3core.token_states import TokenStates

__all__ = ["compare_adaptations", "measure_activation_norms", "measure_magnitudes"]

_BATCH = 128  # images per forward pass


def measure_magnitudes(model: N3, encoded: TokenStates) -> LayerMagnitudes:
    """Measure what K descriptions add to every tensor of the network.

    Args:
        model: in eval mode.
        encoded: token states of the K descriptions.

    Returns:
        L2 norms in network order, classification layer included.
    """
    found, base = _Adaptation(model, encoded), model.base_tensors
    adaptation = [
        _norm(found.generated[spec.name]) if spec.kind == "fc" else found.norm(spec.name) for spec in model.specs
    ]
    return LayerMagnitudes(
        tuple(spec.name for spec in model.specs),
        tuple(spec.kind for spec in model.specs),
        np.array(adaptation),
        np.array([float("nan") if spec.kind == "fc" else _norm(base[spec.name]) for spec in model.specs]),
    )


def compare_adaptations(
    model: N3,
    earlier: TokenStates,
    earlier_names: Sequence[str],
    later: TokenStates,
    later_names: Sequence[str],
) -> LayerDifference:
    """Measure which tensors moved between two versions of a task.

    Args:
        model: in eval mode.
        earlier, later: token states of the descriptions of each version.
        earlier_names, later_names: the class names of each; rows of the classification layer are matched by them.

    Returns:
        L2 norms in network order; exactly 0 everywhere for equal versions.
    """
    old, new = _Adaptation(model, earlier), _Adaptation(model, later)
    shared = [name for name in later_names if name in set(earlier_names)]
    old_rows = [list(earlier_names).index(name) for name in shared]
    new_rows = [list(later_names).index(name) for name in shared]
    old_layer = {name: value[old_rows] for name, value in old.generated.items()}
    new_layer = {name: value[new_rows] for name, value in new.generated.items()}
    moved, before = [], []
    for spec in model.specs:
        if spec.kind != "fc":
            moved.append(new.distance(old, spec.name))
            before.append(old.norm(spec.name))
        else:
            moved.append(_norm(new_layer[spec.name] - old_layer[spec.name]) if shared else float("nan"))
            before.append(_norm(old_layer[spec.name]) if shared else float("nan"))
    old_weight, new_weight = (layer[model.weight_name].flatten(1) for layer in (old_layer, new_layer))
    return LayerDifference(
        tuple(spec.name for spec in model.specs),
        tuple(spec.kind for spec in model.specs),
        np.array(moved),
        np.array(before),
        tuple(shared),
        (new_weight - old_weight).norm(dim=1).double().cpu().numpy(),
        old_weight.norm(dim=1).double().cpu().numpy(),
        tuple(name for name in later_names if name not in set(earlier_names)),
        tuple(name for name in earlier_names if name not in set(later_names)),
    )


@torch.no_grad()
def measure_activation_norms(
    model: N3, encoded: TokenStates, images: np.ndarray, *, batch_size: int = _BATCH
) -> ActivationNorms:
    """Measure the penultimate activation of images in the pre-trained and in the adapted network.

    Args:
        model: in eval mode.
        encoded: token states of the K descriptions.
        images: (N, S, S, 3) uint8, S the image size of the model.
        batch_size: images per forward pass.

    Returns:
        L2 norms of the pooled features that enter the classification layer.
    """
    device = model.log_temperature.device
    blank = build_network(model.config.base, 2, device="meta")
    strip_classifier(model.config.base, blank)
    names = [str(k) for k in range(len(encoded.states))]
    classifier = model.synthesize(encoded.states.to(device), encoded.mask.to(device), names)
    networks = [_fill(blank, tensors) for tensors in (model.base_tensors, classifier.network.state_dict())]
    norms: list[list[np.ndarray]] = [[np.empty(0)], [np.empty(0)]]
    for start in range(0, len(images), batch_size):
        inputs = normalise(to_float(images[start : start + batch_size], device))  # (n, 3, S, S)
        for network, parts in zip(networks, norms, strict=True):
            parts.append(network(inputs).flatten(1).norm(dim=1).double().cpu().numpy())
    before, after = (np.concatenate(parts) for parts in norms)
    return ActivationNorms(before, after)


class _Adaptation:
    """What Phi emits for K descriptions, with every mu * Delta left as two factors until its norm is asked for.

    generated: the classification layer's weight (K, ...) and bias (K,), by name.
    """

    @torch.no_grad()
    def __init__(self, model: N3, encoded: TokenStates) -> None:
        device = model.log_temperature.device
        labels = model.tokens2label(encoded.states.to(device), encoded.mask.to(device))
        # an order that does not depend on the task's, so that permuting classes moves no delta, not even by rounding
        factors = model.labels2adaptation(labels[labels[:, 0].argsort(stable=True)])[0]
        self._factors = {name: (scale * factors[name][0], factors[name][1]) for name, scale in model.mu.items()}
        tensors = model.adapt_to_labels(labels, without=tuple(model.mu))
        self.generated = {name: tensors[name] for name in (model.weight_name, model.bias_name)}

    @torch.no_grad()
    def norm(self, name: str) -> float:
        """L2 of mu * Delta; 0 for a tensor that is not adapted."""
        if name not in self._factors:
            return 0.0
        piece, columns = self._factors[name]  # (M, d), (column size, d)
        return _norm(piece @ columns.t())

    @torch.no_grad()
    def distance(self, other: _Adaptation, name: str) -> float:
        """L2 of this mu * Delta minus the other; both come from one model, so they share the linear map to columns."""
        if name not in self._factors:
            return 0.0
        piece, columns = self._factors[name]
        return _norm((piece - other._factors[name][0]) @ columns.t())


def _fill(blank: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A feature network of its own module that shares the tensors, which nothing here writes to."""
    network = copy.deepcopy(blank)
    network.load_state_dict({name: tensors[name] for name in blank.state_dict()}, assign=True)
    return network.requires_grad_(False).eval()


def _norm(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64))
