"""The grammar of bird descriptions: traits in, a field-guide paragraph with spans out.

Owns sentence building; the synonyms live in `bird_words`, and no drawing is known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from n3core.datasets.fieldbook.bird_words import (
    ADJECTIVES,
    COLOUR_WORDS,
    COUNTERPARTS,
    MERGED,
    NON_VISUAL,
    NOUN_PHRASES,
    PART_NOUNS,
    SENTENCES,
    SIMILES,
)
from n3core.datasets.fieldbook.schema import Entry, Span

__all__ = ["describe_bird"]

LEAST_WORDS, MOST_WORDS = 15, 120

_ABSENT = {"crest": "none", "eye_ring": "none", "markings": "plain", "wing_bars": "none", "face_pattern": "plain"}
_MARK = re.compile(r"\[([a-z_+]+):([^\[\]]*)\]|\{([^{}]*)\}")
_SUBJECTS = ("It", "This species", "The bird", "The adult", "The male")


def _parse(marked: str) -> Entry:
    """Turn marked prose into an entry; `[a+b:words]` states several attributes with the same words."""
    text, spans, last = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[last : match.start()]
        words = match[2] if match[1] else match[3]
        for attribute in match[1].split("+") if match[1] else (None,):
            spans.append(Span(len(text), len(text) + len(words), attribute))
        text += words
        last = match.end()
    return Entry(text + marked[last:], tuple(spans))


def _count(marked: str) -> int:
    """Count the words a reader sees."""
    return len(_parse(marked).text.split())


def _capitalise(marked: str) -> str:
    """Raise the first letter a reader sees."""
    return re.sub(r"^((?:\[[a-z_+]+:|\{)?)([a-z])", lambda m: m[1] + m[2].upper(), marked)


def _article(words: str) -> str:
    """Prefix a singular noun phrase with its indefinite article."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


class _Writer:
    """Writes one paragraph about one bird."""

    def __init__(self, traits: Mapping[str, str], rng: np.random.Generator) -> None:
        self.traits, self.rng = traits, rng

    def pick(self, choices: Sequence[str]) -> str:
        """Choose one phrase."""
        return choices[self.rng.integers(len(choices))]

    def chosen(self) -> list[tuple[str, ...]]:
        """Decide which attributes are told, and which are told together."""
        keep = self.rng.uniform(0.5, 1.0)
        told = [
            n for n in self.traits if self.rng.random() < (keep * 0.4 if _ABSENT.get(n) == self.traits[n] else keep)
        ]
        groups: list[tuple[str, ...]] = []
        for names, _ in MERGED:
            same = len({self.traits[n] for n in names}) == 1
            if same and all(n in told for n in names) and self.rng.random() < 0.6:
                groups.append(names)
                told = [n for n in told if n not in names]
        for (shape, colour), (_, words) in ADJECTIVES.items():
            if shape in told and colour in told and self.traits[shape] in words and self.rng.random() < 0.5:
                groups.append((shape, colour))
                told = [n for n in told if n not in (shape, colour)]
        groups += [(n,) for n in told]
        return [groups[i] for i in self.rng.permutation(len(groups))]

    def noun(self, names: tuple[str, ...]) -> tuple[str, bool]:
        """Return a noun for one colour attribute or a merged group, and whether it is plural."""
        noun = self.pick(PART_NOUNS[names[0]] if len(names) == 1 else dict(MERGED)[names])
        return noun.rstrip("+"), noun.endswith("+")

    def has(self, names: tuple[str, ...]) -> str:
        """Say the fact as a noun phrase after "it has"."""
        if names in ADJECTIVES:
            return self.compound(names)
        if names[0] in NOUN_PHRASES:
            return f"[{names[0]}:{self.pick(NOUN_PHRASES[names[0]][self.traits[names[0]]])}]"
        noun, plural = self.noun(names)
        colour = self.pick(COLOUR_WORDS[self.traits[names[0]]])
        words = f"{colour} {noun}" if plural else _article(f"{colour} {noun}")
        return f"[{'+'.join(names)}:{words}]"

    def compound(self, names: tuple[str, ...]) -> str:
        """Say shape and colour in one noun phrase, such as "a long yellow bill"."""
        nouns, adjectives = ADJECTIVES[names]
        shape, colour = names
        noun = self.pick(nouns)
        first = self.pick(adjectives[self.traits[shape]])
        second = self.pick(COLOUR_WORDS[self.traits[colour]])
        bare = noun.rstrip("+")
        if self.rng.random() < 0.6:
            words, head = f"[{shape}:{first}] [{colour}:{second}] [{shape}+{colour}:{bare}]", first
        else:
            words, head = f"[{colour}:{second}], [{shape}:{first}] [{shape}+{colour}:{bare}]", second
        return words if noun.endswith("+") else f"{'an' if head[0] in 'aeiou' else 'a'} {words}"

    def states(self, names: tuple[str, ...], elliptic: bool = False) -> str:
        """Say the fact as a clause: "the crown is red", or "the crown red" when `elliptic`."""
        mark = "+".join(names)
        if len(names) == 1 and names[0] in SENTENCES and not elliptic:
            return f"it [{mark}:{self.pick(SENTENCES[names[0]][self.traits[names[0]]])}]"
        if names[0] in NOUN_PHRASES:
            return f"{self.pick(('it has', 'it shows', 'there is also', 'one sees'))} {self.has(names)}"
        noun, plural = self.noun(names)
        verb = "" if elliptic else self.pick(("are", "are", "look") if plural else ("is", "is", "looks")) + " "
        return f"the [{mark}:{noun}] {verb}[{mark}:{self.colour(names)}]"

    def colour(self, names: tuple[str, ...]) -> str:
        """Name a colour plainly, by a simile, or by comparison with another part of the same colour."""
        value = self.traits[names[0]]
        chance = self.rng.random()
        if chance < 0.08:
            return self.pick(SIMILES[value])
        alike = [word for name, word in COUNTERPARTS.items() if self.traits[name] == value and name not in names]
        if chance < 0.25 and alike:
            return f"{self.pick(COLOUR_WORDS[value])} like the {self.pick(alike)}"
        if chance < 0.33:
            others = [n for n in COUNTERPARTS if self.traits[n] != value and n not in names]
            if others:
                return f"{self.pick(COLOUR_WORDS[value])}, unlike the {COUNTERPARTS[self.pick(others)]}"
        return self.pick(COLOUR_WORDS[value])

    def sentence(self, facts: list[tuple[str, ...]]) -> str:
        """Join one to four facts into one sentence without its full stop."""
        form = self.rng.integers(6)
        listed = self.join([self.has(f) for f in facts])
        if form == 0:
            return f"{self.pick(_SUBJECTS)} {self.pick(('has', 'shows', 'sports', 'has'))} {listed}"
        if form == 1:
            lead = ("told by", "look for", "easily known by", "note", "recognised by", "a bird with", "identified by")
            return f"{self.pick(lead)} {listed}"
        if form == 2:
            lead = self.pick(("a handsome bird with", "an unmistakable bird with", "in good light one notices"))
            return f"{lead} {listed}"
        if form == 3 and len(facts) > 1:
            rest = self.join([self.has(f) for f in facts[1:]])
            return f"{self.states(facts[0])}, {self.pick(('with', 'together with', 'along with'))} {rest}"
        if form == 4:
            coloured = [f for f in facts if f[0] not in NOUN_PHRASES]
            others = [f for f in facts if f[0] in NOUN_PHRASES]
            clauses = [self.states(f, elliptic=i > 0) for i, f in enumerate(coloured)]
            if others and clauses:
                return f"{self.join(clauses)}; it has {self.join([self.has(f) for f in others])}"
            return self.join(clauses) if clauses else f"it has {listed}"
        return self.join([self.states(f) for f in facts])

    def join(self, items: list[str]) -> str:
        """Write "a, b and c"."""
        if len(items) == 1:
            return items[0]
        return ", ".join(items[:-1]) + self.pick((" and ", ", and ", " and ")) + items[-1]

    def paragraph(self) -> str:
        """Write the whole description as marked prose of 15 to 120 words."""
        facts = self.chosen()
        sentences = []
        while facts:
            take = int(self.rng.integers(1, 5))
            sentences.append(self.sentence(facts[:take]))
            facts = facts[take:]
        remarks = [NON_VISUAL[i] for i in self.rng.permutation(len(NON_VISUAL))]
        for _ in range(self.rng.integers(0, 4)):
            sentences.insert(int(self.rng.integers(len(sentences) + 1)), f"{{{remarks.pop()}}}")
        while sum(map(_count, sentences)) < LEAST_WORDS:
            sentences.append(f"{{{remarks.pop()}}}")
        while sum(map(_count, sentences)) > MOST_WORDS:
            sentences.pop()
        return " ".join(f"{_capitalise(s)}." for s in sentences)


def describe_bird(traits: Mapping[str, str], rng: np.random.Generator) -> Entry:
    """Describe a bird the way a field guide would.

    Args:
        traits: one value for every attribute of `BIRDS`.
        rng: decides wording, order, omissions and the remarks that state nothing visual.

    Returns:
        15 to 120 words with spans; words that state several attributes at once carry one span for each of them.
    """
    return _parse(_Writer(traits, rng).paragraph())
