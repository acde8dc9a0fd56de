"""A grammar that writes field-guide prose about a flower from its traits.

Owns sentence building and which attributes are mentioned; the words are in `flower_words`. Knows no drawing.
Text is built as markup and turned into an `Entry` with exact spans at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from n3core.datasets.fieldbook.flower_phrases import Phrases, series, tidy
from n3core.datasets.fieldbook.flower_words import (
    CENTRES,
    COUNT_ADJECTIVES,
    COUNTS,
    FILLERS,
    INFLORESCENCES,
    LEAF_COLOURS,
    LEAF_SHAPES,
    LIKENESSES,
    NON_VISUAL,
    PATTERNS,
    SHAPES,
    STEMS,
)
from n3core.datasets.fieldbook.schema import Entry, parse_markup

__all__ = ["describe_flower"]

FEWEST_WORDS, MOST_WORDS = 15, 120


def describe_flower(traits: Mapping[str, str], rng: np.random.Generator) -> Entry:
    """Describe a species as a field guide would.

    Args:
        traits: a value for every attribute of `FLOWERS`.
        rng: draws words, order, omissions and digressions.

    Returns:
        Text of 15 to 120 words. Spans name the attribute that their words state, or None for sentences
        about habitat, season, cultivation and the like.
    """
    while True:
        entry = parse_markup(_Writer(traits, rng).text())
        if FEWEST_WORDS <= len(entry.text.split()) <= MOST_WORDS:
            return entry


class _Writer(Phrases):
    """One description in the making."""

    def text(self) -> str:
        if self.chance(0.08):
            sentences = [self.telegram()]
        elif self.chance(0.3):
            sentences = [*self.portrait(), *self.leaves()]
        else:
            topics = [self.petals, self.arrangement, self.leaves]
            order = self.rng.choice(4, p=(0.4, 0.35, 0.15, 0.1))
            topics = [topics[index] for index in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1))[order]]
            sentences = [sentence for topic in topics for sentence in topic()]
        number = int(self.rng.choice(6, p=(0.2, 0.28, 0.24, 0.14, 0.09, 0.05)))
        for index in self.rng.choice(len(NON_VISUAL), number, replace=False):
            sentences.insert(int(self.rng.integers(len(sentences) + 1)), self.digression(NON_VISUAL[index]))
        return " ".join(_sentence(sentence) for sentence in sentences if sentence)

    def digression(self, template: str) -> str:
        """A marked sentence that states nothing visible."""
        used: set[str] = set()

        def fill(match: re.Match[str]) -> str:
            used.add(word := self.pick([word for word in FILLERS[match[1]] if word not in used]))
            return word

        return "{" + re.sub(r"\{(\w+)\}", fill, template) + "}"

    def portrait(self) -> list[str]:
        """One long sentence, as encyclopedias open with, and what remains to be said of petals and centre."""
        flowers = self.pick(("flowers", "blooms", "blossoms", "flower heads"))
        manner = self.mark("inflorescence", INFLORESCENCES)
        adjective = self.mark("petal_count", COUNT_ADJECTIVES) if self.chance(0.5) else ""
        if adjective:
            self.said.discard("petal_count")
        kind = self.pick(FILLERS["habit"])
        start = self.pick(
            (f"this {kind} bears", f"a {kind} with", "the plant carries", "it produces", f"a {kind} grown for its")
        )
        main = f"{start} {series([adjective, self.colour()])} {flowers} {manner}"
        pattern = self.stating("pattern", PATTERNS)
        phrase = self.petal_phrase(colour=False)
        main += f", {self.pick(('each with', 'every one with', 'each of'))} {phrase} {self.loose(pattern)}"
        centre = self.stating("centre", CENTRES)
        if centre and self.chance(0.5):
            return [f"{main} {self.pick(('around', 'and', 'surrounding'))} {centre}"]
        return [main, self.centre_sentence(centre)]

    def petals(self) -> list[str]:
        """Sentences on petals, their pattern, and the centre."""
        pattern, centre = self.stating("pattern", PATTERNS), self.stating("centre", CENTRES)
        flower = self.pick(("flower", "bloom", "blossom", "corolla"))
        style = int(self.rng.integers(8))
        rest: list[str] = []
        if style == 0:
            main = f"the {self.mark('petal_count', COUNT_ADJECTIVES)} {flower}s are {self.colour() or 'showy'}"
            rest = [f"the {self.mark('petal_shape', SHAPES)} petals {self.are(pattern)}"]
        elif style == 1:
            verb = self.pick(("surround", "encircle", "frame", "spread around", "radiate from"))
            main = f"{self.petal_phrase()} {verb} {centre or self.pick(('the centre', 'the middle'))}"
            centre, rest = "", [f"the petals {self.are(pattern)}"] if pattern else []
        elif style == 2:
            verb = self.pick(("has", "consists of", "is made up of", "opens with", "shows"))
            main = f"each {flower} {verb} {self.petal_phrase()}, {self.loose(pattern)}"
        elif style == 3:
            verb = self.pick(
                ("make up the flower", "form each bloom", "compose the corolla", "open to form a showy flower")
            )
            main = (
                f"{self.petal_phrase()}, {self.loose(pattern)}, {verb}" if pattern else f"{self.petal_phrase()} {verb}"
            )
        elif style == 4 and "petal_colour" in self.said:
            likeness = f"[petal_colour:{self.pick(LIKENESSES[self.traits['petal_colour']])}]"
            main = f"the {flower} is {likeness}, with {self.petal_phrase(colour=self.chance(0.5))}"
            rest = [f"the petals {self.are(pattern)}"] if pattern else []
        elif style == 5:
            main = f"{flower}s {self.colour()}, {self.pick(('with', 'composed of', 'having'))} "
            main += f"{self.petal_phrase(colour=False)} {self.loose(pattern)}"
        elif style == 6:
            main = f"{self.pick(('look for', 'note the', 'recognised by', 'distinguished by', 'remarkable for'))} "
            main += f"{self.petal_phrase()} {self.loose(pattern)}"
        else:
            verb = self.pick(("has", "bears", "is a wheel of", "shows", "is composed of"))
            main = f"the {flower} {verb} {self.petal_phrase(compound=True)}"
        if centre and self.chance(0.45):
            around = self.pick(("around", "surrounding", "set round", "about"))
            main += f", {around} {centre}" if self.chance(0.5) else f", with {centre} in the middle"
        elif centre:
            rest.append(self.centre_sentence(centre))
        return [f"{rest[0]}, and {rest[1]}"] + [main] if len(rest) == 2 and self.chance(0.2) else [main, *rest]

    def centre_sentence(self, centre: str) -> str:
        forms = (
            "at the centre is @",
            "in the middle sits @",
            "@ occupies the centre",
            "the heart of the flower holds @",
            "@ stands in the middle",
            "the centre is @",
            "each bloom shows @",
            "from the throat comes @",
            "the middle is filled by @",
        )
        return self.pick(forms).replace("@", centre) if centre else ""

    def arrangement(self) -> list[str]:
        manner = self.mark("inflorescence", INFLORESCENCES)
        if not manner:
            return []
        stem = ""
        if "stem" in self.said and self.chance(0.4):
            stem = f"{self.pick(('on', 'above', 'at the top of'))} {self.mark('stem', STEMS)} stems"
            self.said.discard("stem")
        forms = (
            "the flowers are @",
            "blooms are @",
            "its blossoms are @",
            "flowers @",
            "it bears its flowers @",
            "the inflorescence is showy, flowers @",
            "the blooms, @, stand well clear of the leaves",
            "@, the flowers are seen from afar",
        )
        return [tidy(f"{self.pick(forms).replace('@', manner)} {stem}")]

    def leaves(self) -> list[str]:
        qualities = [self.mark("leaf_shape", LEAF_SHAPES), self.mark("leaf_colour", LEAF_COLOURS)]
        if self.chance(0.4):
            qualities.reverse()
        leaf, stem = series(qualities), self.mark("stem", STEMS)
        stalk, noun = self.pick(("stem", "stalk")), self.pick(("leaves", "leaves", "foliage"))
        both = (
            f"the {stem} {stalk}s bear {leaf} {noun}",
            f"{leaf} leaves clothe the {stem} {stalk}s",
            f"{stem} {stalk}s rise from {leaf} {noun}",
            f"above the {leaf} {noun} stand {stem} {stalk}s",
            f"it has {leaf} {noun} and {stem} {stalk}s",
        )
        if leaf and stem and self.chance(0.5):
            return [self.pick(both)]
        sentences = []
        if leaf:
            listed = f"the {noun} {'is' if noun == 'foliage' else 'are'} {series(qualities, ' and ')}"
            forms = (
                f"it has {leaf} {noun}",
                f"{leaf} leaves surround the base",
                f"below the flowers grow {leaf} leaves",
            )
            sentences.append(self.pick((*forms, f"the plant carries {leaf} {noun}", listed, listed)))
        if stem:
            forms = (
                f"the {stalk} is {stem}",
                f"the {stalk}s are {stem}",
                f"it rises on a {stem} {stalk}",
                f"{stalk}s {stem}",
            )
            sentences.append(self.pick((*forms, f"{stem} {stalk}s carry the flowers")))
        return sentences

    def telegram(self) -> str:
        """The clipped style of pocket guides."""
        petals = (self.mark("petal_count", COUNTS), self.mark("petal_shape", SHAPES), self.colour())
        leaf = (self.mark("leaf_shape", LEAF_SHAPES), self.mark("leaf_colour", LEAF_COLOURS))
        parts = [
            ("petals ", series(petals)),
            ("petals ", self.stating("pattern", PATTERNS)),
            ("centre ", self.stating("centre", CENTRES)),
            ("flowers ", self.mark("inflorescence", INFLORESCENCES)),
            ("leaves ", series(leaf)),
            ("stem ", self.mark("stem", STEMS)),
        ]
        said = [label + words for label, words in parts if words]
        return "; ".join(said[index] for index in self.rng.permutation(len(said)))


def _sentence(marked: str) -> str:
    """Capitalise the first letter, wherever the markup hides it, and close with a full stop."""
    marked = tidy(marked)
    start = re.match(r"\{|\[\w+:", marked)
    at = start.end() if start else 0
    marked = marked[:at] + marked[at].upper() + marked[at + 1 :]
    return marked.removesuffix("}") + ".}" if marked.endswith("}") else marked + "."
