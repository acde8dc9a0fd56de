"""Embedding-based zero-shot learning, y_c = z'P(a_c): the three rows of the Class Normalization poster.

Owns the training of the attribute network P on fixed image features z (Skorokhodov and Elhoseiny,
ICLR 2021) as three systems: the plain three-layer MLP, the same with scaled cosine logits (i), and with
scaled cosine and Class Normalization (iii). Attributes normalisation (ii) is a setting of all three. The network itself
is in `attribute_network`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n3core.baselines.attribute_network import (
    AttributeNetwork,
    AttributeNorm,
    normalise_attributes,
    scaled_cosine_logits,
)
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial, require_fit
from n3core.baselines.standardisation import Standardisation, draw_batches
from n3core.indices import check_labels

__all__ = ["ENTRIES", "AttributeClassifier", "AttributeSettings"]


@dataclass(frozen=True)
class AttributeSettings:
    """Hyper-parameters; where nothing else is said, the defaults are those of the published code.

    hidden_size: of P.
    scale: gamma of the scaled cosine; unused with plain logits.
    learning_rate, weight_decay: of Adam; the rate falls to a tenth after half of the steps.
    batch_size: images a step; every step embeds all seen classes.
    steps: the published 50 epochs are about 1000 steps on 5000 images.
    attribute_norm: a / ||a|| ("unit", the paper), sqrt(M) a / ||a|| ("scaled", the code) or "none".
    standardise_features: centre and scale each feature by the seen images. Such features have both signs, so the
        ReLU that ends P is left out with them.
    standardise_semantics: centre and scale each attribute by the seen classes, before attributes normalisation.
    momentum, use_variance: of Class Normalization.
    """

    hidden_size: int = 1024
    scale: float = 5.0
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    batch_size: int = 256
    steps: int = 1000
    attribute_norm: AttributeNorm = "scaled"
    standardise_features: bool = False
    standardise_semantics: bool = True
    momentum: float = 0.1
    use_variance: bool = False


class AttributeClassifier:
    """An attribute network trained by cross-entropy over the seen classes.

    Features and semantics are standardised by seen statistics where the settings say so. The paper takes rectified
    features as they are; max-pooled text states, unlike attributes, share most of their length among all classes, so
    standardising them is the default.

    Args:
        settings: hyper-parameters.
        cosine: scaled cosine logits (i) instead of z'p.
        normalised: Class Normalization (iii) inside P.
        device: where it is trained.
        seed: of initial weights and batches.
    """

    def __init__(
        self, settings: AttributeSettings, *, cosine: bool, normalised: bool, device: str = "cpu", seed: int = 0
    ) -> None:
        self.settings = settings
        self.cosine = cosine
        self.normalised = normalised
        self.device = device
        self.seed = seed
        self.logit_deviations: np.ndarray = np.zeros(0)

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Train P on the seen classes; see `ZeroShotMethod.fit`.

        `logit_deviations` (steps,) then holds the standard deviation of the logits of each batch before its update.
        """
        labels = check_labels(labels, len(images), len(texts))
        settings = self.settings
        self._features = Standardisation.of(images.features, active=settings.standardise_features, device=self.device)
        self._semantics = Standardisation.of(texts.semantics, active=settings.standardise_semantics, device=self.device)
        features, attributes = self._features(images.features), self._describe(texts)
        targets = torch.from_numpy(labels).to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(self.seed)
            self._network = AttributeNetwork(
                attributes.shape[1],
                settings.hidden_size,
                features.shape[1],
                self.normalised,
                rectified=not settings.standardise_features,
                momentum=settings.momentum,
                use_variance=settings.use_variance,
            ).to(self.device)
        optimiser = torch.optim.Adam(
            self._network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, max(settings.steps // 2, 1), 0.1)
        generator = torch.Generator().manual_seed(self.seed)
        deviations = torch.zeros(settings.steps, device=self.device)
        batches = draw_batches(len(images), settings.batch_size, settings.steps, generator)
        for step, batch in enumerate(batches):
            rows = batch.to(self.device)
            logits = self._logits(features[rows], attributes)
            deviations[step] = logits.detach().std()
            optimiser.zero_grad()
            functional.cross_entropy(logits, targets[rows]).backward()
            optimiser.step()
            schedule.step()
        self.logit_deviations = deviations.cpu().numpy()
        self._network.eval()

    @torch.no_grad()
    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score images by their logits (N, K); see `ZeroShotMethod.predict`."""
        require_fit(self, "_network")
        return self._logits(self._features(images.features), self._describe(texts)).cpu().numpy()

    def _describe(self, texts: ClassTexts) -> Tensor:
        return normalise_attributes(self._semantics(texts.semantics), self.settings.attribute_norm)

    def _logits(self, features: Tensor, attributes: Tensor) -> Tensor:
        prototypes = self._network(attributes)
        return (
            scaled_cosine_logits(features, prototypes, self.settings.scale) if self.cosine else features @ prototypes.mT
        )


def _entry(name: str, title: str, *, cosine: bool, normalised: bool) -> MethodEntry:
    """One row of the poster.

    Without Class Normalization the defaults are standardised features and attributes of unit length, which do better
    there on validation classes than the published preparation does; all rows search both.
    """
    start = AttributeSettings() if normalised else AttributeSettings(attribute_norm="unit", standardise_features=True)

    def build(settings: Settings, base: BaseNetwork, seed: int) -> AttributeClassifier:
        return AttributeClassifier(
            AttributeSettings(**settings), cosine=cosine, normalised=normalised, device=base.device, seed=seed
        )

    def suggest(trial: Trial) -> Settings:
        found = {
            "hidden_size": trial.suggest_categorical("hidden_size", [512, 1024]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
            "steps": trial.suggest_categorical("steps", [150, 500, 1000, 2000]),
            "attribute_norm": trial.suggest_categorical("attribute_norm", ["unit", "scaled"]),
            "standardise_features": trial.suggest_categorical("standardise_features", [False, True]),
            "standardise_semantics": trial.suggest_categorical("standardise_semantics", [True, False]),
        }
        if cosine:
            found["scale"] = trial.suggest_float("scale", 3.0, 7.0)
        return found

    searched = [
        "hidden_size", "learning_rate", "weight_decay", "steps", "attribute_norm", "standardise_features",
        "standardise_semantics", *(["scale"] if cosine else []),
    ]  # fmt: skip
    default = {key: getattr(start, key) for key in searched}
    return MethodEntry(name, title, "Skorokhodov and Elhoseiny 2021", frozenset(), build, suggest, default)


ENTRIES: tuple[MethodEntry, ...] = (
    _entry("mlp", "MLP", cosine=False, normalised=False),
    _entry("mlp-cosine", "MLP, scaled cosine", cosine=True, normalised=False),
    _entry("mlp-cn", "MLP, Class Normalization", cosine=True, normalised=True),
)
