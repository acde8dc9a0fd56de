"""Measure what the explanations are worth on the shipped checkpoint, on plates of validation classes.

    python scripts/measure_explanations.py

Two questions. Does the gradient by words order them as leaving each out does? And how much of an explanation stays
when the hypernetwork is initialised anew (the model randomisation of Adebayo et al. 2018): what stays was not read
from the descriptions. The tables go between the `<!-- explanations -->` marks of assets/MODEL_CARD.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from n3core.datasets.base import classes_of, load_pixels
from n3core.datasets.registry import open_dataset
from n3core.engine import Engine
from n3core.explain.evidence import explain_tokens
from n3core.explain.faithfulness import drop_words
from n3core.explain.saliency import explain_pixels, synthesize_pair
from n3core.metrics import rank_correlation
from n3core.model import N3
from n3core.results.evidence import DescriptionEvidence
from n3core.results.saliency import METHODS

_CARD = Path(__file__).resolve().parent.parent / "assets" / "MODEL_CARD.md"
_MARKS = re.compile(r"<!-- explanations -->.*?<!-- /explanations -->", re.DOTALL)
_SETS = {"flowers": "fieldbook-flowers", "birds": "fieldbook-birds"}
_LEARNT = ("log_mu", "log_temperature", "feature_mean", "feature_norm")  # scales, kept as they are


def main(
    count: Annotated[int, typer.Option(help="Validation classes of each kingdom, a picture of each.")] = 10,
) -> None:
    """Measure, and write the tables."""
    engine = Engine()
    measured = {kingdom: measure(engine, name, count) for kingdom, name in _SETS.items()}
    rows = list(next(iter(measured.values())))
    head = ["| mean over pictures | " + " | ".join(measured) + " |", "|---|" + "---|" * len(measured)]
    body = [f"| {row} | " + " | ".join(f"{found[row]:.2f}" for found in measured.values()) + " |" for row in rows]
    block = "\n".join(["<!-- explanations -->", *head, *body, "<!-- /explanations -->"])
    _CARD.write_text(_MARKS.sub(lambda _: block, _CARD.read_text(encoding="utf-8")), encoding="utf-8")
    print(block)


def measure(engine: Engine, data: str, count: int) -> dict[str, float]:
    """All figures of one dataset, by what they say."""
    dataset = open_dataset(data)
    classes = classes_of(dataset, "val")[:count]
    names, texts = [info.name for info in classes], [info.description for info in classes]
    refs = [dataset.image_refs(info.id)[0] for info in classes]
    images, targets = load_pixels(dataset, refs, engine.image_size), list(range(len(classes)))
    encoded, models = engine.encode(texts), (engine.model, initialised_anew(engine.model))
    trained, other = (
        [found.positive for found in explain_tokens(model, encoded, names, texts, images, targets)] for model in models
    )
    dropped = []
    for row, own in enumerate(trained):

        def judge(changed: Sequence[str], image: np.ndarray = images[row : row + 1]) -> np.ndarray:
            return engine.predict_function(changed)(image)

        dropped.append(drop_words(judge, names, texts, own, own.name))
    figures = {
        "words, size of the gradient, with leaving out": np.mean([found.magnitude_correlation for found in dropped]),
        "words, support, with leaving out": np.mean([found.support_correlation for found in dropped]),
        "words, share of the same sign": np.mean([found.same_sign for found in dropped]),
        "words, size of the gradient, with a new hypernetwork": alike(trained, other, "magnitudes"),
        "words, support, with a new hypernetwork": alike(trained, other, "support"),
    }
    networks = [synthesize_pair(model, encoded, names)[0] for model in models]
    for method in METHODS.values():
        one, two = (explain_pixels(network, images, targets, method.name).values for network in networks)
        figures[f"pixels, {method.title}, with a new hypernetwork"] = np.mean(
            [rank_correlation(a.ravel(), b.ravel()) for a, b in zip(one, two, strict=True)]
        )
    return {row: float(value) for row, value in figures.items()}


def initialised_anew(model: N3) -> N3:
    """The same base, scales and centre of features; Tokens2Label and Labels2Adaptation as before any training."""
    torch.manual_seed(0)
    fresh = N3(model.config, model.base_tensors)
    fresh.load_state_dict({name: model.state_dict()[name] for name in _LEARNT}, strict=False)
    return fresh.eval().requires_grad_(False)


def alike(one: list[DescriptionEvidence], other: list[DescriptionEvidence], what: str) -> float:
    """Mean rank correlation over the words of each text."""
    pairs = zip(one, other, strict=True)
    return float(
        np.mean([rank_correlation(getattr(a, what)[a.is_word], getattr(b, what)[b.is_word]) for a, b in pairs])
    )


if __name__ == "__main__":
    typer.run(main)
