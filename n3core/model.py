"""N3: Theta' = gamma * Theta + mu * Phi(D; Gamma) (paper equations 1 and 6), and the network it yields.

Owns how base and adaptation meet; knows no dataset and no file.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from n3core.backbone import build_network, classifier_names, layer_specs, normalise
from n3core.config import N3Config
from n3core.hypernetwork import Labels2Adaptation, Tokens2Label

__all__ = ["N3", "SynthesizedClassifier"]


class SynthesizedClassifier(nn.Module):
    """A plain torchvision network with its own tensors and the names of its classes.

    `network.state_dict()` loads into the torchvision model of the same name. Safe to use from many threads.
    """

    def __init__(self, base: str, tensors: Mapping[str, Tensor], class_names: Sequence[str]) -> None:
        super().__init__()
        self.base = base
        self.class_names = tuple(class_names)
        self.network = _twin(_blank_network(base, len(self.class_names)))
        self.network.load_state_dict({name: value.detach() for name, value in tensors.items()}, assign=True)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, H, W), float in [0, 1], to logits (N, K)."""
        return self.network(normalise(images))


@lru_cache(maxsize=32)
def _blank_network(base: str, classes: int) -> nn.Module:
    """A network without memory, in eval mode, to be copied: building one takes longer."""
    return build_network(base, classes, device="meta").eval()


def _twin(module: nn.Module) -> nn.Module:
    """Copy the structure of a module: tensors and hooks given to the copy do not reach the original."""
    twin = copy.copy(module)
    twin.__dict__ = {
        key: copy.copy(value) if isinstance(value, dict) else value for key, value in twin.__dict__.items()
    }
    for name, child in module._modules.items():
        twin._modules[name] = child and _twin(child)
    return twin


class N3(nn.Module):
    """The meta-model: a frozen base Theta and a trainable Phi.

    Args:
        config: settings; `config.adapt` names the layer kinds that receive a delta.
        base_tensors: state dict of the feature network (without classifier), never mutated.
    """

    def __init__(self, config: N3Config, base_tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.config = config
        self.specs = layer_specs(config.base, 2)
        self.weight_name, self.bias_name = classifier_names(config.base)
        self.tokens2label = Tokens2Label(config)
        self.labels2adaptation = Labels2Adaptation(config, self.specs)
        scales = len(self.labels2adaptation.adapted) if config.mu_per_tensor else 1
        # mu = exp(log_mu) stays positive and moves in proportion under Adam
        self.log_mu = nn.Parameter(torch.full((max(scales, 1),), math.log(config.mu) if config.mu else -math.inf))
        self.log_temperature = nn.Parameter(torch.tensor(config.temperature).log())
        features = self.labels2adaptation.features
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_norm", torch.ones(()))
        self._base_names = tuple(base_tensors)
        for name, value in base_tensors.items():
            layout = torch.channels_last if value.ndim == 4 else torch.contiguous_format
            self.register_buffer(self.base_key(name), value.detach().clone(memory_format=layout))

    @staticmethod
    def base_key(name: str) -> str:
        """Under which key of N3's state dict a tensor of the base is kept."""
        return "base/" + name.replace(".", "/")

    @property
    def base_tensors(self) -> dict[str, Tensor]:
        """Theta and the running statistics, by torchvision name; read-only by convention."""
        return {name: self.get_buffer(self.base_key(name)) for name in self._base_names}

    @property
    def mu(self) -> dict[str, Tensor]:
        """The scale of every adapted tensor, by name."""
        scales = self.log_mu.exp()
        names = [spec.name for spec in self.labels2adaptation.adapted]
        return {name: scales[index if len(scales) > 1 else 0] for index, name in enumerate(names)}

    def adapt(self, states: Tensor, mask: Tensor, *, without: Collection[str] = ()) -> dict[str, Tensor]:
        """Emit Theta' for K descriptions.

        Args:
            states: token states (K, L, H).
            mask: (K, L) bool.
            without: names of tensors that stay as pre-trained, as those do whose kind `config.adapt` leaves out.

        Returns:
            Every tensor of the network by torchvision name, classification layer (K, F) and (K,) included.
            Convolutions are channels-last.
        """
        return self.adapt_to_labels(self.tokens2label(states, mask), without=without)

    def adapt_to_labels(
        self, labels: Tensor, *, without: Collection[str] = (), dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """As `adapt`, from the label embeddings c (K, d) of `tokens2label`.

        Args:
            labels: c (K, d).
            without: as in `adapt`.
            dtype: in which the deltas are multiplied out; bfloat16 takes less time and rounds them.
        """
        factors, directions, biases = self.labels2adaptation(labels)
        tensors = self.base_tensors
        for name, scale in self.mu.items():
            piece, columns = factors[name]
            if name not in without:
                tensors[name] = _add_delta(tensors[name], self.config.gamma, (scale * piece).to(dtype), columns)
        weight = functional.normalize(directions.float(), dim=-1) * self.log_temperature.exp() / self.feature_norm
        bias = biases.float() - weight @ self.feature_mean  # centred features: w'(f - m) + b
        shape = (len(weight), -1, 1, 1) if self.config.base == "squeezenet1_1" else (len(weight), -1)
        tensors[self.weight_name] = weight.reshape(shape)
        tensors[self.bias_name] = bias
        return tensors

    def forward(
        self, skeleton: nn.Module, states: Tensor, mask: Tensor, images: Tensor, *, without: Collection[str] = ()
    ) -> Tensor:
        """Differentiable path: logits (N, K) with gradients into Gamma, `states` and `images`.

        Args:
            skeleton: a network of `build_network(base, K)` that no other thread uses, in eval mode.
            states: as in `adapt`, like `mask` and `without`.
            images: (N, 3, H, W), float in [0, 1].
        """
        return functional_call(skeleton, self.adapt(states, mask, without=without), (normalise(images),))

    def synthesize(
        self, states: Tensor, mask: Tensor, class_names: Sequence[str], *, without: Collection[str] = ()
    ) -> SynthesizedClassifier:
        """Build the stand-alone classifier of K described classes; the arguments are those of `adapt`."""
        with torch.no_grad():
            return self.synthesize_labels(self.tokens2label(states, mask), class_names, without=without)

    @torch.no_grad()
    def synthesize_labels(
        self, labels: Tensor, class_names: Sequence[str], *, without: Collection[str] = ()
    ) -> SynthesizedClassifier:
        """As `synthesize`, from label embeddings c (K, d).

        The classes are adapted to in an order of their own, so that permuting them permutes the classification layer
        and leaves every other tensor the same to the last bit, rounded deltas included.
        """
        order = labels[:, 0].argsort(stable=True)
        base = self.base_tensors
        tensors = self.adapt_to_labels(labels[order], without=without, dtype=torch.bfloat16)
        for name in (self.weight_name, self.bias_name):
            tensors[name] = tensors[name][order.argsort()]
        own = {name: value.clone() if value is base.get(name) else value for name, value in tensors.items()}
        return SynthesizedClassifier(self.config.base, own, class_names)


def _add_delta(base: Tensor, gamma: float, piece: Tensor, columns: Tensor) -> Tensor:
    """gamma * Theta + mu * DeltaTheta in one pass over memory (equation 6).

    Args:
        base: Theta, a convolution (O, I, kh, kw) in channels-last layout or a vector (C,).
        piece: mu * D, (M, d); its dtype is that of the product.
        columns: W, (column size, d), rows in the order (kh, kw, I) for a convolution.

    Returns:
        A new tensor of the shape and layout of `base`.
    """
    columns = columns.to(piece.dtype).t()
    if base.ndim < 4:
        return gamma * base + (piece @ columns).float().reshape(base.shape)
    rows = base.permute(0, 2, 3, 1)  # (O, kh, kw, I), contiguous
    flat = rows.reshape(len(base), -1)
    if piece.dtype == base.dtype:
        adapted = torch.addmm(flat, piece, columns, beta=gamma)
    else:
        adapted = (piece @ columns).to(base.dtype).add_(flat, alpha=gamma)
    return adapted.view(rows.shape).permute(0, 3, 1, 2)
