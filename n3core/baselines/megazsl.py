"""MEGAZSL: a GAN makes image features from text, and images go to the nearest made-up ones (GAZSL, Zhu et al., 2018).

Owns the training of the GAN, whose networks and losses are in `feature_gan`, and prediction by the nearest of the
features it makes for a class; knows no base network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n3core.baselines.attribute_network import AttributeNorm, normalise_attributes
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial, require_fit
from n3core.baselines.feature_gan import Discriminator, Generator, average_by_class, discriminator_loss, generator_loss
from n3core.baselines.standardisation import Standardisation, draw_batches
from n3core.indices import check_labels

__all__ = ["ENTRY", "MEGAZSL", "MEGAZSLSettings", "score_by_neighbours"]

_CHUNK = 512  # images compared with all generated features at a time


@dataclass(frozen=True)
class MEGAZSLSettings:
    """Hyper-parameters; where nothing else is said, the defaults are those of the paper.

    text_size: to which the text features are reduced.
    noise_size: of z.
    hidden_size: of G and D. The paper's 4096 is for features of width 3584; ours have 512.
    rectified: G ends in a ReLU and features are scaled only; otherwise G's output is linear and features are centred.
    text_norm: length of the standardised text features, 1 ("unit") or the root of their number ("scaled").
    centroid_weight: lambda.
    weight_penalty, text_penalty: of ||W_G||^2 and ||W_text||_2,1.
    gradient_penalty: of the critic's gradient norm.
    learning_rate: of both Adams, betas 0.5 and 0.9. The paper's 1e-4 is for 3000 steps of 1000 images.
    batch_size: images a step.
    steps: of the generator.
    critic_steps: of the discriminator for each of them.
    samples: generated features a class in prediction.
    neighbours: that vote for an image's class.
    """

    text_size: int = 1000
    noise_size: int = 100
    hidden_size: int = 1024
    rectified: bool = False
    text_norm: AttributeNorm = "scaled"
    centroid_weight: float = 1.0
    weight_penalty: float = 1e-3
    text_penalty: float = 1e-4
    gradient_penalty: float = 10.0
    learning_rate: float = 3e-4
    batch_size: int = 128
    steps: int = 500
    critic_steps: int = 5
    samples: int = 60
    neighbours: int = 20


class MEGAZSL:
    """The GAN and its nearest neighbours behind the two verbs.

    Features are centred and scaled by the seen images, text features by the seen classes and then brought to one
    length (a setting). The published generator ends in a tanh although its features, standardised too, leave [-1, 1];
    that cuts off the strongest activations, those that tell classes apart. Here the output is linear, which reaches all
    of them; a ReLU over features that are scaled and not centred, hence never negative, is the other choice of
    `rectified`.

    An image's score for a class is the share of its votes, with the similarity to the nearest of the class's features
    as a fraction of one vote, so that ties go to the nearer class. All classes are given the same noise.

    Args:
        settings: hyper-parameters.
        device: where it is trained.
        seed: of initial weights, batches and noise.
    """

    def __init__(self, settings: MEGAZSLSettings, *, device: str = "cpu", seed: int = 0) -> None:
        self.settings = settings
        self.device = device
        self.seed = seed

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Train generator and discriminator on the seen classes; see `ZeroShotMethod.fit`."""
        labels = check_labels(labels, len(images), len(texts))
        settings = self.settings
        self._features = Standardisation.of(images.features, centre=not settings.rectified, device=self.device)
        self._semantics = Standardisation.of(texts.semantics, device=self.device)
        features, semantics = self._features(images.features), self._describe(texts)
        targets = torch.from_numpy(labels).to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(self.seed)
            self._generator = Generator(
                semantics.shape[1],
                settings.text_size,
                settings.noise_size,
                settings.hidden_size,
                features.shape[1],
                rectified=settings.rectified,
            ).to(self.device)
            discriminator = Discriminator(features.shape[1], settings.hidden_size, len(texts)).to(self.device)
        generator_optimiser, discriminator_optimiser = (
            torch.optim.Adam(network.parameters(), settings.learning_rate, betas=(0.5, 0.9))
            for network in (self._generator, discriminator)
        )
        randomness = torch.Generator().manual_seed(self.seed)
        centroids = average_by_class(features, targets, len(texts))[0]
        batches = draw_batches(
            len(images), settings.batch_size, settings.steps * (settings.critic_steps + 1), randomness
        )
        for _ in range(settings.steps):
            with torch.no_grad():
                read = self._generator.read(semantics)
            for _ in range(settings.critic_steps):
                rows = next(batches).to(self.device)
                with torch.no_grad():
                    fake = self._generator(read[targets[rows]], self._noise(len(rows), randomness))
                mix = torch.rand(len(rows), 1, generator=randomness).to(self.device)
                loss = discriminator_loss(
                    discriminator, features[rows], fake, targets[rows], mix, settings.gradient_penalty
                )
                discriminator_optimiser.zero_grad()
                loss.backward()
                discriminator_optimiser.step()
            classes = targets[next(batches).to(self.device)]
            fake = self._generator(self._generator.read(semantics)[classes], self._noise(len(classes), randomness))
            loss = generator_loss(discriminator, fake, classes, centroids, settings.centroid_weight)
            loss = loss + self._generator.penalty(settings.weight_penalty, settings.text_penalty)
            generator_optimiser.zero_grad()
            loss.backward()
            generator_optimiser.step()

    @torch.no_grad()
    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score images by votes of generated features (N, K); see `ZeroShotMethod.predict`."""
        require_fit(self, "_generator")
        settings = self.settings
        noise = self._noise(settings.samples, torch.Generator().manual_seed(self.seed))
        read = self._generator.read(self._describe(texts))  # (K, H)
        fakes = torch.stack([self._generator(row.expand(len(noise), -1), noise) for row in read])  # (K, samples, F)
        features = self._features(images.features)
        scores = [score_by_neighbours(part, fakes, settings.neighbours).cpu() for part in features.split(_CHUNK)]
        return torch.cat(scores).numpy()

    def _describe(self, texts: ClassTexts) -> Tensor:
        return normalise_attributes(self._semantics(texts.semantics), self.settings.text_norm)

    def _noise(self, count: int, randomness: torch.Generator) -> Tensor:
        return torch.randn(count, self.settings.noise_size, generator=randomness).to(self.device)


def score_by_neighbours(features: Tensor, fakes: Tensor, neighbours: int) -> Tensor:
    """Votes of the generated features that are nearest by cosine.

    Args:
        features: of images (N, F).
        fakes: (K, samples, F).
        neighbours: that vote.

    Returns:
        (N, K): share of votes, plus half a vote times the cosine to the class's nearest.
    """
    classes, samples, _ = fakes.shape
    similarity = functional.normalize(features, dim=1) @ functional.normalize(fakes.flatten(0, 1), dim=1).mT
    count = min(neighbours, classes * samples)
    owners = similarity.topk(count, dim=1).indices // samples  # (N, neighbours)
    votes = torch.zeros(len(features), classes, device=features.device)
    votes.scatter_add_(1, owners, torch.ones_like(owners, dtype=votes.dtype))
    nearest = similarity.unflatten(1, (classes, samples)).amax(2)
    return (votes + nearest / 2) / count


def _build(settings: Settings, base: BaseNetwork, seed: int) -> MEGAZSL:
    return MEGAZSL(MEGAZSLSettings(**settings), device=base.device, seed=seed)


def _suggest(trial: Trial) -> Settings:
    return {
        "hidden_size": trial.suggest_categorical("hidden_size", [512, 1024, 2048]),
        "rectified": trial.suggest_categorical("rectified", [False, True]),
        "text_norm": trial.suggest_categorical("text_norm", ["unit", "scaled"]),
        "centroid_weight": trial.suggest_float("centroid_weight", 0.1, 10.0, log=True),
        "weight_penalty": trial.suggest_float("weight_penalty", 1e-4, 1e-2, log=True),
        "text_penalty": trial.suggest_float("text_penalty", 1e-5, 1e-2, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 2e-3, log=True),
        "steps": trial.suggest_categorical("steps", [200, 500, 800]),
    }


_SEARCHED = (
    "hidden_size", "rectified", "text_norm", "centroid_weight", "weight_penalty", "text_penalty", "learning_rate",
    "steps",
)  # fmt: skip

ENTRY = MethodEntry(
    name="megazsl",
    title="MEGAZSL",
    source="Zhu et al. 2018; Jin et al. 2020",
    needs=frozenset(),
    build=_build,
    suggest=_suggest,
    default={key: getattr(MEGAZSLSettings(), key) for key in _SEARCHED},
)
