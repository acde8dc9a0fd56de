"""The attended auto-encoder, fitted on the seen classes of a dataset to show where it looks (Li and Wang 2019).

Owns the way from a dataset to attention maps of any picture, by the loaders of a benchmark run and through their
caches; knows no screen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from n3core.backbone import feature_network, normalise, to_float
from n3core.baselines.attended import ENTRY, AttendedAutoEncoder, AttendedSettings
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, Settings
from n3core.benchmark.bases import hash_base
from n3core.benchmark.data import load_benchmark_data
from n3core.benchmark.features import map_network
from n3core.benchmark.progress import Listener, Silent
from n3core.benchmark.source import open_source
from n3core.benchmark.texts import TextReader
from n3core.datasets.base import ClassInfo
from n3core.errors import InputError
from n3core.files import cache_folder
from n3core.results.attention import AttentionMaps

__all__ = ["AttentionReader", "fit_attention"]

_LARGEST = 1000.0  # far above what any of the tuned settings may sensibly be


@dataclass(frozen=True, eq=False)
class AttentionReader:
    """A fitted model and the unseen classes that it is asked about; only read, so threads may share it.

    classes: the unseen classes, in the order of their texts.
    fitted_on: number of images of seen classes.
    """

    base: BaseNetwork
    model: AttendedAutoEncoder
    texts: ClassTexts
    classes: tuple[ClassInfo, ...]
    fitted_on: int

    @torch.inference_mode()
    def look(self, pixels: np.ndarray) -> AttentionMaps:
        """Tell where every unseen class looks.

        Args:
            pixels: (N, S, S, 3) uint8, S as the base network wants it.
        """
        images = normalise(to_float(pixels, torch.device(self.base.device)))
        # Modules of its own: others may be fitting the same base at this moment.
        depths = (feature_network(self.base.name, self.base.tensors), map_network(self.base))
        features, maps = (network.to(self.base.device)(images).float().cpu().numpy() for network in depths)
        found = ImageSet(features, maps)
        return AttentionMaps(
            self.texts.ids,
            self.texts.names,
            self.model.attention_maps(found, self.texts),
            self.model.predict(found, self.texts),
        )


def fit_attention(
    data: str,
    base: BaseNetwork,
    settings: Settings | None = None,
    *,
    each: int | None = None,
    seed: int = 0,
    listener: Listener | None = None,
) -> AttentionReader:
    """Fit the attended auto-encoder on the seen classes of a dataset.

    Args:
        data: name or path of a dataset.
        base: whose last feature map holds the regions.
        settings: as a results file records them, which nobody may have checked; None takes the usual ones.
        each: at most so many images of each class; None takes all.
        seed: of initial weights and batches.
        listener: told of the progress.

    Returns:
        The fitted model with the texts of the unseen classes.

    Raises:
        InputError: the dataset cannot be opened or lacks texts, images or a split; settings that are none.
    """
    chosen = AttendedSettings(**{**ENTRY.default, **_checked(settings or {})})
    listener = listener or Silent()
    source = open_source(data, limit=each)
    reader = TextReader(base.text.name, base.text.mode, cache_folder() / "texts")
    found = load_benchmark_data(
        source, base, hash_base(base), reader, ENTRY.needs, generalized=False, listener=listener
    )
    listener.begin("fit the attended auto-encoder", 1)
    model = AttendedAutoEncoder(chosen, base.device, seed)
    model.fit(found.train.images, found.train.labels, found.seen)
    listener.advance()
    return AttentionReader(base, model, found.unseen, source.split.unseen, len(found.train.images))


def _checked(settings: Settings) -> Settings:
    """The settings, where all are tuned ones of the system: others decide about time and memory."""
    for name, value in settings.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in ENTRY.default or not number or not 0 <= value <= _LARGEST:
            raise InputError(
                f"{name[:80]!r}: {str(value)[:80]} is no setting of {ENTRY.name}; restore the results file"
            )
    return settings
