"""What a Fieldbook species is: kingdoms, attributes, traits, and marked-up prose.

Owns the vocabulary shared by the renderers and the writers; knows no drawing and no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Attribute", "Entry", "Kingdom", "Span", "Species", "distance", "parse_markup"]


@dataclass(frozen=True)
class Attribute:
    """One visible property of a species, e.g. `petal_colour`, drawn on `part`."""

    name: str
    values: tuple[str, ...]
    part: str


@dataclass(frozen=True)
class Kingdom:
    """A family of species drawn by one renderer.

    `parts[i]` has id `i + 1` in part masks; id 0 is the background.
    """

    name: str
    attributes: tuple[Attribute, ...]
    parts: tuple[str, ...]

    def attribute(self, name: str) -> Attribute:
        """Return the attribute called `name`; raises KeyError if the kingdom has none."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        raise KeyError(f"{self.name} have no attribute {name!r}")


@dataclass(frozen=True)
class Span:
    """Characters `start:end` of a description; `attribute` is None where nothing visual is said."""

    start: int
    end: int
    attribute: str | None


@dataclass(frozen=True)
class Entry:
    """A description and what its words state."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Species:
    """A named species or a random variety: one value for every attribute of its kingdom."""

    name: str
    kingdom: str
    traits: Mapping[str, str]


def distance(a: Mapping[str, str], b: Mapping[str, str]) -> int:
    """Count the attributes in which two trait mappings of one kingdom differ."""
    return sum(a[name] != b[name] for name in a)


_MARK = re.compile(r"\[([a-z_]+):([^\[\]]*)\]|\{([^{}]*)\}")


def parse_markup(marked: str) -> Entry:
    """Turn `[petal_colour:deep purple] ... {grows in dunes}` into an `Entry`.

    Square brackets state an attribute, braces enclose words that state nothing visual.
    """
    text, spans, last = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[last : match.start()]
        words = match[2] if match[1] else match[3]
        spans.append(Span(len(text), len(text) + len(words), match[1]))
        text += words
        last = match.end()
    return Entry(text + marked[last:], tuple(spans))
