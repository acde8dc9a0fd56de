"""What the seeds of one system have in common: the rows of a benchmark's tables and figures. Knows results only.

Every number is the mean over the seeds. The ends of an interval are means too: it tells how far the choice of images
moves the accuracy of one fit; how far the seed moves it is told beside it, by the accuracies of all seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3core.results.benchmark import BenchmarkResults, ContinualScores, GeneralizedScores, MethodRun
from n3core.results.predictions import Controls, Interval

__all__ = ["ContinualSummary", "GeneralizedSummary", "MethodSummary", "summarise", "summarise_continual"]


@dataclass(frozen=True)
class GeneralizedSummary:
    """Seen and unseen classes together, percent but for `ausuc` in [0, 1].

    middle: the scores of the seed with the median AUSUC (the lower one of two), whose curve stands for all.
    """

    unseen: float
    seen: float
    harmonic_mean: float
    ausuc: float
    middle: GeneralizedScores


@dataclass(frozen=True)
class MethodSummary:
    """One system over its seeds.

    accuracies: of the unseen classes among themselves, one a seed, percent.
    accuracy: their mean.
    controls, generalized: None where no seed has them.
    orders: median accuracy over random orders of the classes; None where not measured.
    fit_seconds, predict_seconds: of one seed.
    """

    method: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    accuracy: float
    interval: Interval
    controls: Controls | None
    generalized: GeneralizedSummary | None
    orders: float | None
    trials: int
    fit_seconds: float
    predict_seconds: float

    @property
    def spread(self) -> float:
        """Largest minus smallest accuracy of the seeds, in points."""
        return max(self.accuracies) - min(self.accuracies)


@dataclass(frozen=True)
class ContinualSummary:
    """One continual learner, with or without Class Normalization, over its seeds.

    harmonic: H_t after each task but the last, percent.
    mean_harmonic, mean_auc, mean_joint, forgetting: as in `ContinualScores`.
    seeds: how many.
    """

    learner: str
    normalised: bool
    harmonic: tuple[float, ...]
    mean_harmonic: float
    mean_auc: float
    mean_joint: float
    forgetting: float
    seeds: int


def summarise(results: BenchmarkResults) -> tuple[MethodSummary, ...]:
    """One row for every system that was run, in the order of the file."""
    return tuple(_summarise_runs(results.runs_of(method)) for method in results.methods)


def summarise_continual(results: BenchmarkResults) -> tuple[ContinualSummary, ...]:
    """One row for every learner with and without Class Normalization, in the order of the file."""
    groups: dict[tuple[str, bool], list[ContinualScores]] = {}
    for scores in results.continual:
        groups.setdefault((scores.learner, scores.normalised), []).append(scores)
    return tuple(_summarise_scores(group) for group in groups.values())


def _summarise_runs(runs: Sequence[MethodRun]) -> MethodSummary:
    controls = [run.controls for run in runs if run.controls is not None]
    generalized = [run.generalized for run in runs if run.generalized is not None]
    orders = [run.permutations.median for run in runs if run.permutations is not None]
    accuracies = tuple(run.accuracy for run in runs)
    return MethodSummary(
        method=runs[0].method,
        seeds=tuple(run.seed for run in runs),
        accuracies=accuracies,
        accuracy=_mean(accuracies),
        interval=Interval(_mean([run.interval.low for run in runs]), _mean([run.interval.high for run in runs])),
        controls=Controls(
            _mean([one.shuffled for one in controls]),
            _mean([one.name_only for one in controls]),
            _mean([one.empty for one in controls]),
        )
        if controls
        else None,
        generalized=_summarise_generalized(generalized) if generalized else None,
        orders=_mean(orders) if orders else None,
        trials=runs[0].trials,
        fit_seconds=_mean([run.fit_seconds for run in runs]),
        predict_seconds=_mean([run.predict_seconds for run in runs]),
    )


def _summarise_generalized(scores: Sequence[GeneralizedScores]) -> GeneralizedSummary:
    ordered = sorted(scores, key=lambda one: one.ausuc)
    return GeneralizedSummary(
        _mean([one.unseen for one in scores]),
        _mean([one.seen for one in scores]),
        _mean([one.harmonic_mean for one in scores]),
        _mean([one.ausuc for one in scores]),
        ordered[(len(ordered) - 1) // 2],
    )


def _summarise_scores(scores: Sequence[ContinualScores]) -> ContinualSummary:
    first = scores[0]
    return ContinualSummary(
        first.learner,
        first.normalised,
        tuple(_mean(values) for values in zip(*(one.harmonic for one in scores), strict=False)),
        _mean([one.mean_harmonic for one in scores]),
        _mean([one.mean_auc for one in scores]),
        _mean([one.mean_joint for one in scores]),
        _mean([one.forgetting for one in scores]),
        len(scores),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
