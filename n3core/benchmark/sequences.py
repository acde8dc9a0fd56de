"""The continual setting as a part of a run: every learner, without and with Class Normalization, every seed.

Owns which classes may choose the settings, and the pieces; the learners themselves are in `n3core.baselines.continual`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from n3core.baselines.base import ClassTexts, Settings, Trial
from n3core.baselines.continual import LEARNERS, ContinualSettings, run_continual, split_into_tasks, suggest
from n3core.benchmark.bench import Bench
from n3core.benchmark.data import ContinualData, Labelled
from n3core.benchmark.folder import RunFolder
from n3core.benchmark.progress import Listener
from n3core.benchmark.tune import tune
from n3core.errors import InputError
from n3core.results.benchmark import ContinualScores

__all__ = ["ContinualPlan", "check_sequences", "run_sequences"]

_HELD_OUT = 4  # one training image of so many judges the settings


@dataclass(frozen=True)
class ContinualPlan:
    """Which sequences to run.

    tasks: T, in which all classes of the run arrive.
    seeds: sequences of each learner; a seed sets the order of the classes too.
    trials: settings tried for each learner, on a sequence of the seen and validation classes alone, judged on training
        images that are held out of it.
    learners: names.
    """

    tasks: int = 10
    seeds: int = 3
    trials: int = 10
    learners: tuple[str, ...] = LEARNERS


@dataclass(frozen=True)
class _Searched:
    """A learner as a search sees it."""

    name: str
    default: Settings
    suggest: Callable[[Trial], Settings] = suggest


def check_sequences(plan: ContinualPlan, bench: Bench) -> None:
    """Refuse, before anything is computed, more tasks than the classes make.

    Raises:
        InputError: they are too few.
    """
    classes = sum(map(len, (bench.setting.seen, bench.setting.validation, bench.setting.unseen)))
    split_into_tasks(classes, plan.tasks, 0)


def run_sequences(
    plan: ContinualPlan, bench: Bench, folder: RunFolder, listener: Listener, write: Callable[[], object]
) -> None:
    """Do what is left of the continual setting.

    Raises:
        InputError: too few classes for the tasks, or a class with too few images to hold some out.
    """
    check_sequences(plan, bench)
    pending = [
        (learner, normalised)
        for learner in plan.learners
        for normalised in (False, True)
        if not all(_is_done(plan, folder, learner, normalised, seed) for seed in range(plan.seeds))
    ]
    if not pending:
        return
    data = bench.load_continual(listener=listener)
    for learner, normalised in pending:
        title = f"{learner} + CN" if normalised else learner
        listener.begin(title, plan.trials + plan.seeds)
        tuned = _tune(plan, learner, normalised, bench, data, folder, listener)
        for seed in range(plan.seeds):
            if not _is_done(plan, folder, learner, normalised, seed):
                scores = _run(plan.tasks, learner, normalised, tuned, seed, bench, data.train, data.test, data.texts)
                scores = replace(scores, trials=plan.trials)
                folder.add_continual(_name(learner, normalised, seed), scores)
                listener.say(f"{title}, seed {seed}: mH {scores.mean_harmonic:.1f} %")
                write()
            listener.advance()


def _tune(
    plan: ContinualPlan,
    learner: str,
    normalised: bool,
    bench: Bench,
    data: ContinualData,
    folder: RunFolder,
    listener: Listener,
) -> Settings:
    """Settings with the largest mH on a sequence that holds no unseen class and no test image."""
    fitted, judged = _divide(data.train, data.choosing)
    texts = data.texts.take(np.arange(data.choosing))
    tasks = min(plan.tasks, data.choosing // 2)
    if plan.trials and tasks < 2:
        raise InputError(f"{data.choosing} seen and validation classes make no sequence to choose by; give --trials 0")

    def measure(settings: Settings) -> float:
        found = _run(tasks, learner, normalised, settings, 0, bench, fitted, judged, texts).mean_harmonic
        listener.advance()
        return found

    searched = _Searched(
        f"continual {learner}{' + CN' if normalised else ''}, {plan.tasks} tasks", asdict(ContinualSettings())
    )
    return tune(searched, plan.trials, folder.studies, measure, tell=listener.say).settings


def _divide(part: Labelled, classes: int) -> tuple[Labelled, Labelled]:
    """Images of the first classes to fit on, and every `_HELD_OUT`-th of each class to judge by."""
    chosen = [np.flatnonzero(part.labels == k) for k in range(classes)]
    judged = np.concatenate([rows[::_HELD_OUT] for rows in chosen])
    fitted = np.setdiff1d(np.concatenate(chosen), judged)
    return tuple(Labelled(part.images.take(rows), part.labels[rows]) for rows in (fitted, judged))


def _run(
    tasks: int,
    learner: str,
    normalised: bool,
    settings: Settings,
    seed: int,
    bench: Bench,
    train: Labelled,
    test: Labelled,
    texts: ClassTexts,
) -> ContinualScores:
    return run_continual(
        learner,
        normalised,
        train.images,
        train.labels,
        test.images,
        test.labels,
        texts,
        split_into_tasks(len(texts), tasks, seed),
        ContinualSettings(**settings),
        seed,
        device=bench.base.device,
    )


def _is_done(plan: ContinualPlan, folder: RunFolder, learner: str, normalised: bool, seed: int) -> bool:
    scores = folder.find_continual(_name(learner, normalised, seed))
    if scores is not None and len(scores.joint) != plan.tasks:
        raise InputError(
            f"{folder.path} holds sequences of {len(scores.joint)} tasks instead of {plan.tasks}; choose another --out"
        )
    return scores is not None and scores.trials == plan.trials


def _name(learner: str, normalised: bool, seed: int) -> str:
    return f"{learner}-{'cn' if normalised else 'plain'}-{seed}"
