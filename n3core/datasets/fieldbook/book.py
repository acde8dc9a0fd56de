"""Fieldbook: the embedded field guide as a dataset, its plates, and endless varieties for training.

Owns which species exist, which images each has and how varieties are drawn at random; the kingdoms own
drawing and prose. Everything follows from seeds; no image is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

import numpy as np
import yaml
from PIL import Image

from n3core.datasets.base import ClassInfo, ImageRef, Subset
from n3core.datasets.fieldbook.bird_prose import describe_bird
from n3core.datasets.fieldbook.birds import BIRDS, draw_bird, random_traits
from n3core.datasets.fieldbook.canvas import Canvas
from n3core.datasets.fieldbook.flower_prose import describe_flower
from n3core.datasets.fieldbook.flowers import FLOWERS, draw_flower
from n3core.datasets.fieldbook.schema import Entry, Kingdom, Species, distance, parse_markup

__all__ = [
    "KINGDOMS",
    "Fieldbook",
    "NamedSpecies",
    "describe",
    "named_species",
    "open_fieldbook",
    "random_varieties",
    "render_many",
    "render_plate",
]

PLATE_SIZE = 128  # pixels, of the images that the dataset hands out
PLATES_PER_SPECIES = 40
PLATES_PER_VARIETY = 12
_VARIETIES_IN_SPLIT = 200
_VARIETIES_SEED = 55
LEAST_DISTANCE = 2  # a training variety differs from every named species in at least this many attributes


@dataclass(frozen=True)
class _Guild:
    kingdom: Kingdom
    traits: Callable[[np.random.Generator], dict[str, str]]
    draw: Callable[[Mapping[str, str], Canvas, np.random.Generator], None]
    describe: Callable[[Mapping[str, str], np.random.Generator], Entry]


def _independent_traits(rng: np.random.Generator) -> dict[str, str]:
    return {attribute.name: str(rng.choice(attribute.values)) for attribute in FLOWERS.attributes}


_GUILDS = {
    "flowers": _Guild(FLOWERS, _independent_traits, draw_flower, describe_flower),
    "birds": _Guild(BIRDS, random_traits, draw_bird, describe_bird),
}
KINGDOMS: Mapping[str, Kingdom] = {name: guild.kingdom for name, guild in _GUILDS.items()}


@dataclass(frozen=True)
class NamedSpecies:
    """A species of a benchmark set: where it is split to and what the book says of it."""

    species: Species
    split: str
    entry: Entry
    repaired_entry: Entry | None = None


@cache
def named_species(kingdom: str) -> tuple[NamedSpecies, ...]:
    """Read the benchmark species of "flowers" or "birds"."""
    text = (resources.files("n3core.datasets.fieldbook") / "data" / f"{kingdom}.yaml").read_text(encoding="utf-8")
    return tuple(
        NamedSpecies(
            Species(row["name"], kingdom, row["traits"]),
            row["split"],
            parse_markup(row["text"]),
            parse_markup(row["repaired_text"]) if "repaired_text" in row else None,
        )
        for row in yaml.safe_load(text)
    )


def random_varieties(kingdom: str, count: int, seed: int) -> tuple[Species, ...]:
    """Draw varieties that stay at least two attributes away from every named species."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, *kingdom.encode()]))
    named = [named.species.traits for named in named_species(kingdom)]
    varieties: list[Species] = []
    while len(varieties) < count:
        traits = _GUILDS[kingdom].traits(rng)
        if all(distance(traits, other) >= LEAST_DISTANCE for other in named):
            varieties.append(Species(f"variety {len(varieties)}", kingdom, traits))
    return tuple(varieties)


def describe(species: Species, rng: np.random.Generator) -> Entry:
    """Write a description of a species from the grammar of its kingdom."""
    return _GUILDS[species.kingdom].describe(species.traits, rng)


def render_plate(species: Species, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one plate.

    Returns:
        image (size, size, 3) uint8 and mask (size, size) uint8 of part ids (`Kingdom.parts` index + 1).
    """
    guild = _GUILDS[species.kingdom]
    canvas = Canvas(size, guild.kingdom.parts)
    guild.draw(species.traits, canvas, rng)
    return canvas.finish(rng)


class Fieldbook:
    """A benchmark set of Fieldbook, `fieldbook-flowers` or `fieldbook-birds`, as a dataset.

    Args:
        kingdom: "flowers" or "birds".
        varieties: so many random varieties are seen classes beside the named species.
    """

    def __init__(self, kingdom: str, varieties: int = 0) -> None:
        self.kingdom = KINGDOMS[kingdom]
        self.name = f"fieldbook-{kingdom}" + (":varieties" if varieties else "")
        self.title = f"Fieldbook {kingdom}" + (f" with {varieties} varieties" if varieties else "")
        self.problems: tuple[str, ...] = ()
        self._named = {named.species.name: named for named in named_species(kingdom)}
        rng = np.random.default_rng([_VARIETIES_SEED, *kingdom.encode()])
        for species in random_varieties(kingdom, varieties, _VARIETIES_SEED):
            self._named[species.name] = NamedSpecies(species, "train", describe(species, rng))
        self._varieties = frozenset(name for name in self._named if name.startswith("variety "))
        self.classes = tuple(ClassInfo(name, name, self._texts(named)) for name, named in self._named.items())
        self.splits = {
            split: tuple(name for name, named in self._named.items() if named.split == split)
            for split in ("train", "val", "test")
        }

    @cached_property
    def version(self) -> str:
        """A digest of the first plates, so that new drawing code counts as new images."""
        first = [self.plate(self.image_refs(info.id)[0], 32)[0].tobytes() for info in self.classes[:8]]
        return hashlib.sha256(b"".join(first)).hexdigest()[:16]

    @staticmethod
    def _texts(named: NamedSpecies) -> dict[str, str]:
        return {"name": named.species.name, "description": named.entry.text}

    def entry(self, class_id: str, *, repaired: bool = False) -> Entry:
        """The description of a species with its spans; `repaired` asks for the mended text where there is one."""
        named = self._named[class_id]
        return named.repaired_entry if repaired and named.repaired_entry else named.entry

    def image_refs(self, class_id: str, *, subset: Subset = "evaluate") -> tuple[ImageRef, ...]:
        """The plates of a species; both subsets are the same."""
        count = PLATES_PER_VARIETY if class_id in self._varieties else PLATES_PER_SPECIES
        return tuple(ImageRef(f"{class_id}/{number:03d}", class_id) for number in range(count))

    def plate(self, ref: ImageRef, size: int = PLATE_SIZE) -> tuple[np.ndarray, np.ndarray]:
        """Image and part mask of a plate at any size."""
        digest = hashlib.sha256(f"fieldbook-{self.kingdom.name}/{ref.id}".encode()).digest()
        rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
        return render_plate(self._named[ref.class_id].species, rng, size)

    def load_image(self, ref: ImageRef) -> Image.Image:
        """The plate as an RGB picture of 128 pixels."""
        return Image.fromarray(self.plate(ref)[0])


def open_fieldbook(kingdom: str, *, varieties: bool = False) -> Fieldbook:
    """Open "flowers" or "birds", alone or with 200 varieties as further seen classes."""
    return Fieldbook(kingdom, _VARIETIES_IN_SPLIT if varieties else 0)


def render_many(species: Sequence[Species], plates: int, size: int, seed: int, first: int = 0) -> np.ndarray:
    """Draw `plates` plates of each species, in order: (len(species) * plates, size, size, 3) uint8.

    A plate depends on its row alone, so that parts of a long list can be drawn apart: `first` is the row of the first.
    """
    sheets = np.empty((len(species) * plates, size, size, 3), np.uint8)
    for row in range(len(sheets)):
        rng = np.random.default_rng([seed, first + row])
        sheets[row] = render_plate(species[row // plates], rng, size)[0]
    return sheets
