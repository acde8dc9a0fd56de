"""Token evidence: gradients that are true, words that are whole, and a model that is left as it was found."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from n3core.backbone import build_network, to_float
from n3core.explain.evidence import aggregate_evidence, explain_tokens, merge_pieces, token_gradients
from n3core.figures.evidence import drop_scatter, word_bars
from n3core.metrics import rank_correlation
from n3core.model import N3
from n3core.results import Prediction
from n3core.results.evidence import DescriptionEvidence, DropEffects, TokenEvidence
from n3core.text_encoder import TextEncoder
from n3core.token_states import TokenStates

ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron")
TARGETS = (2, 0, 1)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def model(make_model: ModelMaker) -> N3:
    """No class is so sure that probabilities become zero."""
    return make_model(temperature=0.5)


def encode(make_states: StatesMaker) -> tuple[TokenStates, tuple[str, ...]]:
    """Token states of three made-up texts: a special token at each end, else one token per word "w0", "w1", ..."""
    states, mask = make_states(len(NAMES))
    lengths = mask.sum(1).tolist()
    texts = tuple(" ".join(f"w{number}" for number in range(length - 2)) for length in lengths)
    offsets = tuple(((0, 0), *((3 * n, 3 * n + 2) for n in range(length - 2)), (0, 0)) for length in lengths)
    return TokenStates(states, mask, offsets, (0,) * len(NAMES)), texts


def explain(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> tuple[TokenEvidence, ...]:
    encoded, texts = encode(make_states)
    return explain_tokens(model, encoded, NAMES, texts, pixels, TARGETS)


def logits_at(model: N3, encoded: TokenStates, states: torch.Tensor, image: np.ndarray) -> torch.Tensor:
    skeleton = build_network(model.config.base, 2).eval()
    with torch.no_grad():
        return model(skeleton, states, encoded.mask, torch.from_numpy(image).permute(2, 0, 1)[None] / 255)[0]


def same(one: tuple[TokenEvidence, ...], other: tuple[TokenEvidence, ...], tolerance: float = 1e-4) -> bool:
    pairs = [
        (a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x.descriptions, y.descriptions, strict=True)
    ]
    return all(
        np.allclose(a.magnitudes, b.magnitudes, rtol=tolerance, atol=1e-6)
        and np.allclose(a.support, b.support, rtol=tolerance, atol=1e-5)
        for a, b in pairs
    )


def test_gradients_match_finite_differences_and_magnitudes_are_their_norms(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, _ = encode(make_states)
    _, _, of_loss, _ = next(token_gradients(model, encoded, pixels[:1], TARGETS[:1]))
    evidence = explain(model, make_states, pixels)[0]
    row = int(encoded.mask.sum(1).argmax())
    gradient = of_loss[row, 2]  # of the second word: a special token comes first
    assert evidence.descriptions[row].magnitudes[1] == pytest.approx(float(gradient.norm()), rel=1e-4)
    generator = torch.Generator().manual_seed(0)
    for direction in (gradient, *torch.randn(3, len(gradient), generator=generator) + gradient / gradient.norm()):
        unit, step, losses = direction / direction.norm(), 0.05, []
        for sign in (1, -1):
            moved = encoded.states.clone()
            moved[row, 2] += sign * step * unit
            logits = logits_at(model, encoded, moved, pixels[0]).double()
            losses.append(float(functional.cross_entropy(logits[None], torch.tensor(TARGETS[:1]))))
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx(float(gradient @ unit), abs=0.05 * float(gradient.norm()))
    assert not of_loss[~encoded.mask].any()


def test_support_is_what_more_of_a_word_does_to_the_logit(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, _ = encode(make_states)
    found = explain(model, make_states, pixels)[1]
    measured, claimed = [], []
    for row, description in enumerate(found.descriptions):
        for word in {int(description.support.argmax()), int(description.support.argmin())}:
            ends = []
            for factor in (1.05, 0.95):
                moved = encoded.states.clone()
                moved[row, word + 1] *= factor
                ends.append(float(logits_at(model, encoded, moved, pixels[1])[TARGETS[1]]))
            measured.append((ends[0] - ends[1]) / 0.1)
            claimed.append(description.support[word])
    assert np.allclose(measured, claimed, atol=0.05 * np.abs(claimed).max())
    assert min(claimed) < 0 < max(claimed)


def test_loss_and_probabilities_are_those_of_the_network(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, _ = encode(make_states)
    for image, target, evidence in zip(pixels, TARGETS, explain(model, make_states, pixels), strict=True):
        expected = logits_at(model, encoded, encoded.states, image).double().log_softmax(0)
        assert evidence.target == NAMES[target] == evidence.positive.name
        assert [part.probability for part in evidence.descriptions] == pytest.approx(expected.exp().tolist(), rel=1e-3)
        assert evidence.loss == pytest.approx(-float(expected[target]), rel=1e-3)


def test_probabilities_are_those_of_the_classifier_where_there_is_one(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, texts = encode(make_states)
    classifier = model.synthesize(encoded.states, encoded.mask, NAMES)
    own = explain(model, make_states, pixels)
    found = explain_tokens(model, encoded, NAMES, texts, pixels, TARGETS, classifier=classifier)
    shares = Prediction(NAMES, classifier(to_float(pixels)).detach().numpy()).probabilities
    for row, evidence in enumerate(found):
        assert [part.probability for part in evidence.descriptions] == pytest.approx(shares[row], rel=1e-5)
        for part, other in zip(evidence.descriptions, own[row].descriptions, strict=True):
            assert np.array_equal(part.magnitudes, other.magnitudes) and np.array_equal(part.support, other.support)


def test_a_word_of_two_pieces_has_the_larger_magnitude_and_the_support_of_both(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, texts = encode(make_states)
    halves = ((0, 0), (0, 1), (1, 2))  # "w" and "0" of "w0"
    offsets = tuple((*halves, *((start - 3, end - 3) for start, end in row[3:-1]), (0, 0)) for row in encoded.offsets)
    parted = replace(encoded, offsets=offsets)
    states = encoded.states.clone().requires_grad_(True)
    image = torch.from_numpy(pixels[0]).permute(2, 0, 1)[None] / 255
    logits = model(build_network(model.config.base, 2).eval(), states, encoded.mask, image)
    loss = functional.cross_entropy(logits, torch.tensor(TARGETS[:1]))
    (of_loss,) = torch.autograd.grad(loss, states, retain_graph=True)
    (of_logit,) = torch.autograd.grad(logits[0, TARGETS[0]], states)
    (found,) = explain_tokens(model, parted, NAMES, texts, pixels[:1], TARGETS[:1])
    for row, description in enumerate(found.descriptions):
        lengths = of_loss[row, 1:3].norm(dim=1)
        terms = (of_logit[row, 1:3] * encoded.states[row, 1:3]).sum(1)
        assert encoded.mask[row].sum() > 3 and description.words[0] == "w0"
        assert description.magnitudes[0] == pytest.approx(float(lengths.max()), rel=1e-3)
        assert description.support[0] == pytest.approx(float(terms.sum()), rel=1e-3, abs=1e-5)
        assert lengths.min() < 0.99 * lengths.max() and terms.abs().min() > 0.01 * terms.abs().max()


def test_an_image_is_explained_alike_alone_and_among_others(
    model: N3, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    encoded, texts = encode(make_states)
    together = explain(model, make_states, pixels)
    alone = explain_tokens(model, encoded, NAMES, texts, pixels[2:], TARGETS[2:])
    assert same(together[2:], alone)
    assert not same(together[:1], together[1:2])


def test_permuting_classes_permutes_the_evidence(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> None:
    encoded, texts = encode(make_states)
    order = [2, 0, 1]
    turned = TokenStates(
        encoded.states[order], encoded.mask[order], tuple(encoded.offsets[i] for i in order), (0,) * len(order)
    )
    found = explain_tokens(
        model,
        turned,
        [NAMES[i] for i in order],
        [texts[i] for i in order],
        pixels,
        [order.index(target) for target in TARGETS],
    )
    for plain, permuted in zip(explain(model, make_states, pixels), found, strict=True):
        assert plain.target == permuted.target
        for name in NAMES:
            np.testing.assert_allclose(plain.of(name).magnitudes, permuted.of(name).magnitudes, rtol=1e-3, atol=1e-6)


def test_the_model_is_left_as_it_was_found(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> None:
    before = copy.deepcopy(model.state_dict())
    wanted = [value.requires_grad for value in model.parameters()]
    encoded, texts = encode(make_states)
    states = encoded.states.clone()
    explain_tokens(model, encoded, NAMES, texts, pixels, TARGETS)
    assert all(value.grad is None for value in model.parameters())
    assert [value.requires_grad for value in model.parameters()] == wanted
    assert not encoded.states.requires_grad and torch.equal(encoded.states, states)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for module in model.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks and not module._backward_hooks


def test_it_works_where_gradients_are_switched_off(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> None:
    model.requires_grad_(False)
    with torch.no_grad():
        off = explain(model, make_states, pixels)
    assert same(off, explain(model, make_states, pixels))
    assert off[0].positive.largest > 0


def test_four_threads_find_what_one_does(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> None:
    encoded, texts = encode(make_states)
    expected = [explain_tokens(model, encoded, NAMES, texts, pixels, [target] * 3) for target in range(3)]

    def work(target: int) -> bool:
        return same(explain_tokens(model, encoded, NAMES, texts, pixels, [target] * 3), expected[target])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, [0, 1, 2] * 5))


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_gradients_are_the_same_wherever_tensors_lie_in_memory(
    make_model: ModelMaker, make_states: StatesMaker, pixels: np.ndarray, two_threads: None
) -> None:
    model = make_model(temperature=0.5).requires_grad_(False)
    states = torch.randn(4, 60, make_states(2)[0].shape[2], generator=torch.Generator().manual_seed(0))
    mask = torch.ones(states.shape[:2], dtype=torch.bool)
    encoded = TokenStates(states, mask, ((),) * 4, (0,) * 4)
    first, *others = (
        (next(token_gradients(model, encoded, pixels, TARGETS)), [torch.empty(37 * size + 1) for size in range(taken)])
        for taken in (0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1)
    )
    for found, _ in others:
        assert all(torch.equal(a, b) for a, b in zip(first[0][1:], found[1:], strict=True))


def test_another_hypernetwork_gives_other_evidence(
    make_model: ModelMaker, make_states: StatesMaker, pixels: np.ndarray
) -> None:
    trained, other = (make_model(temperature=0.5) for _ in range(2))
    torch.manual_seed(9)
    for module in (other.tokens2label, other.labels2adaptation):
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
    other.eval()
    pairs = zip(explain(trained, make_states, pixels), explain(other, make_states, pixels), strict=True)
    for evidence in pairs:
        a, b = (np.concatenate([part.support for part in each.descriptions]) for each in evidence)
        assert not np.allclose(a, b, rtol=0.1)
        assert abs(rank_correlation(a, b)) < 0.9


def test_word_pieces_become_whole_words() -> None:
    text = "Glaucous, lance-shaped le\u0301aves -- it's 2.5 cm\u200b; \U0001f338 caf\u00e9s. " + "sepals " * 600
    encoder = TextEncoder.load()
    (offsets,) = encoder.encode([text]).offsets
    spans, pieces = merge_pieces(text, offsets)
    words = [text[start:end] for start, end in spans]
    assert words[:7] == ["Glaucous", ",", "lance-shaped", "le\u0301aves", "-", "-", "it's"]
    assert {"2.5", "cm", ".", "caf\u00e9s"} <= set(words)
    assert len(pieces[0]) > 1 and len(pieces[2]) >= 3
    flat = [token for members in pieces for token in members]
    special = [token for token, (start, end) in enumerate(offsets) if start == end]
    assert sorted([*flat, *special]) == list(range(len(offsets)))
    assert 0 < words.count("sepals") < 600
    assert merge_pieces("", ((0, 0), (0, 0))) == ((), ())


def description(name: str = "a", text: str = "red petals, red spots.", **values: object) -> DescriptionEvidence:
    spans = np.array([(0, 3), (4, 10), (10, 11), (12, 15), (16, 21), (21, 22)])
    made = DescriptionEvidence(
        name, text, spans, np.array([3.0, 1, 9, 2, 2, 0]), np.array([1.0, -1, 1, 0.5, -2, 1]), -1.0
    )
    return replace(made, **values)


def test_words_are_ranked_without_punctuation_but_the_ratio_counts_every_token() -> None:
    found = description()
    assert found.words == ("red", "petals", ",", "red", "spots", ".")
    assert found.top(3) == (0, 3, 4)
    assert found.largest == 9
    assert found.strengths.tolist() == [1, 0, 0, 0.5, 0.5, 0]
    assert found.log_ratio == pytest.approx(np.log(9) + 1)


@pytest.mark.parametrize(
    ("word", "replacement", "expected"),
    [
        (0, "", "petals, red spots."),
        (1, "  ", "red, red spots."),
        (4, "", "red petals, red."),
        (1, "sepals", "red sepals, red spots."),
        (0, " <b>blue</b> ", "<b>blue</b> petals, red spots."),
    ],
)
def test_a_word_is_dropped_with_its_space_or_replaced(word: int, replacement: str, expected: str) -> None:
    assert description().edited(word, replacement) == expected


def test_classes_are_ruled_out_by_magnitude_over_probability_however_small() -> None:
    rows = {"target": -0.001, "near": -7.0, "far": -2000.0, "farther": -3000.0}
    evidence = TokenEvidence("target", tuple(description(name, log_probability=log) for name, log in rows.items()))
    assert [part.name for part in evidence.ruled_out] == ["farther", "far", "near"]
    assert evidence.loss == pytest.approx(0.001)
    strong = description("near", magnitudes=np.full(6, 1e4), log_probability=-7.0)
    weak = description("far", magnitudes=np.full(6, 1e-4), log_probability=-9.0)
    assert [part.name for part in TokenEvidence("x", (weak, strong)).ruled_out] == ["near", "far"]


def test_every_image_counts_alike_in_a_class(model: N3, make_states: StatesMaker, pixels: np.ndarray) -> None:
    encoded, texts = encode(make_states)
    one, other = explain_tokens(model, encoded, NAMES, texts, pixels[:2], (1, 1))
    loud = TokenEvidence(
        other.target, tuple(replace(part, magnitudes=1000 * part.magnitudes) for part in other.descriptions)
    )
    mean, louder = aggregate_evidence([one, other]), aggregate_evidence([one, loud])
    assert mean.images == 2 and mean.mean.target == NAMES[1]
    assert sum(part.magnitudes.sum() for part in mean.mean.descriptions) == pytest.approx(1)
    for a, b in zip(mean.mean.descriptions, louder.mean.descriptions, strict=True):
        np.testing.assert_allclose(a.magnitudes, b.magnitudes)
    assert mean.mean.positive.probability == pytest.approx((one.positive.probability + other.positive.probability) / 2)
    np.testing.assert_allclose(mean.mean.positive.support, (one.positive.support + other.positive.support) / 2)
    np.testing.assert_allclose(mean.raising, ((one.positive.support > 0) * 1.0 + (other.positive.support > 0)) / 2)
    assert mean.leading.sum() == pytest.approx(min(3, len(mean.mean.positive.words)))


def test_leading_words_are_counted_image_by_image_and_a_silent_one_is_no_obstacle() -> None:
    rows = ([3.0, 1, 9, 2, 2, 0], [0.0, 5, 9, 4, 3, 0], [0.0] * 6)
    parts = [
        TokenEvidence(
            "a", tuple(description(name, magnitudes=factor * np.array(row)) for name, factor in (("a", 1), ("b", 0)))
        )
        for row in rows
    ]
    found = aggregate_evidence(parts)
    assert [part.positive.top(3) for part in parts] == [(0, 3, 4), (1, 3, 4), (0, 1, 3)]
    np.testing.assert_allclose(found.leading, [2 / 3, 2 / 3, 0, 1, 2 / 3, 0])
    assert found.mean.positive.magnitudes.sum() == pytest.approx(2 / 3), "the silent one has no share"
    np.testing.assert_array_equal(found.raising, [1, 0, 1, 1, 0, 1])


def test_figures_show_signs_by_more_than_colour_and_escape_words() -> None:
    hostile = description("<b>x</b>", "<b petals, red <img.", spans=np.array([(0, 2), (3, 9), (9, 10), (11, 14)]),
                          magnitudes=np.array([3.0, 1, 9, 2]), support=np.array([1.0, -1, 1, 0.5]))  # fmt: skip
    bars = word_bars(hostile, "<script>")
    assert {trace.name for trace in bars.data} == {"raises the logit", "lowers the logit"}
    assert len({trace.marker.pattern.shape for trace in bars.data}) == 2
    assert all(trace.width < 1 for trace in bars.data), "a bar may not cover the next row"
    assert "nats" in bars.layout.xaxis.title.text
    assert not any(
        "<" in text for text in [*bars.layout.yaxis.ticktext, bars.layout.title.text, bars.layout.title.subtitle.text]
    )
    words = np.array([0, 1, 3])
    effects = DropEffects(hostile, "x", words, 1.0, 0.5, np.array([0.5, 2.0, 0.9]), np.full(3, 0.4))
    scatter = drop_scatter(effects)
    shown = {name: y for trace in scatter.data for name, y in zip(trace.customdata, trace.y, strict=True)}
    assert shown == {"&lt;b": pytest.approx(0.5), "petals": pytest.approx(-1.0), "red": pytest.approx(0.1)}
    assert "logits" in scatter.layout.xaxis.title.text and "1.00" in scatter.layout.title.subtitle.text
