"""ESZSL: a bilinear map between image features and class semantics in closed form (Romera-Paredes and Torr, 2015).

Owns V = (X'X + g I)^-1 X'Y S (S'S + l I)^-1; knows no network. X (N, F) are the seen images'
features, Y (N, K) is +1 for an image's class and -1 elsewhere, S (K, M) the seen classes' semantics; the score of
image x for class s is x'V s. Solved in float64 by two Cholesky factorisations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from n3core.baselines.attribute_network import normalise_attributes
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial, require_fit
from n3core.baselines.standardisation import Standardisation
from n3core.indices import check_labels

__all__ = ["ENTRY", "ESZSL", "ESZSLSettings", "solve_bilinear_map"]


@dataclass(frozen=True)
class ESZSLSettings:
    """Hyper-parameters.

    feature_penalty: g; features are standardised, so X'X is about N times their correlations.
    semantics_penalty: l; semantics have unit length, so S'S has a trace of K.
    centre_semantics: subtract the seen classes' mean and divide by their deviation before the length is made 1.
    """

    feature_penalty: float = 1e3
    semantics_penalty: float = 0.1
    centre_semantics: bool = True


class ESZSL:
    """The closed form behind the two verbs.

    The paper is silent on preparation: features are centred and scaled by the seen images, semantics by the seen
    classes (a setting) and then brought to unit length, so that no class scores high for its length alone.

    Args:
        settings: hyper-parameters.
        device: where it is solved.
    """

    def __init__(self, settings: ESZSLSettings, device: str = "cpu") -> None:
        self.settings = settings
        self.device = device

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Solve for V on the seen classes; see `ZeroShotMethod.fit`."""
        labels = check_labels(labels, len(images), len(texts))
        settings = self.settings
        self._features = Standardisation.of(images.features, device=self.device)
        self._semantics = Standardisation.of(texts.semantics, active=settings.centre_semantics, device=self.device)
        targets = torch.full((len(images), len(texts)), -1.0, dtype=torch.float64, device=self.device)
        targets[torch.arange(len(images)), torch.from_numpy(labels)] = 1.0
        self._map = solve_bilinear_map(
            self._features(images.features).double(),
            targets,
            self._describe(texts).double(),
            settings.feature_penalty,
            settings.semantics_penalty,
        ).float()

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score x'V s, (N, K); see `ZeroShotMethod.predict`."""
        require_fit(self, "_map")
        directions = self._describe(texts) @ self._map.mT  # (K, F)
        return (self._features(images.features) @ directions.mT).cpu().numpy()

    def _describe(self, texts: ClassTexts) -> Tensor:
        return normalise_attributes(self._semantics(texts.semantics), "unit")


def solve_bilinear_map(
    features: Tensor, targets: Tensor, semantics: Tensor, feature_penalty: float, semantics_penalty: float
) -> Tensor:
    """Solve V = (X'X + g I)^-1 X'Y S (S'S + l I)^-1.

    Args:
        features: X (N, F) float64.
        targets: Y (N, K), +1 and -1.
        semantics: S (K, M).
        feature_penalty: g > 0.
        semantics_penalty: l > 0.

    Returns:
        V (F, M).
    """
    left = _ridge(features, feature_penalty)
    right = _ridge(semantics, semantics_penalty)
    middle = features.mT @ targets @ semantics  # (F, M)
    return torch.cholesky_solve(torch.cholesky_solve(middle, left).mT, right).mT


def _ridge(matrix: Tensor, penalty: float) -> Tensor:
    """Cholesky factor of A'A + penalty I."""
    gram = matrix.mT @ matrix
    gram.diagonal().add_(penalty)
    return torch.linalg.cholesky(gram)


def _build(settings: Settings, base: BaseNetwork, seed: int) -> ESZSL:
    return ESZSL(ESZSLSettings(**settings), base.device)


def _suggest(trial: Trial) -> Settings:
    return {
        "feature_penalty": trial.suggest_float("feature_penalty", 1e1, 1e6, log=True),
        "semantics_penalty": trial.suggest_float("semantics_penalty", 1e-3, 1e1, log=True),
        "centre_semantics": trial.suggest_categorical("centre_semantics", [True, False]),
    }


ENTRY = MethodEntry(
    name="eszsl",
    title="ESZSL",
    source="Romera-Paredes and Torr 2015",
    needs=frozenset(),
    build=_build,
    suggest=_suggest,
    default={"feature_penalty": 1e3, "semantics_penalty": 0.1, "centre_semantics": True},
    note="closed form: no seed changes it",
)
