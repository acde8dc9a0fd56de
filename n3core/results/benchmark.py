"""What a benchmark run found: one record per system and seed, and what they share. Knows no system and no file.

All accuracies are per-class averages in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from n3core.results.predictions import Controls, Interval, Spread

__all__ = ["BenchmarkResults", "BenchmarkSetting", "ContinualScores", "GeneralizedScores", "MethodRun"]


@dataclass(frozen=True)
class GeneralizedScores:
    """Seen and unseen classes together (generalized zero-shot learning).

    unseen, seen: U and S, accuracy of the images of unseen and of seen classes among all classes, at `gamma`.
    gamma: what is added to the scores of unseen classes (calibrated stacking), chosen on validation classes and on
        images of seen classes that were held out.
    uncalibrated_unseen, uncalibrated_seen: the same at gamma 0.
    ausuc: area under the seen-unseen curve, in [0, 1].
    curve: (U, S) pairs in percent, from all seen to all unseen.
    """

    unseen: float
    seen: float
    gamma: float
    uncalibrated_unseen: float
    uncalibrated_seen: float
    ausuc: float
    curve: tuple[tuple[float, float], ...]

    @property
    def harmonic_mean(self) -> float:
        """H = 2 U S / (U + S)."""
        total = self.unseen + self.seen
        return 2 * self.unseen * self.seen / total if total else 0.0


@dataclass(frozen=True)
class ContinualScores:
    """Classes arrive in T tasks; after task t all classes are judged (continual zero-shot learning).

    learner: sequential, ewc-online, mas-online, a-gem or multi-task.
    normalised: whether the attribute network has Class Normalization.
    seen, unseen: S_t and U_t in percent; unseen has T - 1 values, since after the last task no class is unseen.
    harmonic: H_t, T - 1 values.
    auc: area under the seen-unseen curve after each task, T - 1 values in [0, 1].
    joint: accuracy over all test classes after each task, T values, percent.
    forgetting: mean over tasks of the best accuracy minus the last one, at most 1; below 0 where later tasks help.
    trials: how many settings were tried before.
    """

    learner: str
    normalised: bool
    seen: tuple[float, ...]
    unseen: tuple[float, ...]
    harmonic: tuple[float, ...]
    auc: tuple[float, ...]
    joint: tuple[float, ...]
    forgetting: float
    trials: int = 0

    @property
    def mean_harmonic(self) -> float:
        """mH, percent."""
        return float(np.mean(self.harmonic))

    @property
    def mean_auc(self) -> float:
        """mAUC, in [0, 1]."""
        return float(np.mean(self.auc))

    @property
    def mean_joint(self) -> float:
        """mJA, percent."""
        return float(np.mean(self.joint))


@dataclass(frozen=True)
class MethodRun:
    """One system, fitted once with one seed.

    method: name of the system.
    seed: of its initial weights, batches and samples.
    settings: hyper-parameters it was fitted with.
    trials: how many settings were tried on the validation classes before.
    accuracy: of the unseen classes among themselves (conventional zero-shot learning).
    interval: of `accuracy`, from resampling images within classes.
    class_accuracies: class name -> accuracy.
    controls: accuracy without true texts; None where not measured.
    permutations: accuracy over random orders of the classes; None where not measured.
    fit_seconds, predict_seconds: wall-clock time; `predict_seconds` for all test images.
    generalized: None where not measured.
    """

    method: str
    seed: int
    settings: Mapping[str, Any]
    trials: int
    accuracy: float
    interval: Interval
    class_accuracies: Mapping[str, float]
    fit_seconds: float
    predict_seconds: float
    controls: Controls | None = None
    permutations: Spread | None = None
    generalized: GeneralizedScores | None = None


@dataclass(frozen=True)
class BenchmarkSetting:
    """What all systems of a run share.

    dataset, split: as named on the command line; `split_hash` is of the class ids of all three parts.
    base: base network; `base_hash` is of its tensors.
    text: encoder and mode, such as "minilm contextual".
    seen, validation, unseen: class names.
    train_images, test_images: how many.
    versions: package -> version.
    command: the words that made the run.
    identity: digests of images and texts, images of each class, device and such, readable; empty in files that came
        before it.
    """

    dataset: str
    split: str
    split_hash: str
    base: str
    base_hash: str
    text: str
    seen: tuple[str, ...]
    validation: tuple[str, ...]
    unseen: tuple[str, ...]
    train_images: int
    test_images: int
    versions: Mapping[str, str]
    command: str
    identity: Mapping[str, str] = field(default_factory=dict)

    @property
    def chance(self) -> float:
        """Accuracy of guessing among the unseen classes, percent."""
        return 100 / len(self.unseen)


@dataclass(frozen=True)
class BenchmarkResults:
    """One results file.

    runs: every system and seed that was run.
    unavailable: system -> reason why it has no number.
    continual: one record per learner, with and without Class Normalization, and seed; empty where not measured.
    """

    setting: BenchmarkSetting
    runs: tuple[MethodRun, ...]
    unavailable: Mapping[str, str]
    continual: tuple[ContinualScores, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """Systems with at least one run, in order of their first."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    def runs_of(self, method: str) -> tuple[MethodRun, ...]:
        """All seeds of one system."""
        return tuple(run for run in self.runs if run.method == method)
