"""What a report holds: the results about one task at one moment. Knows no model and no format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from n3core.descriptions import TaskSpec
from n3core.results import Evaluation, Prediction
from n3core.results.adaptation import LayerMagnitudes
from n3core.results.diagnosis import Diagnosis
from n3core.results.evidence import TokenEvidence
from n3core.results.saliency import SaliencyMaps

__all__ = ["Example", "Report"]


@dataclass(frozen=True, eq=False)
class Example:
    """One picture, what the network says of it and why.

    id: name in its dataset.
    true_name: what it shows; None where nobody says.
    pixels: (S, S, 3) uint8.
    prediction: of this one image.
    evidence: for the class that is explained, its target.
    saliency: name of a network -> a map of this one image.
    """

    id: str
    true_name: str | None
    pixels: np.ndarray
    prediction: Prediction
    evidence: TokenEvidence
    saliency: Mapping[str, SaliencyMaps]

    @property
    def guess(self) -> str:
        """The most probable class."""
        return self.prediction.class_names[int(self.prediction.labels[0])]

    @property
    def right(self) -> bool | None:
        """Whether it is named rightly; None where nobody says what it shows."""
        return None if self.true_name is None else self.guess == self.true_name


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a report says of a task.

    setting: what was judged, as label -> value.
    evaluation: None without labelled pictures of every class.
    magnitudes: how far the descriptions move each tensor.
    versions: name -> version of what computed it.
    seeds: what was drawn at random -> its seed.
    notes: what was left out, one line each.
    made: day, as "2025-01-31".
    """

    task: TaskSpec
    setting: Mapping[str, str]
    evaluation: Evaluation | None
    diagnosis: Diagnosis
    examples: tuple[Example, ...]
    magnitudes: LayerMagnitudes
    versions: Mapping[str, str]
    seeds: Mapping[str, int]
    notes: tuple[str, ...]
    made: str

    @property
    def title(self) -> str:
        """The task's title, or what to call a task without one."""
        return self.task.title or "A task without a title"
