"""Continual zero-shot learning: what each learner keeps, and the figures after each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import optuna
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from n3core.baselines.attribute_network import AttributeNetwork
from n3core.baselines.base import ClassTexts, ImageSet
from n3core.baselines.continual import LEARNERS, judge_sequence, run_continual, split_into_tasks
from n3core.baselines.learners import Agem, EwcOnline, MasOnline, project_gradient
from n3core.baselines.student import ContinualSettings, Lesson, Student, suggest
from n3core.errors import InputError
from n3core.results.benchmark import ContinualScores

CLASSES, ATTRIBUTES, FEATURES = 12, 6, 10
QUICK = ContinualSettings(
    hidden_size=32,
    learning_rate=3e-3,
    epochs=30,
    batch_size=32,
    importance_images=40,
    attribute_norm="scaled",
    standardise_features=True,
)
Runner = Callable[..., ContinualScores]


@pytest.fixture(scope="module")
def run() -> Runner:
    """Return `run(learner, normalised=False, seed=0, **settings)` on images of 12 classes in 4 tasks.

    What a class looks like has little to do with its attributes, so each task overwrites the last.
    """
    rng = np.random.default_rng(0)
    looks = rng.normal(0, 2, (CLASSES, FEATURES))
    texts = make_texts(rng.normal(size=(CLASSES, ATTRIBUTES)).astype(np.float32))

    def draw(images: int) -> tuple[ImageSet, np.ndarray]:
        labels = np.repeat(np.arange(CLASSES), images)
        features = np.maximum(looks[labels] + rng.normal(0, 0.4, (len(labels), FEATURES)), 0)
        return ImageSet(features.astype(np.float32)), labels

    parts = (*draw(12), *draw(8))

    def call(learner: str, normalised: bool = False, seed: int = 0, **settings: float) -> ContinualScores:
        tasks = split_into_tasks(CLASSES, 4, 0)
        return run_continual(learner, normalised, *parts, texts, tasks, replace(QUICK, **settings), seed)

    return call


def make_texts(semantics: np.ndarray) -> ClassTexts:
    names = tuple(f"class {k}" for k in range(len(semantics)))
    states = torch.from_numpy(semantics)[:, None]
    return ClassTexts(names, names, names, states, torch.ones(states.shape[:2], dtype=torch.bool), semantics)


def make_student(seed: int = 0, *, linear: bool = False, normalised: bool = False) -> Student:
    generator = torch.Generator().manual_seed(seed)
    semantics = torch.randn(CLASSES, ATTRIBUTES, generator=generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = nn.Linear(ATTRIBUTES, FEATURES, bias=False)
        if not linear:
            network = AttributeNetwork(ATTRIBUTES, 16, FEATURES, normalised, rectified=False)
    return Student(network.double().eval(), semantics.double(), 2.0)


def make_lesson(classes: list[int], seed: int = 0, images: int = 5) -> Lesson:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor(classes).repeat_interleave(images)
    features = torch.randn(len(labels), FEATURES, generator=generator, dtype=torch.float64)
    return Lesson(features, labels, torch.tensor(classes))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gradients_by_hand(student: Student, lesson: Lesson) -> tuple[Tensor, Tensor]:
    """Logits (N, K) of a linear network W, and their gradients (N, K, F, M), from y_k = s^2 cos(z, W a_k)."""
    weights = student.weights[0].detach()
    semantics = student.semantics[lesson.classes]
    prototypes = semantics @ weights.T
    lengths = prototypes.norm(dim=1, keepdim=True)
    images, directions = functional.normalize(lesson.features, dim=1), prototypes / lengths
    cosines = images @ directions.T
    by_prototype = (images[:, None] - cosines[..., None] * directions) / lengths
    return student.scale**2 * cosines, student.scale**2 * torch.einsum("nkf,km->nkfm", by_prototype, semantics)


def test_tasks_hold_every_class_once_in_an_order_of_their_own() -> None:
    tasks = split_into_tasks(23, 5, 0)
    assert sorted(k for task in tasks for k in task) == list(range(23))
    assert {len(task) for task in tasks} == {4, 5}
    assert tasks == split_into_tasks(23, 5, 0) != split_into_tasks(23, 5, 1)


@pytest.mark.parametrize(("classes", "tasks"), [(10, 1), (10, 6), (1, 2)])
def test_too_few_classes_or_tasks_are_refused(classes: int, tasks: int) -> None:
    with pytest.raises(InputError, match=f"{classes} classes in {tasks} tasks"):
        split_into_tasks(classes, tasks, 0)


def test_projection_never_opposes_the_memory_and_leaves_agreement_alone() -> None:
    rng = np.random.default_rng(0)
    changed = 0
    for _ in range(300):
        size = int(rng.integers(1, 50))
        gradient, reference = (torch.from_numpy(rng.normal(0, 10 ** rng.uniform(-3, 3), size)) for _ in range(2))
        found = project_gradient(gradient, reference)
        assert float(found @ reference) >= -1e-12 * float(gradient.norm() * reference.norm())
        if gradient @ reference >= 0:
            assert found is gradient
        else:  # what was taken away lies along the reference
            changed += 1
            removed = gradient - found
            assert abs(float(functional.cosine_similarity(removed, reference, dim=0))) == pytest.approx(1)
    assert changed > 50
    still = torch.ones(3)
    assert project_gradient(still, torch.zeros(3)) is still


def test_fisher_information_of_a_linear_network_by_hand() -> None:
    student, lesson = make_student(linear=True), make_lesson([1, 4, 7], images=8)
    logits, gradients = gradients_by_hand(student, lesson)
    chances = logits.softmax(dim=1)
    drawn = torch.multinomial(chances, 1, generator=seeded(5))[:, 0]  # the labels that a learner with this seed draws
    errors = functional.one_hot(drawn, 3) - chances  # d log p(y) / d logits
    expected = torch.einsum("nk,nkfm->nfm", errors, gradients).square().mean(dim=0)
    (found,) = EwcOnline(QUICK, seeded(5)).measure(student, lesson)
    torch.testing.assert_close(found, expected)
    assert (drawn != lesson.targets).any(), "labels come from the network, not from the data"


def test_synaptic_importance_of_a_linear_network_by_hand() -> None:
    student, lesson = make_student(linear=True), make_lesson([1, 4, 7], images=8)
    logits, gradients = gradients_by_hand(student, lesson)
    expected = torch.einsum("nk,nkfm->nfm", 2 * logits, gradients).abs().mean(dim=0)
    (found,) = MasOnline(QUICK, seeded()).measure(student, lesson)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("kind", "strength"), [(EwcOnline, 0.5), (MasOnline, 1.0)])
def test_importances_decay_and_hold_weights_where_they_were(
    kind: type[EwcOnline] | type[MasOnline], strength: float
) -> None:
    settings = replace(QUICK, importance_weight=3.0, decay=0.25, importance_images=99)
    student, lessons = make_student(normalised=True), (make_lesson([0, 1, 2]), make_lesson([3, 4, 5], 1))
    learner = kind(settings, seeded())
    assert learner.penalty(student) is None
    learner.remember(student, lessons[0])
    first = [part.clone() for part in learner._importances]
    assert sum(part.sum() for part in first) / sum(part.numel() for part in first) == pytest.approx(1)
    between = learner.generator.get_state()
    learner.remember(student, lessons[1])
    alone = kind(settings, seeded())
    alone.generator.set_state(between)
    alone.remember(student, lessons[1])
    for both, before, after in zip(learner._importances, first, alone._importances, strict=True):
        torch.testing.assert_close(both, 0.25 * before + after)

    penalty = learner.penalty(student)
    assert penalty is not None and penalty.item() == 0
    with torch.no_grad():
        for weight in student.weights:
            weight += 0.1
    moved = learner.penalty(student)
    expected = strength * 3.0 * 0.01 * sum(part.sum() for part in learner._importances)
    assert moved is not None
    torch.testing.assert_close(moved.detach(), torch.as_tensor(expected))


def test_memory_keeps_so_many_images_of_each_class_and_judges_each_within_its_task() -> None:
    learner = Agem(replace(QUICK, memory_per_class=2, reference_size=99), seeded())
    student, lessons = make_student(), (make_lesson([0, 1, 2]), make_lesson([3, 4], 1))
    for lesson in lessons:
        learner.remember(student, lesson)
    losses, kept = [], 0
    for memory, lesson in zip(learner._kept, lessons, strict=True):
        assert memory.labels.bincount()[lesson.classes].tolist() == [2] * len(lesson.classes)
        assert all((lesson.features == row).all(dim=1).any() for row in memory.features)
        logits = student.logits(memory.features, lesson.classes)
        losses.append(functional.cross_entropy(logits, memory.targets, reduction="sum"))
        kept += len(memory.labels)
    torch.testing.assert_close(learner.recall_loss(student), sum(losses) / kept)


def test_a_step_never_raises_the_loss_on_the_memory_to_first_order() -> None:
    settings = replace(QUICK, memory_per_class=9, reference_size=999)  # the reference is the whole memory
    projected = 0
    for seed in range(20):
        student, learner = make_student(seed), Agem(settings, seeded())
        learner.remember(student, make_lesson([0, 1, 2], seed))
        task = make_lesson([3, 4, 5], seed + 100)
        functional.cross_entropy(student.logits(task.features, task.classes), task.targets).backward()
        before = torch.cat([weight.grad.flatten() for weight in student.weights])
        learner.direct(student)
        after = torch.cat([weight.grad.flatten() for weight in student.weights])
        recall = torch.autograd.grad(learner.recall_loss(student), student.weights)
        reference = torch.cat([part.flatten() for part in recall])
        assert float(after @ reference) >= -1e-9 * float(before.norm() * reference.norm())
        projected += not torch.equal(before, after)
    assert 0 < projected < 20


@pytest.mark.parametrize("normalised", [False, True])
def test_multi_task_forgets_less_than_sequential(run: Runner, normalised: bool) -> None:
    sequential, multi_task = (run(name, normalised) for name in ("sequential", "multi-task"))
    assert sequential.forgetting > 0.1
    assert multi_task.forgetting < sequential.forgetting / 2
    assert multi_task.joint[-1] > sequential.joint[-1] + 10
    assert multi_task.joint[-1] > 80


@pytest.mark.parametrize("learner", ["ewc-online", "mas-online", "a-gem"])
def test_what_is_kept_of_earlier_tasks_reduces_forgetting(run: Runner, learner: str) -> None:
    assert run(learner, importance_weight=30.0, decay=1.0).forgetting < run("sequential").forgetting


@pytest.mark.parametrize("learner", ["ewc-online", "mas-online"])
def test_without_weight_the_importances_change_nothing(run: Runner, learner: str) -> None:
    assert run(learner, importance_weight=0.0, epochs=3).seen == run("sequential", epochs=3).seen


@pytest.mark.parametrize(
    ("learner", "setting"),
    [("ewc-online", "importance_images"), ("mas-online", "importance_images"), ("a-gem", "reference_size")],
)
def test_as_many_images_are_drawn_as_the_settings_say(run: Runner, learner: str, setting: str) -> None:
    assert run(learner, epochs=3, importance_weight=30.0, **{setting: 2}) != run(
        learner, epochs=3, importance_weight=30.0, **{setting: 30}
    )


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_seed_gives_the_same_figures_again(run: Runner, learner: str, normalised: bool) -> None:
    torch.manual_seed(123)
    state = torch.get_rng_state()
    found = run(learner, normalised, epochs=2)
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
    torch.manual_seed(321)
    assert run(learner, normalised, epochs=2) == found
    assert run(learner, normalised, 1, epochs=2) != found
    assert (found.learner, found.normalised) == (learner, normalised)
    assert [len(row) for row in (found.seen, found.joint)] == [4, 4]
    assert [len(row) for row in (found.unseen, found.harmonic, found.auc)] == [3, 3, 3]
    assert found.seen[-1] == found.joint[-1]


def test_figures_of_a_sequence_by_hand() -> None:
    labels = np.array([0, 1, 2, 3])
    perfect = 2 * np.eye(4)
    swapped = perfect[[1, 0, 2, 3]]  # the first task is confused, the second is right
    found = judge_sequence("sequential", True, [perfect, swapped], labels, [(0, 1), (2, 3)])
    assert found.seen == (100, 50)
    assert found.unseen == (100,) and found.harmonic == (100,)
    assert found.auc == pytest.approx((1,))
    assert found.joint == (100, 50) and found.mean_joint == 75
    assert found.forgetting == 1
    helped = judge_sequence("sequential", True, [swapped, perfect], labels, [(0, 1), (2, 3)])
    assert helped.seen == (0, 100) and helped.harmonic == (0,) and helped.forgetting == -1


def test_forgetting_is_judged_within_each_task() -> None:
    labels = np.array([0, 1, 2, 3])
    first, then = 2 * np.eye(4), 2 * np.eye(4)
    then[:2, 2] = 3  # the first task's images look most like a class of the second, yet are told apart as before
    found = judge_sequence("a-gem", False, [first, then], labels, [(0, 1), (2, 3)])
    assert found.seen == (100, 50) and found.forgetting == 0


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([(0, 1), (2, 2)], "each of the 4 classes once"),
        ([(0, 1), (2,)], "each of the 4 classes once"),
        ([(0, 1, 2, 3)], "1 tasks of 4 classes"),
        ([(0, 1, 2), (3,)], "2 tasks of 1 classes"),
    ],
)
def test_tasks_that_are_no_sequence_are_refused(tasks: list[tuple[int, ...]], message: str) -> None:
    texts = make_texts(np.eye(4, dtype=np.float32))
    images, labels = ImageSet(np.ones((4, 3), np.float32)), np.arange(4)
    with pytest.raises(InputError, match=message):
        run_continual("sequential", False, images, labels, images, labels, texts, tasks, QUICK, 0)


def test_a_class_without_images_and_an_unknown_learner_are_refused() -> None:
    texts = make_texts(np.eye(4, dtype=np.float32))
    images, labels, tasks = ImageSet(np.ones((4, 3), np.float32)), np.arange(4), [(0, 1), (2, 3)]
    with pytest.raises(InputError, match="'class 3' has no image to test"):
        run_continual("sequential", False, images, labels, images, np.array([0, 1, 2, 2]), texts, tasks, QUICK, 0)
    with pytest.raises(InputError, match="'gem' is unknown; choose one of sequential"):
        run_continual("gem", False, images, labels, images, labels, texts, tasks, QUICK, 0)


def test_every_learner_draws_from_one_search_space() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        settings = ContinualSettings(**suggest(study.ask()))
        assert settings.memory_per_class >= 1 and 0 <= settings.decay <= 1
