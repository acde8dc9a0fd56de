"""Evaluation: figures against plain loops, and controls that fall to chance for a model that reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from n3core.errors import InputError
from n3core.evaluate import (
    Predict,
    count_builds,
    derange,
    evaluate,
    measure_controls,
    measure_permutations,
    predict_all,
    score,
)
from n3core.reporting.summaries import summarise_evaluation

CLASSES = 6
NAMES = [f"class {number}" for number in range(CLASSES)]
TEXTS = [f"the value {number}" for number in range(CLASSES)]


def read(texts: Sequence[str]) -> Predict:
    """A model that finds the number in a text in the pixels; where a text has none, it sees the value 0."""
    values = np.array([float(text.split()[-1]) if text.startswith("the value") else 0.0 for text in texts])
    return lambda images: -((images[:, 0, 0, :1].astype(np.float32) - values) ** 2)


@pytest.fixture
def labelled() -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(CLASSES), [5, 8, 3, 10, 4, 6])
    return np.broadcast_to(labels[:, None, None, None], (len(labels), 2, 2, 3)).astype(np.uint8), labels


def test_figures_equal_plain_loops() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), [40, 5, 17, 9, 30, 11])
    logits = rng.normal(size=(len(labels), CLASSES)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 1
    found = score(logits, labels, NAMES)
    counts = np.zeros((CLASSES, CLASSES), int)
    inside = np.zeros(CLASSES)
    for row, label in zip(logits, labels, strict=True):
        counts[label, row.argmax()] += 1
        inside[label] += label in np.argsort(-row)[:5]
    totals = np.bincount(labels)
    assert (found.confusion.counts == counts).all()
    assert found.per_class_accuracy == pytest.approx(100 * np.mean(counts.diagonal() / totals))
    assert found.class_accuracies == pytest.approx(100 * counts.diagonal() / totals)
    assert found.top5 == pytest.approx(100 * np.mean(inside / totals))
    assert found.per_class_accuracy != pytest.approx(100 * counts.diagonal().sum() / len(labels)), "classes weigh alike"
    assert found.confusion.column_sums.sum() == found.images == len(labels)


def test_interval_is_that_of_resampled_images_and_repeats_for_a_seed() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 30)
    logits = rng.normal(size=(90, 3)).astype(np.float32)
    logits[np.arange(90), labels] += 0.8
    found = score(logits, labels, NAMES[:3], seed=4)
    correct = logits.argmax(1) == labels
    resampled = [100 * np.mean([rng.choice(correct[labels == k], 30).mean() for k in range(3)]) for _ in range(3000)]
    assert found.interval.low < found.per_class_accuracy < found.interval.high
    assert [found.interval.low, found.interval.high] == pytest.approx(np.percentile(resampled, [2.5, 97.5]), abs=2)
    assert score(logits, labels, NAMES[:3], seed=4).interval == found.interval


def test_other_classes_would_differ_more_than_other_images() -> None:
    labels = np.repeat(np.arange(4), 50)
    right = np.concatenate([np.arange(50) < count for count in (50, 40, 10, 0)])
    logits = np.eye(4, dtype=np.float32)[np.where(right, labels, (labels + 1) % 4)]
    found = score(logits, labels, NAMES[:4], seed=4)
    rng = np.random.default_rng(1)
    resampled = []
    for _ in range(3000):
        drawn = rng.integers(0, 4, 4)
        resampled.append(100 * np.mean([rng.choice(right[labels == k], 50).mean() for k in drawn]))
    assert [found.class_interval.low, found.class_interval.high] == pytest.approx(
        np.percentile(resampled, [2.5, 97.5]), abs=3
    )
    assert found.class_interval.high - found.class_interval.low > 3 * (found.interval.high - found.interval.low)


def test_classes_alike_leave_the_chance_of_their_few_images() -> None:
    labels = np.repeat(np.arange(4), 4)
    right = np.arange(16) % 2 == 0  # half of each class
    logits = np.eye(4, dtype=np.float32)[np.where(right, labels, (labels + 1) % 4)]
    found = score(logits, labels, NAMES[:4])
    assert found.class_accuracies == pytest.approx(50)
    # Of 16 tosses of a coin 4 to 12 are heads, 25 to 75 percent, in 98 of 100 cases.
    for interval in (found.interval, found.class_interval):
        assert [interval.low, interval.high] == pytest.approx([25, 75], abs=7)


def test_a_model_that_reads_falls_without_its_texts(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate(read, TEXTS, NAMES, *labelled)
    assert found.per_class_accuracy == found.top5 == 100
    assert found.controls is not None and found.permutations is not None
    assert found.controls.shuffled == 0, "a derangement gives every class a wrong text"
    assert found.controls.empty == found.controls.name_only == pytest.approx(found.chance)
    assert found.permutations.values == (100.0,) * 10
    assert found.permutations.median == 100 and found.permutations.spread == 0


def test_a_model_that_knows_the_names_shows_in_the_control_of_names(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    def recognise(texts: Sequence[str]) -> Predict:
        return read([text.replace("class", "the value") for text in texts])

    controls = measure_controls(recognise, TEXTS, NAMES, *labelled)
    assert controls.name_only == 100
    assert controls.empty == pytest.approx(100 / CLASSES)


def test_the_spread_shows_a_model_that_depends_on_the_order(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    def read_first_half(texts: Sequence[str]) -> Predict:
        predict = read(texts)
        return lambda images: predict(images) - 1000 * (np.arange(len(texts)) >= len(texts) // 2)

    values = measure_permutations(read_first_half, TEXTS, *labelled, 5, seed=0).values
    assert values == pytest.approx([50.0] * 5)

    def forget_the_first(texts: Sequence[str]) -> Predict:
        return read(["the value 99" if text == TEXTS[3] and place == 0 else text for place, text in enumerate(texts)])

    assert measure_permutations(forget_the_first, TEXTS, *labelled, 30, seed=0).spread == pytest.approx(100 / CLASSES)


def test_nothing_is_built_that_was_not_asked_for(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    built: list[Sequence[str]] = []

    def build(texts: Sequence[str]) -> Predict:
        built.append(texts)
        return read(texts)

    found = evaluate(build, TEXTS, NAMES, *labelled, permutations=0, controls=False)
    assert len(built) == count_builds(0, False) == 1
    assert summarise_evaluation(found)["permutations"] is summarise_evaluation(found)["controls"] is None
    built.clear()
    evaluate(build, TEXTS, NAMES, *labelled, permutations=3)
    assert len(built) == count_builds(3, True)


def test_orders_and_shuffles_are_those_of_the_seed(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    def built(seed: int, foreign: Sequence[str] = ()) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        given: list[tuple[str, ...]] = []

        def build(texts: Sequence[str]) -> Predict:
            given.append(tuple(texts))
            return read(texts)

        evaluate(build, TEXTS, NAMES, *labelled, permutations=3, foreign_texts=foreign, seed=seed)
        assert given[0] == tuple(TEXTS) and given[-2:] == [tuple(NAMES), ("",) * CLASSES]
        return given[1:4], given[4:-2]

    (orders, shuffles), (other_orders, other_shuffles) = built(0), built(1)
    assert built(0) == (orders, shuffles)
    assert not {*orders} & {*other_orders} and {*shuffles} != {*other_shuffles}
    assert len({*orders}) == 3 and len({*shuffles}) > 1
    foreign = [f"other {number}" for number in range(CLASSES)]
    assert all(sorted(texts) == foreign for texts in built(0, foreign)[1]), "as many as needed, none twice"
    assert all(sorted(texts) == sorted(TEXTS) for texts in built(0, foreign[1:])[1])


def test_batches_do_not_change_logits(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    images, _ = labelled
    assert (predict_all(read(TEXTS), images, batch_size=7) == read(TEXTS)(images)).all()


def test_derangements_leave_nothing_in_place() -> None:
    rng = np.random.default_rng(0)
    drawn = {tuple(int(k) for k in derange(4, rng)) for _ in range(500)}
    assert len(drawn) == 9, "all derangements of four"
    assert all(place != item for order in drawn for place, item in enumerate(order))


def test_classes_that_cannot_be_judged_are_named() -> None:
    with pytest.raises(InputError, match="'class 1' has no image"):
        score(np.zeros((3, 3), np.float32), np.array([0, 0, 2]), NAMES[:3])
    with pytest.raises(InputError, match="at least 2"):
        score(np.zeros((3, 1), np.float32), np.zeros(3, int), NAMES[:1])


def test_foreign_texts_bring_accuracy_to_chance() -> None:
    class_count, per_class = 10, 200
    labels = np.repeat(np.arange(class_count), per_class)
    images = np.zeros((len(labels), 1, 1, 3), np.uint8)
    images[:, 0, 0, 0] = labels
    texts = [str(k) for k in range(class_count)]

    def build(given: Sequence[str]) -> Predict:
        noise = np.random.default_rng(len("".join(given)))

        def predict(batch: np.ndarray) -> np.ndarray:
            known = np.array([int(text) if text.isdigit() else -1 for text in given])
            return 5.0 * (batch[:, 0, 0, :1] == known[None]) + noise.random((len(batch), len(given)))

        return predict

    foreign = [f"other {k}" for k in range(30)]
    found = evaluate(build, texts, texts, images, labels, permutations=0, foreign_texts=foreign)
    assert found.per_class_accuracy == 100
    assert found.controls is not None
    assert abs(found.controls.shuffled - 10) < 2
