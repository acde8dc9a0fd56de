"""N3: Theta' = gamma * Theta + mu * Phi(D; Gamma) (paper equations 1 and 6), and the network it yields.

Owns how base and adaptation meet; knows no dataset and no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        self.network = build_network(base, len(self.class_names), device="meta")
        self.network.load_state_dict({name: value.detach() for name, value in tensors.items()}, assign=True)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, H, W), float in [0, 1], to logits (N, K)."""
        return self.network(normalise(images))


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
        self.log_mu = nn.Parameter(torch.full((max(scales, 1),), float(torch.tensor(config.mu).log())))
        self.log_temperature = nn.Parameter(torch.tensor(config.temperature).log())
        features = self.labels2adaptation.features
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_norm", torch.ones(()))
        self._base_names = tuple(base_tensors)
        for name, value in base_tensors.items():
            self.register_buffer(self._slot(name), value.detach().clone())

    @staticmethod
    def _slot(name: str) -> str:
        return "base/" + name.replace(".", "/")

    @property
    def base_tensors(self) -> dict[str, Tensor]:
        """Theta and the running statistics, by torchvision name; read-only by convention."""
        return {name: self.get_buffer(self._slot(name)) for name in self._base_names}

    @property
    def mu(self) -> dict[str, Tensor]:
        """The scale of every adapted tensor, by name."""
        scales = self.log_mu.exp()
        names = [spec.name for spec in self.labels2adaptation.adapted]
        return {name: scales[index if len(scales) > 1 else 0] for index, name in enumerate(names)}

    def adapt(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Emit Theta' for K descriptions.

        Args:
            states: token states (K, L, H).
            mask: (K, L) bool.

        Returns:
            Every tensor of the network by torchvision name, classification layer (K, F) and (K,) included.
        """
        deltas, directions, biases = self.labels2adaptation(self.tokens2label(states, mask))
        tensors = self.base_tensors
        for name, scale in self.mu.items():
            tensors[name] = self.config.gamma * tensors[name] + scale * deltas[name].float()
        weight = functional.normalize(directions.float(), dim=-1) * self.log_temperature.exp() / self.feature_norm
        bias = biases.float() - weight @ self.feature_mean  # centred features: w'(f - m) + b
        shape = (len(weight), -1, 1, 1) if self.config.base == "squeezenet1_1" else (len(weight), -1)
        tensors[self.weight_name] = weight.reshape(shape)
        tensors[self.bias_name] = bias
        return tensors

    def forward(self, skeleton: nn.Module, states: Tensor, mask: Tensor, images: Tensor) -> Tensor:
        """Training path: logits (N, K) with gradients into Gamma.

        Args:
            skeleton: a network of `build_network(base, K)` that no other thread uses, in eval mode.
            images: (N, 3, H, W), float in [0, 1].
        """
        return functional_call(skeleton, self.adapt(states, mask), (normalise(images),))

    @torch.no_grad()
    def synthesize(self, states: Tensor, mask: Tensor, class_names: Sequence[str]) -> SynthesizedClassifier:
        """Build the stand-alone classifier of K described classes."""
        tensors = self.adapt(states, mask)
        return SynthesizedClassifier(self.config.base, {k: v.clone() for k, v in tensors.items()}, class_names)
