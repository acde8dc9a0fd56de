"""Which words of the descriptions decide about an image (paper section 5.2, figure 3). Knows no torch and no screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from n3core.metrics import rank_correlation

__all__ = ["ClassEvidence", "DescriptionEvidence", "DropEffects", "TokenEvidence"]


@dataclass(frozen=True, eq=False)
class DescriptionEvidence:
    """The words of one description and what they weigh in the loss E of an image.

    name, text: the class and its description.
    spans: (W, 2) int64, characters (start, end) of every word and punctuation mark the text encoder read, in order.
    magnitudes: (W,) float64, ||dE/dD_ij|| of the largest word piece; in a mean over images, its share of the image's
        total, so that every image counts alike.
    support: (W,) float64 in logits: gradient of the target's logit times the token state, summed over the word pieces.
        Above 0, more of this word, beside the others of its text, raises the target's logit. N3 brings states to one
        length before it reads them, so that the support of all words of a text adds up to about 0.
    log_probability: natural logarithm of the softmax probability of this class.
    """

    name: str
    text: str
    spans: np.ndarray
    magnitudes: np.ndarray
    support: np.ndarray
    log_probability: float

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words and punctuation marks as they stand in the text, (W,)."""
        return tuple(self.text[start:end] for start, end in self.spans.tolist())

    @cached_property
    def is_word(self) -> np.ndarray:
        """False for punctuation, (W,) bool."""
        return np.array([any(letter.isalnum() for letter in word) for word in self.words], bool)

    @property
    def probability(self) -> float:
        """Softmax probability of this class, 0 to 1."""
        return float(np.exp(self.log_probability))

    @property
    def largest(self) -> float:
        """The largest magnitude of any token of the text; 0 where nothing was read."""
        return float(self.magnitudes.max(initial=0.0))

    @property
    def log_ratio(self) -> float:
        """Logarithm of (largest token magnitude) / (softmax probability), by which descriptions are ruled out."""
        return float(np.log(max(self.largest, np.finfo(float).tiny)) - self.log_probability)

    @cached_property
    def strengths(self) -> np.ndarray:
        """Magnitudes from 0 (the smallest of this description's words) to 1 (the largest), (W,); 0 for punctuation."""
        found = np.zeros(len(self.spans))
        if self.is_word.any():
            values = self.magnitudes[self.is_word]
            spread = values.max() - values.min()
            found[self.is_word] = (values - values.min()) / spread if spread > 0 else 0.0
        return found

    def top(self, count: int) -> tuple[int, ...]:
        """Indices of the words of largest magnitude, largest first, punctuation left out."""
        order = np.argsort(-self.magnitudes, kind="stable")
        return tuple(int(index) for index in order[self.is_word[order]][:count])

    def edited(self, word: int, replacement: str = "") -> str:
        """The text with one word replaced, or dropped together with the space before it.

        Args:
            word: index into `words`.
            replacement: what shall stand there; nothing but spaces drops the word.
        """
        start, end = self.spans[word].tolist()
        before, after, put = self.text[:start], self.text[end:], replacement.strip()
        if not put and not after[:1].isalnum():
            before = before.rstrip()
        return f"{before}{put}{after}".strip()


@dataclass(frozen=True, eq=False)
class TokenEvidence:
    """What every description weighs in the decision about one image, or on average about several.

    target: the class whose loss and logit are explained.
    descriptions: one per class, in the order of the task.
    """

    target: str
    descriptions: tuple[DescriptionEvidence, ...]

    def of(self, name: str) -> DescriptionEvidence:
        """The evidence in the description of one class.

        Raises:
            KeyError: the task has no such class.
        """
        for description in self.descriptions:
            if description.name == name:
                return description
        raise KeyError(name)

    @property
    def positive(self) -> DescriptionEvidence:
        """Top positive evidence: the target's own description; see its `top`."""
        return self.of(self.target)

    @property
    def ruled_out(self) -> tuple[DescriptionEvidence, ...]:
        """Top negative evidence: the other descriptions by (largest token magnitude) / (probability), largest first."""
        others = [description for description in self.descriptions if description.name != self.target]
        return tuple(sorted(others, key=lambda description: -description.log_ratio))

    @property
    def loss(self) -> float:
        """E, the cross-entropy of the target, in nats."""
        return -self.positive.log_probability


@dataclass(frozen=True, eq=False)
class ClassEvidence:
    """The words that carry a class: evidence over several images with that class as target.

    mean: magnitudes as mean share of each image's total, support in mean logits, mean probabilities.
    images: how many there were.
    leading: (W,) share of images, 0 to 1, in which a word of the target's text is among its three largest.
    raising: (W,) share of images in which more of the word raises the target's logit.
    """

    mean: TokenEvidence
    images: int
    leading: np.ndarray
    raising: np.ndarray


@dataclass(frozen=True, eq=False)
class DropEffects:
    """Leave-one-word-out beside the gradient: does the gradient tell the truth?

    description: what the gradient says of the words.
    target: the class whose logit and probability were measured.
    words: (M,) indices of the words that were dropped, punctuation left out.
    logit, probability: the target's, with the whole text; means over the images.
    logits, probabilities: (M,) the same without each word, the text encoded anew.
    """

    description: DescriptionEvidence
    target: str
    words: np.ndarray
    logit: float
    probability: float
    logits: np.ndarray
    probabilities: np.ndarray

    @property
    def effects(self) -> np.ndarray:
        """What each word adds to the target's logit, (M,): logit with it minus logit without it."""
        return self.logit - self.logits

    @property
    def support(self) -> np.ndarray:
        """What the gradient says each word adds to the target's logit, (M,)."""
        return self.description.support[self.words]

    @property
    def magnitudes(self) -> np.ndarray:
        """Gradient magnitudes of the dropped words, (M,)."""
        return self.description.magnitudes[self.words]

    @property
    def support_correlation(self) -> float:
        """Rank correlation of `support` and `effects`: 1, the gradient orders the words as dropping them does."""
        return rank_correlation(self.support, self.effects)

    @property
    def magnitude_correlation(self) -> float:
        """Rank correlation of the magnitudes and the sizes of the effects."""
        return rank_correlation(self.magnitudes, np.abs(self.effects))

    @property
    def same_sign(self) -> float:
        """Share of the words, 0 to 1, that gradient and measurement give the same sign; nan without words."""
        if not len(self.words):
            return float("nan")
        return float(np.mean(np.sign(self.support) == np.sign(self.effects)))
