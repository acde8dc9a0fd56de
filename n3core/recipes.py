"""What each dataset name means to the training loops: images, targets, texts and validation classes.

Owns the size of the Fieldbook training world and the mix of texts; knows no optimiser.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from n3core.config import PretrainConfig, TrainConfig
from n3core.datasets.base import ClassInfo, Dataset, classes_of, load_pixels
from n3core.datasets.fieldbook.book import KINGDOMS, Fieldbook, describe, random_varieties, render_many
from n3core.datasets.fieldbook.schema import Species
from n3core.datasets.registry import open_dataset
from n3core.episodes import EpisodeSource, encode_pool
from n3core.errors import InputError
from n3core.files import cache_folder
from n3core.likenesses import Likenesses, load_likenesses, rows_that_stand
from n3core.pixels import PixelSet, cached_pixels, kept_array
from n3core.text_encoder import TextEncoder
from n3core.train import ValidationSet
from n3core.training import track_pieces

__all__ = ["VARIETIES", "episode_sources", "list_overlaps", "pretrain_sources", "validation_sets"]

VARIETIES = "fieldbook-varieties"  # the name under which `--data` asks for random varieties of both kingdoms

_VARIETY_COUNT = 4000  # of each kingdom
_PLATES = 10  # of each variety
_TEXTS = 2  # of each variety
_SEED = 2020
_DRAWN_AT_ONCE = 20  # varieties, by one process
_MOST_PROCESSES = 61  # of a pool on Windows
_VALIDATION_IMAGES = 50  # of each class
_TEXT_NOISE = 2.0  # for the few classes of a dataset; varieties are too many to be learned by heart
_LIKENESS_NOISE = 1.0  # for the things that look like them, which are more
_PULL = 2.0  # of both towards the mean feature, for the same reason

# kind of text -> chance that an episode shows it, where a dataset has that kind
_TEXT_MIX = {"description": 0.6, "gloss": 0.25, "name": 0.15}
_FURTHER_TEXTS = 1.0  # the same of all further texts of a class together


def pretrain_sources(
    names: Sequence[str], size: int, plates: float = PretrainConfig.plates
) -> tuple[list[PixelSet], list[float]]:
    """Image sets with targets, and their shares of a batch, for the base network.

    Args:
        names: datasets, or `VARIETIES`.
        size: side of the images in pixels.
        plates: share of the varieties where there are photographs too.

    Raises:
        InputError: as `open_dataset`; fewer than 2 seen classes; the same images twice; an image that cannot be read.
    """
    sources: list[PixelSet] = []
    opened = _open(names)
    classes = {label: _several(found, "train", "a head tells classes apart") for label, found in opened if found}
    for label, dataset in opened:
        if dataset is None:
            sources += [_variety_pixels(kingdom, size) for kingdom in KINGDOMS]
        else:
            sources.append(cached_pixels(dataset, [info.id for info in classes[label]], size, name=label))
    return sources, _shares(sources, plates)


def episode_sources(
    names: Sequence[str],
    size: int,
    encoder: TextEncoder,
    plates: float = TrainConfig.plates,
    likenesses: Path | str | None = None,
) -> tuple[list[EpisodeSource], list[float]]:
    """Seen classes with images and encoded texts, and the chance of an episode from each; see `pretrain_sources`.

    A file of likenesses adds texts to the seen classes of one dataset, and a source of things that look like them.
    """
    sources: list[EpisodeSource] = []
    pool_folder = cache_folder() / "pools"
    opened = _open(names)
    classes = {label: _several(found, "train", "an episode tells classes apart") for label, found in opened if found}
    given = {label: found for label, found in opened if found}
    more = load_likenesses(likenesses, given) if likenesses is not None else None
    for label, dataset in opened:
        if dataset is None:
            for kingdom in KINGDOMS:
                pixels = _variety_pixels(kingdom, size)
                texts = _variety_texts(kingdom)
                sources.append(EpisodeSource.of(pixels, encode_pool(encoder, texts, pool_folder)))
        else:
            pixels = cached_pixels(dataset, [info.id for info in classes[label]], size, name=label)
            own = more if more and more.data == label else None
            texts = [_mixed_texts(info, own.texts.get(info.id, ()) if own else ()) for info in classes[label]]
            source = EpisodeSource.of(
                pixels, encode_pool(encoder, texts, pool_folder), text_noise=_TEXT_NOISE, pull=_PULL
            )
            sources.append(source)
            if own:
                sources.append(_likeness_source(own, source, encoder, pool_folder))
    return sources, _shares([source.images for source in sources], plates)


def validation_sets(names: Sequence[str], size: int, encoder: TextEncoder) -> list[ValidationSet]:
    """The validation classes of each dataset, read by their descriptions."""
    datasets: list[tuple[str, Dataset]] = []
    for label, dataset in _open(names):
        datasets += [(label, dataset)] if dataset else [(book.name, book) for book in map(Fieldbook, KINGDOMS)]
    why = "what is kept of a run is what tells them apart best"
    chosen = [(label, dataset, _several(dataset, "val", why)) for label, dataset in datasets]
    return [_validation_set(*entry, size, encoder) for entry in chosen]


def list_overlaps(sources: Sequence[EpisodeSource], held_out: Sequence[ValidationSet]) -> tuple[str, ...]:
    """One line per dataset of which validation classes are trained on as well."""
    seen = {source.images.name: set(source.images.class_ids) for source in sources}
    shared = [(part, seen.get(part.name, set()) & set(part.class_ids)) for part in held_out]
    return tuple(
        f"{part.name}: {len(both)} of {len(part.class_ids)} validation classes are trained on, so no figure of them is "
        "zero-shot; name seen and unseen classes in splits.json"
        for part, both in shared
        if both
    )


def _open(names: Sequence[str]) -> list[tuple[str, Dataset | None]]:
    """What to call each dataset in a run, and the dataset; None for `VARIETIES`.

    Datasets of one name, such as two files train.parquet, are called by the words that name them.

    Raises:
        InputError: the same images twice.
    """
    opened = [(name, None if name == VARIETIES else open_dataset(name)) for name in names]
    given: dict[object, str] = {}
    for name, dataset in opened:
        key = (dataset.name, dataset.version) if dataset else name
        if key in given:
            raise InputError(f"--data {given[key]} and --data {name} are the same images; leave one of them out")
        given[key] = name
    used = Counter(dataset.name for _, dataset in opened if dataset)
    return [(dataset.name if dataset and used[dataset.name] == 1 else name, dataset) for name, dataset in opened]


def _validation_set(
    label: str, dataset: Dataset, classes: Sequence[ClassInfo], size: int, encoder: TextEncoder
) -> ValidationSet:
    refs = [[*dataset.image_refs(info.id)][:_VALIDATION_IMAGES] for info in classes]
    pixels = load_pixels(dataset, [ref for group in refs for ref in group], size)
    texts = tuple(info.description for info in classes)
    encoded = encoder.encode(texts)
    labels = np.repeat(np.arange(len(classes)), [len(group) for group in refs])
    class_ids = tuple(info.id for info in classes)
    return ValidationSet(label, pixels, labels, encoded.states, encoded.mask, class_ids, dataset.version, texts)


def _several(dataset: Dataset, part: str, why: str) -> tuple[ClassInfo, ...]:
    """The classes of a part of the split, at least two.

    Raises:
        InputError: fewer.
    """
    classes = classes_of(dataset, part) if part in dataset.splits else ()
    if len(classes) < 2:
        count = "1 class" if classes else "no class"
        way_out = f"add {part!r} (2 classes or more) to splits.json"
        raise InputError(f"{dataset.name} has {count} in {part!r} of its split; {way_out}: {why}")
    return classes


def _shares(sources: Sequence[PixelSet], plates_share: float) -> list[float]:
    """Split a whole between plates and photographs, evenly within each."""
    plates = sum(source.name.startswith(VARIETIES) for source in sources)
    photos = len(sources) - plates
    if not plates or not photos:
        return [1 / len(sources)] * len(sources)
    shares = {True: plates_share / plates, False: (1 - plates_share) / photos}
    return [shares[source.name.startswith(VARIETIES)] for source in sources]


def _mixed_texts(info: ClassInfo, further: Sequence[str] = ()) -> list[tuple[str, float]]:
    texts = dict(info.texts)
    if "gloss" in texts:
        texts["gloss"] = f"{info.name}: {texts['gloss']}"
    mixed = [(texts[kind], weight) for kind, weight in _TEXT_MIX.items() if texts.get(kind)]
    return mixed + [(text, _FURTHER_TEXTS / len(further)) for text in further]


def _likeness_source(more: Likenesses, seen: EpisodeSource, encoder: TextEncoder, pool_folder: Path) -> EpisodeSource:
    """Episodes of things without images of their own, which images of seen classes stand for."""
    pool = encode_pool(encoder, [[(text, 1.0) for text in thing.texts] for thing in more.things], pool_folder)
    rng = np.random.default_rng(_SEED)
    rows = tuple(rows_that_stand(thing, seen.images.class_ids, seen.rows_of, rng) for thing in more.things)
    names = tuple(thing.name for thing in more.things)
    version = f"{seen.images.version}-{more.digest}"
    images = replace(seen.images, name=f"{seen.images.name}-likenesses", class_ids=names, version=version)
    return EpisodeSource(images, pool, rows, _LIKENESS_NOISE, _PULL)


def _varieties(kingdom: str) -> tuple[Species, ...]:
    return random_varieties(kingdom, _VARIETY_COUNT, _SEED)


def _variety_texts(kingdom: str) -> list[list[tuple[str, float]]]:
    rng = np.random.default_rng([_SEED, *kingdom.encode()])
    return [[(describe(species, rng).text, 1.0) for _ in range(_TEXTS)] for species in _varieties(kingdom)]


def _variety_pixels(kingdom: str, size: int) -> PixelSet:
    """Plates of the training varieties, drawn once.

    The key are the traits of all and some plates drawn afresh, so that other varieties and new drawing code count.
    """
    varieties = _varieties(kingdom)
    sample = render_many(varieties[:12], 1, size, _SEED).tobytes()
    traits = [[species.name, sorted(species.traits.items())] for species in varieties]
    settings = json.dumps([kingdom, traits, _PLATES, _SEED, size]).encode()
    key = hashlib.sha256(sample + settings).hexdigest()[:24]
    path = cache_folder() / "pixels" / f"{key}.npy"
    pixels = kept_array(
        path,
        (len(varieties) * _PLATES, size, size, 3),
        np.uint8,
        lambda store: _draw(varieties, size, store, f"drawing {VARIETIES}-{kingdom}"),
    )
    labels = np.repeat(np.arange(len(varieties)), _PLATES)
    targets, sizes = {}, {}
    for attribute in KINGDOMS[kingdom].attributes:
        values = np.array([attribute.values.index(species.traits[attribute.name]) for species in varieties])
        targets[f"{kingdom}-{attribute.name}"] = values[labels]
        sizes[f"{kingdom}-{attribute.name}"] = len(attribute.values)
    names = tuple(species.name for species in varieties)
    return PixelSet(f"{VARIETIES}-{kingdom}", pixels, names, labels, targets, sizes, version=key)


def _draw(varieties: Sequence[Species], size: int, store: np.ndarray, title: str) -> None:
    """Fill `store` with plates; every core draws, shared with the other processes of a launcher."""
    starts = range(0, len(varieties), _DRAWN_AT_ONCE)
    rows = [start * _PLATES for start in starts]
    parts = [varieties[start : start + _DRAWN_AT_ONCE] for start in starts]
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = allowed // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    with ProcessPoolExecutor(max(1, min(cores, len(parts), _MOST_PROCESSES)), mp_context=get_context("spawn")) as pool:
        drawn = pool.map(render_many, parts, repeat(_PLATES), repeat(size), repeat(_SEED), rows)
        for row, plates in zip(rows, track_pieces(drawn, title, len(rows)), strict=True):
            store[row : row + len(plates)] = plates
