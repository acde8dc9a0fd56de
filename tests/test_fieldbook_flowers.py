"""The flowers of the Fieldbook: plates are deterministic and labelled, prose says where it says what."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml

from n3core.datasets.fieldbook import flower_prose, flower_words
from n3core.datasets.fieldbook.canvas import Canvas
from n3core.datasets.fieldbook.flower_prose import describe_flower
from n3core.datasets.fieldbook.flowers import FLOWERS, draw_flower
from n3core.datasets.fieldbook.schema import distance, parse_markup

SPECIES = yaml.safe_load((Path(flower_prose.__file__).parent / "data" / "flowers.yaml").read_text(encoding="utf-8"))
TABLES = {
    "petal_count": (flower_words.COUNTS, flower_words.COUNT_ADJECTIVES),
    "petal_shape": (flower_words.SHAPES,),
    "petal_colour": (flower_words.COLOURS, flower_words.LIKENESSES),
    "second_colour": (flower_words.COLOURS,),
    "pattern": (flower_words.PATTERNS, flower_words.COMPOUNDS),
    "centre": (flower_words.CENTRES,),
    "inflorescence": (flower_words.INFLORESCENCES,),
    "leaf_shape": (flower_words.LEAF_SHAPES,),
    "leaf_colour": (flower_words.LEAF_COLOURS,),
    "stem": (flower_words.STEMS,),
}


def random_traits(rng: np.random.Generator) -> dict[str, str]:
    return {a.name: a.values[rng.integers(len(a.values))] for a in FLOWERS.attributes}


def plate(traits: dict[str, str], seed: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    canvas = Canvas(size, FLOWERS.parts)
    draw_flower(traits, canvas, rng)
    return canvas.finish(rng)


def test_a_seed_gives_one_plate_and_another_seed_another() -> None:
    traits = random_traits(np.random.default_rng(0))
    first, again, other = plate(traits, 3), plate(traits, 3), plate(traits, 4)
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("attribute", FLOWERS.attributes, ids=lambda attribute: attribute.name)
def test_every_value_draws_a_labelled_plate(attribute) -> None:
    rng = np.random.default_rng(1)
    for seed, value in enumerate(attribute.values):
        image, mask = plate({**random_traits(rng), attribute.name: value}, seed)
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8
        assert mask.shape == (64, 64) and set(np.unique(mask)) <= set(range(len(FLOWERS.parts) + 1))
        assert (mask == FLOWERS.parts.index("petal") + 1).mean() > 0.01


def test_every_attribute_shows() -> None:
    """Changing one trait and nothing else changes the plate."""
    base = SPECIES[0]["traits"]
    for attribute in FLOWERS.attributes:
        other = next(value for value in attribute.values if value != base[attribute.name])
        assert not np.array_equal(plate(base, 5)[0], plate({**base, attribute.name: other}, 5)[0]), attribute.name


def test_all_parts_are_usually_seen() -> None:
    rng = np.random.default_rng(2)
    seen = np.array([np.isin(np.arange(1, 5), plate(random_traits(rng), seed)[1]) for seed in range(60)])
    assert seen[:, :3].mean(0).min() > 0.9 and seen[:, 3].mean() > 0.8


@pytest.mark.parametrize("colour", FLOWERS.attribute("petal_colour").values)
def test_petals_have_their_colour_at_64_pixels(colour: str) -> None:
    """The mean petal colour over a few plates is nearer to its own palette entry than to any other."""
    from n3core.datasets.fieldbook.flower_shapes import PETAL_COLOURS

    traits = {
        **SPECIES[0]["traits"],
        "pattern": "plain",
        "petal_shape": "round",
        "centre": "eye",
        "petal_colour": colour,
    }
    means = []
    for seed in range(12):
        image, mask = plate(traits, seed)
        means.append(image[mask == 1].mean(0))
    names, palette = list(PETAL_COLOURS), np.array(list(PETAL_COLOURS.values()))
    assert names[int(np.argmin(np.linalg.norm(palette - np.mean(means, 0), axis=1)))] == colour


def test_plates_look_alike_at_any_size() -> None:
    traits = random_traits(np.random.default_rng(3))
    small, large = plate(traits, 7, 64)[1], plate(traits, 7, 256)[1]
    assert (small == large[2::4, 2::4]).mean() > 0.9


def test_prose_is_deterministic_and_of_guidebook_length() -> None:
    rng = np.random.default_rng(4)
    for seed in range(400):
        traits = random_traits(rng)
        entry = describe_flower(traits, np.random.default_rng(seed))
        assert entry == describe_flower(traits, np.random.default_rng(seed))
        assert 15 <= len(entry.text.split()) <= 120
        assert not set("[]{}@*") & set(entry.text), entry.text


def test_spans_point_at_words_for_the_trait() -> None:
    rng = np.random.default_rng(5)
    for _ in range(400):
        traits = random_traits(rng)
        entry = describe_flower(traits, rng)
        ends = 0
        for span in sorted(entry.spans, key=lambda span: span.start):
            words = entry.text[span.start : span.end].lower()
            assert words and words == words.strip() and span.start >= ends
            ends = span.end
            if span.attribute is None:
                continue
            value = traits[span.attribute]
            known = [phrase.lower() for table in TABLES[span.attribute] for phrase in table[value]]
            starred = [match.lower() for phrase in known for match in re.findall(r"\*([^*]+)\*", phrase)]
            assert any(phrase in words for phrase in known + starred), (span.attribute, value, words)


def test_petal_colour_is_rarely_left_out_and_everything_sometimes() -> None:
    rng = np.random.default_rng(6)
    counts = dict.fromkeys((a.name for a in FLOWERS.attributes), 0)
    silent = 0
    for _ in range(500):
        spans = {span.attribute for span in describe_flower(random_traits(rng), rng).spans}
        silent += None in spans
        for name in spans - {None}:
            counts[name] += 1
    assert all(200 < count < 500 for count in counts.values()), counts
    assert counts["petal_colour"] > 450
    assert 250 < silent < 480


def test_prose_varies() -> None:
    traits = random_traits(np.random.default_rng(7))
    assert len({describe_flower(traits, np.random.default_rng(seed)).text for seed in range(200)}) == 200


def test_named_species_have_the_split_sizes_of_flowers_species() -> None:
    names = [species["name"] for species in SPECIES]
    assert len(set(names)) == len(names) == 55
    sizes = {split: sum(species["split"] == split for species in SPECIES) for split in ("train", "val", "test")}
    assert sizes == {"train": 35, "val": 10, "test": 10}


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species["name"])
def test_named_species_is_valid_and_described(species) -> None:
    assert list(species["traits"]) == [attribute.name for attribute in FLOWERS.attributes]
    for attribute in FLOWERS.attributes:
        assert species["traits"][attribute.name] in attribute.values
    for key in {"text", "repaired_text"} & set(species):
        entry = parse_markup(species[key])
        assert not set("[]{}") & set(entry.text)
        assert 30 <= len(entry.text.split()) <= 90
        if key == "repaired_text" or species["name"] != "windflower":
            stated = {span.attribute for span in entry.spans} - {None}
            assert stated == {attribute.name for attribute in FLOWERS.attributes}


def test_named_species_keep_their_distance() -> None:
    for a, b in combinations(SPECIES, 2):
        assert distance(a["traits"], b["traits"]) >= 4, (a["name"], b["name"])


def test_windflower_carries_a_bad_entry_and_a_repaired_one() -> None:
    windflower = next(species for species in SPECIES if species["name"] == "windflower")
    assert windflower["split"] == "test"
    assert {span.attribute for span in parse_markup(windflower["text"]).spans} == {None}
    assert "varies widely" in windflower["text"] and "repaired_text" in windflower
