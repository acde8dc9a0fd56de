"""Results as JSON: plain mappings of names and rounded numbers, None for what was not measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from n3core.reporting.content import Report
from n3core.results import Evaluation, Prediction
from n3core.results.adaptation import LayerMagnitudes
from n3core.results.diagnosis import ClassDiagnosis, Diagnosis, Reason
from n3core.results.evidence import ClassEvidence, DescriptionEvidence, TokenEvidence
from n3core.results.saliency import RegionShares, SaliencyMaps

__all__ = [
    "summarise_diagnosis",
    "summarise_evaluation",
    "summarise_evidence",
    "summarise_magnitudes",
    "summarise_prediction",
    "summarise_report",
    "summarise_saliency",
    "summarise_words",
]


def summarise_evaluation(found: Evaluation) -> dict[str, Any]:
    """The JSON form of an evaluation.

    Args:
        found: what was measured.

    Returns:
        Accuracies in percent; rows of `confusion` are true classes; None for what was not measured.
    """
    spread, controls = found.permutations, found.controls
    return {
        "classes": len(found.class_names),
        "images": found.images,
        "chance": _number(found.chance),
        "per_class_accuracy": _number(found.per_class_accuracy),
        "top5": _number(found.top5),
        "interval": [_number(found.interval.low), _number(found.interval.high)],
        "class_interval": [_number(found.class_interval.low), _number(found.class_interval.high)],
        "permutations": {"median": _number(spread.median), "spread": _number(spread.spread)} if spread else None,
        "controls": {
            "shuffled": _number(controls.shuffled),
            "name_only": _number(controls.name_only),
            "empty": _number(controls.empty),
        }
        if controls
        else None,
        "class_names": list(found.class_names),
        "class_accuracies": [_number(value) for value in found.class_accuracies],
        "confusion": found.confusion.counts.tolist(),
        "column_sums": found.confusion.column_sums.tolist(),
    }


def summarise_prediction(prediction: Prediction, row: int, count: int = 5) -> list[dict[str, Any]]:
    """The most probable classes of one image, best first; probabilities 0 to 1."""
    return [{"class": name, "probability": _significant(share)} for name, share in prediction.top(row, count)]


def summarise_evidence(found: TokenEvidence, *, words: int = 8, others: int = 3) -> dict[str, Any]:
    """Token evidence about one image (paper section 5.2).

    Args:
        found: the evidence.
        words: at most so many words of each description, of largest magnitude.
        others: at most so many of the descriptions that are ruled out.

    Returns:
        `start` and `end` count characters of the description; `support` above 0 raises the target's logit.
    """
    return {
        "target": found.target,
        "loss": _significant(found.loss),
        "positive": {"class": found.target, "probability": _significant(found.positive.probability),
                     "words": _words(found.positive, words)},
        "ruled_out": [
            {"class": other.name, "probability": _significant(other.probability), "words": _words(other, words)}
            for other in found.ruled_out[:others]
        ],
    }  # fmt: skip


def summarise_words(found: ClassEvidence, *, words: int = 8) -> dict[str, Any]:
    """The words that carry a class, over several images with it as target; `magnitude` is a mean share, 0 to 1."""
    own = found.mean.positive
    rows = _words(own, words)
    for row, index in zip(rows, own.top(words), strict=True):
        row |= {"leading": _number(found.leading[index]), "raising": _number(found.raising[index])}
    return {"class": own.name, "images": found.images, "words": rows}


def summarise_saliency(maps: SaliencyMaps, row: int, shares: RegionShares | None = None) -> dict[str, Any]:
    """Where one map lies.

    Args:
        maps: of N images.
        row: which of them.
        shares: of all N, where there are masks.

    Returns:
        The largest value in `unit`; `centre` in shares of width and height from the top left; the share, 0 to 1, of the
        saliency that lies on its top tenth of the pixels; and shares of object, parts and background. None where the
        map is zero everywhere.
    """
    magnitude = maps.magnitude[row].astype(np.float64)
    total, side = float(magnitude.sum()), magnitude.shape[0]
    places = (np.arange(side) + 0.5) / side
    found: dict[str, Any] = {
        "method": maps.method,
        "quantity": maps.quantity,
        "unit": maps.unit,
        "largest": _significant(magnitude.max()),
        "centre": None,
        "top_tenth": None,
    }
    if total > 0:
        found["centre"] = [_number((magnitude.sum(axis=axis) * places).sum() / total) for axis in (0, 1)]
        tenth = np.sort(magnitude, axis=None)[-max(1, side * side // 10) :]
        found["top_tenth"] = _number(tenth.sum() / total)
    if shares is not None:
        seen = [index for index in range(len(shares.names)) if shares.area[row, index] > 0]
        found["shares"] = {
            shares.names[index]: {"saliency": _number(shares.saliency[row, index]),
                                  "area": _number(shares.area[row, index])}
            for index in seen
        }  # fmt: skip
    return found


def summarise_magnitudes(found: LayerMagnitudes) -> list[dict[str, Any]]:
    """L2 norms per tensor in network order; `relative` in percent of the pre-trained norm."""
    columns = zip(found.names, found.kinds, found.adaptation, found.base, found.relative, strict=True)
    return [
        {"name": name, "kind": kind, "adaptation": _significant(adaptation), "base": _significant(base),
         "relative": _significant(relative)}
        for name, kind, adaptation, base, relative in columns
    ]  # fmt: skip


def summarise_diagnosis(found: Diagnosis) -> dict[str, Any]:
    """The ranking, worst first; scores 0 to 100, accuracies in percent."""
    return {
        "images": found.pictures,
        "per_class_accuracy": _number(found.per_class_accuracy),
        "ranking": [_entry(entry, found.ranks[entry.name]) for entry in found.entries],
        "class_names": list(found.confusion.class_names) if found.confusion else None,
        "confusion": found.confusion.counts.tolist() if found.confusion else None,
        "notes": list(found.notes),
    }


def summarise_report(report: Report) -> dict[str, Any]:
    """Everything that a report says, but its pictures."""
    return {
        "title": report.title,
        "made": report.made,
        "setting": dict(report.setting),
        "class_names": list(report.task.names),
        "descriptions": list(report.task.texts),
        "evaluation": summarise_evaluation(report.evaluation) if report.evaluation else None,
        "diagnosis": summarise_diagnosis(report.diagnosis),
        "examples": [
            {
                "image": example.id,
                "true": example.true_name,
                "class": example.guess,
                "probabilities": summarise_prediction(example.prediction, 0),
                "evidence": summarise_evidence(example.evidence),
                "saliency": {name: summarise_saliency(maps, 0) for name, maps in example.saliency.items()},
            }
            for example in report.examples
        ],
        "layers": summarise_magnitudes(report.magnitudes),
        "versions": dict(report.versions),
        "seeds": dict(report.seeds),
        "notes": list(report.notes),
    }


def _entry(entry: ClassDiagnosis, rank: int) -> dict[str, Any]:
    return {
        "rank": rank,
        "class": entry.name,
        "score": _number(entry.score, 2),
        "reasons": [_reason(reason) for reason in entry.reasons],
        "words": entry.words,
        "visual_words": entry.visual_words,
        "images": entry.pictures,
        "right": entry.right,
        "drawn": entry.drawn,
        "accuracy": _number(entry.accuracy),
        "mass": _number(entry.mass),
        "confidence": _number(entry.confidence),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "kind": reason.kind,
        "basis": reason.basis,
        "points": _number(reason.points, 2),
        "sentence": reason.sentence,
        "other": reason.other,
        "spans": [list(span) for span in reason.spans],
    }


def _words(description: DescriptionEvidence, count: int) -> list[dict[str, Any]]:
    return [
        {
            "word": description.words[index],
            "start": int(description.spans[index, 0]),
            "end": int(description.spans[index, 1]),
            "magnitude": _significant(description.magnitudes[index]),
            "support": _significant(description.support[index]),
        }
        for index in description.top(count)
    ]


def _number(value: float | None, digits: int = 4) -> float | None:
    """Rounded; None for what is not known."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def _significant(value: float) -> float | None:
    """Six significant digits, for what may be very small; None for what is not known."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
