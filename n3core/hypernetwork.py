"""Phi(D; Gamma): token states -> an adaptation of every parameter tensor (paper section 3.2).

Owns Tokens2Label (equation 2) and Labels2Adaptation (equations 3 to 5); knows no image and no base weights.
Classes carry no positional encoding, so permuting them permutes the classification layer and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from n3core.backbone import LayerSpec
from n3core.class_norm import ClassNorm
from n3core.config import N3Config

__all__ = ["Labels2Adaptation", "Tokens2Label"]


def _transformer(config: N3Config, layers: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        config.width, config.heads, 2 * config.width, config.dropout, "gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


class Tokens2Label(nn.Module):
    """c_k = Encoder_T2L(d_k,1:L), equation 2: attention over the tokens of one description, then their mean.

    A linear map of the text's mean token state is added: a way past the encoder.
    """

    def __init__(self, config: N3Config) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.LayerNorm(config.text.hidden_size), nn.Linear(config.text.hidden_size, config.width)
        )
        self.summary = nn.Linear(config.text.hidden_size, config.width)
        self.encoder = _transformer(config, config.tokens2label_layers)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Map states (K, L, H) and mask (K, L) to label embeddings (K, d)."""
        share = mask.unsqueeze(-1).to(states.dtype)
        share = share / share.sum(1, keepdim=True)
        tokens = self.encoder(self.project(states), src_key_padding_mask=~mask)  # (K, L, d)
        mean_state = functional.normalize((states * share).sum(1), dim=-1)  # (K, H)
        return (tokens * share).sum(1) + self.summary(mean_state) * mean_state.shape[-1] ** 0.5


class Labels2Adaptation(nn.Module):
    """h = Encoder_L2A(c), equation 3; the decoders emit all columns of a tensor at once, equations 4 and 5.

    Decoder of tensor t: its learned queries (M_t, d) attend over h, in an attention that all tensors share; its linear
    map W_t from d to the column size of t turns what they found, D_t, into DeltaTheta_t = D_t W_t'. The classification
    layer is made class by class: its directions are MLP(h_k) + W c_k.
    With `config.label_normalization` the embeddings c pass Class Normalization first. It stands here and not at the end
    of Tokens2Label because its training statistics are those of a task's classes, while c belongs to one text alone.
    """

    def __init__(self, config: N3Config, specs: Sequence[LayerSpec]) -> None:
        super().__init__()
        self.adapted = tuple(spec for spec in specs if spec.kind != "fc" and spec.kind in config.adapt)
        self.features = next(spec for spec in specs if spec.kind == "fc").column_size
        width = config.width
        self.label_norm = ClassNorm(width) if config.label_normalization else nn.Identity()
        self.encoder = _transformer(config, config.labels2adaptation_layers)
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, self.features))
        self.classifier_skip = nn.Linear(width, self.features, bias=False)
        self.bias = nn.Linear(width, 1, bias=False)  # a bias common to all classes would change nothing
        if self.adapted:
            self.queries = nn.Parameter(torch.randn(sum(spec.columns for spec in self.adapted), width))
            self.attention = nn.MultiheadAttention(width, config.heads, batch_first=True)
            self.query_norm = nn.LayerNorm(width)
            self.columns = nn.ModuleList(nn.Linear(width, spec.column_size, bias=False) for spec in self.adapted)

    def forward(self, labels: Tensor) -> tuple[dict[str, tuple[Tensor, Tensor]], Tensor, Tensor]:
        """Decode label embeddings.

        Args:
            labels: c (K, d).

        Returns:
            By name of an adapted tensor the factors D_t (M_t, d) and W_t (column size, d) of its delta, left apart so
            that the delta can be added to the base as it is made; class directions (K, F); class biases (K,).
        """
        labels = self.label_norm(labels)
        hidden = self.norm(self.encoder(labels.unsqueeze(0)))  # (1, K, d)
        directions = self.classifier(hidden[0]) + self.classifier_skip(labels)  # (K, F)
        biases = self.bias(hidden[0]).squeeze(-1)  # (K,)
        factors: dict[str, tuple[Tensor, Tensor]] = {}
        if self.adapted:
            queries = self.queries.unsqueeze(0)  # (1, sum of M, d)
            attended = self.attention(queries, hidden, hidden, need_weights=False)[0]
            decoded = self.query_norm(queries + attended)[0]
            pieces = decoded.split([spec.columns for spec in self.adapted])
            for spec, piece, column in zip(self.adapted, pieces, self.columns, strict=True):
                factors[spec.name] = (piece, column.weight)
        return factors, directions, biases
