"""The published feature files as a bench: ResNet-101 features and class attributes instead of images and texts.

Owns how the proposed split of those files becomes the parts of a run, which systems can do without pixels, maps and
token states, and that there are no controls: nothing here is read. Knows no file format.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch

from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry
from n3core.benchmark.bench import PACKAGES
from n3core.benchmark.data import BenchmarkData, ContinualData, Labelled
from n3core.benchmark.progress import Listener
from n3core.datasets.gbu import GbuFeatures
from n3core.errors import InputError
from n3core.results.benchmark import BenchmarkSetting
from n3core.versions import package_versions

__all__ = ["AttributeBench"]

_CALIBRATION = 5  # one image of so many of a seen class is left for gamma


@dataclass(frozen=True, eq=False)
class AttributeBench:
    """Features and attributes of one published dataset; see `Bench` for what every member means.

    Systems are fitted on the files' training classes, so that settings can be chosen on their validation classes.

    features: what `open_gbu` read.
    device: "cpu" or "cuda".
    command: the words that made the run.
    """

    features: GbuFeatures
    device: str = "cpu"
    command: Sequence[str] = ()

    @cached_property
    def base(self) -> BaseNetwork:
        """A network in name only: its features are all there is."""
        return BaseNetwork("resnet101", MappingProxyType({}), 224, device=self.device)

    @cached_property
    def _train(self) -> np.ndarray:
        """Rows to fit on. The files' training classes come with all their images, those of the seen test included."""
        return np.setdiff1d(self.features.locations["train"], self.features.locations["test_seen"])

    @cached_property
    def _classes(self) -> dict[str, np.ndarray]:
        classes = {name: self.features.classes_of(name) for name in ("val", "test_unseen")}
        return {"train": np.unique(self.features.labels[self._train]), **classes}

    @cached_property
    def identity(self) -> dict[str, str]:
        """See `Bench`."""
        digest = hashlib.sha256(np.ascontiguousarray(self.features.attributes).tobytes())
        for rows in self.features.locations.values():
            digest.update(rows.tobytes())
        digest.update(np.ascontiguousarray(self.features.features[::97]).tobytes())
        return {"dataset": self.features.name, "features, attributes and split": digest.hexdigest()[:16]}

    @cached_property
    def setting(self) -> BenchmarkSetting:
        """See `Bench`."""
        names = self.features.class_names
        parts = [[int(k) for k in rows] for rows in self._classes.values()]
        return BenchmarkSetting(
            f"{self.features.name} (features)",
            "PS",
            hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16],
            self.base.name,
            self.identity["features, attributes and split"],
            "attributes",
            *(tuple(names[k] for k in part) for part in parts),
            int(np.count_nonzero(self._kept)),
            len(self.features.locations["test_unseen"]),
            package_versions(PACKAGES),
            shlex.join(self.command),
        )

    @property
    def validation_classes(self) -> int:
        """See `Bench`."""
        return len(self._classes["val"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `Bench`."""
        return self.features.problems

    def reason_against(self, entry: MethodEntry) -> str | None:
        """See `Bench`."""
        if entry.needs:
            return f"needs {' and '.join(sorted(entry.needs))}; the files hold features and attributes only"
        return entry.unavailable(self.base)

    def load(self, needs: Collection[str], *, generalized: bool, listener: Listener) -> BenchmarkData:
        """See `Bench`."""
        rows, kept = self.features.locations, self._kept
        # Images of the files' validation classes are no seen classes here.
        tested = rows["test_seen"][np.isin(self.features.labels[rows["test_seen"]], self._classes["train"])]
        return BenchmarkData(
            self._part(self._train[kept], "train"),
            self._part(rows["val"], "val") if len(rows["val"]) else None,
            self._part(rows["test_unseen"], "test_unseen"),
            self._texts("train"),
            self._texts("val") if len(self._classes["val"]) else None,
            self._texts("test_unseen"),
            self._part(self._train[~kept], "train") if generalized else None,
            self._part(tested, "train") if generalized else None,
        )

    def load_continual(self, *, listener: Listener) -> ContinualData:
        """See `Bench`."""
        raise InputError(f"{self.features.name} holds features only; the continual setting needs a dataset of images")

    @cached_property
    def _kept(self) -> np.ndarray:
        """Which training images are fitted on (N,) bool; the others are left for gamma."""
        return np.arange(len(self._train)) % _CALIBRATION > 0

    def _part(self, rows: np.ndarray, kind: str) -> Labelled:
        labels = np.searchsorted(self._classes[kind], self.features.labels[rows])
        return Labelled(ImageSet(self.features.features[rows]), labels)

    def _texts(self, kind: str) -> ClassTexts:
        classes = self._classes[kind]
        names = tuple(self.features.class_names[k] for k in classes)
        nothing = torch.zeros(len(classes), 1, 1)
        return ClassTexts(names, names, names, nothing, nothing[..., 0].bool(), self.features.attributes[classes])
