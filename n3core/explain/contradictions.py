"""Statements of a description that cannot both hold: two colours of one part, two numbers of petals.

Owns a cautious reading of English: only plain statements count ("the tail is black", "five broad petals"), none from a
sentence that speaks of choices, sexes, ages or seasons, and none of a place on the part ("white at the tip"). So it
misses much and seldom cries wolf: see the measured rates in tests/test_text_faults.py.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from n3core.explain.visual_words import COLOUR_FAMILIES, COUNTS, PARTS, MarkedWord, base_forms, mark_words, split_words

__all__ = ["Contradiction", "find_contradictions"]

_SENTENCE_END = re.compile(r"[.;:!?](?=\s|$)|\s[-\u2013\u2014]\s")
_RELATED = tuple(  # colours that one person calls this and another that
    frozenset(group.split())
    for group in (
        "white yellow grey",
        "yellow orange brown green",
        "orange red brown",
        "red pink magenta maroon",
        "pink white purple",
        "magenta purple maroon",
        "purple blue maroon",
        "blue green grey black",
        "grey black brown",
        "brown maroon black",
    )
)
_COLOURED = ("petals", "leaves", "stem", "bill", "crown", "back", "breast", "belly", "wings", "tail", "legs")
_CHOICES = split_words(
    "or sometimes often usually rarely may can male males female females hen cock drake young juvenile immature adult "
    "adults later when while autumn winter summer spring breeding others other unlike not no never without instead "
    "forms strains cultivars varieties fade fades fading turn turns turning turned"
)
_PLACES = split_words(
    "inner outer upper lower underside below beneath above inside outside tip tips tipped base edge edges edged "
    "margin margins centre center middle half end ends ring ringed band banded bar barred spot spotted stripe striped "
    "streak streaked rimmed bordered hearted throated based eyed patch flushed tinged tinted washed lined veined "
    "first then both"
)
_GROUPS = split_words("set sets pair pairs whorl whorls trio inner outer upper lower other others double sepals")
_RANGES = split_words("or to least most between than not about up")
_PETALS = frozenset({"petal", "petals", "tepal", "tepals"})
_PART_WORDS = frozenset().union(*PARTS.values())
_FILLERS = split_words("a an the very quite almost entirely all plain pure mostly")


@dataclass(frozen=True)
class Contradiction:
    """Two statements about one part; spans are characters [start, end), `said` what they say."""

    part: str
    said: tuple[str, str]
    spans: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class _Statement:
    part: str
    value: str | int
    said: str
    span: tuple[int, int]


def find_contradictions(text: str) -> tuple[Contradiction, ...]:
    """Find statements of one text that exclude each other; at most one pair for each part.

    Args:
        text: a description, in English.

    Returns:
        The pairs, in the order of the text.
    """
    firsts: dict[str, dict[str | int, _Statement]] = {}  # part -> value -> where it is said first
    for sentence in _sentences(text):
        for found in _statements(text, sentence):
            firsts.setdefault(found.part, {}).setdefault(found.value, found)
    pairs = []
    for part, values in firsts.items():
        clash = next(
            (pair for pair in combinations(values.values(), 2) if _exclude(pair[0].value, pair[1].value)), None
        )
        if clash is not None:
            one, other = clash
            pairs.append(Contradiction(part, (one.said, other.said), (one.span, other.span)))
    return tuple(sorted(pairs, key=lambda pair: pair.spans))


def _exclude(one: str | int, other: str | int) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one != other and not any({one, other} <= group for group in _RELATED)
    return one != other


def _sentences(text: str) -> Iterator[list[MarkedWord]]:
    ends = [match.start() for match in _SENTENCE_END.finditer(text)] + [len(text)]
    words = list(mark_words(text))
    first = 0
    for end in ends:
        last = bisect.bisect_left(words, end, lo=first, key=lambda word: word.start)
        yield words[first:last]
        first = last


def _statements(text: str, words: list[MarkedWord]) -> Iterator[_Statement]:
    spoken = {piece.removesuffix("'s") for word in words for piece in word.word.split("-")}
    for index, word in enumerate(words):
        place = _count_before(text, words, index) if word.word in _PETALS else None
        if place is not None and not spoken & _GROUPS:
            span = (words[place].start, word.end)
            yield _Statement("number of petals", COUNTS[words[place].word], text[slice(*span)], span)
        part = next((part for part in _COLOURED if any(form in PARTS[part] for form in base_forms(word.word))), None)
        if part is None or spoken & _CHOICES:
            continue
        for run in (_run_before(text, words, index), _run_after(words, index)):
            families = {family for place in run if (family := _family(words[place].word)) is not None}
            around = {near.word for near in words[max(min(run, default=0) - 2, 0) : max(run, default=0) + 1]}
            if len(families) == 1 and not around & _PLACES:
                span = (min(words[run[0]].start, word.start), max(words[run[-1]].end, word.end))
                yield _Statement(f"colour of the {part}", families.pop(), text[slice(*span)], span)


def _count_before(text: str, words: list[MarkedWord], index: int) -> int | None:
    """Place of the number that counts the petals at `index`: "five broad petals", not "four or five petals"."""
    run = _run_before(text, words, index, longest=5)
    numbers = [place for place in run if words[place].word in COUNTS]
    if len(numbers) != 1 or COUNTS[words[numbers[0]].word] < 3:
        return None
    before = {near.word for near in words[max(numbers[0] - 2, 0) : numbers[0]]}
    return None if before & _RANGES else numbers[0]


def _run_before(text: str, words: list[MarkedWord], index: int, longest: int = 4) -> list[int]:
    """Places of the qualities that stand directly before a word, in order."""
    run: list[int] = []
    for place in range(index - 1, max(index - 1 - longest, -1), -1):
        between = text[words[place].end : words[place + 1].start].strip()
        names_part = "-" in words[place].word and any(piece in _PART_WORDS for piece in words[place].word.split("-"))
        if words[place].kind != "visual" or between not in ("", ",") or names_part:
            break
        run.insert(0, place)
    return run


def _run_after(words: list[MarkedWord], index: int) -> list[int]:
    """Places of the colours in "PART is COLOUR"; empty where more is said of the part."""
    place = index + 1
    if place >= len(words) or words[place].word not in ("is", "are", "of"):
        return []
    place += 1
    while place < len(words) and words[place].word in _FILLERS:
        place += 1
    run = []
    while place < len(words) and _family(words[place].word) is not None:
        run.append(place)
        place += 1
    ends = place >= len(words) or words[place].word not in ("and", "with", "but", "at", "in", "on", "to", "for")
    return run if ends else []


def _family(word: str) -> str | None:
    """The colour family of a word; None for other words and for compounds of two families or of a place on the part."""
    pieces = word.split("-")
    found = {
        family
        for piece in pieces
        for family, members in COLOUR_FAMILIES.items()
        if any(form in members for form in base_forms(piece))
    }
    if len(found) != 1 or set(pieces) & _PLACES:
        return None
    return found.pop()
