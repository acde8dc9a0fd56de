"""What a run is about, before anything is computed: classes, images, texts and network, with what identifies them.

Owns the two kinds there are, images seen by a frozen base and published feature files; knows no system's inside.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from n3core.baselines.base import BaseNetwork, MethodEntry
from n3core.benchmark.bases import hash_base
from n3core.benchmark.data import BenchmarkData, ContinualData, load_benchmark_data, load_continual_data
from n3core.benchmark.progress import Listener
from n3core.benchmark.source import Source
from n3core.benchmark.texts import TextReader
from n3core.results.benchmark import BenchmarkSetting
from n3core.versions import OWN_PACKAGE, package_versions

__all__ = ["PACKAGES", "Bench", "ImageBench"]

PACKAGES = (OWN_PACKAGE, "numpy", "optuna", "torch", "torchvision", "transformers")


class Bench(Protocol):
    """Everything the systems of a run share.

    identity: what may not change between two runs that share a folder, readable, key -> value.
    validation_classes: how many classes there are to choose settings and gamma by.
    warnings: one line per thing that was left out.
    """

    @property
    def setting(self) -> BenchmarkSetting: ...
    @property
    def base(self) -> BaseNetwork: ...
    @property
    def identity(self) -> Mapping[str, str]: ...
    @property
    def validation_classes(self) -> int: ...
    @property
    def warnings(self) -> Sequence[str]: ...

    def reason_against(self, entry: MethodEntry) -> str | None:
        """Why a system cannot run here, or None."""
        ...

    def load(self, needs: Collection[str], *, generalized: bool, listener: Listener) -> BenchmarkData:
        """Compute or read from the cache what the systems are given."""
        ...

    def load_continual(self, *, listener: Listener) -> ContinualData:
        """The same for the continual setting."""
        ...


@dataclass(frozen=True, eq=False)
class ImageBench:
    """Images of a dataset as one base network sees them, and texts as one encoder reads them.

    source: which images and texts.
    network: the base, whatever text it was made with.
    reader: how texts are read.
    command: the words that made the run.
    """

    source: Source
    network: BaseNetwork
    reader: TextReader
    command: Sequence[str] = ()

    @cached_property
    def base(self) -> BaseNetwork:
        """The base with the encoder of this run."""
        return replace(self.network, text=self.reader.config)

    @cached_property
    def base_hash(self) -> str:
        """Hash of the network's tensors."""
        return hash_base(self.network)

    @cached_property
    def identity(self) -> dict[str, str]:
        """See `Bench`."""
        return {
            "dataset": self.source.dataset.name,
            "images": self.source.dataset.version,
            "images per class": str(self.source.limit or "all"),
            "split": f"{self.source.split.name} {self.source.split.digest}",
            "base network": f"{self.network.name} {self.base_hash}",
            "text reading": self.reader.label,
            "texts": self.source.texts_digest,
        }

    @cached_property
    def setting(self) -> BenchmarkSetting:
        """See `Bench`."""
        split = self.source.split
        return BenchmarkSetting(
            self.source.dataset.name,
            split.name,
            split.digest,
            self.network.name,
            self.base_hash,
            self.reader.label,
            *(tuple(info.name for info in part) for part in (split.seen, split.validation, split.unseen)),
            self.source.count("train"),
            self.source.count("test"),
            package_versions(PACKAGES),
            shlex.join(self.command),
        )

    @property
    def validation_classes(self) -> int:
        """See `Bench`."""
        return len(self.source.split.validation)

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `Bench`."""
        return self.source.warnings

    def reason_against(self, entry: MethodEntry) -> str | None:
        """See `Bench`."""
        return entry.unavailable(self.base)

    def load(self, needs: Collection[str], *, generalized: bool, listener: Listener) -> BenchmarkData:
        """See `Bench`."""
        return load_benchmark_data(
            self.source, self.base, self.base_hash, self.reader, needs, generalized=generalized, listener=listener
        )

    def load_continual(self, *, listener: Listener) -> ContinualData:
        """See `Bench`."""
        return load_continual_data(self.source, self.base, self.base_hash, self.reader, listener=listener)
