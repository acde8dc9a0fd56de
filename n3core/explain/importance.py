"""How much the adaptation of each tensor is worth: accuracy on labelled images with that one left out.

Magnitude is not importance: a large change may not matter and a small one may. Takes the model, token states and
images; knows no task, no file and no screen. The model is only read; tensors are swapped in a network of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

from n3core.backbone import to_float
from n3core.errors import InputError
from n3core.indices import check_labels
from n3core.metrics import per_class_accuracy
from n3core.model import N3, SynthesizedClassifier
from n3core.results.adaptation import LayerImportance
from n3core.token_states import TokenStates

__all__ = ["Progress", "measure_importance"]

Progress = Callable[[int, int], None]  # steps done, steps in all

_BATCH = 128  # images per forward pass


@torch.no_grad()
def measure_importance(
    model: N3,
    encoded: TokenStates,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    batch_size: int = _BATCH,
    progress: Progress | None = None,
) -> LayerImportance:
    """Leave out the adaptation of one tensor after another and judge what remains.

    Phi runs twice in all: once for every adaptation and once for none; in between, single tensors are swapped.

    Args:
        model: in eval mode.
        encoded: token states of the K descriptions.
        images: (N, S, S, 3) uint8, S the image size of the model; N >= 1.
        labels: (N,) index of the true class; a class without images does not count.
        batch_size: images per forward pass.
        progress: called after every judgement.

    Returns:
        Accuracy and cross-entropy with all adaptations, without each one, and with none.

    Raises:
        InputError: no image, or labels that do not fit.
    """
    if not len(images):
        raise InputError("importance needs labelled images; give at least one")
    labels = check_labels(labels, len(images), len(encoded.states))
    device = model.log_temperature.device
    states, mask = encoded.states.to(device), encoded.mask.to(device)
    names = [str(k) for k in range(len(states))]
    classifier = model.synthesize(states, mask, names)  # this call's own: tensors are replaced in it, none written to
    adapted = classifier.network.state_dict()
    plain = model.synthesize(states, mask, names, without=tuple(model.mu)).network.state_dict()
    steps = len(model.mu) + 2

    def judge(step: int) -> tuple[float, float, np.ndarray]:
        verdict = _judge(classifier, images, labels, batch_size)
        if progress is not None:
            progress(step, steps)
        return verdict

    accuracy, loss, guesses = judge(1)
    accuracies, losses, changed = [], [], []
    for step, name in enumerate(model.mu, 2):
        classifier.network.load_state_dict({name: plain[name]}, strict=False, assign=True)
        without_accuracy, without_loss, without_guesses = judge(step)
        classifier.network.load_state_dict({name: adapted[name]}, strict=False, assign=True)
        accuracies.append(without_accuracy)
        losses.append(without_loss)
        changed.append(int((without_guesses != guesses).sum()))
    classifier.network.load_state_dict({name: plain[name] for name in model.mu}, strict=False, assign=True)
    fc_only_accuracy = judge(steps)[0]
    kinds = {spec.name: spec.kind for spec in model.specs}
    return LayerImportance(
        tuple(model.mu),
        tuple(kinds[name] for name in model.mu),
        accuracy,
        fc_only_accuracy,
        np.array(accuracies, np.float64),
        loss,
        np.array(losses, np.float64),
        np.array(changed, np.int64),
        len(images),
    )


def _judge(
    classifier: SynthesizedClassifier, images: np.ndarray, labels: np.ndarray, batch_size: int
) -> tuple[float, float, np.ndarray]:
    """Per-class averaged accuracy in percent, mean cross-entropy in nats, and the predicted classes (N,)."""
    device = next(classifier.parameters()).device
    parts = []
    for start in range(0, len(images), batch_size):
        parts.append(classifier(to_float(images[start : start + batch_size], device)).cpu())  # (n, K)
    logits = torch.cat(parts)
    guesses = logits.argmax(dim=1).numpy()
    loss = float(functional.cross_entropy(logits.double(), torch.from_numpy(labels)))
    return per_class_accuracy(guesses, labels), loss, guesses
