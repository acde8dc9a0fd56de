"""Documents of classes find their classes although names differ in case, underscores, numbers and apostrophes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from n3core.datasets.cub import CUB_2011, _name
from n3core.datasets.flowers_species import flower_classes
from n3core.descriptions import load_descriptions, match_descriptions
from n3core.errors import InputError
from n3core.text_checks import loose_keys

FOLDER = Path(os.environ.get("N3_DATA", "")) / "class-documents"

# classes.txt of Animals with Attributes 2
AWA2_CLASSES = [
    "antelope", "grizzly+bear", "killer+whale", "beaver", "dalmatian", "persian+cat", "horse",
    "german+shepherd", "blue+whale", "siamese+cat", "skunk", "mole", "tiger", "hippopotamus", "leopard",
    "moose", "spider+monkey", "humpback+whale", "elephant", "gorilla", "ox", "fox", "sheep", "seal",
    "chimpanzee", "hamster", "squirrel", "rhinoceros", "rabbit", "bat", "giraffe", "wolf", "chihuahua", "rat",
    "weasel", "otter", "buffalo", "zebra", "giant+panda", "deer", "bobcat", "pig", "lion", "mouse",
    "polar+bear", "collie", "walrus", "raccoon", "cow", "dolphin",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    id: str
    name: str


@pytest.mark.data
def test_cub_documents_fit_the_200_class_folders() -> None:
    texts = load_descriptions(FOLDER / "CUB.json")
    ids = sorted(texts)
    assert len(ids) == CUB_2011.classes and [int(key[:3]) for key in ids] == list(range(1, 201)), "numbered 1 to 200"
    classes = [Entry(key, _name(key)) for key in ids]
    assert classes[0].name == "Black footed Albatross"
    matched = match_descriptions(texts, classes, strict=True)
    assert matched.texts == {key: texts[key] for key in ids} and matched.problems == ()


@pytest.mark.data
@pytest.mark.parametrize(
    "spell",
    [
        lambda key: key[4:],
        lambda key: key[4:].replace("_", " ").upper(),
        lambda key: key[4:].replace("_", "-"),
        lambda key: f"{int(key[:3])}. {key[4:].replace('_', ' ')}",
        lambda key: key[4:].replace("_", "+").lower(),
        lambda key: f"{key[4:].replace('_', ' ')}?",
    ],
)
def test_other_spellings_of_the_200_birds_find_the_same_classes(spell: object) -> None:
    texts = load_descriptions(FOLDER / "CUB.json")
    classes = [Entry(key, _name(key)) for key in sorted(texts)]
    spelled = {spell(key): text for key, text in texts.items()}  # type: ignore[operator]
    assert match_descriptions(spelled, classes, strict=True).texts == {entry.id: texts[entry.id] for entry in classes}


@pytest.mark.data
def test_awa2_documents_fit_the_50_animals() -> None:
    texts = load_descriptions(FOLDER / "AWA2.json")
    assert len(AWA2_CLASSES) == 50
    classes = [Entry(key, key.replace("+", " ")) for key in AWA2_CLASSES]
    matched = match_descriptions(texts, classes, strict=True)
    assert matched.texts["grizzly+bear"] == texts["grizzly bear"] and len(matched.texts) == len(texts) == 50
    only_ids = [Entry(key, key) for key in AWA2_CLASSES]
    assert match_descriptions(texts, only_ids, strict=True).texts == matched.texts


@pytest.mark.data
def test_flower_documents_fit_the_102_classes_and_the_55_species() -> None:
    texts = load_descriptions(FOLDER / "FLO.json")
    every = [Entry(entry.name, entry.name) for entry in flower_classes()]
    matched = match_descriptions(texts, every, strict=True)
    assert len(matched.texts) == len(texts) == 102 and matched.texts["colt's foot"] == texts["colt's foot"]
    species = [Entry(entry.name, entry.name) for entry in flower_classes() if entry.species]
    assert len(match_descriptions(texts, species, among=every, strict=True).texts) == 55
    alone = match_descriptions(texts, species)
    assert len(alone.problems) == 47 and any("'anthurium' belongs to no class" in line for line in alone.problems)
    doubtful = [Entry(name, name) for name in ("pink-yellow dahlia?", "Colts Foot", "DESERT ROSE", "globeflower")]
    found = match_descriptions(texts, doubtful).texts
    assert list(found.values()) == [
        texts[k] for k in ("pink-yellow dahlia", "colt's foot", "desert-rose", "globe-flower")
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Brandt's cormorant", "023.Brandt_Cormorant"),
        ("Heermann\u2019s Gull", "061.Heermann_Gull"),
        ("chuck-will's-widow", "022.Chuck_will_Widow"),
        ("Forster's tern", "146.Forsters_Tern"),
        ("whip-poor-will", "105.Whip_poor_Will"),
        ("grizzly bear", "grizzly+bear"),
        ("Colts foot", "colt's foot"),
        ("001.Black-footed albatross", "Black footed Albatross"),
    ],
)
def test_spellings_that_mean_the_same(text: str, name: str) -> None:
    others = [Entry("200.Common_Yellowthroat", "Common Yellowthroat"), Entry("x", "polar bear")]
    matched = match_descriptions({text: "t", "Common_yellowthroat": "u", "x": "v"}, [Entry(name, name), *others])
    assert matched.texts[name] == "t" and matched.problems == ()


@pytest.mark.parametrize("text", ["Artic tern", "terns", "Common gull", "tern", "014.Tern", "Commontern2"])
def test_nothing_is_guessed(text: str) -> None:
    classes = [Entry("141.Arctic_Tern", "Arctic Tern"), Entry("144.Common_Tern", "Common Tern")]
    given = {"arctic tern": "a", "common tern": "c", text: "b"}
    assert [line.split("'")[1] for line in match_descriptions(given, classes).problems] == [text]
    with pytest.raises(InputError, match="belongs to no class"):
        match_descriptions(given, classes, strict=True)
    with pytest.raises(InputError, match=r"'Arctic Tern' \(and 1 more\) has no description"):
        match_descriptions({text: "b"}, classes)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("14-spot ladybird", "10-spot ladybird"),
        ("14-spot ladybird", "spot ladybird"),
        ("3 Series", "5 Series"),
        ("3_Series", "Series"),
        ("C", "C#"),
        ("C++", "C"),
        ("A+", "A-"),
        ("A", "A-"),
        ("A*", "A"),
        ("mallard \u2640", "mallard \u2642"),
        ("12.5 mm", "125 mm"),
        ("1-12", "11-2"),
        ("001.Crow", "002.Crow"),
        ("(1) Crow", "[2] Crow"),
    ],
)
def test_what_tells_two_names_apart_is_kept(name: str, key: str) -> None:
    with pytest.raises(InputError, match="has no description"):
        match_descriptions({key: "a"}, [Entry(name, name)])


@pytest.mark.parametrize(
    ("name", "key"),
    [("001.Crow", "1. crow"), ("01_crow", "Crow"), ("crow", "(12) crow"), ("007-crow", "7: crow")],
)
def test_the_number_of_a_list_is_left_out_beside_none_or_the_same(name: str, key: str) -> None:
    assert match_descriptions({key: "a"}, [Entry(name, name)]).texts == {name: "a"}
    numbered = [Entry("001.Crow", "Crow"), Entry("002.Crow", "Crow")]
    assert match_descriptions({"1. crow": "a", "2. crow": "b"}, numbered).texts == {"001.Crow": "a", "002.Crow": "b"}


def test_a_key_that_fits_two_classes_is_refused_and_the_strictest_form_wins() -> None:
    with pytest.raises(InputError, match=r"fits 2 classes; use one of the ids 001\.Crow, 002\.Crow"):
        match_descriptions({"crow!": "a"}, [Entry("001.Crow", "001.Crow"), Entry("002.Crow", "002.Crow")])
    languages = [Entry("c", "C"), Entry("cpp", "C++"), Entry("cs", "C#")]
    texts = {"C++": "two", "C": "one", "C#": "three"}
    assert match_descriptions(texts, languages).texts == {"c": "one", "cpp": "two", "cs": "three"}
    with pytest.raises(InputError, match="'Forsters tern' and \"Forster's tern\" are for the same class"):
        match_descriptions({"Forsters tern": "a", "Forster's tern": "b"}, [Entry("1", "forsters tern")])


def test_loose_keys_keep_what_tells_names_apart() -> None:
    assert loose_keys("001.Black_footed_Albatross") == ("blackfootedalbatross",) * 2
    assert loose_keys("Brandt's Cormorant") == ("brandtscormorant", "brandtcormorant")
    assert loose_keys("1984") == ("1984",) * 2 and loose_keys("n01443537") == ("n01443537",) * 2
    assert loose_keys("+++") == ("+++",) * 2
    assert loose_keys("12.5") == ("12.5",) * 2, "a number is no numbering of what follows, and not 125"


def test_documents_as_a_file_are_checked_before_they_are_matched(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text(json.dumps({"001.Crow": "a", "001.crow": "b"}))
    with pytest.raises(InputError, match="count as the same name"):
        load_descriptions(tmp_path / "texts.json")
