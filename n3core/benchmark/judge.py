"""One system, one seed: fit on seen classes, judge on unseen ones, and what that took.

Owns the order of the measurements and what each may see: settings and gamma come from validation classes, the test
classes are only predicted. Knows no dataset and no system.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry, Settings, ZeroShotMethod
from n3core.benchmark.data import BenchmarkData, Labelled, join_texts
from n3core.errors import InputError
from n3core.evaluate import Predict, measure_controls, measure_permutations, score
from n3core.generalized import choose_gamma, generalized_scores
from n3core.results import Controls, Spread
from n3core.results.benchmark import GeneralizedScores, MethodRun

__all__ = ["Measurements", "judge_method", "validate_settings"]


@dataclass(frozen=True)
class Measurements:
    """What is measured beside the accuracy of the unseen classes.

    controls: accuracy without true texts.
    permutations: random orders of the classes to try; 0 leaves them out.
    generalized: seen and unseen classes together.
    """

    controls: bool = True
    permutations: int = 10
    generalized: bool = False

    def lacking_in(self, run: MethodRun) -> bool:
        """Whether a run of an earlier command does not have all of this."""
        orders = len(run.permutations.values) if run.permutations is not None else 0
        return (
            (self.controls and run.controls is None)
            or orders < self.permutations
            or (self.generalized and run.generalized is None)
        )


def validate_settings(
    entry: MethodEntry, settings: Settings, data: BenchmarkData, base: BaseNetwork, *, seed: int = 0
) -> float:
    """Per-class accuracy on the validation classes, percent, after a fit on the seen ones.

    Raises:
        InputError: the system cannot be fitted with these settings.
    """
    assert data.validation is not None and data.validating is not None, "checked before a run starts"
    method = _fit(entry, settings, data, base, seed)
    scores = _predict(entry, method, data.validation.images, data.validating)
    return score(scores, data.validation.labels, data.validating.names).per_class_accuracy


def judge_method(
    entry: MethodEntry,
    settings: Settings,
    trials: int,
    seed: int,
    data: BenchmarkData,
    base: BaseNetwork,
    measurements: Measurements,
) -> MethodRun:
    """Fit a system once and measure everything that was asked for.

    Args:
        entry: the system.
        settings: its hyper-parameters, chosen before.
        trials: how many settings were tried to find them.
        seed: of initial weights, batches and samples.
        data: images and texts.
        base: the frozen network.
        measurements: what to measure.

    Returns:
        The record of the run.

    Raises:
        InputError: the system cannot be fitted.
    """
    started = time.perf_counter()
    method = _fit(entry, settings, data, base, seed)
    if torch.device(base.device).type == "cuda":
        torch.cuda.synchronize(base.device)  # else what is still being computed counts as predicting
    fit_seconds = time.perf_counter() - started
    started = time.perf_counter()
    scores = _predict(entry, method, data.test.images, data.unseen)
    predict_seconds = time.perf_counter() - started
    found = score(scores, data.test.labels, data.unseen.names)
    names = data.unseen.names
    return MethodRun(
        entry.name,
        seed,
        dict(settings),
        trials,
        found.per_class_accuracy,
        found.interval,
        dict(zip(names, found.class_accuracies.astype(float).tolist(), strict=True)),
        fit_seconds,
        predict_seconds,
        _controls(entry, method, data) if measurements.controls and data.reader is not None else None,
        _permutations(entry, method, data, measurements.permutations) if measurements.permutations else None,
        _generalized(entry, method, data) if measurements.generalized else None,
    )


def _fit(entry: MethodEntry, settings: Settings, data: BenchmarkData, base: BaseNetwork, seed: int) -> ZeroShotMethod:
    method = entry.build(settings, base, seed)
    try:
        method.fit(data.train.images, data.train.labels, data.seen)
    except torch.linalg.LinAlgError as error:
        raise InputError(f"{entry.name} cannot be solved with these settings ({error})") from None
    return method


def _predict(entry: MethodEntry, method: ZeroShotMethod, images: ImageSet, texts: ClassTexts) -> np.ndarray:
    scores = np.asarray(method.predict(images, texts), np.float32)
    assert scores.shape == (len(images), len(texts)), f"{entry.name} gave scores of shape {scores.shape}"
    if not np.isfinite(scores).all():
        raise InputError(f"{entry.name} gave scores that are no numbers; its training diverged with these settings")
    return scores


def _rows_of(scores: np.ndarray) -> Predict:
    """All images are scored at once, because building a classifier takes longer than using it."""
    return lambda rows: scores[rows]


def _controls(entry: MethodEntry, method: ZeroShotMethod, data: BenchmarkData) -> Controls:
    def build(texts: Sequence[str]) -> Predict:
        return _rows_of(_predict(entry, method, data.test.images, data.reread(data.unseen, texts)))

    return measure_controls(
        build,
        data.unseen.texts,
        data.unseen.names,
        np.arange(len(data.test.labels)),
        data.test.labels,
        foreign_texts=data.foreign_texts,
    )


def _permutations(entry: MethodEntry, method: ZeroShotMethod, data: BenchmarkData, count: int) -> Spread:
    def build(keys: Sequence[str]) -> Predict:
        return _rows_of(_predict(entry, method, data.test.images, data.unseen.take([int(key) for key in keys])))

    keys = [str(row) for row in range(len(data.unseen))]  # two classes may share a text, but not a row
    return measure_permutations(build, keys, np.arange(len(data.test.labels)), data.test.labels, count)


def _generalized(entry: MethodEntry, method: ZeroShotMethod, data: BenchmarkData) -> GeneralizedScores:
    """Gamma from validation classes that play the unseen ones; then, once, the test classes."""
    assert data.validation is not None and data.validating is not None, "checked before a run starts"
    assert data.calibration is not None and data.seen_test is not None, "loaded with the generalized setting"
    gamma = choose_gamma(*_together(entry, method, data.seen, data.calibration, data.validating, data.validation))
    return generalized_scores(*_together(entry, method, data.seen, data.seen_test, data.unseen, data.test), gamma)


def _together(
    entry: MethodEntry,
    method: ZeroShotMethod,
    seen: ClassTexts,
    seen_images: Labelled,
    unseen: ClassTexts,
    unseen_images: Labelled,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (N, seen + unseen) of both kinds of images, their labels (N,), and the unseen columns."""
    classes = join_texts(seen, unseen)
    scores = [_predict(entry, method, part.images, classes) for part in (seen_images, unseen_images)]
    labels = np.concatenate([seen_images.labels, unseen_images.labels + len(seen)])
    return np.concatenate(scores), labels, np.arange(len(seen), len(classes))
