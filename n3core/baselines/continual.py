"""Continual zero-shot learning: classes arrive in tasks, and after each all classes are judged, seen or not.

Owns the sequence of tasks, the training loop that all learners share and the figures after each task (Skorokhodov and
Elhoseiny, ICLR 2021). How learners differ is in `learners`, the network in
`attribute_network`; with and without Class Normalization nothing else differs. After task t, T tasks in all:

    S_t, U_t     accuracy of test images of classes seen so far, and of the others; argmax over all classes
    mH           mean over t < T of 2 S_t U_t / (S_t + U_t)
    mAUC         mean over t < T of the area under the seen-unseen curve
    mJA          mean over t <= T of the accuracy of all test images
    forgetting   mean over j < T of (max_{t<T} a_tj - a_Tj)

All accuracies are means over classes. a_tj is the accuracy of task j's test images among the classes of task j, as in
the published code: among all classes it would also fall because more classes count as seen, which is no forgetting.
Where a later task helps an earlier one, forgetting is negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n3core.baselines.attribute_network import AttributeNetwork, normalise_attributes
from n3core.baselines.base import ClassTexts, ImageSet
from n3core.baselines.learners import LEARNERS, Learner, make_learner
from n3core.baselines.standardisation import Standardisation
from n3core.baselines.student import ContinualSettings, Lesson, Student, suggest
from n3core.errors import InputError
from n3core.generalized import ausuc, harmonic_mean, seen_unseen_accuracies, seen_unseen_curve
from n3core.indices import check_labels
from n3core.metrics import per_class_accuracy
from n3core.results.benchmark import ContinualScores

__all__ = [
    "LEARNERS",
    "ContinualSettings",
    "judge_sequence",
    "run_continual",
    "split_into_tasks",
    "suggest",
]

_LEAST_CLASSES = 2  # of a task: one class leaves nothing to tell apart, and Class Normalization nothing to compare


def split_into_tasks(class_count: int, tasks: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Put all classes, in random order, into tasks of equal size, give or take one.

    Args:
        class_count: C.
        tasks: T, at least 2.
        seed: of the order.

    Returns:
        T tuples of classes.

    Raises:
        InputError: fewer than 2 tasks, or fewer than 2 classes a task.
    """
    if tasks < 2 or class_count < _LEAST_CLASSES * tasks:
        raise InputError(
            f"{class_count} classes in {tasks} tasks is no sequence; take 2 tasks or more, of 2 classes or more each"
        )
    order = np.random.default_rng(seed).permutation(class_count)
    return tuple(tuple(int(k) for k in part) for part in np.array_split(order, tasks))


def run_continual(
    learner: str,
    normalised: bool,
    train: ImageSet,
    train_labels: np.ndarray,
    test: ImageSet,
    test_labels: np.ndarray,
    texts: ClassTexts,
    tasks: Sequence[Sequence[int]],
    settings: ContinualSettings,
    seed: int,
    *,
    device: str = "cpu",
) -> ContinualScores:
    """Learn a sequence of tasks and judge all classes after each.

    Args:
        learner: one of `LEARNERS`.
        normalised: whether the attribute network has Class Normalization.
        train: images to learn from; those of a task are seen when its turn comes.
        train_labels: (N,) index into `texts`.
        test: images to judge, of all classes.
        test_labels: (N',) index into `texts`.
        texts: all C classes; known from the start, as descriptions of unseen classes are.
        tasks: T sequences of classes, index into `texts`, each class in one of them.
        settings: hyper-parameters.
        seed: of initial weights, batches and what the learner draws.
        device: "cpu" or "cuda".

    Returns:
        The figures of all T tasks.

    Raises:
        InputError: unknown learner, tasks that are no partition of the classes into at least 2 parts of at least 2,
            a class without images, or labels that do not fit.
    """
    train_labels = check_labels(train_labels, len(train), len(texts))
    test_labels = check_labels(test_labels, len(test), len(texts))
    _check(tasks, texts, train_labels, test_labels)
    for_weights, for_batches, for_learner = (int(s) for s in np.random.SeedSequence(seed).generate_state(3))
    strategy = make_learner(learner, settings, torch.Generator().manual_seed(for_learner))
    batches = torch.Generator().manual_seed(for_batches)

    first = np.asarray(tasks[0], np.int64)
    prepare = Standardisation.of(
        train.features[np.isin(train_labels, first)], active=settings.standardise_features, device=device
    )
    describe = Standardisation.of(texts.semantics[first], active=settings.standardise_semantics, device=device)
    semantics = normalise_attributes(describe(texts.semantics), settings.attribute_norm)
    features, test_features = prepare(train.features), prepare(test.features)
    labels = torch.from_numpy(train_labels).to(device)

    student = _new_student(semantics, features.shape[1], normalised, settings, for_weights)
    everything = torch.arange(len(texts), device=device)
    scores = []
    for task in tasks:
        if strategy.starts_anew:
            student = _new_student(semantics, features.shape[1], normalised, settings, for_weights)
        classes = torch.tensor(task, device=device)
        rows = torch.isin(labels, classes)
        lesson = Lesson(features[rows], labels[rows], classes)
        _study(student, strategy, strategy.prepare(lesson), settings, batches)
        strategy.remember(student, lesson)
        with torch.no_grad():
            scores.append(student.logits(test_features, everything).cpu().numpy())
    return judge_sequence(learner, normalised, scores, test_labels, tasks)


def judge_sequence(
    learner: str, normalised: bool, scores: Sequence[np.ndarray], labels: np.ndarray, tasks: Sequence[Sequence[int]]
) -> ContinualScores:
    """Turn the scores after each task into figures.

    Args:
        learner, normalised: for the record.
        scores: T arrays (N, C), of all test images for all classes.
        labels: (N,) column of the true class.
        tasks: T sequences of classes.

    Returns:
        The figures.
    """
    labels = np.asarray(labels, np.int64)
    seen, unseen, auc, joint = [], [], [], []
    of_task = np.zeros((len(tasks), len(tasks)))  # a_tj
    for number, found in enumerate(scores):
        later = [k for task in tasks[number + 1 :] for k in task]
        joint.append(per_class_accuracy(found.argmax(axis=1), labels))
        if later:
            unseen_now, seen_now = seen_unseen_accuracies(found, labels, later)
            auc.append(ausuc(seen_unseen_curve(found, labels, later)))
            unseen.append(unseen_now)
        else:
            seen_now = joint[-1]
        seen.append(seen_now)
        for column, task in enumerate(tasks):
            classes = np.asarray(task, np.int64)
            rows = np.isin(labels, classes)
            guesses = classes[found[rows][:, classes].argmax(axis=1)]
            of_task[number, column] = per_class_accuracy(guesses, labels[rows]) / 100
    forgotten = of_task[:-1, :-1].max(axis=0) - of_task[-1, :-1]
    harmonic = tuple(harmonic_mean(u, s) for u, s in zip(unseen, seen[:-1], strict=True))
    return ContinualScores(
        learner, normalised, tuple(seen), tuple(unseen), harmonic, tuple(auc), tuple(joint), float(forgotten.mean())
    )


def _new_student(
    semantics: Tensor, feature_size: int, normalised: bool, settings: ContinualSettings, seed: int
) -> Student:
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        network = AttributeNetwork(
            semantics.shape[1],
            settings.hidden_size,
            feature_size,
            normalised,
            rectified=not settings.standardise_features,
        )
    return Student(network.to(semantics.device), semantics, settings.scale)


def _study(
    student: Student, learner: Learner, lesson: Lesson, settings: ContinualSettings, generator: torch.Generator
) -> None:
    """Train on one lesson; leaves the network in evaluation mode."""
    optimiser = torch.optim.Adam(student.weights, settings.learning_rate, weight_decay=settings.weight_decay)
    targets = lesson.targets
    student.network.train()
    for _ in range(settings.epochs):
        order = torch.randperm(len(targets), generator=generator).to(targets.device)
        for rows in order.split(settings.batch_size):
            logits = student.logits(lesson.features[rows], lesson.classes)
            loss = functional.cross_entropy(logits, targets[rows])
            penalty = learner.penalty(student)
            optimiser.zero_grad()
            (loss if penalty is None else loss + penalty).backward()
            learner.direct(student)
            optimiser.step()
    student.network.eval()


def _check(
    tasks: Sequence[Sequence[int]], texts: ClassTexts, train_labels: np.ndarray, test_labels: np.ndarray
) -> None:
    if sorted(k for task in tasks for k in task) != list(range(len(texts))):
        raise InputError(f"the tasks do not hold each of the {len(texts)} classes once; make them anew")
    small = min((len(task) for task in tasks), default=0)
    if len(tasks) < 2 or small < _LEAST_CLASSES:
        raise InputError(
            f"{len(tasks)} tasks of {small} classes or more is no sequence; take 2 tasks or more, of 2 classes or more"
        )
    for kind, labels in (("train on", train_labels), ("test", test_labels)):
        counts = np.bincount(labels, minlength=len(texts))
        if (counts == 0).any():
            raise InputError(f"the class {texts.names[int(np.argmin(counts))]!r} has no image to {kind}; leave it out")
