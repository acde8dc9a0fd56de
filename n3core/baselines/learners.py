"""How an attribute network learns one task after another: sequential, EWC-online, MAS-online, A-GEM, multi-task.

Owns what each learner keeps of earlier tasks and how that changes the next one's training (Skorokhodov and Elhoseiny,
ICLR 2021). The loop over tasks, and the figures, are in `continual`. A learner is a small strategy: which images and
classes to train on, a penalty added to the loss, a direction instead of the gradient, and what to keep afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from n3core.baselines.student import ContinualSettings, Lesson, Student, mean_importance
from n3core.errors import InputError

__all__ = ["LEARNERS", "Agem", "EwcOnline", "Learner", "MasOnline", "MultiTask", "make_learner", "project_gradient"]


class Learner:
    """Sequential: nothing is kept, each task is trained on top of the last.

    During a task the logits are over the classes of that task alone, as in the published code: an output that the
    task does not speak of is not pushed down, so that what was learned of other classes is forgotten through the
    shared network only.

    Args:
        settings: hyper-parameters.
        generator: of whatever the learner draws; on the CPU.
    """

    starts_anew = False  # whether each task begins with initial weights

    def __init__(self, settings: ContinualSettings, generator: torch.Generator) -> None:
        self.settings = settings
        self.generator = generator

    def prepare(self, lesson: Lesson) -> Lesson:
        """What to train on when `lesson` arrives."""
        return lesson

    def penalty(self, student: Student) -> Tensor | None:
        """A term () to add to the cross-entropy; None for none."""
        return None

    def direct(self, student: Student) -> None:
        """Change the gradients in `.grad` before the step."""

    def remember(self, student: Student, lesson: Lesson) -> None:
        """Keep something of the task that has just been learned; `student` is in evaluation mode."""

    def _draw(self, count: int, most: int) -> Tensor:
        """At most `most` of `count` rows (n,), in random order."""
        return torch.randperm(count, generator=self.generator)[:most]


class MultiTask(Learner):
    """The upper row: after every task a network is trained anew on all images so far, over all classes so far."""

    starts_anew = True

    def __init__(self, settings: ContinualSettings, generator: torch.Generator) -> None:
        super().__init__(settings, generator)
        self._kept: list[Lesson] = []

    def prepare(self, lesson: Lesson) -> Lesson:
        """All lessons so far as one."""
        self._kept.append(lesson)
        return _join(self._kept)


class _Anchored(Learner):
    """Weights are held near where the last task left them, the more so the more important they were.

    After task t the importances are Omega*_t = gamma Omega*_{t-1} + Omega_t, with one running sum and one anchor
    theta*_t for all tasks: that is "online". Raw importances differ by orders of magnitude between networks and
    objectives, so each Omega_t is divided by its mean over all weights and lambda means the same everywhere. (The
    published code brings the Fisher information to [0, 1] for the same reason.)
    """

    strength = 1.0  # the penalty is strength * lambda * sum_i Omega*_i (theta_i - theta*_i)^2

    def __init__(self, settings: ContinualSettings, generator: torch.Generator) -> None:
        super().__init__(settings, generator)
        self._importances: list[Tensor] = []
        self._anchors: list[Tensor] = []

    def measure(self, student: Student, lesson: Lesson) -> list[Tensor]:
        """Omega_t, one tensor for each of the student's weights."""
        raise NotImplementedError

    def penalty(self, student: Student) -> Tensor | None:
        """strength * lambda * sum_i Omega*_i (theta_i - theta*_i)^2; None during the first task."""
        if not self._anchors:
            return None
        parts = [
            (importance * (weight - anchor).square()).sum()
            for weight, anchor, importance in zip(student.weights, self._anchors, self._importances, strict=True)
        ]
        return self.strength * self.settings.importance_weight * torch.stack(parts).sum()

    def remember(self, student: Student, lesson: Lesson) -> None:
        """Add the task's importances to the decayed ones and move the anchor."""
        rows = self._draw(len(lesson.labels), self.settings.importance_images)
        found = self.measure(student, lesson.take(rows.to(lesson.labels.device)))
        mean = sum(float(part.sum()) for part in found) / sum(part.numel() for part in found)
        found = [part / mean if mean > 0 else part for part in found]
        if self._importances:
            pairs = zip(self._importances, found, strict=True)
            found = [self.settings.decay * before + part for before, part in pairs]
        self._importances = found
        self._anchors = [weight.detach().clone() for weight in student.weights]


class EwcOnline(_Anchored):
    """Online elastic weight consolidation (Kirkpatrick et al. 2017; Schwarz et al. 2018).

    Omega_t is the diagonal of the task's Fisher information,

        F_i = E_x E_{y ~ p(y|x)} (d log p(y|x) / d theta_i)^2

    over the classes of the task, one label y drawn from the network's own prediction for each image. The sum decays,
    F*_t = gamma F*_{t-1} + F_t, and the penalty is lambda/2 sum_i F*_i (theta_i - theta*_i)^2.
    """

    strength = 0.5

    def measure(self, student: Student, lesson: Lesson) -> list[Tensor]:
        """Diagonal Fisher information."""
        with torch.no_grad():
            chances = student.logits(lesson.features, lesson.classes).softmax(dim=1).cpu()
        drawn = torch.multinomial(chances, 1, generator=self.generator)[:, 0].to(lesson.labels.device)
        return mean_importance(student, lesson.features, lesson.classes, drawn, _log_likelihood, torch.square)


class MasOnline(_Anchored):
    """Online memory aware synapses (Aljundi et al. 2018).

    Omega_i = E_x |d ||f(x)||^2 / d theta_i|: how much the squared length of the output changes with a weight. No label
    is needed; f(x) are the logits over the classes of the task. The sum decays as in EWC-online, and the penalty is
    lambda sum_i Omega*_i (theta_i - theta*_i)^2.
    """

    def measure(self, student: Student, lesson: Lesson) -> list[Tensor]:
        """Mean absolute gradient of the squared output norm."""
        return mean_importance(
            student, lesson.features, lesson.classes, lesson.targets, _squared_length, torch.absolute
        )


class Agem(Learner):
    """Averaged gradient episodic memory (Chaudhry et al. 2019).

    Some images of every class are kept. At each step of a later task r is the gradient of the loss on images drawn
    from that memory; where the gradient g of the task would raise that loss, g'r < 0, it is replaced by its projection

        g - (g'r / r'r) r

    which leaves it as it is to first order. Each remembered image is told from the classes of its own task, as it was
    when it was learned. The prototypes of all remembered classes are made in one pass: with Class Normalization their
    statistics are those of all of them together.
    """

    def __init__(self, settings: ContinualSettings, generator: torch.Generator) -> None:
        super().__init__(settings, generator)
        self._kept: list[Lesson] = []

    def remember(self, student: Student, lesson: Lesson) -> None:
        """Keep `memory_per_class` random images of each class of the task."""
        rows = self._draw(len(lesson.labels), len(lesson.labels)).to(lesson.labels.device)
        shuffled = lesson.labels[rows]
        kept = [rows[shuffled == label][: self.settings.memory_per_class] for label in lesson.classes]
        self._kept.append(lesson.take(torch.cat(kept)))

    def direct(self, student: Student) -> None:
        """Project the gradient where it disagrees with the memory's."""
        if not self._kept:
            return
        reference = _flatten(torch.autograd.grad(self.recall_loss(student), student.weights))
        gradient = _flatten(weight.grad for weight in student.weights if weight.grad is not None)
        directed = project_gradient(gradient, reference).split([weight.numel() for weight in student.weights])
        for weight, part in zip(student.weights, directed, strict=True):
            weight.grad = part.view_as(weight)

    def recall_loss(self, student: Student) -> Tensor:
        """Cross-entropy () of images drawn from the memory, each within its own task."""
        memory = _join(self._kept)
        tasks = torch.cat([torch.full_like(lesson.classes, number) for number, lesson in enumerate(self._kept)])
        rows = self._draw(len(memory.labels), self.settings.reference_size).to(memory.labels.device)
        drawn = memory.take(rows)
        targets = drawn.targets
        logits = student.logits(drawn.features, drawn.classes)
        logits = logits.masked_fill(tasks[targets][:, None] != tasks, -torch.inf)
        return functional.cross_entropy(logits, targets)


_LEARNERS: dict[str, type[Learner]] = {
    "sequential": Learner,
    "ewc-online": EwcOnline,
    "mas-online": MasOnline,
    "a-gem": Agem,
    "multi-task": MultiTask,
}
LEARNERS: tuple[str, ...] = tuple(_LEARNERS)


def make_learner(name: str, settings: ContinualSettings, generator: torch.Generator) -> Learner:
    """Make one of `LEARNERS`.

    Raises:
        InputError: unknown name.
    """
    if name not in _LEARNERS:
        raise InputError(f"continual learner {name!r} is unknown; choose one of {', '.join(LEARNERS)}")
    return _LEARNERS[name](settings, generator)


def project_gradient(gradient: Tensor, reference: Tensor) -> Tensor:
    """A-GEM: g where g'r >= 0, else g - (g'r / r'r) r, which is at right angles to r.

    Args:
        gradient: g (P,).
        reference: r (P,).

    Returns:
        (P,), whose product with r is not negative.
    """
    product = gradient @ reference
    if product >= 0:
        return gradient
    return gradient - product / (reference @ reference) * reference


def _log_likelihood(logits: Tensor, target: Tensor) -> Tensor:
    return -functional.cross_entropy(logits, target)


def _squared_length(logits: Tensor, target: Tensor) -> Tensor:
    return logits.square().sum()


def _join(lessons: list[Lesson]) -> Lesson:
    return Lesson(*(torch.cat([getattr(part, key) for part in lessons]) for key in ("features", "labels", "classes")))


def _flatten(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])
