"""Birds of Fieldbook: drawing, prose and the named species."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml

from n3core.datasets.fieldbook import birds
from n3core.datasets.fieldbook.bird_prose import describe_bird
from n3core.datasets.fieldbook.bird_words import COLOUR_WORDS
from n3core.datasets.fieldbook.birds import BIRDS, PALETTE, draw_bird, random_traits
from n3core.datasets.fieldbook.canvas import Canvas
from n3core.datasets.fieldbook.schema import distance, parse_markup

NAMED = yaml.safe_load((Path(birds.__file__).parent / "data" / "birds.yaml").read_text())
ALWAYS_SEEN = ("bill", "crown", "face", "eye", "back", "breast", "belly", "wing", "tail", "leg")


def plate(traits: dict[str, str], seed: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Render one plate."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(size, BIRDS.parts)
    draw_bird(traits, canvas, rng)
    return canvas.finish(rng)


def test_every_attribute_names_a_part_and_enough_values() -> None:
    for attribute in BIRDS.attributes:
        assert attribute.part in BIRDS.parts
        assert len(attribute.values) >= 2
        assert len(set(attribute.values)) == len(attribute.values)


def test_random_traits_are_valid_and_varied() -> None:
    drawn = [random_traits(np.random.default_rng(seed)) for seed in range(200)]
    for attribute in BIRDS.attributes:
        assert {traits[attribute.name] for traits in drawn} == set(attribute.values)
    assert len({tuple(traits.values()) for traits in drawn}) == 200


def test_a_plate_depends_on_its_seed_alone() -> None:
    traits = random_traits(np.random.default_rng(3))
    first, again, other = plate(traits, 5), plate(traits, 5), plate(traits, 6)
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("posture", BIRDS.attribute("posture").values)
def test_mask_shows_every_part_of_every_posture(posture: str) -> None:
    for seed in range(12):
        traits = random_traits(np.random.default_rng(seed)) | {"posture": posture}
        image, mask = plate(traits, seed)
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8 and mask.shape == (64, 64)
        assert mask.max() <= len(BIRDS.parts)
        seen = {BIRDS.parts[i - 1] for i in np.unique(mask) if i}
        assert set(ALWAYS_SEEN) - seen <= {"eye", "leg", "face", "bill"}, "only small parts may hide behind a leaf"
        assert len(set(ALWAYS_SEEN) - seen) <= 1
        assert 0.08 < (mask > 0).mean() < 0.7
        if traits["crest"] == "none":
            assert "crest" not in seen


def test_crests_are_drawn() -> None:
    for kind in ("tuft", "plume"):
        shown = 0
        for seed in range(8):
            _, mask = plate(random_traits(np.random.default_rng(seed)) | {"crest": kind}, seed)
            shown += bool((mask == BIRDS.parts.index("crest") + 1).sum() > 8)
        assert shown >= 7


@pytest.mark.parametrize("colour", PALETTE)
def test_a_part_has_the_colour_its_trait_says(colour: str) -> None:
    traits = dict(NAMED[0]["traits"]) | {"wing_colour": colour, "wing_bars": "none"}
    names, pigments = list(PALETTE), np.array(list(PALETTE.values()), float)
    votes: Counter[str] = Counter()
    for seed in range(9):
        image, mask = plate(traits, seed)
        mean = np.median(image[mask == BIRDS.parts.index("wing") + 1], axis=0)
        votes[names[int(np.argmin(((pigments - mean) ** 2).sum(1)))]] += 1
    assert votes.most_common(1)[0][0] == colour


def test_descriptions_have_15_to_120_words_and_depend_on_the_seed_alone() -> None:
    texts = set()
    for seed in range(300):
        traits = random_traits(np.random.default_rng(seed))
        entry = describe_bird(traits, np.random.default_rng(seed))
        assert 15 <= len(entry.text.split()) <= 120
        assert entry == describe_bird(traits, np.random.default_rng(seed))
        assert not set("[]{}+") & set(entry.text)
        texts.add(entry.text)
    assert len(texts) == 300


def test_spans_of_descriptions_name_the_right_colour() -> None:
    owner = {word: colour for colour, words in COLOUR_WORDS.items() for word in words}
    stated: Counter[str | None] = Counter()
    for seed in range(300):
        traits = random_traits(np.random.default_rng(seed))
        entry = describe_bird(traits, np.random.default_rng(seed + 1))
        for span in entry.spans:
            words = entry.text[span.start : span.end].lower()
            assert words == words.strip() and words
            stated[span.attribute] += 1
            if span.attribute and span.attribute.endswith("_colour"):
                named = {owner[w] for w in owner if re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", words)}
                assert not named or traits[span.attribute] in named, (words, traits[span.attribute])
    assert {attribute.name for attribute in BIRDS.attributes} | {None} == set(stated)


def test_named_species_are_a_hundred_with_valid_traits() -> None:
    assert Counter(bird["split"] for bird in NAMED) == {"train": 50, "val": 25, "test": 25}
    assert len({bird["name"] for bird in NAMED}) == 100
    for bird in NAMED:
        assert tuple(bird["traits"]) == tuple(attribute.name for attribute in BIRDS.attributes)
        for name, value in bird["traits"].items():
            assert value in BIRDS.attribute(name).values, (bird["name"], name, value)


def test_named_species_differ_in_four_attributes() -> None:
    for a, b in combinations(NAMED, 2):
        assert distance(a["traits"], b["traits"]) >= 4, (a["name"], b["name"])


@pytest.mark.parametrize("bird", NAMED, ids=lambda bird: bird["name"])
def test_named_texts_state_their_traits(bird: dict) -> None:
    entry = parse_markup(bird["text"])
    assert 30 <= len(entry.text.split()) <= 90
    assert not set("[]{}") & set(entry.text)
    said = {span.attribute for span in entry.spans}
    assert said - {None} <= set(bird["traits"])
    assert None in said, "some words of every entry state nothing visual"
    silent = {"none", "plain"}
    missing = [name for name, value in bird["traits"].items() if name not in said and value not in silent]
    assert len(missing) <= 2, missing
    for span in entry.spans:
        if span.attribute and span.attribute.endswith("_colour"):
            words = re.findall("[a-z]+", entry.text[span.start : span.end].lower())
            named = {c for c in PALETTE if any(word.startswith(c) for word in words)}
            assert not named or bird["traits"][span.attribute] in named, entry.text[span.start : span.end]
