"""Faults that a description has by itself, or beside the other texts of its task: no picture is needed.

Owns what counts as a fault and how grave it is; the words it knows are in `visual_words`, colours and numbers that
exclude each other in `contradictions`. Takes similarities as numbers and knows no model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from n3core.explain.contradictions import find_contradictions
from n3core.explain.visual_words import MarkedWord, mark_words, split_words
from n3core.results.diagnosis import Reason

__all__ = ["count_words", "find_text_faults", "find_vague", "reads_english"]

# Of 155 Fieldbook entries and 1200 texts of its grammar all but the bad windflower have 5 % of visual words or more.
_LEAST_VISUAL, _ENOUGH_VISUAL = 0.04, 0.10  # share of the words
_ENOUGH_WORDS = 12
_NEAR = 0.88  # cosine of mean token states: the nearest two of those entries reach 0.86, one changed colour 0.97
_NEAR_OVERLAP = 0.8  # shared words over all words of both, where there are no token states
_LONGEST_NAME = 6  # words
_VAGUE = re.compile(
    r"\b(?:"
    r"(?:var(?:y|ies|ied|ying)|differ(?:s|ing)?)\s+(?:\w+ly|a\s+(?:lot|great\s+deal)|in|from|between|among|greatly)"
    r"|(?:highly|very|quite|rather|extremely)\s+variable|variable\s+in\s+\w+"
    r"|(?:in|of)\s+(?:various|several|many|different|all|assorted|mixed|numerous)\s+(?:colou?rs|shades|hues|forms|shapes|sizes|patterns)"
    r"|(?:various|different|assorted|mixed)\s+(?:colou?rs|shades|hues|patterns|shapes)"
    r"|(?:a|wide|broad|whole|great)\s+(?:variety|range|number)\s+of\s+(?:colou?rs|shades|hues|forms|shapes|sizes|patterns)"
    r"|(?:almost|nearly|virtually)?\s*(?:any|every)\s+(?:colou?r|shade|hue|shape|pattern)"
    r"|depend(?:s|ing)\s+on\s+the\s+(?:strain|variety|cultivar|breed|light|season|soil)"
    r"|(?:hard|difficult|impossible)\s+to\s+describe|looks?\s+(?:like\s+many\s+others|ordinary|typical)"
    r")",
    re.IGNORECASE,
)
_ENGLISH = split_words("the a an of and with in is are it its on to by from has that for at as or each their which")


def find_text_faults(
    class_names: Sequence[str],
    texts: Sequence[str],
    *,
    dropped_words: Sequence[int] | None = None,
    similarity: np.ndarray | None = None,
) -> tuple[tuple[Reason, ...], ...]:
    """Read the descriptions of a task for faults.

    Args:
        class_names: K names.
        texts: K descriptions, in English; texts in another language are spared what needs the word lists.
        dropped_words: words at the end of each text that the text encoder does not read; None: not known.
        similarity: (K, K) cosines of mean token states; None: shared words are compared instead.

    Returns:
        The reasons against each text, in the order of the task.
    """
    shares = [_visual_share(text) for text in texts]
    alike = _overlaps(texts) if similarity is None else similarity
    keys = [tuple(word.word for word in mark_words(name)) for name in class_names]
    long_names = {key: name for key, name in zip(keys, class_names, strict=True) if 1 < len(key) <= _LONGEST_NAME}
    found = []
    for index, (name, text) in enumerate(zip(class_names, texts, strict=True)):
        others = [share for place, share in enumerate(shares) if place != index]
        reasons = [
            *_too_short(text),
            *_truncated(text, dropped_words[index] if dropped_words is not None else 0),
            *_near_duplicate(index, class_names, texts, alike[index], _NEAR_OVERLAP if similarity is None else _NEAR),
            *_vague(text),
            *_names_another(name, text, long_names),
        ]
        if reads_english(text):
            reasons += [*_few_visual_words(text, shares[index], others), *_contradictions(text)]
        found.append(tuple(reasons))
    return tuple(found)


def count_words(text: str) -> tuple[int, int]:
    """All words of a text, and those that say what a picture can show."""
    words = mark_words(text)
    return len(words), sum(word.kind == "visual" for word in words)


def find_vague(text: str) -> tuple[tuple[int, int], ...]:
    """The characters [start, end) of every phrase that leaves the looks open, such as "varies widely"."""
    return tuple(match.span() for match in _VAGUE.finditer(text))


def reads_english(text: str) -> bool:
    """Whether the word lists can judge a text: by the share of English words such as "the", "of" and "with"."""
    words = mark_words(text)
    known = sum(word.word in _ENGLISH for word in words)
    return known >= 0.08 * len(words) or _visual_share(text) >= _ENOUGH_VISUAL


def _visual_share(text: str) -> float:
    words, visual = count_words(text)
    return visual / max(words, 1)


def _few_visual_words(text: str, share: float, others: Sequence[float]) -> Iterator[Reason]:
    usual = float(np.median(others))
    needed = min(max(usual / 2, _LEAST_VISUAL), _ENOUGH_VISUAL)
    if share >= needed:
        return
    words = mark_words(text)
    visual, unseen = ([word for word in words if word.kind == kind] for kind in ("visual", "unseen"))
    sentence = (
        f"Says {'nothing' if not visual else 'little'} that a picture can show: {len(visual)} of its "
        f"{_plural(len(words), 'word')} name{'s' if len(visual) == 1 else ''} a colour, number, shape or pattern of a "
        f"part ({100 * share:.0f} %; the other entries {100 * usual:.0f} %)."
    )
    if unseen:
        sentence += f" {_capital(_plural(len(unseen), 'word'))} tell of what it does not show: {_examples(unseen)}."
    yield Reason("few visual words", 1 - share / needed, sentence, tuple((word.start, word.end) for word in unseen))


def _too_short(text: str) -> Iterator[Reason]:
    words = len(mark_words(text))
    if words < _ENOUGH_WORDS:
        sentence = f"Has only {_plural(words, 'word')}: too little to tell the class from others."
        yield Reason("too short", 1 - words / _ENOUGH_WORDS if words else 1.0, sentence)


def _truncated(text: str, dropped: int) -> Iterator[Reason]:
    if dropped:
        total = len(text.split())
        sentence = f"The text encoder does not read its last {_plural(dropped, 'word')} of {total:,}: shorten it."
        yield Reason("truncated", max(0.25, dropped / total), sentence)


def _near_duplicate(
    index: int, names: Sequence[str], texts: Sequence[str], alike: np.ndarray, least: float
) -> Iterator[Reason]:
    values = np.where(np.arange(len(names)) == index, -np.inf, alike)
    other = int(values.argmax())
    value = float(values[other])
    if value < least:
        return
    mine, theirs = _visual_words(texts[index]), _visual_words(texts[other])
    here, there = (
        list(dict.fromkeys(word for word in one if word not in two)) for one, two in ((mine, theirs), (theirs, mine))
    )
    sentence = f"Says almost the same as {names[other]} (likeness {value:.2f} of 1)"
    if here or there:
        sentence += (
            f"; only {_quoted(here) or 'nothing'} here against {_quoted(there) or 'nothing'} there tells what differs"
        )
    yield Reason(
        "near-duplicate", min(1.0, 0.5 + 0.5 * (value - least) / (0.98 - least)), f"{sentence}.", other=names[other]
    )


def _vague(text: str) -> Iterator[Reason]:
    if spans := find_vague(text):
        phrases = _quoted(list(dict.fromkeys(text[start:end].strip() for start, end in spans)))
        yield Reason("vague", min(1.0, 0.75 + 0.25 * (len(spans) - 1)), f"Leaves the looks open: {phrases}.", spans)


def _contradictions(text: str) -> Iterator[Reason]:
    if found := find_contradictions(text):
        pairs = "; ".join(f"{pair.part} is “{pair.said[0]}” and “{pair.said[1]}”" for pair in found)
        spans = tuple(span for pair in found for span in pair.spans)
        yield Reason("contradiction", min(1.0, 0.5 + 0.25 * len(found)), f"Contradicts itself: {pairs}.", spans)


def _names_another(name: str, text: str, names: Mapping[tuple[str, ...], str]) -> Iterator[Reason]:
    """Another class by a name of two words or more: shorter ones ("rose", "red") mean other things too often."""
    words = mark_words(text)
    longest = max((len(key) for key in names), default=0)
    for length in range(longest, 1, -1):
        for start in range(len(words) - length + 1):
            run = tuple(word.word for word in words[start : start + length])
            other = names.get(run) or names.get((*run[:-1], run[-1].removesuffix("s")))
            if other is not None and other.casefold() not in name.casefold():
                span = (words[start].start, words[start + length - 1].end)
                sentence = f"Names {other}, another class of the task: the encoder reads that as part of this one."
                yield Reason("names another class", 1.0, sentence, (span,), other)
                return


def _overlaps(texts: Sequence[str]) -> np.ndarray:
    """Words that two texts share over all words of both, counted as often as they stand there, (K, K)."""
    counts = [Counter(word.word for word in mark_words(text)) for text in texts]
    found = np.zeros((len(texts), len(texts)))
    for one, mine in enumerate(counts):
        for other, theirs in enumerate(counts):
            found[one, other] = (mine & theirs).total() / max((mine | theirs).total(), 1)
    return found


def _visual_words(text: str) -> list[str]:
    return [word.word for word in mark_words(text) if word.kind == "visual"]


def _examples(words: Sequence[MarkedWord], count: int = 5) -> str:
    chosen = list(dict.fromkeys(word.word for word in words))[:count]
    return _quoted(chosen) + (" and others" if len({word.word for word in words}) > count else "")


def _quoted(words: Sequence[str], count: int = 5) -> str:
    return ", ".join(f"“{word}”" for word in words[:count])


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
