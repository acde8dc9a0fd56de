"""Experiments on one entry at a time: the task without it, with its name alone, and where its evidence lies.

Owns how they are made and what they say against the entry; each takes a moment, so they are run on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from n3core.backbone import build_network, to_float
from n3core.evaluate import Build, predict_all
from n3core.explain.evidence import merge_pieces
from n3core.explain.visual_words import mark_words, needs_part, split_words
from n3core.indices import check_labels
from n3core.metrics import accuracy_within_classes
from n3core.results.diagnosis import EvidenceShare, Reason, Removal

if TYPE_CHECKING:
    from n3core.model import N3
    from n3core.token_states import TokenStates

__all__ = ["find_measured_faults", "measure_evidence", "measure_removal", "measure_removals"]

Progress = Callable[[int, int], None]  # steps done, steps in all

_LEAST_GAIN, _FULL_GAIN = 1.0, 10.0  # points of the others' accuracy
_LEAST_WORTH, _FULL_WORTH = 0.35, 0.5  # share of its own accuracy that a text should add to the name
_FOUND = 25.0  # percent of its own pictures
_POOR_EVIDENCE = 0.7  # times the visual share of the usual entry
_STOP_WORDS = split_words(
    "the a an of and with in is are it its on to by from has have that for at as or each their which be this these up "
    "all not no"
)


def measure_removal(
    build: Build,
    class_names: Sequence[str],
    texts: Sequence[str],
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    index: int,
    *,
    guesses: np.ndarray | None = None,
) -> Removal:
    """Synthesize the task without one class, and with its name alone, and see how the others fare.

    Args:
        build: makes a predict function from texts.
        class_names: K names, at least 3: without one of two nothing is left to tell apart.
        texts: K descriptions.
        images: (N, S, S, 3), whatever the predict function takes.
        labels: (N,) index of the true class.
        index: which class.
        guesses: (N,) index of the class that the whole task gives each image, where that is known already.

    Returns:
        Accuracies before and after.

    Raises:
        InputError: labels that do not fit.
    """
    labels = check_labels(labels, len(images), len(texts))
    others = [place for place in range(len(texts)) if place != index]
    if guesses is None:
        guesses = predict_all(build(texts), images).argmax(axis=1)
    before = accuracy_within_classes(guesses, labels, len(texts))
    kept = labels != index
    without = np.full(len(texts), np.nan)
    if kept.any():
        fewer = predict_all(build([texts[place] for place in others]), images[kept]).argmax(axis=1)
        without = accuracy_within_classes(np.array(others)[fewer], labels[kept], len(texts))
    renamed = [class_names[index] if place == index else text for place, text in enumerate(texts)]
    name_only = accuracy_within_classes(predict_all(build(renamed), images).argmax(axis=1), labels, len(texts))
    return Removal(
        class_names[index],
        _mean(before[others]),
        _mean(without[others]),
        float(before[index]),
        float(name_only[index]),
        _mean(before),
        _mean(name_only),
    )


def measure_removals(
    build: Build,
    class_names: Sequence[str],
    texts: Sequence[str],
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    progress: Progress | None = None,
) -> tuple[Removal, ...]:
    """`measure_removal` of every class of a task; of none where there are only two."""
    if len(texts) < 3:
        return ()
    guesses = predict_all(build(texts), images).argmax(axis=1)
    found = []
    for index in range(len(texts)):
        found.append(measure_removal(build, class_names, texts, images, labels, index, guesses=guesses))
        if progress is not None:
            progress(index + 1, len(texts))
    return tuple(found)


def measure_evidence(
    model: N3, encoded: TokenStates, class_names: Sequence[str], texts: Sequence[str], images: np.ndarray, index: int
) -> EvidenceShare:
    """See on which words of its own description the decision for a class rests.

    Args:
        model: in eval mode; only read.
        encoded: token states of the K texts.
        class_names: K names.
        texts: K descriptions, those that were encoded.
        images: (N, S, S, 3) uint8, pictures of the class (by label, or those given to it); a few are enough.
        index: which class.

    Returns:
        Shares of || dE/dD_ij ||, E the summed cross-entropy of the pictures, D_ij the token states of its text.
    """
    device = model.log_mu.device
    states = encoded.states.detach().clone().to(device).requires_grad_(True)
    skeleton = build_network(model.config.base, 2, device="meta").eval()
    pixels = to_float(images, device)  # (N, 3, S, S)
    with torch.enable_grad():
        logits = model.forward(skeleton, states, encoded.mask.to(device), pixels)  # (N, K)
        targets = torch.full((len(pixels),), index, device=device)
        (gradient,) = torch.autograd.grad(functional.cross_entropy(logits, targets, reduction="sum"), states)
    return _share_of(
        gradient[index].norm(dim=-1).cpu().numpy(),
        class_names[index],
        texts[index],
        encoded.offsets[index],
        len(images),
    )


def _share_of(
    magnitudes: np.ndarray, name: str, text: str, offsets: Sequence[tuple[int, int]], pictures: int
) -> EvidenceShare:
    spans, members = merge_pieces(text, offsets)
    marked = {word.start: word for word in mark_words(text) if word.word not in _STOP_WORDS}
    weights = {
        start: float(magnitudes[list(pieces)].max())
        for (start, _), pieces in zip(spans, members, strict=True)
        if start in marked
    }
    order = sorted(weights, key=lambda start: -weights[start])
    shown = [start for start in order if marked[start].kind in ("visual", "part")]
    leading = [marked[start] for start in order[:5]]
    unseen = [
        word.word for word in leading if word.kind == "unseen" or (word.kind == "other" and not needs_part(word.word))
    ]
    total = sum(weights.values())
    share = sum(weights[start] for start in shown) / total if total else 0.0
    return EvidenceShare(name, share, tuple(word.word for word in leading), tuple(unseen), pictures)


def find_measured_faults(
    class_names: Sequence[str], removals: Sequence[Removal], evidence: Sequence[EvidenceShare]
) -> tuple[tuple[Reason, ...], ...]:
    """What the experiments say against each class, in the order of `class_names`."""
    found: dict[str, list[Reason]] = {name: [] for name in class_names}
    gains = [gain for gain in map(_gain, removals) if not np.isnan(gain)]  # nan, where no other class has pictures
    # Fewer classes are easier to tell apart, whichever is left out.
    easier = max(0.0, float(np.median(gains))) if len(gains) > 2 else 0.0
    for removal in removals:
        found[removal.name] += [*_spoils_others(removal, easier), *_worth_its_name(removal)]
    usual = float(np.median([share.visual for share in evidence])) if len(evidence) > 2 else 0.5
    for share in evidence:
        found[share.name] += _non_visual(share, usual)
    return tuple(tuple(found[name]) for name in class_names)


def _gain(removal: Removal) -> float:
    """Points of accuracy that the other classes win when it is left out."""
    return removal.others_without - removal.others_before


def _spoils_others(removal: Removal, easier: float) -> list[Reason]:
    gain = _gain(removal)
    if not gain - easier >= _LEAST_GAIN:
        return []
    usual = f" (without the usual entry: by {easier:.1f})" if easier else ""
    sentence = (
        f"Without it the accuracy of the other classes rises by {gain:.1f} points, from {removal.others_before:.1f} % "
        f"to {removal.others_without:.1f} %{usual}."
    )
    return [Reason("spoils others", min(1.0, (gain - easier) / _FULL_GAIN), sentence)]


def _worth_its_name(removal: Removal) -> list[Reason]:
    """A class that is never found says nothing of its text: it fails with the name as well."""
    if not removal.own_before >= _FOUND:  # nan, where it has no pictures
        return []
    worth = 1 - removal.own_name_only / removal.own_before
    if worth >= _LEAST_WORTH:
        return []
    sentence = (
        f"Its text is worth little more than its name: with the name alone {removal.own_name_only:.0f} % of its "
        f"pictures are named rightly, with the description {removal.own_before:.0f} % (all classes together: "
        f"{removal.all_name_only:.1f} % and {removal.all_before:.1f} %)."
    )
    return [Reason("worth its name", min(1.0, 1 - worth / _FULL_WORTH), sentence)]


def _non_visual(share: EvidenceShare, usual: float) -> list[Reason]:
    least = _POOR_EVIDENCE * usual
    if not share.unseen or share.visual >= least:
        return []
    words = ", ".join(f"“{word}”" for word in share.unseen)
    sentence = (
        f"Its evidence rests on words that no picture shows, such as {words}: {100 * share.visual:.0f} % of the "
        f"gradient falls on visual words and parts (the usual entry: {100 * usual:.0f} %)."
    )
    return [Reason("non-visual evidence", 1 - share.visual / least, sentence)]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
