"""Descriptions and tasks: what goes in comes out, and bad input gets one line that names the value."""

from __future__ import annotations

import errno
import json
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from n3core.descriptions import (
    ClassDescription,
    TaskSpec,
    class_finder,
    load_descriptions,
    load_task,
    match_descriptions,
    parse_task,
    save_task,
)
from n3core.documents import MAX_FILE_BYTES
from n3core.errors import InputError

TASK = TaskSpec(
    (
        ClassDescription("windflower", 'Petals "white", with\na yellow centre; é, 花.'),
        ClassDescription("no", "123"),
        ClassDescription("null", "- not a list: nor a mapping # nor a comment"),
        ClassDescription("fire lily", "=1+1, orange"),
    ),
    dataset="fieldbook-flowers",
    title="Flowers, repaired",
)


@dataclass(frozen=True)
class Entry:
    id: str
    name: str


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_descriptions(path)
    text = str(caught.value)
    assert text.isprintable() and "\n" not in text
    return text


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml", ".csv", ".tsv"])
def test_saved_task_comes_back_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"task{suffix}"
    save_task(TASK, path)
    loaded = load_task(path)
    assert loaded.classes == TASK.classes
    if suffix not in (".csv", ".tsv"):
        assert loaded == TASK
    assert load_descriptions(path) == dict(zip(TASK.names, TASK.texts, strict=True))
    assert parse_task(path.read_bytes(), path.name) == loaded
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"rose": "red, tall", "lily": "white"}'),
        ("a.json", '\ufeff{"rose": "red, tall", "lily": "white"}'),
        ("a.json", '[{"name": "rose", "description": "red, tall"}, {"name": "lily", "description": "white"}]'),
        (
            "a.json",
            '{"classes": [{"name": "rose", "description": "red, tall"}, {"name": "lily", "description": "white"}]}',
        ),
        ("a.yaml", "rose: red, tall\nlily: white\n"),
        (
            "a.yaml",
            "title: t\nclasses:\n- {name: rose, description: 'red, tall'}\n- {name: lily, description: white}\n",
        ),
        ("a.csv", 'rose,"red, tall"\nlily,white\n'),
        ("a.csv", 'class,description\r\nrose,"red, tall"\r\n\r\nlily,white\r\n'),
        ("a.csv", 'id,Description,name\n1,"red, tall",rose\n2,white,lily\n'),
        ("a.csv", "name;text\nrose;red, tall\nlily;white\n"),
        ("a.TSV", "rose\tred, tall\nlily\twhite\n"),
        ("a.csv", "rose\tred, tall\nlily\twhite\n"),
        ("a.csv", '"name","description"\n"rose","red, tall"\n"lily","white"\n'),
        ("a.csv", '"rose";"red, tall"\n"lily";"white"\n'),
        ("a.csv", 'rose, "red, tall"\nlily, white\n'),
        ("a.csv", 'rose,"red, tall",\nlily,white,\n'),
        ("a.csv", "sep=;\r\nrose;red, tall\r\nlily;white\r\n"),
        ("a.csv", 'Class Name,Description\nrose,"red, tall"\nlily,white\n'),
        ("a.csv", "Mushroom;Text\nrose;red, tall\nlily;white\n"),
        ("a.json", '[{"Class": "rose", "text": "red, tall"}, {"class_name": "lily", "caption": "white"}]'),
    ],
)
def test_every_accepted_form_reads_the_same(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path, name, content)
    assert load_descriptions(path) == {"rose": "red, tall", "lily": "white"}
    assert load_task(path).names == ("rose", "lily")


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.json", '{"rose": "red", "rose": "blue"}', ["'rose'", "twice"]),
        ("a.yaml", "rose: red\nrose: blue\n", ["'rose'", "twice"]),
        ("a.csv", "rose,red\nrose,blue\n", ["'rose'", "twice"]),
        ("a.json", '{"Wind_flower": "red", "wind flower": "blue"}', ["'Wind_flower'", "'wind flower'"]),
        (
            "a.json",
            '{"classes": [{"name": "a", "description": "x"}, {"name": "a", "description": "y"}]}',
            ["'a' twice"],
        ),
        ("a.json", '{"rose": "red", "lily": "  \\n "}', ["'lily'", "empty"]),
        ("a.json", '{"rose": "red", "lily": null}', ["'lily'", "null"]),
        ("a.json", '{"rose": "red", "lily": {"a": 1}}', ["'lily'", "mapping"]),
        ("a.json", '{"rose": "red", "lily": "a\\u0000b"}', ["'lily'", "U+0000 at position 1"]),
        ("a.json", '{"rose": "red", "lily": "a\\ud800"}', ["'lily'", "U+D800"]),
        ("a.json", '{"rose\\n": "red", "li\\nly": "white"}', ["control character U+000A"]),
        ("a.json", '{"rose": "red", "lily": "\\u200b \\ufeff"}', ["'lily'", "empty"]),
        ("a.json", '{"rose": "red", "\\u200b": "white"}', ["empty name"]),
        ("a.json", '{"rose": "red", "ro\\u200bse": "white"}', ["'rose'", "same name"]),
        ("a.json", '{"rose": "red", "li\\u2028ly": "white"}', ["control character U+2028"]),
        ("a.yaml", "- a\n" * 100_001, ["more than 100,000 values"]),
        ("a.csv", "a,b\n" * 100_001, ["more than 100,000 rows"]),
        ("a.json", '[["rose", 5], ["lily", "white"]]', ["'5'", "instead of a text"]),
        ("a.json", '{"": "red"}', ["empty name"]),
        ("a.json", b'{"rose": "red\x00"}', ["NUL byte at position 13"]),
        ("a.json", bytes(range(128, 256)) * 9, ["not UTF-8", "0x80", "save it as UTF-8"]),
        ("a.csv", "é,b\n".encode("latin-1"), ["not UTF-8", "0xe9 at position 0"]),
        ("a.json", '{"rose": "red"}'.encode("utf-16"), ["UTF-16"]),
        ("a.json", '{"rose": "red"}'.encode("utf-32"), ["UTF-32"]),
        ("a.csv", "name,name,text\na,b,red\nc,d,blue\n", ["two columns 'name'"]),
        ("a.json", '{"rose": "red",', ["not valid json", "line 1"]),
        ("a.json", "[" * 100_000, ["nested too deeply"]),
        ("a.yaml", "[" * 100_000, ["nested too deeply"]),
        ("a.yaml", "a: &x red\nb: *x\n", ["alias *x"]),
        ("a.yaml", "a: b: c\n", ["not valid yaml", "line 1"]),
        ("a.yaml", "? [a, b]\n: red\n", ["key at line 1"]),
        ("a.json", '{"classes": [{"name": "rose"}]}', ["class 1 ('rose')", "'description'"]),
        ("a.json", '{"classes": ["rose"]}', ["class 1 is a str"]),
        ("a.json", '{"classes": []}', ["no class"]),
        ("a.json", "{}", ["no class"]),
        ("a.json", "3", ["holds a number"]),
        ("a.yaml", "", ["holds a null"]),
        ("a.csv", "", ["no class"]),
        ("a.csv", "rose,red, tall\nlily,white\n", ["row 1 has 3 columns", "quote"]),
        ("a.csv", 'rose,"red', ["not valid csv"]),
        ("a.json", json.dumps({"a": "word " * 100_000}), ["'a' has 499,999 characters", "100,000"]),
        ("a.json", json.dumps({"a": "be " * 20_001}), ["'a' has 20,001 words", "20,000"]),
        ("a.json", json.dumps({"a" * 300: "b"}), ["300 characters"]),
        ("a.json", json.dumps({str(n): "b" for n in range(10_001)}), ["10,001 classes"]),
        ("a.json", b" " * (MAX_FILE_BYTES + 1), ["20,000,000 bytes"]),
        ("a.txt", "rose: red", ["'.txt'", ".json"]),
        ("a.csv", "rose;red,tall\nlily;white,pure\n", ["',' or ';' between name and text", "quotes"]),
        ("a.csv", 'a,"b" c; d\ne,"f" g; h\n', ["not valid csv", "',' expected"]),
        (
            "a.csv",
            "Klasse;Beschreibung\nrose;Ein Strauch mit Dornen.\nlily;Eine Blume mit Stiel.\n",
            ["row 1, 'Klasse' and 'Beschreibung', may be a header or a class", "'name' and 'description'"],
        ),
        ("a.csv", "label,paper\nrose,red\nlily,white\n", ["row 1, 'label' and 'paper', may be a header"]),
        ("a.csv", "rose,red\nlily,NaN\n", ["'lily' is 'NaN'", "write one"]),
        ("a.json", '{"rose": "red", "lily": "n/a"}', ["'lily' is 'n/a'"]),
        ("a.yaml", "rose: red\nlily: null\n", ["'lily' is a null"]),
        ("a.yaml", "rose: red\nlily: ~\n", ["'lily' is a null"]),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path: Path, name: str, content: str | bytes, parts: list[str]) -> None:
    text = message(write(tmp_path, name, content))
    assert all(part in text for part in parts), text


def test_a_semicolon_file_keeps_its_names_whatever_the_commas(tmp_path: Path) -> None:
    prose = write(tmp_path, "a.csv", "rose;A shrub, with red flowers\nAnemone, wood;White, on one stalk\n")
    assert list(load_descriptions(prose)) == ["rose", "Anemone, wood"]
    quoted = write(tmp_path, "b.csv", 'rose;"red,tall"\nlily;"white,pure"\n')
    assert load_descriptions(quoted) == {"rose": "red,tall", "lily": "white,pure"}
    commas = write(tmp_path, "c.csv", "rose,red; tall\nlily,white; pure\n")
    assert load_descriptions(commas) == {"rose": "red; tall", "lily": "white; pure"}


def test_a_class_called_like_a_header_stays_a_class(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "label,A tag that is tied to a parcel.\nbox,Made of card.\n")
    assert list(load_descriptions(path)) == ["label", "box"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".yaml", ".json"])
def test_whatever_is_saved_is_read_back(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(0)
    parts = [",", ";", "\t", '"', "'", "\n", " ", "a", "rose", "sep=;", "#", "null", "- ", ": ", "é", "1."]
    for _ in range(300):
        texts = {}
        for number in range(rng.randint(2, 4)):
            name = "".join(rng.choices([part for part in parts if part not in "\t\n"], k=rng.randint(0, 5)))
            texts[f"{name}{number}"] = "".join(rng.choices(parts, k=6)) + "."
        task = TaskSpec(tuple(ClassDescription(name, text) for name, text in texts.items()))
        save_task(task, tmp_path / f"task{suffix}")
        assert load_task(tmp_path / f"task{suffix}").classes == task.classes


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\nb: c\n")
    assert "'a' is a list" in message(path)
    assert not (tmp_path / "made").exists()


def test_missing_and_odd_paths(tmp_path: Path) -> None:
    assert "no file" in message(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    assert "is a folder" in message(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.json")
    assert "no regular file" in message(tmp_path / "pipe.json")


def test_a_task_needs_two_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", '{"rose": "red"}')
    with pytest.raises(InputError, match="only the class 'rose'; a classifier needs at least 2"):
        load_task(path)
    with pytest.raises(InputError, match="no class"):
        TaskSpec(())


@pytest.mark.parametrize("fails_in", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_in: str) -> None:
    path = tmp_path / "task.json"
    save_task(TASK, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, fails_in, full)
    with pytest.raises(InputError, match="No space left"):
        save_task(TaskSpec(TASK.classes[:2]), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["task.json"]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("word", ["null", "~", "no"])
def test_words_of_yaml_are_titles_like_others(word: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"task{suffix}"
    save_task(TaskSpec(TASK.classes, word, word), path)
    assert (load_task(path).title, load_task(path).dataset) == (word, word)


def test_saving_into_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        save_task(TASK, tmp_path / "none" / "task.json")
    with pytest.raises(InputError, match="suffix"):
        save_task(TASK, tmp_path / "task")


def test_texts_find_their_classes_by_key_not_by_order() -> None:
    classes = [Entry("n1", "fire lily"), Entry("n2", "Granny Smith"), Entry("n3", "crane"), Entry("n4", "crane")]
    texts = {"n4": "a machine", "GRANNY-smith": "green", "n3": "a bird", "fire_lily": "orange"}
    matched = match_descriptions(texts, classes)
    assert list(matched.texts.items()) == [("n1", "orange"), ("n2", "green"), ("n3", "a bird"), ("n4", "a machine")]
    assert matched.problems == ()


def test_unmatched_texts_and_classes() -> None:
    classes = [Entry("a", "rose"), Entry("b", "lily")]
    everything = [*classes, Entry("c", "tulip")]
    texts = {"rose": "red", "lily": "white", "tulip": "yellow", "daisy": "small"}
    assert [line.split("'")[1] for line in match_descriptions(texts, classes).problems] == ["tulip", "daisy"]
    assert [line.split("'")[1] for line in match_descriptions(texts, classes, among=everything).problems] == ["daisy"]
    with pytest.raises(InputError, match="'tulip' belongs to no class"):
        match_descriptions(texts, classes, strict=True)
    with pytest.raises(InputError, match="'lily' has no description"):
        match_descriptions({"rose": "red"}, classes)
    with pytest.raises(
        InputError, match=r"'lily' has no description.*'Lilly' belongs to no class, did you mean 'lily'\?"
    ):
        match_descriptions({"notes": "mine", "rose": "red", "Lilly": "white"}, classes)
    with pytest.raises(InputError, match=r"'lily' has no description.*'notes' belongs to no class$"):
        match_descriptions({"notes": "mine", "rose": "red"}, classes)
    with pytest.raises(InputError, match="'a' and 'Rose' are for the same class"):
        match_descriptions({"a": "red", "Rose": "pink", "lily": "white"}, classes)
    with pytest.raises(InputError, match="fits 2 classes; use one of the ids n3, n4"):
        match_descriptions({"crane": "a bird"}, [Entry("n3", "crane"), Entry("n4", "crane")])


def test_a_class_without_text_may_be_left_out() -> None:
    classes = [Entry("a", "rose"), Entry("b", "lily")]
    assert match_descriptions({"lily": "white"}, classes, partial=True).texts == {"b": "white"}


def test_the_strictest_form_that_fits_wins() -> None:
    find = class_finder([Entry("rose", "lily"), Entry("x", "rose")])
    assert find("rose") == {"rose"} and find("Rose") == {"x"}, "an id, then a name, then another's id in other letters"
    find = class_finder([Entry("n1", "001.Crow"), Entry("002.jay", "007.Jay")])
    assert find("001.crow") == find("crow") == {"n1"} and find("002.Crow") == set()
    assert find("007.Jay") == {"002.jay"}, "as it is spelled, whatever the number of the id"


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_task_without_title_and_dataset_has_none_when_it_comes_back(tmp_path: Path, suffix: str) -> None:
    task = TaskSpec(TASK.classes)
    save_task(task, tmp_path / f"task{suffix}")
    assert load_task(tmp_path / f"task{suffix}") == task
    by_hand = "title: ~\ndataset: null\nclasses: [{name: a, description: b}, {name: c, description: d}]"
    found = load_task(write(tmp_path, "hand.yaml", by_hand))
    assert (found.title, found.dataset) == ("", None)


def test_titles_are_one_line_and_name_the_task_that_is_wrong(tmp_path: Path) -> None:
    classes = '"classes": [{"name": "a", "description": "b"}, {"name": "c", "description": "d"}]'
    for title in ("x" * 100_000, "a\\nb"):
        with pytest.raises(InputError, match="'title' must be one line"):
            load_task(write(tmp_path, "task.json", f'{{"title": "{title}", {classes}}}'))
    with pytest.raises(InputError, match="Flowers, repaired"):
        replace(TASK, classes=TASK.classes[:1] * 2)


def test_error_messages_stay_on_one_line() -> None:
    assert str(InputError("a\nb\x1b[31m\u202ec")) == "a b [31m c"
