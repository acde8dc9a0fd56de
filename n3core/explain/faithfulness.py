"""Does the gradient tell the truth? Words are dropped or replaced, the text encoded anew and the network synthesized.

Owns the measurement that the token evidence of paper section 5.2 is held against. Knows no screen, no dataset and no
engine; reads the model and changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from n3core.backbone import to_float
from n3core.results.evidence import DescriptionEvidence, DropEffects
from n3core.results.predictions import Prediction

if TYPE_CHECKING:
    from n3core.model import N3
    from n3core.token_states import TokenStates

__all__ = ["Judge", "Progress", "drop_words", "judge_texts", "with_text"]

Progress = Callable[[int, int], None]  # words done, words in all
Judge = Callable[[Sequence[str]], np.ndarray]
"""K texts -> logits (N, K) of the images in question under the network of these texts."""


@torch.no_grad()
def judge_texts(model: N3, encoded: TokenStates, images: np.ndarray) -> np.ndarray:
    """Logits of images under the network of some texts, without keeping that network.

    Args:
        model: in eval mode; only read.
        encoded: token states of K texts.
        images: (N, S, S, 3) uint8.

    Returns:
        (N, K) float32.
    """
    device = model.log_mu.device
    names = [str(row) for row in range(len(encoded.states))]
    classifier = model.synthesize(encoded.states.to(device), encoded.mask.to(device), names)
    pixels = to_float(images, device)  # (N, 3, S, S)
    return classifier(pixels).float().cpu().numpy()


def with_text(class_names: Sequence[str], texts: Sequence[str], name: str, text: str) -> tuple[str, ...]:
    """The texts of a task with that of one class replaced."""
    return tuple(text if known == name else old for known, old in zip(class_names, texts, strict=True))


def drop_words(
    judge: Judge,
    class_names: Sequence[str],
    texts: Sequence[str],
    description: DescriptionEvidence,
    target: str,
    *,
    progress: Progress | None = None,
) -> DropEffects:
    """Leave out every word of one description in turn and measure the target's logit and probability.

    Args:
        judge: what the network of some texts says of the image, or of several whose mean is taken.
        class_names: K names.
        texts: K descriptions.
        description: what the gradient says of the words of one of them.
        target: the class to measure.
        progress: called after every word.

    Returns:
        Measurement and gradient side by side.
    """
    column = list(class_names).index(target)

    def measure(at: Sequence[str]) -> tuple[float, float]:
        prediction = Prediction(tuple(class_names), judge(at))
        return float(prediction.logits[:, column].mean()), float(prediction.probabilities[:, column].mean())

    words = np.flatnonzero(description.is_word)
    logit, probability = measure(texts)
    measured = []
    for done, word in enumerate(words.tolist(), start=1):
        measured.append(measure(with_text(class_names, texts, description.name, description.edited(word))))
        if progress is not None:
            progress(done, len(words))
    logits, probabilities = np.array(measured, np.float64).reshape(-1, 2).T
    return DropEffects(description, target, words, logit, probability, logits, probabilities)
