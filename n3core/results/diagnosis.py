"""What may be wrong with the descriptions of a task: reasons with points, the entries worst first.

The weights say how the score is made. A fault of the text is a cause, and can be mended by writing; a confusion is a
symptom, of the text, of the network or of two classes that look alike. So the text alone can reach 60 points and more,
the pictures together about as many. Knows no torch and no screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from n3core.results.predictions import ConfusionMatrix

__all__ = [
    "REASON_KINDS",
    "Basis",
    "ClassDiagnosis",
    "Diagnosis",
    "EvidenceShare",
    "Reason",
    "ReasonKind",
    "Removal",
    "order_by_similarity",
]

Basis = Literal["text", "pictures", "labels", "measured"]


@dataclass(frozen=True)
class ReasonKind:
    """A kind of complaint: the most points it can give, what it rests on, and what it is called."""

    points: int
    basis: Basis
    title: str


REASON_KINDS: Mapping[str, ReasonKind] = MappingProxyType(
    {
        # from the text alone
        "few visual words": ReasonKind(40, "text", "Says little that a picture can show"),
        "near-duplicate": ReasonKind(30, "text", "Near-duplicate of another entry"),
        "too short": ReasonKind(25, "text", "Too short"),
        "truncated": ReasonKind(20, "text", "Truncated: its end is not read"),
        "contradiction": ReasonKind(20, "text", "Contradicts itself"),
        "vague": ReasonKind(10, "text", "Leaves the looks open"),
        "names another class": ReasonKind(8, "text", "Names another class"),
        # from pictures without labels
        "swallows": ReasonKind(20, "pictures", "Swallows other classes"),
        "hardly chosen": ReasonKind(10, "pictures", "Hardly ever chosen"),
        "unsure": ReasonKind(8, "pictures", "Wins narrowly"),
        # from pictures with labels
        "swapped": ReasonKind(30, "labels", "Seems swapped with another entry"),
        "draws false positives": ReasonKind(20, "labels", "Draws pictures of other classes"),
        "misses": ReasonKind(12, "labels", "Misses its own pictures"),
        # measured on demand
        "spoils others": ReasonKind(16, "measured", "Without it the others fare better"),
        "worth its name": ReasonKind(12, "measured", "Worth hardly more than its name"),
        "non-visual evidence": ReasonKind(12, "measured", "Its evidence rests on non-visual words"),
    }
)


@dataclass(frozen=True)
class Reason:
    """One complaint about one description.

    kind: a key of `REASON_KINDS`.
    severity: above 0 to 1.
    sentence: the complaint in words, with its numbers. Holds class names and pieces of texts, which are untrusted.
    spans: the characters [start, end) of the text that it speaks of.
    other: another class that it speaks of.
    """

    kind: str
    severity: float
    sentence: str
    spans: tuple[tuple[int, int], ...] = ()
    other: str | None = None

    @property
    def points(self) -> float:
        """What the complaint adds to the score."""
        return REASON_KINDS[self.kind].points * self.severity

    @property
    def basis(self) -> Basis:
        """What the complaint rests on."""
        return REASON_KINDS[self.kind].basis


@dataclass(frozen=True)
class Removal:
    """What a class does to the others: the task without it, and with its name in place of its description.

    Per-class accuracies in percent, on labelled pictures.
    others_before, others_without: of the other classes, with the class in the task and without it.
    own_before, own_name_only: of the class itself, with its description and with its name alone; nan without pictures.
    all_before, all_name_only: of all classes, likewise.
    """

    name: str
    others_before: float
    others_without: float
    own_before: float
    own_name_only: float
    all_before: float
    all_name_only: float


@dataclass(frozen=True)
class EvidenceShare:
    """Where the gradient of the loss lies in a class's own description, over some pictures of the class.

    visual: share, 0 to 1, of the gradient's magnitude on words that a picture can show, and on parts.
    leading: the words of largest magnitude, largest first, articles and the like left out.
    unseen: those of them that no picture shows.
    pictures: how many it was measured on.
    """

    name: str
    visual: float
    leading: tuple[str, ...]
    unseen: tuple[str, ...]
    pictures: int


@dataclass(frozen=True)
class ClassDiagnosis:
    """One class: its complaints and the figures behind them. What cannot be known is None.

    reasons: the complaints, heaviest first.
    words, visual_words: of the text; visual are those that name a colour, count, shape, pattern or surface.
    pictures: how many show the class, by their labels (the row sum).
    right: how many of those are named rightly.
    drawn: how many of all are given to the class (the column sum).
    mass: share of all probability that the class holds, 0 to 1.
    confidence: mean probability of the class where it is the most probable.
    """

    name: str
    text: str
    reasons: tuple[Reason, ...]
    words: int
    visual_words: int
    pictures: int | None = None
    right: int | None = None
    drawn: int | None = None
    mass: float | None = None
    confidence: float | None = None

    @property
    def score(self) -> float:
        """How bad the entry is, 0 to 100: the points of its reasons together, capped."""
        return min(100.0, sum(reason.points for reason in self.reasons))

    @property
    def accuracy(self) -> float | None:
        """Share of its own pictures that are named rightly, in percent."""
        return 100 * self.right / self.pictures if self.pictures and self.right is not None else None


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The descriptions of a task, worst first.

    entries: the classes by score, highest first; equal scores in the order of the task.
    pictures: how many were judged; 0 where the texts alone were.
    confusion: with labels only.
    notes: what limits the diagnosis, in words.
    """

    entries: tuple[ClassDiagnosis, ...]
    pictures: int = 0
    confusion: ConfusionMatrix | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Place of every class, 1 for the worst; entries without a complaint share the last place."""
        blamed = sum(bool(entry.reasons) for entry in self.entries)
        return {entry.name: min(place, blamed + 1) for place, entry in enumerate(self.entries, start=1)}

    def of(self, name: str) -> ClassDiagnosis:
        """The diagnosis of one class.

        Raises:
            KeyError: the task has no such class.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    @property
    def per_class_accuracy(self) -> float | None:
        """Mean over the classes with pictures of the accuracy within each, in percent; None without labels."""
        known = [entry.accuracy for entry in self.entries if entry.accuracy is not None]
        return float(np.mean(known)) if known else None

    @property
    def due(self) -> float:
        """Pictures that every class would draw if all drew alike."""
        return self.pictures / len(self.entries)


def order_by_similarity(confusion: ConfusionMatrix) -> np.ndarray:
    """Order classes so that those taken for each other stand side by side.

    Args:
        confusion: K classes.

    Returns:
        (K,) indices: classes by their place in the Fiedler vector of the graph of mutual confusions, its groups of
        classes that are never confused one after the other.
    """
    totals = np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    rates = confusion.counts / totals
    mutual = rates + rates.T
    np.fill_diagonal(mutual, 0)
    groups: list[list[int]] = []
    waiting = list(range(len(mutual)))
    while waiting:
        group, edge = {waiting[0]}, [waiting[0]]
        while edge:
            reached = set(np.flatnonzero(mutual[edge.pop()]).tolist()) - group
            group |= reached
            edge += reached
        groups.append(_along_fiedler(sorted(group), mutual))
        waiting = [index for index in waiting if index not in group]
    return np.array([index for group in sorted(groups, key=len, reverse=True) for index in group], int)


def _along_fiedler(group: list[int], mutual: np.ndarray) -> list[int]:
    if len(group) < 3:
        return group
    weights = mutual[np.ix_(group, group)]
    laplacian = np.diag(weights.sum(axis=1)) - weights
    fiedler = np.linalg.eigh(laplacian)[1][:, 1]
    fiedler = fiedler * (1 if fiedler[np.argmax(np.abs(fiedler))] < 0 else -1)  # the sign of an eigenvector is free
    return [group[place] for place in np.argsort(fiedler, kind="stable")]
