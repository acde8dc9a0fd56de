"""The GAN of MEGAZSL: a generator of image features from text, a discriminator with two heads, and their losses.

Owns GAZSL without part annotations (Zhu et al., 2018). With real features x of class y,
generated x~ = G(t_y, z) and x^ on the line between the two:

    L_D = E D(x~) - E D(x) + 10 E (||grad D(x^)|| - 1)^2 + CE(x, y) + CE(x~, y)
    L_G = -E D(x~) + 1/2 (CE(x, y) + CE(x~, y)) + lambda mean_c ||mean x~_c - mu_c|| + 1e-3 ||W_G||^2
          + 1e-4 ||W_text||_2,1

CE(x, y) is constant in G and left out of its loss. Knows no training loop and no prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Discriminator", "Generator", "average_by_class", "discriminator_loss", "generator_loss"]


class Generator(nn.Module):
    """G(t, z): fc(t) and z together -> hidden layer, LeakyReLU -> a feature.

    The text's share of the hidden layer is computed once a class and not once a sample; the map is that of one layer
    over fc(t) and z joined, whose initial weights it has.

    Args:
        semantics_size: M.
        text_size: to which fc reduces the text features.
        noise_size: Z.
        hidden_size: H.
        feature_size: F.
        rectified: end in a ReLU; otherwise the output is linear.
    """

    def __init__(
        self,
        semantics_size: int,
        text_size: int,
        noise_size: int,
        hidden_size: int,
        feature_size: int,
        *,
        rectified: bool = False,
    ) -> None:
        super().__init__()
        self.reduce = nn.Linear(semantics_size, text_size)
        self.from_text = nn.Linear(text_size, hidden_size)
        self.from_noise = nn.Linear(noise_size, hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, feature_size)
        self.rectified = rectified
        _initialise(self.reduce, self.from_text, self.output)
        joined = nn.init.xavier_normal_(torch.empty(hidden_size, text_size + noise_size))
        with torch.no_grad():
            self.from_text.weight.copy_(joined[:, :text_size])
            self.from_noise.weight.copy_(joined[:, text_size:])

    def read(self, semantics: Tensor) -> Tensor:
        """Map text features (K, M) to their share of the hidden layer (K, H)."""
        return self.from_text(self.reduce(semantics))

    def forward(self, texts: Tensor, noise: Tensor) -> Tensor:
        """Make features (B, F).

        Args:
            texts: what `read` returned for the classes to make (B, H).
            noise: z (B, Z).
        """
        features = self.output(functional.leaky_relu(texts + self.from_noise(noise)))
        return functional.relu(features) if self.rectified else features

    def penalty(self, weight_penalty: float, text_penalty: float) -> Tensor:
        """||W_G||^2 and ||W_text||_2,1, whose groups are the text features, each times its weight."""
        layers = (self.reduce, self.from_text, self.from_noise, self.output)
        squares = torch.stack([layer.weight.square().sum() for layer in layers]).sum()
        return weight_penalty * squares + text_penalty * self.reduce.weight.norm(dim=0).sum()


class Discriminator(nn.Module):
    """One hidden layer with ReLU and two heads on it: the critic D and a classifier of the K seen classes."""

    def __init__(self, feature_size: int, hidden_size: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(feature_size, hidden_size)
        self.critic = nn.Linear(hidden_size, 1)
        self.classifier = nn.Linear(hidden_size, classes)
        _initialise(self.hidden, self.critic, self.classifier)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map features (B, F) to D (B,) and class logits (B, K)."""
        hidden = functional.relu(self.hidden(features))
        return self.critic(hidden).squeeze(1), self.classifier(hidden)

    def critic_gradient(self, features: Tensor) -> Tensor:
        """grad D at each of the features (B, F), in closed form since D has one hidden layer; differentiable."""
        active = (self.hidden(features) > 0).to(features.dtype)
        return (active * self.critic.weight) @ self.hidden.weight


def discriminator_loss(
    discriminator: Discriminator, real: Tensor, fake: Tensor, classes: Tensor, mix: Tensor, gradient_penalty: float
) -> Tensor:
    """L_D.

    Args:
        discriminator: its weights are to be improved.
        real, fake: x and x~ (B, F).
        classes: y of both (B,).
        mix: share of x in x^ (B, 1), in [0, 1].
        gradient_penalty: weight of the deviation of the critic's slope from 1.
    """
    critic, logits = discriminator(torch.cat([real, fake]))
    real_critic, fake_critic = critic.chunk(2)
    real_logits, fake_logits = logits.chunk(2)
    slope = discriminator.critic_gradient(mix * real + (1 - mix) * fake).norm(dim=1)
    return (
        fake_critic.mean()
        - real_critic.mean()
        + gradient_penalty * (slope - 1).square().mean()
        + functional.cross_entropy(real_logits, classes)
        + functional.cross_entropy(fake_logits, classes)
    )


def generator_loss(
    discriminator: Discriminator, fake: Tensor, classes: Tensor, centroids: Tensor, centroid_weight: float
) -> Tensor:
    """L_G without `Generator.penalty`; the mean over classes is over those that the batch has.

    Args:
        discriminator: held fixed.
        fake: x~ (B, F).
        classes: y (B,).
        centroids: mu, mean real feature of every seen class (K, F).
        centroid_weight: lambda.
    """
    critic, logits = discriminator(fake)
    means, present = average_by_class(fake, classes, len(centroids))
    distance = (means - centroids)[present].norm(dim=1).mean()
    return -critic.mean() + functional.cross_entropy(logits, classes) / 2 + centroid_weight * distance


def average_by_class(features: Tensor, classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean feature of each of `count` classes (count, F), zero where there is none, and which have some (count,)."""
    images = torch.bincount(classes, minlength=count)
    sums = torch.zeros(count, features.shape[1], device=features.device).index_add(0, classes, features)
    return sums / images.clamp(min=1).unsqueeze(1), images > 0


def _initialise(*layers: nn.Linear) -> None:
    """Xavier's normal weights and zero biases, as published."""
    for layer in layers:
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
