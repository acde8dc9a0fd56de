"""The ranking: pictures, labels and experiments say what they should, and the shipped task's windflower comes first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from n3core.descriptions import load_task
from n3core.errors import InputError
from n3core.explain.confusions import find_picture_faults
from n3core.explain.diagnosis import compare_texts, diagnose, measure_evidence, measure_removal, measure_removals
from n3core.explain.evidence import token_gradients
from n3core.explain.trials import find_measured_faults
from n3core.known_checkpoints import default_checkpoint
from n3core.results import ConfusionMatrix, Prediction
from n3core.results.diagnosis import REASON_KINDS, EvidenceShare, Reason, Removal, order_by_similarity
from n3core.token_states import TokenStates

PROJECT = Path(__file__).resolve().parent.parent
NAMES = ("ash", "birch", "cedar", "dogwood")
TEXTS = (
    "Six narrow, pointed petals of pale yellow surround a green eye; the leaves are heart-shaped and dark.",
    "A tall spike of deep blue, bell-shaped flowers with white stamens, above lance-shaped silvery leaves.",
    "Many strap-like white rays around a flat orange disc; the stems are red and hairy, the leaves feathery.",
    "Four broad crimson petals, blotched with black at the base, on a bristly stem with lobed green leaves.",
)


def prediction_of(guesses: np.ndarray, sureness: float = 5.0) -> Prediction:
    logits = np.zeros((len(guesses), len(NAMES)), np.float32)
    logits[np.arange(len(guesses)), guesses] = sureness
    return Prediction(NAMES, logits)


def labels_each(count: int = 5) -> np.ndarray:
    return np.repeat(np.arange(len(NAMES)), count)


def kinds_of(found: object, name: str) -> dict[str, Reason]:
    return {reason.kind: reason for reason in found.of(name).reasons}


def test_good_texts_and_right_predictions_leave_nothing_to_say() -> None:
    labels = labels_each()
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(labels), labels=labels)
    assert not any(entry.reasons for entry in found.entries)
    assert found.per_class_accuracy == 100 and set(found.ranks.values()) == {1}


def test_a_class_that_swallows_another_is_told_with_its_numbers() -> None:
    labels = labels_each()
    guesses = np.where(labels == 1, 0, labels)
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(guesses), labels=labels)
    drawn = kinds_of(found, "ash")["draws false positives"]
    assert drawn.other == "birch" and "5 of the 5 of birch" in drawn.sentence and "sums to 10" in drawn.sentence
    missed = kinds_of(found, "birch")["misses"]
    assert missed.severity == 1 and "0 of 5" in missed.sentence and missed.other == "ash"
    assert found.confusion.column_sums.tolist() == [10, 0, 5, 5]
    assert found.of("ash").drawn == 10 and found.of("ash").pictures == 5 and found.per_class_accuracy == 75


def test_two_texts_in_each_others_place_are_recognised() -> None:
    labels = labels_each()
    guesses = np.array([1, 0, 2, 3])[labels]
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(guesses), labels=labels)
    assert kinds_of(found, "ash")["swapped"].other == "birch" and kinds_of(found, "birch")["swapped"].other == "ash"
    assert "swapped" not in kinds_of(found, "cedar")


def test_without_labels_swallowing_and_starving_show() -> None:
    guesses = np.where(labels_each() == 1, 0, labels_each())
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(guesses))
    assert found.confusion is None and found.per_class_accuracy is None
    assert "10 of 20 pictures" in kinds_of(found, "ash")["swallows"].sentence
    assert "none of 20 pictures" in kinds_of(found, "birch")["hardly chosen"].sentence
    assert any("no labels" in note for note in found.notes)


def test_figures_of_a_class_are_what_it_draws_holds_and_is_sure_of() -> None:
    guesses = np.where(labels_each() == 1, 0, labels_each())
    prediction = prediction_of(guesses, 2.0)
    found = diagnose(NAMES, TEXTS, prediction=prediction, labels=labels_each())
    sure, rest = np.exp(2) / (np.exp(2) + 3), 1 / (np.exp(2) + 3)
    ash, birch = found.of("ash"), found.of("birch")
    assert (ash.drawn, ash.pictures, ash.right, birch.drawn, birch.right) == (10, 5, 5, 0, 0)
    assert ash.confidence == pytest.approx(sure) and birch.confidence is None
    assert ash.mass == pytest.approx((sure + rest) / 2) and birch.mass == pytest.approx(rest)


def test_a_class_that_wins_narrowly_is_unsure() -> None:
    labels = labels_each()
    prediction = prediction_of(labels)
    logits = prediction.logits.copy()
    logits[labels == 2] /= 5
    found = find_picture_faults(replace(prediction, logits=logits))
    assert [[reason.kind for reason in reasons] for reasons in found] == [[], [], ["unsure"], []]


def test_few_pictures_blame_nobody_and_classes_without_any_are_noted() -> None:
    few = np.array([0, 0, 0, 1, 2])  # three of five, twice its share, and one class never
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(few))
    assert not any(entry.reasons for entry in found.entries)
    assert not any("of their own" in note for note in found.notes)
    labels = labels_each()[:15]  # no dogwood
    without = diagnose(NAMES, TEXTS, prediction=prediction_of(np.where(labels == 2, 3, labels)), labels=labels)
    assert any(note.startswith("1 of the classes have no pictures") for note in without.notes)
    whole = diagnose(
        NAMES, TEXTS, prediction=prediction_of(np.where(labels_each() == 2, 3, labels_each())), labels=labels_each()
    )
    assert not any("of their own" in note for note in whole.notes), (
        "a class that draws none has its pictures all the same"
    )


def test_pictures_of_unknown_class_are_left_out_where_others_are_known() -> None:
    labels = labels_each()
    labels[::5] = -1
    found = diagnose(NAMES, TEXTS, prediction=prediction_of(labels_each()), labels=labels)
    assert found.pictures == 16 and found.confusion.counts.sum() == 16
    sure = prediction_of(labels_each())
    sure.logits[::5] = [0, 9, 0, 0]  # of pictures that nobody has labelled
    assert diagnose(NAMES, TEXTS, prediction=sure, labels=labels).entries == found.entries
    none_known = diagnose(NAMES, TEXTS, prediction=prediction_of(labels_each()), labels=np.full(20, -1))
    assert none_known.confusion is None and none_known.pictures == 20


def reasons_of(counts: list[list[int]]) -> list[dict[str, Reason]]:
    """What a confusion matrix says against each class, where the network is as sure of all."""
    rows = np.array(counts)
    guesses = np.concatenate([np.repeat(np.arange(len(NAMES)), row) for row in rows])
    found = find_picture_faults(prediction_of(guesses), ConfusionMatrix(NAMES, rows))
    return [{reason.kind: reason for reason in reasons} for reasons in found]


def test_a_few_pictures_of_many_may_be_missed_or_drawn() -> None:
    found = reasons_of([[15, 2, 2, 1], [0, 20, 0, 0], [0, 0, 19, 1], [1, 0, 2, 17]])
    assert [set(reasons) for reasons in found] == [set(), set(), {"draws false positives"}, set()]
    drawn = found[2]["draws false positives"]
    assert drawn.severity == pytest.approx(4 / 20) and drawn.other == "ash"
    assert "4 pictures of other classes: 2 of the 20 of ash, 2 of the 20 of dogwood." in drawn.sentence
    found = reasons_of([[14, 1, 4, 1], [0, 20, 0, 0], [0, 0, 20, 0], [0, 0, 1, 19]])
    assert [set(reasons) for reasons in found] == [{"misses"}, set(), {"draws false positives"}, set()]
    assert (
        found[0]["misses"].other == "cedar" and "4 for cedar, 1 for birch, 1 for dogwood" in found[0]["misses"].sentence
    )
    assert "4 of the 20 of ash, 1 of the 20 of dogwood" in found[2]["draws false positives"].sentence


def test_swapped_texts_show_in_shares_of_each_class_by_itself() -> None:
    found = reasons_of([[9, 11, 0, 0], [3, 1, 0, 0], [0, 0, 20, 0], [0, 0, 0, 20]])
    assert found[0]["swapped"].other == "birch" and found[1]["swapped"].other == "ash"
    assert found[0]["swapped"].severity == pytest.approx(0.55) == found[1]["swapped"].severity
    assert "55 % of its pictures are taken for birch, 75 % of that" in found[0]["swapped"].sentence
    assert "swapped" not in reasons_of([[10, 10, 0, 0], [3, 1, 0, 0], [0, 0, 20, 0], [0, 0, 0, 20]])[0]


def test_without_labels_a_third_of_a_share_is_hardly_chosen_and_half_of_one_is_not() -> None:
    for count, kinds in ((3, {"hardly chosen"}), (5, set())):
        guesses = np.repeat(np.arange(4), [11, count, 15 - count, 14])
        found = find_picture_faults(prediction_of(guesses))
        assert [{reason.kind for reason in reasons} for reasons in found] == [set(), kinds, set(), set()]
        assert not kinds or "only 3 of 40 pictures" in found[1][0].sentence


def test_sureness_is_compared_with_that_of_the_usual_class() -> None:
    prediction = prediction_of(labels_each(), 2.0)
    prediction.logits[:5] *= 5  # the first class alone is nearly certain
    assert not any(find_picture_faults(prediction))


def test_the_order_of_the_classes_changes_no_verdict() -> None:
    labels = labels_each()
    guesses = np.where(labels == 1, 0, labels)
    texts = (*TEXTS[:2], "It grows in woods and flowers in spring.", TEXTS[3])
    one = diagnose(NAMES, texts, prediction=prediction_of(guesses), labels=labels)
    order = np.array([2, 0, 3, 1])
    back = np.argsort(order)
    turned = Prediction(tuple(NAMES[k] for k in order), prediction_of(guesses).logits[:, order])
    other = diagnose(turned.class_names, [texts[k] for k in order], prediction=turned, labels=back[labels])
    for name in NAMES:
        assert one.of(name).score == pytest.approx(other.of(name).score)
        assert kinds_of(one, name).keys() == kinds_of(other, name).keys()


def test_a_prediction_of_other_classes_or_labels_that_do_not_fit_it_are_refused() -> None:
    labels = labels_each()
    prediction = prediction_of(labels)
    of_array, of_list = (diagnose(NAMES, TEXTS, prediction=prediction, labels=y) for y in (labels, labels.tolist()))
    assert (of_list.confusion.counts == of_array.confusion.counts).all()
    with pytest.raises(InputError, match="prediction is of ash, birch, cedar, dogwood, the texts of dogwood, cedar"):
        diagnose(NAMES[::-1], TEXTS[::-1], prediction=prediction)
    with pytest.raises(InputError, match="20 images with 19 labels"):
        diagnose(NAMES, TEXTS, prediction=prediction, labels=labels[1:])
    with pytest.raises(InputError, match="label -2 is that of no class"):
        diagnose(NAMES, TEXTS, prediction=prediction, labels=labels - 2)


def test_scores_are_sums_of_documented_points_and_entries_stand_worst_first() -> None:
    labels = labels_each()
    texts = ("It grows in woods. Colour varies widely.", *TEXTS[1:])
    found = diagnose(NAMES, texts, prediction=prediction_of(np.zeros(20, int)), labels=labels)
    scores = [entry.score for entry in found.entries]
    assert scores == sorted(scores, reverse=True) and found.entries[0].name == "ash"
    for entry in found.entries:
        assert entry.score == pytest.approx(min(100, sum(reason.points for reason in entry.reasons)))
        assert [reason.points for reason in entry.reasons] == sorted((r.points for r in entry.reasons), reverse=True)
        assert all(0 < reason.points <= REASON_KINDS[reason.kind].points for reason in entry.reasons)


def build_by_colour(texts: list[str]) -> object:
    """A classifier that reads: column k responds to the number in text k; an unread text responds a little to all."""
    wanted = [int(text) if text.isdigit() else None for text in texts]

    def predict(images: np.ndarray) -> np.ndarray:
        values = images[:, 0, 0, 0].astype(int)
        return np.stack([np.full(len(values), 0.5) if w is None else (values == w) * 1.0 for w in wanted], axis=1)

    return predict


def test_leaving_a_class_out_and_its_name_alone_are_what_is_measured() -> None:
    images = np.zeros((12, 2, 2, 3), np.uint8)
    labels = np.repeat([0, 1, 2], 4)
    images[:, 0, 0, 0] = labels
    images[6:8, 0, 0, 0] = 2  # half of the pictures of class 1 look like class 2
    names, texts = ("zero", "one", "two"), ["0", "1", "2"]
    found = measure_removal(build_by_colour, names, texts, images, labels, 2)
    assert (found.others_before, found.others_without) == (75.0, 75.0)
    assert (found.own_before, found.own_name_only) == (100.0, 100.0)
    first = measure_removal(build_by_colour, names, texts, images, labels, 0)
    assert first.own_before == 100 and first.own_name_only == 100 and first.all_before == pytest.approx(250 / 3)
    assert (first.others_before, first.others_without) == (75, 75)
    steps: list[tuple[int, int]] = []
    every = measure_removals(
        build_by_colour, names, texts, images, labels, progress=lambda done, total: steps.append((done, total))
    )
    assert [removal.name for removal in every] == list(names) and steps[-1] == (3, 3)
    assert every[2] == found
    assert measure_removals(build_by_colour, names[:2], texts[:2], images[:8], labels[:8]) == ()
    only = measure_removal(build_by_colour, names, texts, images[:4], labels[:4], 0)
    assert only.own_before == 100 and np.isnan([only.others_before, only.others_without]).all()


def test_experiments_become_reasons() -> None:
    removals = (
        Removal("ash", 60.0, 68.0, 50.0, 48.0, 58.0, 57.5),
        Removal("birch", 60.0, 60.2, 100.0, 10.0, 58.0, 40.0),
        Removal("cedar", 60.0, 59.0, 0.0, 0.0, 58.0, 58.0),
    )
    evidence = (
        EvidenceShare("ash", 0.1, ("woods", "spring"), ("woods", "spring"), 3),
        EvidenceShare("birch", 0.8, ("blue",), (), 3),
        EvidenceShare("cedar", 0.7, ("white", "many"), (), 3),
    )
    found = diagnose(NAMES, TEXTS, removals=removals, evidence=evidence)
    assert kinds_of(found, "ash").keys() == {"spoils others", "worth its name", "non-visual evidence"}
    assert "by 8.0 points, from 60.0 % to 68.0 %" in kinds_of(found, "ash")["spoils others"].sentence
    assert "“woods”" in kinds_of(found, "ash")["non-visual evidence"].sentence
    assert not found.of("birch").reasons and not found.of("cedar").reasons


def test_an_experiment_is_judged_beside_the_others_and_by_shares() -> None:
    """Fewer classes are easier to tell apart, and where accuracy is low a text cannot add many points."""

    def kinds(*removals: Removal) -> list[set[str]]:
        found = find_measured_faults([removal.name for removal in removals], removals, ())
        return [{reason.kind for reason in reasons} for reasons in found]

    ash = Removal("ash", 60.0, 62.0, 30.0, 0.0, 58.0, 57.5)
    birch, cedar = (replace(ash, name=name, others_without=61.5) for name in ("birch", "cedar"))
    assert kinds(ash) == [{"spoils others"}]
    assert kinds(ash, birch, cedar) == [set(), set(), set()]
    worse = replace(ash, others_without=70.0)
    (reason,), *_ = find_measured_faults(("ash", "birch", "cedar"), (worse, birch, cedar), ())
    assert reason.severity == pytest.approx(0.85) and "(without the usual entry: by 1.5)" in reason.sentence
    assert kinds(replace(birch, others_without=60.0, own_name_only=20.0)) == [{"worth its name"}]
    assert kinds(replace(birch, others_without=60.0, own_name_only=19.0)) == [set()]


def test_an_easier_task_is_no_fault_and_a_harder_one_no_excuse() -> None:
    names = ("ash", "birch", "cedar", "dogwood")
    gains = (1.5, -4.0, -4.0, float("nan"))  # the last stands for a task whose pictures are all of one class
    removals = [
        Removal(name, 60.0, 60.0 + gain, 50.0, 0.0, 58.0, 57.5) for name, gain in zip(names, gains, strict=True)
    ]
    (reason,), *others = find_measured_faults(names, removals, ())
    assert reason.severity == pytest.approx(0.15) and "usual entry" not in reason.sentence and not any(others)
    raised = [replace(removal, others_without=removal.others_without + 5) for removal in removals]
    (reason,), *_ = find_measured_faults(names, raised, ())
    assert reason.severity == pytest.approx(0.55), "against the median of the known gains, 1.0"


def test_evidence_is_judged_beside_the_usual_entry_and_by_what_it_rests_on() -> None:
    names = ("ash", "birch", "cedar")
    shares = [
        EvidenceShare(name, visual, ("woods",), ("woods",), 3)
        for name, visual in zip(names, (0.5, 0.8, 0.9), strict=True)
    ]
    (reason,), *others = find_measured_faults(names, (), shares)
    assert reason.severity == pytest.approx(1 - 0.5 / (0.7 * 0.8)) and not any(others)
    assert not any(find_measured_faults(names, (), [replace(shares[0], unseen=()), *shares[1:]]))
    assert not any(find_measured_faults(names, (), shares[:2])), "two entries have no usual one"


def test_evidence_reads_gradients_and_leaves_the_model_as_it_was(make_model, make_states) -> None:
    model = make_model("squeezenet1_1").requires_grad_(False)
    states, mask = make_states(3)
    texts = ["petals of pale blue", "in woods of the north", "round red eye"]
    words = [text.split() for text in texts]
    states, mask = states[:, :8], mask[:, :8]
    offsets = []
    for row, text in enumerate(texts):
        spans, start = [(0, 0)], 0
        for word in words[row]:
            spans.append((text.index(word, start), text.index(word, start) + len(word)))
            start = spans[-1][1]
        offsets.append(tuple(spans[: states.shape[1]]))
    encoded = TokenStates(states, torch.ones_like(mask), tuple(offsets), (0, 0, 0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    first = measure_evidence(model, encoded, ("a", "b", "c"), texts, images, 0)
    assert 0 < first.visual <= 1 and first.pictures == 2 and set(first.leading) <= set(words[0])
    second = measure_evidence(model, encoded, ("a", "b", "c"), texts, images, 1)
    assert second.visual == 0 and set(second.unseen) == set(second.leading)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters()) and states.grad is None


def test_evidence_is_that_of_the_loss_of_its_own_class(make_model, make_states) -> None:
    model = make_model("squeezenet1_1", temperature=0.5).requires_grad_(False)
    states, mask = make_states(3)
    text = "the red woods petal spring"
    spans = [(0, 3), (4, 7), (8, 13), (14, 19), (20, 26)]
    padding = ((0, 0),) * (states.shape[1] - 5)
    encoded = TokenStates(states, torch.ones_like(mask), ((*spans, *padding),) * 3, (0, 0, 0))
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    for index in (1, 2):
        found = measure_evidence(model, encoded, NAMES[:3], [text] * 3, images, index)
        gradient = sum(of_loss for _, _, of_loss, _ in token_gradients(model, encoded, images, [index] * 2))
        weights = dict(zip(text.split()[1:], gradient[index, 1:5].norm(dim=1).tolist(), strict=True))
        assert found.leading == tuple(sorted(weights, key=lambda word: -weights[word]))
        assert found.unseen == tuple(word for word in found.leading if word in ("woods", "spring"))
        assert found.visual == pytest.approx((weights["red"] + weights["petal"]) / sum(weights.values()), rel=1e-3)


def test_texts_are_compared_by_their_own_tokens_only() -> None:
    states = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))
    states[1, :2] = states[0, :2]
    mask = torch.tensor([[True, True, False, False]] * 2)
    alike = compare_texts(TokenStates(states, mask, ((), ()), (0, 0)))
    np.testing.assert_allclose(alike, np.ones((2, 2)), atol=1e-6)


def test_classes_taken_for_each_other_stand_side_by_side() -> None:
    counts = np.eye(6, dtype=np.int64) * 10
    for one, other in ((0, 3), (3, 5), (1, 4)):
        counts[one, other] = counts[other, one] = 4
    order = order_by_similarity(ConfusionMatrix(tuple("abcdef"), counts)).tolist()
    assert sorted(order) == list(range(6))
    place = {index: order.index(index) for index in range(6)}
    assert abs(place[0] - place[3]) == abs(place[3] - place[5]) == abs(place[1] - place[4]) == 1


@pytest.mark.parametrize("labelled", [True, False, None])
def test_windflower_ranks_first_on_the_shipped_checkpoint(labelled: bool | None) -> None:
    if not (default_checkpoint() / "config.json").is_file():
        pytest.skip(f"no checkpoint in {default_checkpoint()}")
    from n3core.datasets.base import class_by_key, load_pixels
    from n3core.datasets.registry import open_dataset
    from n3core.engine import Engine

    engine = Engine(device="cpu", max_classifiers=1)
    bad, repaired = (
        load_task(PROJECT / "assets" / "tasks" / f"{name}.json") for name in ("flowers", "flowers-repaired")
    )
    dataset = open_dataset(bad.dataset)
    refs = [ref for name in bad.names for ref in dataset.image_refs(class_by_key(dataset, name).id)[::8]]
    labels = np.repeat(np.arange(len(bad.names)), len(refs) // len(bad.names))
    found = {}
    for name, task in (("bad", bad), ("repaired", repaired)):
        encoded = engine.encode(task.texts)
        prediction = None if labelled is None else engine.predict(task, load_pixels(dataset, refs, engine.image_size))
        found[name] = diagnose(
            task.names,
            task.texts,
            dropped_words=encoded.dropped_words,
            similarity=compare_texts(encoded),
            prediction=prediction,
            labels=labels if labelled else None,
        )
    first, second = found["bad"].entries[:2]
    assert first.name == "windflower" and first.score > second.score + 5
    assert {"few visual words", "vague"} <= {reason.kind for reason in first.reasons}
    assert found["repaired"].of("windflower").score < 0.3 * first.score
    assert found["repaired"].entries[0].name != "windflower" or not found["repaired"].entries[0].reasons
