"""PDCNN: text predicts the weights of a classifier and of a convolution (Lei Ba, Swersky, Fidler, Salakhutdinov, 2015).

Owns the two systems that N3 is compared with (paper section 4): *fc*, the score w_k'g(x) with w_k = f(t_k), an MLP
of the class's text features, and g a small projection of the image feature; and *fc+conv*, which adds the mean over
places of g'(a) * f'(t_k), where f' predicts K' x 3 x 3 filters and g' reduces the last feature map a to K' channels.
Every class is its own yes-or-no question: binary cross-entropy or hinge loss. Knows no base network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from n3core.baselines.attribute_network import AttributeNorm, normalise_attributes
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial, require_fit
from n3core.baselines.standardisation import Standardisation, draw_batches
from n3core.indices import check_labels

__all__ = ["ENTRIES", "PDCNN", "PDCNNSettings", "WeightPredictor", "answer_loss"]

_CHUNK = 2048  # images scored at a time: feature maps are large


@dataclass(frozen=True)
class PDCNNSettings:
    """Hyper-parameters; the defaults of the sizes are those of the paper.

    hidden_size: width of the MLPs f and f' and of g.
    joint_size: of w_k and g(x).
    channels: K', to which the feature map is reduced.
    dropout: on text features and on hidden units of f and f'; few classes are seen, and f would learn them by heart.
    loss: "bce" or "hinge".
    learning_rate, weight_decay: of Adam.
    batch_size, steps: of training; every step asks about all seen classes.
    text_norm: length of the standardised text features, 1 ("unit") or the root of their number ("scaled").
    """

    hidden_size: int = 300
    joint_size: int = 50
    channels: int = 5
    dropout: float = 0.2
    loss: Literal["bce", "hinge"] = "bce"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    batch_size: int = 200
    steps: int = 3000
    text_norm: AttributeNorm = "unit"


class WeightPredictor(nn.Module):
    """f and g, and with `maps` also f' and g'.

    Args:
        semantics_size: M.
        feature_size: F, of features and of map channels.
        settings: sizes and dropout.
        maps: with the convolutional classifier.
    """

    def __init__(self, semantics_size: int, feature_size: int, settings: PDCNNSettings, *, maps: bool) -> None:
        super().__init__()
        hidden, channels = settings.hidden_size, settings.channels

        def predictor(outputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Dropout(settings.dropout),
                nn.Linear(semantics_size, hidden),
                nn.ReLU(),
                nn.Dropout(settings.dropout),
                nn.Linear(hidden, outputs),
            )

        self.channels = channels
        self.weights = predictor(settings.joint_size)
        self.project = nn.Sequential(nn.Linear(feature_size, hidden), nn.ReLU(), nn.Linear(hidden, settings.joint_size))
        if maps:
            self.filters = predictor(channels * 9)
            self.reduce = nn.Sequential(nn.Conv2d(feature_size, channels, 1), nn.ReLU())

    def forward(self, features: Tensor, maps: Tensor | None, semantics: Tensor) -> Tensor:
        """Score images for classes.

        Args:
            features: x (N, F).
            maps: a (N, F, h, w), or None for the fully connected classifier alone.
            semantics: t (K, M).

        Returns:
            Scores (N, K); positive means yes.
        """
        weights = self.weights(semantics)  # (K, J)
        scores = self.project(features) @ weights.mT / weights.shape[1] ** 0.5
        if maps is None:
            return scores
        filters = self.filters(semantics).view(-1, self.channels, 3, 3)  # (K, K', 3, 3)
        return scores + functional.conv2d(self.reduce(maps), filters, padding=1).mean((2, 3))


class PDCNN:
    """Both classifiers behind the two verbs.

    The paper's text features, TF-IDF, are replaced by max-pooled token states as N3's authors did. Where the paper is
    silent: features, map channels and text features are centred and scaled by the seen images and classes, and text
    features then brought to one length (a setting); the pool over places is the mean; the inner product is divided by
    the root of its length; the loss is summed over the seen classes and averaged over images; and the yes-answers, one
    among K, are not weighted up.

    Args:
        settings: hyper-parameters.
        convolution: with the convolutional classifier; needs `ImageSet.maps`.
        device: where it is trained.
        seed: of initial weights, batches and dropout.
    """

    def __init__(self, settings: PDCNNSettings, *, convolution: bool, device: str = "cpu", seed: int = 0) -> None:
        self.settings = settings
        self.convolution = convolution
        self.device = device
        self.seed = seed

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Train the predictors on the seen classes; see `ZeroShotMethod.fit`."""
        labels = check_labels(labels, len(images), len(texts))
        settings = self.settings
        self._features = Standardisation.of(images.features, device=self.device)
        self._semantics = Standardisation.of(texts.semantics, device=self.device)
        if self.convolution:
            self._maps = Standardisation.of(_maps_of(images), device=self.device)
        features, semantics = self._features(images.features), self._describe(texts)
        answers = functional.one_hot(torch.from_numpy(labels), len(texts)).float()
        answers = answers.to(self.device)
        generator = torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
            torch.manual_seed(self.seed)
            self._network = WeightPredictor(semantics.shape[1], features.shape[1], settings, maps=self.convolution).to(
                self.device
            )
            optimiser = torch.optim.Adam(
                self._network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
            )
            for batch in draw_batches(len(images), settings.batch_size, settings.steps, generator):
                rows = batch.to(self.device)
                maps = self._maps(_maps_of(images)[batch.numpy()]) if self.convolution else None
                loss = answer_loss(self._network(features[rows], maps, semantics), answers[rows], settings.loss)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        self._network.eval()

    @torch.no_grad()
    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score images (N, K); see `ZeroShotMethod.predict`."""
        require_fit(self, "_network")
        semantics = self._describe(texts)
        scores = []
        for start in range(0, len(images), _CHUNK):
            part = slice(start, start + _CHUNK)
            maps = self._maps(_maps_of(images)[part]) if self.convolution else None
            scores.append(self._network(self._features(images.features[part]), maps, semantics).cpu())
        return torch.cat(scores).numpy() if scores else np.zeros((0, len(texts)), np.float32)

    def _describe(self, texts: ClassTexts) -> Tensor:
        return normalise_attributes(self._semantics(texts.semantics), self.settings.text_norm)


def answer_loss(scores: Tensor, answers: Tensor, loss: str) -> Tensor:
    """Sum over classes, mean over images, of the binary cross-entropy or of the hinge max(0, 1 - (+-1) y)."""
    if loss == "hinge":
        return (1 - (2 * answers - 1) * scores).clamp(min=0).sum(1).mean()
    return functional.binary_cross_entropy_with_logits(scores, answers, reduction="none").sum(1).mean()


def _maps_of(images: ImageSet) -> np.ndarray:
    if images.maps is None:
        raise ValueError("the convolutional classifier reads ImageSet.maps")
    return images.maps


def _entry(name: str, title: str, *, convolution: bool) -> MethodEntry:
    def build(settings: Settings, base: BaseNetwork, seed: int) -> PDCNN:
        return PDCNN(PDCNNSettings(**settings), convolution=convolution, device=base.device, seed=seed)

    def suggest(trial: Trial) -> Settings:
        found = {
            "hidden_size": trial.suggest_categorical("hidden_size", [100, 300, 600]),
            "joint_size": trial.suggest_categorical("joint_size", [50, 100, 200]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "loss": trial.suggest_categorical("loss", ["bce", "hinge"]),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-3, log=True),
            "steps": trial.suggest_categorical("steps", [1000, 3000]),
            "text_norm": trial.suggest_categorical("text_norm", ["unit", "scaled"]),
        }
        if convolution:
            found["channels"] = trial.suggest_categorical("channels", [5, 10, 20])
        return found

    searched = ("hidden_size", "joint_size", "dropout", "loss", "learning_rate", "weight_decay", "steps", "text_norm")
    default = {key: getattr(PDCNNSettings(), key) for key in (*searched, *(("channels",) if convolution else ()))}
    needs = frozenset({"maps"} if convolution else ())
    return MethodEntry(name, title, "Lei Ba et al. 2015", needs, build, suggest, default)


ENTRIES: tuple[MethodEntry, ...] = (
    _entry("pdcnn-fc", "PDCNN fc", convolution=False),
    _entry("pdcnn-fc-conv", "PDCNN fc+conv", convolution=True),
)
