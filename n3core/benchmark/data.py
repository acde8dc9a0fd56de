"""Images as the frozen base sees them and texts as the encoder reads them: what the systems of a run are given.

Owns which part is loaded for whom; knows no system. Everything is computed once and cached by content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet
from n3core.benchmark.features import load_features, load_maps
from n3core.benchmark.progress import Listener
from n3core.benchmark.source import Source
from n3core.benchmark.texts import TextReader
from n3core.datasets.base import ClassInfo, Dataset, ImageRef, Subset
from n3core.errors import InputError
from n3core.pixels import cached_pixels

__all__ = ["BenchmarkData", "ContinualData", "Labelled", "join_texts", "load_benchmark_data", "load_continual_data"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """N images with their classes.

    labels: (N,) int64, index into the classes of the part.
    """

    images: ImageSet
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class BenchmarkData:
    """All that the systems of a run are given.

    train: images of seen classes to fit on.
    validation: images of the classes that choose the settings; None where the split has none.
    test: images of unseen classes.
    calibration, seen_test: images of seen classes that no fit sees, to choose gamma and to measure S; None where the
        generalized setting is not asked for.
    seen, validating, unseen: the classes the labels count.
    foreign_texts: texts of classes outside the task, for the control "shuffled".
    reader: how texts are read; None where the semantics are attributes and there is nothing to read.
    """

    train: Labelled
    validation: Labelled | None
    test: Labelled
    seen: ClassTexts
    validating: ClassTexts | None
    unseen: ClassTexts
    calibration: Labelled | None = None
    seen_test: Labelled | None = None
    foreign_texts: tuple[str, ...] = ()
    reader: TextReader | None = None

    def reread(self, classes: ClassTexts, texts: Sequence[str]) -> ClassTexts:
        """The same classes with other texts."""
        assert self.reader is not None, "attributes cannot be replaced by texts"
        return self.reader.read(classes.ids, classes.names, texts)


@dataclass(frozen=True, eq=False)
class ContinualData:
    """Images of every class of a run, whatever its role elsewhere, for classes that arrive in tasks.

    train, test: what is learned from, and other images of the same classes.
    texts: the classes both count: seen, then validation, then unseen ones.
    choosing: how many of the first classes may choose settings: all but the unseen ones.
    """

    train: Labelled
    test: Labelled
    texts: ClassTexts
    choosing: int


def load_benchmark_data(
    source: Source,
    base: BaseNetwork,
    base_hash: str,
    reader: TextReader,
    needs: Collection[str],
    *,
    generalized: bool,
    listener: Listener,
) -> BenchmarkData:
    """Decode, compute and encode what is not cached yet.

    Args:
        source: which images and texts.
        base, base_hash: the network, and the hash of its tensors.
        reader: how texts are read.
        needs: what systems read beside features, as in `MethodEntry`; texts are read whole anyway.
        generalized: whether held-out images of seen classes are needed.
        listener: told of the progress.

    Returns:
        The data; features in memory, maps and pixels memory-mapped.

    Raises:
        InputError: an image that cannot be read, or a seen class with too few images to hold some out.
    """
    parts = ["train", "test"]
    if source.split.validation:
        parts.append("validation")
    if generalized:
        _check_held_out(source, "seen_test", "generalized")
        parts += ["calibration", "seen_test"]
    images = {part: _load_images(source, part, base, base_hash, needs, listener) for part in parts}

    def read(classes: Sequence[ClassInfo]) -> ClassTexts:
        return _read(source, reader, classes)

    unseen = {info.id for info in source.split.unseen}
    return BenchmarkData(
        images["train"],
        images.get("validation"),
        images["test"],
        read(source.split.seen),
        read(source.split.validation) if source.split.validation else None,
        read(source.split.unseen),
        images.get("calibration"),
        images.get("seen_test"),
        tuple(text for class_id, text in source.texts.items() if class_id not in unseen),
        reader,
    )


def load_continual_data(
    source: Source, base: BaseNetwork, base_hash: str, reader: TextReader, *, listener: Listener
) -> ContinualData:
    """As `load_benchmark_data`, for the continual setting."""
    _check_held_out(source, "continual_test", "continual")
    train, test = (
        _load_images(source, part, base, base_hash, (), listener) for part in ("continual_train", "continual_test")
    )
    texts = _read(source, reader, source.classes_of("continual_train"))
    return ContinualData(train, test, texts, len(texts) - len(source.split.unseen))


def join_texts(first: ClassTexts, second: ClassTexts) -> ClassTexts:
    """The classes of both, in that order, padded to the longer text."""
    length = max(first.states.shape[1], second.states.shape[1])

    def pad(tensor: torch.Tensor) -> torch.Tensor:
        padded = tensor.new_zeros(len(tensor), length, *tensor.shape[2:])
        padded[:, : tensor.shape[1]] = tensor
        return padded

    return ClassTexts(
        first.ids + second.ids,
        first.names + second.names,
        first.texts + second.texts,
        torch.cat([pad(first.states), pad(second.states)]),
        torch.cat([pad(first.mask), pad(second.mask)]),
        np.concatenate([first.semantics, second.semantics]),
    )


class _Chosen:
    """Some images of a dataset, as a dataset: so that the pixel cache serves every part of a run."""

    def __init__(self, dataset: Dataset, refs: dict[str, tuple[ImageRef, ...]]) -> None:
        self.name, self.title, self.version = dataset.name, dataset.title, dataset.version
        self.classes, self.splits, self.problems = dataset.classes, dataset.splits, dataset.problems
        self.load_image = dataset.load_image
        self._refs = refs

    def image_refs(self, class_id: str, *, subset: Subset | Literal["train"] = "evaluate") -> tuple[ImageRef, ...]:
        return self._refs[class_id]


def _read(source: Source, reader: TextReader, classes: Sequence[ClassInfo]) -> ClassTexts:
    texts = [source.texts[info.id] for info in classes]
    return reader.read([info.id for info in classes], [info.name for info in classes], texts)


def _check_held_out(source: Source, part: str, setting: str) -> None:
    few = [info.name for info in source.classes_of(part) if not source.refs[part][info.id]]
    if few:
        raise InputError(
            f"the class {few[0]!r} has too few images to hold some out for the {setting} setting; "
            "leave it out of the split"
        )


def _load_images(
    source: Source, part: str, base: BaseNetwork, base_hash: str, needs: Collection[str], listener: Listener
) -> Labelled:
    refs = dict(source.refs[part])
    title = part.replace("_", " ")
    listener.begin(f"{title}: decode", 1)
    found = cached_pixels(_Chosen(source.dataset, refs), list(refs), base.image_size)
    ids = [ref.id for group in refs.values() for ref in group]
    identity = [source.dataset.name, source.dataset.version, base.image_size, ids]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    listener.begin(f"{title}: features", len(ids))
    features = load_features(base, base_hash, key, found.pixels, listener.advance)
    maps = None
    if "maps" in needs:
        listener.begin(f"{title}: maps", len(ids))
        maps = load_maps(base, base_hash, key, found.pixels, listener.advance)
    pixels = found.pixels if "pixels" in needs else None
    return Labelled(ImageSet(np.array(features), maps, pixels), found.labels)
