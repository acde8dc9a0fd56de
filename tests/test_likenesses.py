"""Likenesses: what their file must hold, and which images and texts an episode then shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3core.checkpoint import load_checkpoint
from n3core.datasets.base import Dataset
from n3core.datasets.registry import open_dataset
from n3core.errors import InputError
from n3core.likenesses import Likeness, load_likenesses, rows_that_stand
from n3core.recipes import episode_sources
from n3core.text_encoder import TextEncoder
from tests.command_line import refused, run

PROJECT = Path(__file__).resolve().parent.parent
SIZE = 32


@pytest.fixture
def swatches(image_folder: Path, tmp_path: Path) -> Path:
    """Three seen classes and a held-out one."""
    data = shutil.copytree(image_folder, tmp_path / "swatches")
    names = {"train": ["red", "green", "blue"], "val": ["grey", "red"], "test": ["grey"]}
    (data / "splits.json").write_text(json.dumps(names))
    return data


def write(folder: Path, **changes: Any) -> Path:
    """A file of likenesses, valid but for the changes."""
    document = {
        "data": "swatches",
        "texts": {"red": ["Cloth of the colour of blood.", "A scarlet swatch."]},
        "likenesses": [
            {"name": "turquoise", "texts": ["Between green and blue."], "like": {"green": 3, "blue": 1}},
            {"name": "pink", "texts": ["A pale red.", "A rose, as a colour."], "like": {"red": 5}},
        ],
    }
    path = folder / "likenesses.json"
    path.write_text(json.dumps(document | changes))
    return path


def datasets(data: Path) -> dict[str, Dataset]:
    return {"swatches": open_dataset(str(data))}


def test_texts_and_likenesses_are_read(swatches: Path, tmp_path: Path) -> None:
    found = load_likenesses(write(tmp_path), datasets(swatches))
    assert dict(found.texts) == {"red": ("Cloth of the colour of blood.", "A scarlet swatch.")}
    assert [(thing.name, dict(thing.like)) for thing in found.things] == [
        ("turquoise", {"green": 3.0, "blue": 1.0}),
        ("pink", {"red": 5.0}),
    ]
    assert len(found.things[1].texts) == 2
    assert load_likenesses(write(tmp_path), datasets(swatches)).digest == found.digest
    assert load_likenesses(write(tmp_path, texts={}), datasets(swatches)).digest != found.digest


def thing(**changes: Any) -> list[dict[str, Any]]:
    good = {"name": "teal", "texts": ["A dark green blue."], "like": {"green": 2}}
    return [good | changes, {"name": "rust", "texts": ["A brown red."], "like": {"red": 1}}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "grocery"}, "is for the dataset 'grocery', and this run has swatches"),
        ({"data": ["swatches"]}, "is for the dataset"),
        ({"texts": ["red"]}, "'texts' is a list; it must be a mapping"),
        ({"texts": {"red": "one text"}}, "the texts of 'red' are no list of texts"),
        ({"texts": {"red": []}}, "the texts of 'red' are no list of texts"),
        ({"texts": {"red": [" "]}}, "the description of 'red' is empty"),
        ({"texts": {"purple": ["A colour."]}}, "no class 'purple'"),
        ({"texts": {"red": ["A colour."], "Red": ["Another."]}}, "'texts' has 'red' and 'Red', which are one class"),
        ({"text": {}}, "has the key 'text'; the keys are data, texts, likenesses"),
        ({"likenesses": thing(text="A colour.")}, "a likeness has the key 'text'; the keys are name, texts, like"),
        ({"likenesses": thing(like={"red": 1, "RED": 2})}, "what 'teal' is like has 'red' and 'RED'"),
        ({"texts": {"grey": ["A colour."]}}, "'grey' is no seen class of swatches"),
        ({"likenesses": {}}, "'likenesses' is a mapping; it must be a list"),
        ({"likenesses": ["teal"]}, "a likeness is a str; it must be a mapping"),
        ({"likenesses": thing()[:1]}, "only the class 'teal'"),
        ({"likenesses": thing(name="rust")}, "has the class 'rust' twice"),
        ({"likenesses": thing(name="Grey")}, "'Grey' is a class that is held out of training"),
        ({"likenesses": thing(like={})}, "'teal' is like no class"),
        ({"likenesses": thing(like={"grey": 1})}, "'grey' is no seen class"),
        ({"likenesses": thing(like={"green": 0})}, "a weight of 'teal' is '0'; use one above 0"),
        ({"likenesses": thing(like={"green": True})}, "a weight of 'teal' is 'True'"),
        ({"likenesses": thing(like={"green": "much"})}, "a weight of 'teal' is 'much'"),
        ({"likenesses": thing(like={"green": 1e200})}, "a weight of 'teal' is '1e\\+200'"),
        ({"likenesses": thing(texts=["nul \x00"])}, "the control character U\\+0000"),
    ],
)
def test_other_files_are_refused_in_one_line(
    changes: dict[str, Any], message: str, swatches: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_likenesses(write(tmp_path, **changes), datasets(swatches))
    assert "\n" not in str(caught.value)


def test_images_stand_for_a_thing_by_the_square_of_its_weights() -> None:
    rows_of = [np.arange(0, 300), np.arange(300, 310), np.arange(310, 400)]
    likeness = Likeness("teal", ("A dark green blue.",), {"a": 3.0, "b": 1.0})
    rows = rows_that_stand(likeness, ("a", "b", "c"), rows_of, np.random.default_rng(0))
    counts = [np.isin(rows, own).sum() for own in rows_of]
    assert counts == [360, 40, 0]
    assert set(rows_of[1]) == set(rows[rows >= 300]), "a class with few images gives each of them"


def test_episodes_show_the_further_texts_and_the_things(swatches: Path, tmp_path: Path) -> None:
    encoder = TextEncoder.load()
    plain, _ = episode_sources([str(swatches)], SIZE, encoder)
    (classes, things), shares = episode_sources([str(swatches)], SIZE, encoder, likenesses=write(tmp_path))
    assert shares == [0.5, 0.5]
    red, green = (classes.images.class_ids.index(name) for name in ("red", "green"))
    assert classes.pool.weights_of[red][-2:].sum() == pytest.approx(1 / 1.75), "beside a description and a name"
    assert len(classes.pool.texts_of[green]) == len(plain[0].pool.texts_of[green])
    assert things.images.class_ids == ("turquoise", "pink")
    assert set(classes.images.labels[things.rows_of[1]]) == {red}
    assert things.images.pixels is classes.images.pixels
    assert len(things.pool.texts_of[1]) == 2

    other = write(tmp_path, likenesses=thing())
    (_, changed), _ = episode_sources([str(swatches)], SIZE, encoder, likenesses=other)
    assert changed.identity != things.identity, "a begun run does not go on with other likenesses"


def test_training_takes_likenesses(swatches: Path, tmp_path: Path) -> None:
    base = PROJECT / "assets" / "checkpoint"
    command = ["train", "--data", swatches, "--base", base, "--adapt", "fc", "--feature-steps", 2, "--steps", 1]
    command += ["--batch-size", 4, "--device", "cpu", "--likenesses"]
    result = run(*command, write(tmp_path), "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").is_file()
    further = ["train", "--data", swatches, "--from", base, "--adapt", "fc", "--steps", 1, "--batch-size", 4]
    result = run(*further, "--device", "cpu", "--out", tmp_path / "further")
    assert result.exit_code == 0, result.output
    assert load_checkpoint(tmp_path / "further" / "checkpoint").config.adapt == ("fc",)
    assert f"no file {tmp_path / 'none.json'}" in refused(*command, tmp_path / "none.json", "--out", tmp_path / "other")


@pytest.mark.data
def test_the_shipped_likenesses_hold_no_class_that_is_held_out() -> None:
    dataset = open_dataset("tiny-imagenet")
    found = load_likenesses(PROJECT / "assets" / "texts" / "tiny-imagenet.json", {"tiny-imagenet": dataset})
    assert set(found.texts) == set(dataset.splits["train"])
    assert len(found.things) > 1000
