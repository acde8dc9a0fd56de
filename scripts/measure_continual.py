"""Measure continual zero-shot learning: five learners, each without and with Class Normalization, on Fieldbook's birds.

    OMP_NUM_THREADS=1 python scripts/measure_continual.py --out runs/continual.json

All classes of the book arrive in tasks. Ten images of each class are the test; of the rest, settings are chosen by
random search on another order of the classes, with images held out of the training images, the same trials for every
learner; then each learner is run with every seed, which is also that of its order. Prints a Markdown table.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optuna
import torch
import typer

from n3core.baselines.base import ClassTexts, ImageSet
from n3core.baselines.continual import LEARNERS, ContinualSettings, run_continual, split_into_tasks, suggest
from n3core.benchmark.bases import hash_base, open_base
from n3core.benchmark.features import load_features
from n3core.benchmark.texts import TextReader
from n3core.datasets.fieldbook.book import Fieldbook
from n3core.files import write_atomically
from n3core.pixels import cache_folder, cached_pixels
from n3core.results.benchmark import ContinualScores

_TEST, _VALIDATION = 10, 8  # images a class
_TUNING_SEED = 1000  # an order of classes that no measured run has
_FIGURES = (
    ("mH %", "mean_harmonic", 1),
    ("mAUC %", "mean_auc", 100),
    ("mJA %", "mean_joint", 1),
    ("forgetting", "forgetting", 1),
)


@dataclass(frozen=True)
class Parts:
    """Images of every class, by their number in the class: features and labels of each part."""

    features: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray

    def between(self, first: int, last: int | None) -> tuple[ImageSet, np.ndarray]:
        """Images number `first` to `last` of each class."""
        chosen = (self.numbers >= first) & (self.numbers < (last or self.numbers.max() + 1))
        return ImageSet(self.features[chosen]), self.labels[chosen]


def load(kingdom: str) -> tuple[Parts, ClassTexts]:
    """Features of the shipped base network and max-pooled token states of the book's texts."""
    book, base = Fieldbook(kingdom), open_base()
    ids = [info.id for info in book.classes]
    found = cached_pixels(book, ids, base.image_size)
    key = hashlib.sha256(f"{book.name}|{book.version}|{base.image_size}|all".encode()).hexdigest()[:24]
    features = np.array(load_features(base, hash_base(base), key, found.pixels, lambda count: None))
    numbers = np.concatenate([np.arange(count) for count in np.bincount(found.labels)])
    reader = TextReader(base.text.name, base.text.mode, cache_folder() / "texts")
    texts = reader.read(ids, [info.name for info in book.classes], [info.description for info in book.classes])
    return Parts(features, found.labels, numbers), texts


def tune(learner: str, normalised: bool, parts: Parts, texts: ClassTexts, tasks: int, trials: int) -> dict[str, Any]:
    """Settings with the largest mH on the order that is kept for tuning; the first trial are the defaults."""
    train, held_out = parts.between(_TEST + _VALIDATION, None), parts.between(_TEST, _TEST + _VALIDATION)
    order = split_into_tasks(len(texts), tasks, _TUNING_SEED)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))  # equal draws for every learner
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for number in range(trials):
        drawn = dict(suggest(study.ask())) if number else {}
        found = run_continual(
            learner, normalised, *train, *held_out, texts, order, ContinualSettings(**drawn), _TUNING_SEED
        )
        best = max(best, (found.mean_harmonic, drawn), key=lambda pair: pair[0])
    return best[1]


def tabulate(runs: dict[tuple[str, bool], list[ContinualScores]]) -> str:
    """Mean and, behind a sign, standard deviation over seeds; one row a learner, plain and CN beside one another."""
    titles = [f"{title}{suffix}" for title, _, _ in _FIGURES for suffix in (" plain", " CN")]
    rows = [f"| learner | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for learner in LEARNERS:
        cells = []
        for title, name, factor in _FIGURES:
            for normalised in (False, True):
                values = factor * np.array([getattr(found, name) for found in runs[learner, normalised]])
                digits = 3 if title == "forgetting" else 1
                cells.append(f"{values.mean():.{digits}f} ± {values.std():.{digits}f}")
        rows.append(f"| {learner} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main(
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/continual.json"),
    kingdom: Annotated[str, typer.Option(help="birds or flowers.")] = "birds",
    tasks: int = 10,
    trials: Annotated[int, typer.Option(help="Settings tried for each learner, with and without CN.")] = 8,
    seeds: int = 3,
) -> None:
    """Tune, run, write and print."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    parts, texts = load(kingdom)
    train, test = parts.between(_TEST, None), parts.between(0, _TEST)
    runs: dict[tuple[str, bool], list[ContinualScores]] = {}
    chosen, seconds = {}, {}
    for learner in LEARNERS:
        for normalised in (False, True):
            begin = time.monotonic()
            settings = tune(learner, normalised, parts, texts, tasks, trials)
            runs[learner, normalised] = [
                run_continual(
                    learner,
                    normalised,
                    *train,
                    *test,
                    texts,
                    split_into_tasks(len(texts), tasks, seed),
                    ContinualSettings(**settings),
                    seed,
                )
                for seed in range(seeds)
            ]
            key = f"{learner}{'+cn' if normalised else ''}"
            chosen[key], seconds[key] = settings, round(time.monotonic() - begin, 1)
            harmonic = np.mean([found.mean_harmonic for found in runs[learner, normalised]])
            typer.echo(f"{key}: mH {harmonic:.1f} %, {seconds[key]} s, {settings or 'defaults'}", err=True)
            records = [
                dataclasses.asdict(found) | {"seed": seed}
                for group in runs.values()
                for seed, found in enumerate(group)
            ]
            notes: dict[str, Any] = {"data": f"fieldbook-{kingdom}", "tasks": tasks, "trials": trials}
            notes |= {"settings": chosen, "seconds": seconds, "runs": records}
            write_atomically(out, json.dumps(notes, indent=1).encode())
    typer.echo(tabulate(runs))


if __name__ == "__main__":
    typer.run(main)
