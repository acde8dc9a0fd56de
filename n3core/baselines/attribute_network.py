"""The attribute network p_c = P(a_c) and the tricks that keep its variance (Class Normalization, ICLR 2021).

Owns the network, scaled cosine logits (i) and attributes normalisation (ii), as the paper's poster numbers them;
Class Normalization (iii) itself is in `class_norm`. Knows no images, no training and no dataset.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from n3core.class_norm import ClassNorm

__all__ = ["AttributeNetwork", "AttributeNorm", "ClassNorm", "normalise_attributes", "scaled_cosine_logits"]

AttributeNorm = Literal["unit", "scaled", "none"]


class AttributeNetwork(nn.Module):
    """P(a): attributes or text features of a class -> its prototype among the image features.

    Plain: FC-ReLU-FC-ReLU-FC(-ReLU). With Class Normalization: FC-ReLU-FC-CN-ReLU-CN-FC(-ReLU), and the weights of the
    output layer drawn from U(-b, b) with b = sqrt(3 / (hidden_size * feature_size)), so that their variance is
    1 / (hidden_size * feature_size): hidden features of unit variance then give prototypes of unit expected squared
    length, and the logits z'p have the variance of one feature of z. The bias of that layer, of which the papers say
    nothing, starts at zero there, as their derivation has none.

    Args:
        semantics_size: M.
        hidden_size: width of both hidden layers.
        feature_size: F.
        normalised: with Class Normalization and its initial weights.
        rectified: end in a ReLU, as published. That keeps prototypes in the range of rectified image features;
            features that were centred have both signs, and for them it has to go.
        momentum, use_variance: of `ClassNorm`.
    """

    def __init__(
        self,
        semantics_size: int,
        hidden_size: int,
        feature_size: int,
        normalised: bool,
        *,
        rectified: bool = True,
        momentum: float = 0.1,
        use_variance: bool = False,
    ) -> None:
        super().__init__()
        output = nn.Linear(hidden_size, feature_size)
        layers: list[nn.Module] = [
            nn.Linear(semantics_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
        ]
        if normalised:
            bound = (3 / (hidden_size * feature_size)) ** 0.5
            nn.init.uniform_(output.weight, -bound, bound)
            nn.init.zeros_(output.bias)
            layers += [
                ClassNorm(hidden_size, momentum, use_variance),
                nn.ReLU(),
                ClassNorm(hidden_size, momentum, use_variance),
            ]
        else:
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, output, *([nn.ReLU()] if rectified else []))

    def forward(self, semantics: Tensor) -> Tensor:
        """Map semantics (K, M) to prototypes (K, F)."""
        return self.layers(semantics)


def normalise_attributes(semantics: Tensor, norm: AttributeNorm) -> Tensor:
    """Attributes normalisation (ii).

    Args:
        semantics: a (K, M).
        norm: "unit", a / ||a||, as in the paper; "scaled", sqrt(M) a / ||a||, as in the published code, which keeps
            the variance of one attribute near 1; "none".

    Returns:
        (K, M).
    """
    if norm == "none":
        return semantics
    unit = functional.normalize(semantics, dim=-1)
    return unit * semantics.shape[-1] ** 0.5 if norm == "scaled" else unit


def scaled_cosine_logits(features: Tensor, prototypes: Tensor, scale: float) -> Tensor:
    """Equation (i): y_nc = gamma^2 z_n'p_c / (||z_n|| ||p_c||).

    Args:
        features: z (N, F).
        prototypes: p (K, F).
        scale: gamma.

    Returns:
        Logits (N, K) in [-gamma^2, gamma^2].
    """
    return (scale * functional.normalize(features, dim=-1)) @ (scale * functional.normalize(prototypes, dim=-1)).mT
