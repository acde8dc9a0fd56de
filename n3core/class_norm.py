"""Class Normalization: every feature normalised over the class axis (Skorokhodov and Elhoseiny 2021).

Owns the one layer; knows neither images nor networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from n3core.errors import InputError

__all__ = ["ClassNorm"]

_EPSILON = 1e-5  # as in batch normalization


class ClassNorm(nn.Module):
    """CN(x)_k = (x_k - mean over classes) / deviation over classes, per feature, without scale or shift.

    Like batch normalization whose batch are the K classes: their statistics in training, running ones in evaluation,
    so a class then keeps its value whatever it is compared with. The papers leave open which deviation is meant: it is
    that of the classes at hand (divided by K).

    Args:
        features: F, width of the input.
        momentum: share of the newest batch in the running statistics.
        use_variance: divide by the variance, as the published code does where the paper says standard deviation.
    """

    def __init__(self, features: int, momentum: float = 0.1, use_variance: bool = False) -> None:
        super().__init__()
        self.momentum, self.use_variance = momentum, use_variance
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_variance", torch.ones(features))

    def forward(self, classes: Tensor) -> Tensor:
        """Normalise (K, F) to (K, F), in the precision of the statistics.

        Raises:
            InputError: a single class in training: it would be normalised away.
        """
        classes = classes.to(self.running_mean.dtype)  # under autocast too, where a deviation would be rounded
        if self.training:
            if len(classes) < 2:
                raise InputError("Class Normalization compares classes: give it at least 2 at a time, not 1")
            mean, variance = classes.mean(0), classes.var(0, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_variance.lerp_(variance, self.momentum)
        else:
            mean, variance = self.running_mean, self.running_variance
        return (classes - mean) / (variance + _EPSILON if self.use_variance else (variance + _EPSILON).sqrt())
