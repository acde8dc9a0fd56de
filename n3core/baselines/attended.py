"""Attended features with an auto-encoder: every class looks at the regions it is described by (Li and Wang 2019).

Owns the model behind the two verbs, its losses and its attention maps; equations are numbered as in that paper. Knows
no base network: regions X are the places of the last feature map.

Where the paper is silent, decided here. Map channels and semantics are centred and scaled by the seen images and
classes; regions are then divided by the root of the number of channels and semantics brought to unit length, so that
X'H starts near [-1, 1], and K'K holds cosines. The softmax over regions gets a sharpness, without which it would be
flat at that length, and the logits a scale. MA and SR are averaged over classes as the classification loss is over
images, or they would drown it where classes are many; with that the paper's weights serve. The score s is the inner
product: as h_d is linear, h_d(X A_c)'k_c is summed over regions, A_c'(X'W'k_c) + b'k_c, and no attended feature is
ever built.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from n3core.baselines.attribute_network import normalise_attributes
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, Trial, require_fit
from n3core.baselines.standardisation import Standardisation, draw_batches
from n3core.generalized import choose_gamma
from n3core.indices import check_labels

__all__ = ["ENTRY", "AttendedAutoEncoder", "AttendedNetwork", "AttendedSettings"]

_CHUNK = 2048  # images scored at a time: feature maps are large
_HELD_OUT = 5  # to choose gamma, every so many-th seen class plays an unseen one


@dataclass(frozen=True)
class AttendedSettings:
    """Hyper-parameters; the paper's ablations switch parts of it off.

    alignment: weight alpha of the manifold alignment loss MA, equation 5; 0 switches it off.
    reconstruction: weight eta of the semantics reconstruction loss SR, equation 6; 0 switches it off.
    coupled: the decoder h_d is the visual-semantic map g (equation 7); False gives g weights of its own.
    calibrated: add gamma to the scores of classes that were not fitted (equation 9), chosen on held-out seen classes.
        Off by default, because the benchmark calibrates every system alike; on, it takes a second fit.
    hidden_size: of the encoder h_e.
    sharpness: factor of X'H before the softmax over regions.
    scale: factor of the scores.
    learning_rate, weight_decay: of AdamW.
    batch_size, steps: of training; every step asks about all seen classes.
    """

    alignment: float = 0.5
    reconstruction: float = 1.0
    coupled: bool = True
    calibrated: bool = False
    hidden_size: int = 512
    sharpness: float = 5.0
    scale: float = 10.0
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 128
    steps: int = 600


class AttendedNetwork(nn.Module):
    """h_e, h_d and g.

    Args:
        semantics_size: m.
        channels: d, of a region.
        settings: sizes and switches.
    """

    def __init__(self, semantics_size: int, channels: int, settings: AttendedSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = nn.Sequential(
            nn.Linear(semantics_size, settings.hidden_size), nn.Sigmoid(), nn.Linear(settings.hidden_size, channels)
        )
        self.decoder = nn.Linear(channels, semantics_size)
        self.visual_semantic = self.decoder if settings.coupled else nn.Linear(channels, semantics_size)

    def attend(self, regions: Tensor, semantics: Tensor) -> Tensor:
        """A = softmax over regions of X'H, equation 3.

        Args:
            regions: X' (N, T, d).
            semantics: K' (C, m).

        Returns:
            A (N, T, C); every column sums to 1.
        """
        return (self.settings.sharpness * regions @ self.encoder(semantics).mT).softmax(1)

    def forward(self, regions: Tensor, semantics: Tensor) -> Tensor:
        """Scores s(g(X A_c), k_c) of equation 4, (N, C); the arguments are those of `attend`."""
        per_region = regions @ (semantics @ self.visual_semantic.weight).mT  # X'W'k_c: (N, T, C)
        attended = (self.attend(regions, semantics) * per_region).sum(1)  # (N, C)
        return self.settings.scale * (attended + semantics @ self.visual_semantic.bias)

    def regularise(self, semantics: Tensor) -> Tensor:
        """(alpha ||H'H - K'K||_F^2 + eta ||K - h_d(h_e(K))||_F^2) / C, equations 5 to 7."""
        encoded = self.encoder(semantics)  # H' (C, d)
        aligned = (encoded @ encoded.mT - semantics @ semantics.mT).square().sum()
        restored = (semantics - self.decoder(encoded)).square().sum()
        return (self.settings.alignment * aligned + self.settings.reconstruction * restored) / len(semantics)


class AttendedAutoEncoder:
    """The model behind the two verbs; needs `ImageSet.maps`.

    Inductive: a fit is given seen classes only, so SR is over their semantics, where the paper's is over seen and
    unseen ones.

    Args:
        settings: hyper-parameters.
        device: where it is trained.
        seed: of initial weights and batches.
    """

    def __init__(self, settings: AttendedSettings, device: str = "cpu", seed: int = 0) -> None:
        self.settings, self.device, self.seed = settings, device, seed
        self.gamma = 0.0
        self._fitted: frozenset[str] = frozenset()

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        """Minimise equation 7 on the seen classes; see ZeroShotMethod."""
        labels = check_labels(labels, len(images), len(texts))
        self.gamma = self._choose_gamma(images, labels, texts) if self.settings.calibrated else 0.0
        self._fitted = frozenset(texts.ids)
        maps = _maps_of(images)
        self._maps = Standardisation.of(maps, device=self.device)
        self._semantics = Standardisation.of(texts.semantics, device=self.device)
        semantics, targets = self._describe(texts), torch.from_numpy(labels).to(self.device)
        settings = self.settings
        generator = torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
            torch.manual_seed(self.seed)
            network = AttendedNetwork(semantics.shape[1], maps.shape[1], settings)
        self._network = network.to(self.device)
        optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        for batch in draw_batches(len(images), settings.batch_size, settings.steps, generator):
            scores = network(self._regions(maps[batch.numpy()]), semantics)
            loss = functional.cross_entropy(scores, targets[batch.to(self.device)]) + network.regularise(semantics)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()

    @torch.no_grad()
    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Score images by equation 8, or 9 where gamma was chosen; see ZeroShotMethod."""
        require_fit(self, "_network")
        semantics = self._describe(texts)
        scores = [np.empty((0, len(texts)), np.float32)]
        for start in range(0, len(images), _CHUNK):
            regions = self._regions(_maps_of(images)[start : start + _CHUNK])
            scores.append(self._network(regions, semantics).cpu().numpy())
        unseen = np.array([class_id not in self._fitted for class_id in texts.ids])
        return np.concatenate(scores) + np.float32(self.gamma) * unseen.astype(np.float32)

    @torch.no_grad()
    def attention_maps(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        """Where each class looks.

        Args:
            images: N images.
            texts: K classes.

        Returns:
            A (N, K, h, w) float32, non-negative, each map with sum 1; to be up-sampled to the image for show.

        Raises:
            RuntimeError: before `fit`.
        """
        require_fit(self, "_network")
        maps = _maps_of(images)
        attention = self._network.attend(self._regions(maps), self._describe(texts))  # (N, T, K)
        return attention.mT.reshape(len(maps), len(texts), *maps.shape[2:]).cpu().numpy()

    def _describe(self, texts: ClassTexts) -> Tensor:
        """K' (C, m), of unit length."""
        return normalise_attributes(self._semantics(texts.semantics), "unit")

    def _regions(self, maps: np.ndarray) -> Tensor:
        """X' (N, T, d) of maps (N, d, h, w)."""
        return self._maps(maps).flatten(2).mT / maps.shape[1] ** 0.5

    def _choose_gamma(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> float:
        """Fit without every fifth seen class and a fifth of the other images, and take the gamma of the largest H.

        Too few classes or images for that leave gamma at 0.
        """
        order = np.random.default_rng(self.seed)
        held_out = np.isin(labels, order.permutation(len(texts))[: len(texts) // _HELD_OUT])
        spared = held_out | (order.random(len(labels)) < 1 / _HELD_OUT)
        kept = np.unique(labels[~spared])
        if len(kept) < 2 or not held_out.any() or not (spared & ~held_out).any():
            return 0.0
        method = AttendedAutoEncoder(replace(self.settings, calibrated=False), self.device, self.seed)
        method.fit(images.take(np.flatnonzero(~spared)), np.searchsorted(kept, labels[~spared]), texts.take(kept))
        scores = method.predict(images.take(np.flatnonzero(spared)), texts)
        return choose_gamma(scores, labels[spared], np.setdiff1d(np.arange(len(texts)), kept))


def _maps_of(images: ImageSet) -> np.ndarray:
    if images.maps is None:
        raise ValueError("the attended auto-encoder reads ImageSet.maps")
    return images.maps


def _build(settings: Settings, base: BaseNetwork, seed: int) -> AttendedAutoEncoder:
    return AttendedAutoEncoder(AttendedSettings(**settings), base.device, seed)


def _suggest(trial: Trial) -> Settings:
    return {
        "alignment": trial.suggest_float("alignment", 0.01, 10.0, log=True),
        "reconstruction": trial.suggest_float("reconstruction", 0.01, 10.0, log=True),
        "sharpness": trial.suggest_float("sharpness", 1.0, 30.0, log=True),
        "scale": trial.suggest_float("scale", 3.0, 30.0, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1.0, log=True),
    }


_TUNED = ("alignment", "reconstruction", "sharpness", "scale", "learning_rate", "weight_decay")

ENTRY = MethodEntry(
    name="attended",
    title="Attended auto-encoder",
    source="Li and Wang (attended features)",
    needs=frozenset({"maps"}),
    build=_build,
    suggest=_suggest,
    default={name: getattr(AttendedSettings(), name) for name in _TUNED},
    note="inductive: semantics of unseen classes take no part in its training, as they do in the paper",
)
