"""Which description spoils the task: the entries ranked, worst first, with reasons in words.

Owns what texts, pictures, labels and experiments say against an entry (paper section 5: *windflower*, and the confusion
matrix of figure 5c in the draft). Pictures and labels are optional. Takes the model or functions as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch.nn import functional

from n3core.errors import InputError
from n3core.explain.confusions import find_picture_faults
from n3core.explain.text_faults import count_words, find_text_faults, reads_english
from n3core.explain.trials import find_measured_faults, measure_evidence, measure_removal, measure_removals
from n3core.indices import check_labels
from n3core.results.diagnosis import ClassDiagnosis, Diagnosis, EvidenceShare, Removal
from n3core.results.predictions import ConfusionMatrix, Prediction

if TYPE_CHECKING:
    from n3core.token_states import TokenStates

__all__ = ["compare_texts", "diagnose", "measure_evidence", "measure_removal", "measure_removals"]


def diagnose(
    class_names: Sequence[str],
    texts: Sequence[str],
    *,
    dropped_words: Sequence[int] | None = None,
    similarity: np.ndarray | None = None,
    prediction: Prediction | None = None,
    labels: Sequence[int] | np.ndarray | None = None,
    removals: Sequence[Removal] = (),
    evidence: Sequence[EvidenceShare] = (),
) -> Diagnosis:
    """Rank the descriptions of a task by what speaks against them.

    Args:
        class_names: K names.
        texts: K descriptions.
        dropped_words: per text the words that the text encoder does not read (`TokenStates.dropped_words`).
        similarity: (K, K), from `compare_texts`.
        prediction: what the task's classifier says of N pictures, its columns in the order of `class_names`; without
            it the texts alone are judged.
        labels: (N,) index of the class that each picture shows, -1 where that is not known; None: of none.
        removals: from `measure_removal`, of any of the classes.
        evidence: from `measure_evidence`, of any of the classes.

    Returns:
        The classes, worst first.

    Raises:
        InputError: a prediction of other classes or in another order, or labels that do not fit it.
    """
    if prediction is not None and tuple(prediction.class_names) != tuple(class_names):
        told, asked = (", ".join(names[:5]) for names in (prediction.class_names, class_names))
        raise InputError(f"the prediction is of {told}, the texts of {asked}; give the same classes in one order")
    reasons = [
        list(found)
        for found in find_text_faults(class_names, texts, dropped_words=dropped_words, similarity=similarity)
    ]
    confusion = None
    pictures = len(prediction) if prediction is not None else 0
    figures: list[dict[str, int | float | None]] = [{} for _ in class_names]
    if prediction is not None and pictures:
        truth = np.full(pictures, -1)
        if labels is not None:
            truth = check_labels(labels, pictures, len(class_names), least=-1)
        labelled = truth >= 0
        if labelled.any():
            counts = np.zeros((len(class_names), len(class_names)), np.int64)
            np.add.at(counts, (truth[labelled], prediction.labels[labelled]), 1)
            confusion = ConfusionMatrix(tuple(class_names), counts)
            prediction, pictures = replace(prediction, logits=prediction.logits[labelled]), int(labelled.sum())
        figures = _figures(prediction, confusion)
        for index, found in enumerate(find_picture_faults(prediction, confusion)):
            reasons[index] += found
    for index, found in enumerate(find_measured_faults(class_names, removals, evidence)):
        reasons[index] += found
    entries = []
    for name, text, found, known in zip(class_names, texts, reasons, figures, strict=True):
        ordered = tuple(sorted(found, key=lambda reason: -reason.points))
        words, visual = count_words(text)
        entries.append(ClassDiagnosis(name, text, ordered, words, visual, **known))
    worst_first = tuple(sorted(entries, key=lambda entry: -entry.score))
    return Diagnosis(worst_first, pictures, confusion, _notes(texts, pictures, confusion))


def compare_texts(encoded: TokenStates) -> np.ndarray:
    """Cosines of the mean token states of K texts, (K, K) float64."""
    share = encoded.mask.unsqueeze(-1).float()
    means = functional.normalize((encoded.states * share).sum(1) / share.sum(1).clamp(min=1), dim=-1)  # (K, H)
    return (means @ means.T).double().cpu().numpy()


def _figures(prediction: Prediction, confusion: ConfusionMatrix | None) -> list[dict[str, int | float | None]]:
    chosen = prediction.labels
    found: list[dict[str, int | float | None]] = []
    for index in range(len(prediction.class_names)):
        own = prediction.probabilities[chosen == index, index]
        known: dict[str, int | float | None] = {
            "drawn": len(own),
            "mass": float(prediction.probabilities[:, index].mean()),
            "confidence": float(own.mean()) if len(own) else None,
        }
        if confusion is not None:
            known |= {"pictures": int(confusion.counts[index].sum()), "right": int(confusion.counts[index, index])}
        found.append(known)
    return found


def _notes(texts: Sequence[str], pictures: int, confusion: ConfusionMatrix | None) -> tuple[str, ...]:
    notes = []
    if not all(reads_english(text) for text in texts):
        notes.append("The word lists are English: entries in another language are judged by other signs only.")
    if not pictures:
        notes.append("Judged by the texts alone: no picture was shown to the network.")
    elif confusion is None:
        notes.append("The pictures have no labels: it is assumed that every class has about as many as the others.")
    elif (confusion.counts.sum(axis=1) == 0).any():
        missing = int((confusion.counts.sum(axis=1) == 0).sum())
        notes.append(
            f"{missing} of the classes have no pictures of their own here; they can only draw those of others."
        )
    return tuple(notes)
