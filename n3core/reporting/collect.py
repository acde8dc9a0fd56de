"""Puts a report together: what the engine, the evaluation and the explanations say of one task.

Owns the order of the measurements; knows no format.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3core.descriptions import TaskSpec
from n3core.engine import Engine
from n3core.evaluate import measure_controls, score
from n3core.explain.diagnosis import compare_texts, diagnose, measure_evidence, measure_removals
from n3core.explain.magnitudes import measure_magnitudes
from n3core.reporting.content import Example, Report
from n3core.reporting.examples import choose_examples
from n3core.reporting.explanations import PREDICTED, explain
from n3core.reporting.pictures import Pictures, TaskSource
from n3core.reporting.provenance import list_versions
from n3core.reporting.setting import describe_setting, list_notes
from n3core.results import Evaluation, Prediction
from n3core.results.diagnosis import Diagnosis
from n3core.results.saliency import SaliencyMaps, SaliencySettings

__all__ = ["ReportOptions", "collect", "diagnose_task"]

Progress = Callable[[float, str], None]  # share that is done, 0 to 1, and what comes next

_EVIDENCE_PICTURES = 8  # of each class, on which its evidence is measured


@dataclass(frozen=True)
class ReportOptions:
    """What a report measures.

    examples: pictures that are explained.
    target: whose score is explained: "predicted", "true" or a class name.
    method, quantity: of the saliency.
    controls: whether to measure shuffled, name-only and empty texts.
    measured: whether to synthesize the task without each class and with its name alone.
    seed: of resampling, shuffles and SmoothGrad's noise.
    each: at most so many pictures of each class were loaded, to be told; None where all were.
    """

    examples: int = 6
    target: str = PREDICTED
    method: str = "gradient"
    quantity: str = "loss"
    controls: bool = False
    measured: bool = False
    seed: int = 0
    each: int | None = None


def collect(
    engine: Engine,
    source: TaskSource,
    pictures: Pictures,
    options: ReportOptions,
    *,
    chosen: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Measure everything that a report says.

    Args:
        engine: the checkpoint at work.
        source: the task.
        pictures: of its classes; may be none.
        options: what to measure.
        chosen: ids of pictures to explain; the report fills up with its own choice.
        progress: told the share that is done and the next step.

    Returns:
        The report.

    Raises:
        InputError: an unknown picture, target or method.
    """
    task, told = source.task, progress or (lambda share, what: None)
    told(0.0, "judging the pictures")
    prediction = engine.predict(task, pictures.pixels) if len(pictures) else None
    rows = choose_examples(pictures, prediction, options.examples, chosen) if prediction is not None else ()
    evaluation = _evaluate(engine, task, source, pictures, prediction, options)
    told(0.3, "reading the descriptions")
    diagnosis = diagnose_task(
        engine,
        task,
        pictures,
        prediction,
        measured=options.measured,
        progress=lambda done, total: told(0.3 + 0.3 * done / total, "measuring what each description is worth"),
    )
    magnitudes = measure_magnitudes(engine.model, engine.encode(task.texts))
    told(0.6, "explaining the examples")
    examples = _explain(engine, task, pictures.take(rows), options, told)
    told(1.0, "done")
    return Report(
        task,
        describe_setting(
            engine,
            source,
            pictures,
            each=options.each,
            target=options.target,
            method=options.method,
            quantity=options.quantity,
        ),
        evaluation,
        diagnosis,
        examples,
        magnitudes,
        list_versions(engine),
        {"the resampling of pictures and the shuffled texts": options.seed, "SmoothGrad's noise": options.seed},
        list_notes(source, pictures, interval=evaluation is not None),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def diagnose_task(
    engine: Engine,
    task: TaskSpec,
    pictures: Pictures,
    prediction: Prediction | None = None,
    *,
    measured: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Rank the descriptions of a task by texts, pictures and labels, as far as there are any.

    Args:
        engine: the checkpoint at work.
        task: described classes.
        pictures: may be none, and without labels.
        prediction: of the pictures, where it is known already.
        measured: whether to synthesize the task without each class, and with its name alone; needs labels.
        progress: told how many classes are measured, of how many.

    Returns:
        The classes, worst first.
    """
    encoded = engine.encode(task.texts)
    if prediction is None and len(pictures):
        prediction = engine.predict(task, pictures.pixels)
    labels = pictures.labels if pictures.labelled else None
    removals, evidence = (), []
    if measured and labels is not None:
        removals = measure_removals(
            engine.predict_function, task.names, task.texts, pictures.pixels, labels, progress=progress
        )
        for index in range(len(task.names)):
            own = pictures.pixels[labels == index][:_EVIDENCE_PICTURES]
            if len(own):
                evidence.append(measure_evidence(engine.model, encoded, task.names, task.texts, own, index))
    return diagnose(
        task.names,
        task.texts,
        dropped_words=encoded.dropped_words,
        similarity=compare_texts(encoded),
        prediction=prediction,
        labels=labels,
        removals=removals,
        evidence=evidence,
    )


def _evaluate(
    engine: Engine,
    task: TaskSpec,
    source: TaskSource,
    pictures: Pictures,
    prediction: Prediction | None,
    options: ReportOptions,
) -> Evaluation | None:
    """Accuracy with its interval; None unless every class has labelled pictures."""
    present = np.bincount(pictures.labels[pictures.labels >= 0], minlength=len(task.names)) > 0
    if prediction is None or not pictures.labelled or not present.all():
        return None
    found = score(prediction.logits, pictures.labels, task.names, seed=options.seed)
    if not options.controls:
        return found
    known = {info.id for info in source.classes if info is not None}
    others = source.dataset.classes if source.dataset is not None else ()
    foreign = [info.description for info in others if info.id not in known and "description" in info.texts]
    controls = measure_controls(
        engine.predict_function,
        task.texts,
        task.names,
        pictures.pixels,
        pictures.labels,
        foreign_texts=foreign,
        seed=options.seed,
    )
    return replace(found, controls=controls)


def _explain(
    engine: Engine, task: TaskSpec, pictures: Pictures, options: ReportOptions, told: Progress
) -> tuple[Example, ...]:
    if not len(pictures):
        return ()
    found = explain(
        engine,
        task,
        pictures,
        options.target,
        method=options.method,
        quantity=options.quantity,
        settings=SaliencySettings(seed=options.seed),
        progress=lambda done, total: told(0.6 + 0.4 * done / total, "explaining the examples"),
    )
    return tuple(
        Example(
            pictures.ids[row],
            task.names[pictures.labels[row]] if pictures.labels[row] >= 0 else None,
            pictures.pixels[row],
            Prediction(task.names, found.prediction.logits[row : row + 1]),
            found.evidence[row],
            {name: _one(maps, row) for name, maps in found.saliency.items()},
        )
        for row in range(len(pictures))
    )


def _one(maps: SaliencyMaps, row: int) -> SaliencyMaps:
    only = slice(row, row + 1)
    return replace(maps, targets=maps.targets[only], values=maps.values[only], logits=maps.logits[only])
