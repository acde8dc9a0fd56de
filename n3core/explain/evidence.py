"""Token evidence: which words of the descriptions decide about an image (paper section 5.2, figure 3).

Owns the gradients of the loss E and of the target's logit by token states D_ij, and the merging of word pieces into
words. Knows no screen, no dataset and no engine; reads the model and changes nothing of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from n3core.backbone import build_network, normalise, to_float
from n3core.indices import check_labels
from n3core.results.evidence import ClassEvidence, DescriptionEvidence, TokenEvidence

if TYPE_CHECKING:
    from n3core.model import N3, SynthesizedClassifier
    from n3core.token_states import TokenStates

__all__ = ["aggregate_evidence", "explain_tokens", "merge_pieces", "token_gradients"]

# A number ("1.5"), a word with its accents, hyphens and apostrophes ("lance-shaped"), or any other visible character
_UNIT = re.compile(r"\d+(?:[.,]\d+)+|(?:[^\W_][\u0300-\u036f]*)+(?:[-'\u2019](?:[^\W_][\u0300-\u036f]*)+)*|\S")
_LEADING = 3  # words of an image that count as its leading evidence


def explain_tokens(
    model: N3,
    encoded: TokenStates,
    class_names: Sequence[str],
    texts: Sequence[str],
    images: np.ndarray,
    targets: Sequence[int],
    *,
    classifier: SynthesizedClassifier | None = None,
) -> tuple[TokenEvidence, ...]:
    """Weigh the words of all descriptions in the decision about each of N images.

    Args:
        model: in eval mode; only read, so that many threads may share it.
        encoded: token states of the K texts.
        class_names: K names.
        texts: K descriptions, those that were encoded.
        images: (N, S, S, 3) uint8.
        targets: N class indices: the true, the predicted or any other class of each image.
        classifier: synthesized from the same texts; the probabilities stated are its, of every image alone. Without
            it they are those of the network that is differentiated, which rounds no delta to bfloat16.

    Returns:
        The evidence of each image.

    Raises:
        InputError: not one target for each image.
    """
    units = [merge_pieces(text, offsets) for text, offsets in zip(texts, encoded.offsets, strict=True)]
    found = []
    for target, logits, of_loss, of_logit in token_gradients(model, encoded, images, targets):
        magnitudes = of_loss.norm(dim=-1)  # (K, L)
        support = (of_logit * encoded.states).sum(-1)  # (K, L)
        if classifier is not None:
            alone = images[len(found)][None]
            with torch.inference_mode():
                logits = classifier(to_float(alone, model.log_mu.device))[0].cpu()
        log_probabilities = functional.log_softmax(logits.double(), dim=-1).tolist()
        descriptions = []
        for row, (spans, pieces) in enumerate(units):
            largest = [float(magnitudes[row, members].max()) for members in pieces]
            signed = [float(support[row, members].sum()) for members in pieces]
            descriptions.append(
                DescriptionEvidence(
                    class_names[row],
                    texts[row],
                    np.array(spans, np.int64).reshape(-1, 2),
                    np.array(largest),
                    np.array(signed),
                    log_probabilities[row],
                )
            )
        found.append(TokenEvidence(class_names[target], tuple(descriptions)))
    return tuple(found)


def token_gradients(
    model: N3, encoded: TokenStates, images: np.ndarray, targets: Sequence[int]
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Differentiate by the token states, one image after the other.

    The adaptation is computed once; the network runs on a skeleton of this call alone, and no `.grad` is written.

    Args:
        model: in eval mode.
        encoded: token states of K texts, (K, L, H).
        images: (N, S, S, 3) uint8.
        targets: N class indices.

    Yields:
        The target, the logits (K,), dE/dD (K, L, H) for the cross-entropy E of the target in nats, and the gradient
        (K, L, H) of the target's logit; tensors on the CPU.

    Raises:
        InputError: not one target for each image.
    """
    chosen = check_labels(targets, len(images), len(encoded.states), what="target").tolist()
    device = model.log_mu.device
    states = encoded.states.detach().clone().to(device).requires_grad_(True)
    skeleton = build_network(model.config.base, 2, device="meta").eval()
    with torch.enable_grad():
        tensors = model.adapt(states, encoded.mask.to(device))
    for image, target in zip(images, chosen, strict=True):
        pixels = to_float(image[None], device)  # (1, 3, S, S)
        with torch.enable_grad():
            logits = functional_call(skeleton, tensors, (normalise(pixels),))  # (1, K)
            loss = functional.cross_entropy(logits, torch.tensor([target], device=device))
            (of_loss,) = torch.autograd.grad(loss, states, retain_graph=True)
            (of_logit,) = torch.autograd.grad(logits[0, target], states, retain_graph=True)
        yield target, logits[0].detach().cpu(), of_loss.cpu(), of_logit.cpu()


def merge_pieces(
    text: str, offsets: Sequence[tuple[int, int]]
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, ...], ...]]:
    """Join word pieces into the words of a text; hyphenated words are one, punctuation stands by itself.

    Args:
        text: the description.
        offsets: per token the characters (start, end) it covers; (0, 0) for special tokens, which belong to no word.

    Returns:
        Characters (start, end) of every word that was read, in order, and the indices of the tokens of each.
    """
    spans = [match.span() for match in _UNIT.finditer(text)]
    starts = [start for start, _ in spans]
    members: dict[int, list[int]] = {}
    for token, (start, end) in enumerate(offsets):
        unit = bisect_right(starts, start) - 1
        if end > start and unit >= 0 and start < spans[unit][1]:
            members.setdefault(unit, []).append(token)
    read = sorted(members)
    return tuple(spans[unit] for unit in read), tuple(tuple(members[unit]) for unit in read)


def aggregate_evidence(parts: Sequence[TokenEvidence]) -> ClassEvidence:
    """Find the words that carry a class: the mean over images of the evidence for one target.

    Args:
        parts: evidence of N images in the same task, all with the same target; at least one.

    Returns:
        Means in which every image counts alike, whatever its loss.
    """
    first = parts[0]
    totals = np.array([sum(part.magnitudes.sum() for part in image.descriptions) for image in parts])
    weights = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    descriptions = []
    for row, description in enumerate(first.descriptions):
        members = [image.descriptions[row] for image in parts]
        shares = np.mean([part.magnitudes * weight for part, weight in zip(members, weights, strict=True)], axis=0)
        support = np.mean([part.support for part in members], axis=0)
        logs = np.array([part.log_probability for part in members])
        mean = float(np.logaddexp.reduce(logs) - np.log(len(logs)))
        descriptions.append(
            DescriptionEvidence(description.name, description.text, description.spans, shares, support, mean)
        )
    leading = np.zeros(len(first.positive.spans))
    for image in parts:
        leading[list(image.positive.top(_LEADING))] += 1 / len(parts)
    raising = np.mean([image.positive.support > 0 for image in parts], axis=0)
    return ClassEvidence(TokenEvidence(first.target, tuple(descriptions)), len(parts), leading, raising)
