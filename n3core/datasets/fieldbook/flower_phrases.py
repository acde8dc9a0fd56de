"""Phrases about one flower, as markup: what is mentioned, and in which words.

Owns the choice of words from `flower_words`; sentences are built from these phrases in `flower_prose`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from n3core.datasets.fieldbook.flower_words import (
    COLOURS,
    COMPOUNDS,
    COUNTS,
    SHAPES,
)

__all__ = ["Phrases", "series", "tidy"]

_MENTION = {
    "petal_count": 0.85,
    "petal_shape": 0.85,
    "petal_colour": 0.98,
    "second_colour": 0.92,
    "pattern": 0.88,
    "centre": 0.85,
    "inflorescence": 0.85,
    "leaf_shape": 0.72,
    "leaf_colour": 0.68,
    "stem": 0.62,
}


class Phrases:
    """A description's random choices and what is left to mention.

    Args:
        traits: a value for every attribute of `FLOWERS`.
        rng: draws every choice.
    """

    def __init__(self, traits: Mapping[str, str], rng: np.random.Generator) -> None:
        self.traits = traits
        self.rng = rng
        loud = rng.uniform(0.75, 1.15)
        self.said = {name for name, p in _MENTION.items() if rng.random() < p * (loud if p < 0.95 else 1)}

    def pick(self, options: Sequence[str]) -> str:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def mark(self, name: str, table: Mapping[str, Sequence[str]]) -> str:
        """A marked synonym of the trait, or "" when the attribute is left out."""
        return f"[{name}:{self.pick(table[self.traits[name]])}]" if name in self.said else ""

    def colour(self) -> str:
        """The marked petal colour, or ""."""
        if "petal_colour" not in self.said:
            return ""
        tone = self.pick(COLOURS[self.traits["petal_colour"]])
        if self.chance(0.15):
            tone = self.pick(("bright", "deep", "clear", "rich", "intense", "soft", "glossy", "velvety")) + " " + tone
        return f"[petal_colour:{tone}]"

    def second(self) -> str:
        """The marked second colour, or "" when it is left out."""
        if "second_colour" not in self.said:
            return ""
        tone = self.pick(COLOURS[self.traits["second_colour"]])
        if self.traits["second_colour"] == self.traits["petal_colour"]:
            tone = self.pick(("deeper", "darker")) + " " + tone
        elif self.chance(0.12) and self.traits["second_colour"] != "black":
            tone = self.pick(("bright", "deep", "clear", "rich", "vivid")) + " " + tone
        return f"[second_colour:{tone}]"

    def stating(self, name: str, table: Mapping[str, Sequence[str]]) -> str:
        """A phrase with the second colour put in for `@`; starred words state attribute `name`; "" if left out."""
        if name not in self.said:
            return ""
        phrase = self.pick(table[self.traits[name]])
        second = self.second()
        if not second:
            adjective = r"@(?= \*(?!at\b|in\b|toward|near|all\b|lengthwise|halfway)|\*? ?\w*-)"
            phrase = re.sub(adjective, "contrasting" if name == "pattern" else "", phrase)
            second = "a second colour" if name == "pattern" else ""
        return tidy(re.sub(r"\*([^*]+)\*", rf"[{name}:\1]", phrase).replace("@", second))

    def petal_noun(self) -> str:
        """What this text calls the petals."""
        if self.traits["petal_count"] == "many" and self.chance(0.4):
            return self.pick(("rays", "ray florets", "ray petals"))
        return self.pick(("petals", "petals", "petals", "petals", "tepals", "segments"))

    def petal_phrase(self, *, colour: bool = True, compound: bool = False) -> str:
        """Noun phrase such as "five narrow, violet petals" or "six gold-tipped white petals"."""
        qualities = [self.mark("petal_shape", SHAPES), self.colour() if colour else ""]
        if self.chance(0.4):
            qualities.reverse()
        if compound and "pattern" in self.said:
            pattern, second = self.mark("pattern", COMPOUNDS), self.second()
            painted = second and self.traits["pattern"] != "plain"
            qualities.insert(int(self.rng.integers(3)), f"{second}-{pattern}" if painted else pattern)
        return tidy(f"{self.mark('petal_count', COUNTS)} {series(qualities)} {self.petal_noun()}")

    def are(self, pattern: str) -> str:
        """A verb phrase that says the pattern."""
        if not pattern:
            return self.pick(("spread wide", "open flat", "overlap a little"))
        return f"open wide, {pattern}" if is_clause(pattern) else f"are {pattern}"

    def loose(self, pattern: str) -> str:
        """The pattern as an afterthought to the word petals."""
        if not pattern or is_clause(pattern) or self.chance(0.6):
            return pattern
        return f"{self.pick(('all', 'each', 'which are'))} {pattern}"


def is_clause(pattern: str) -> bool:
    """Whether a marked pattern reads as an afterthought ("with a white border") rather than an adjective."""
    first = re.sub(r"\[\w+:", "", pattern).split()[0]
    return first in (
        "with",
        "ending",
        "turning",
        "bearing",
        "carrying",
        "each",
        "forming",
        "whose",
        "finished",
        "crossed",
    )


def series(words: Sequence[str], joint: str = ", ") -> str:
    """Join the words that are there."""
    return joint.join(word for word in words if word)


def tidy(text: str) -> str:
    """Mend spaces, commas, and "a" before a vowel, in marked text."""
    text = re.sub(r"(, )+", ", ", re.sub(r"\s+", " ", text).replace(" ,", ",")).strip(" ,")
    return re.sub(r"\b([Aa]) (?=(?:\[\w+:)?(?:[aeioAEIO]|ultra))", r"\1n ", text)
