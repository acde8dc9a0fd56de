"""Datasets: keys by name, limits before decoding, and what is wrong with a folder said in one line."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import sys
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from n3core.datasets import parquet
from n3core.datasets.base import Dataset, class_by_key, classes_of, load_pixels, square_pixels
from n3core.datasets.image_files import expand_folders
from n3core.datasets.images import ImageError, check_image, count_pixels, decode_image
from n3core.datasets.parquet import ParquetDataset, ParquetRows
from n3core.datasets.registry import available_datasets, dataset_names, open_dataset, split_texts
from n3core.errors import InputError

COLOURS = {"Fire_Lily": (200, 60, 20), "daisy": (240, 240, 240), "gentian": (30, 40, 200)}
TEXTS = {"gentian": "deep blue", "fire lily": "orange red", "daisy": "white"}


def encode(colour: tuple[int, int, int], size: tuple[int, int] = (20, 12), kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind)
    return target.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A png whose header alone claims the size: decoding it would be seen as a truncation error."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "flowers"
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(3):
            (root / name / f"{number}.png").write_bytes(encode(colour))
    (root / "descriptions.json").write_text(json.dumps(TEXTS))
    return root


@pytest.fixture
def table(tmp_path: Path) -> Path:
    labels = [name for _ in range(40) for name in COLOURS]
    images = [encode(COLOURS[label], (8 + row % 5, 8)) for row, label in enumerate(labels)]
    path = tmp_path / "flowers.parquet"
    pq.write_table(pa.table({"photo": images, "species": labels, "taken": range(120)}), path, row_group_size=50)
    (tmp_path / "flowers.json").write_text(json.dumps(TEXTS))
    return path


def means(dataset: Dataset) -> dict[str, list[int]]:
    return {
        info.id: load_pixels(dataset, dataset.image_refs(info.id), 8).mean(axis=(0, 1, 2)).round().astype(int).tolist()
        for info in dataset.classes
    }


def test_folder_and_parquet_give_every_class_its_own_text_and_images(folder: Path, table: Path) -> None:
    for dataset, count in ((open_dataset(folder), 9), (open_dataset(str(table)), 120)):
        assert isinstance(dataset, Dataset)
        assert {info.id: info.description for info in dataset.classes} == {
            "Fire_Lily": "orange red",
            "daisy": "white",
            "gentian": "deep blue",
        }
        assert means(dataset) == {name: list(colour) for name, colour in COLOURS.items()}
        assert dataset.problems == ()
        refs = [ref for info in dataset.classes for ref in dataset.image_refs(info.id, subset="train")]
        assert len({ref.id for ref in refs}) == len(refs) == count
        assert [info.id for info in classes_of(dataset, "test")] == [info.id for info in classes_of(dataset, "all")]
        assert class_by_key(dataset, "FIRE lily").id == "Fire_Lily"
        with pytest.raises(InputError, match=r"no class 'dasy'; the closest are daisy"):
            class_by_key(dataset, "dasy")
        with pytest.raises(InputError, match="no split 'dev'; use one of all, train, val, test"):
            classes_of(dataset, "dev")


def test_descriptions_may_be_named_and_may_be_a_task_file(folder: Path, tmp_path: Path) -> None:
    (folder / "descriptions.json").unlink()
    with pytest.raises(InputError, match=r"no descriptions; add descriptions\.json"):
        open_dataset(folder)
    task = {"title": "t", "classes": [{"name": name, "description": f"{name}!"} for name in COLOURS]}
    (tmp_path / "task.json").write_text(json.dumps(task))
    dataset = open_dataset(folder, descriptions=tmp_path / "task.json")
    assert [info.description for info in dataset.classes] == ["Fire_Lily!", "daisy!", "gentian!"]


def test_descriptions_are_found_in_any_case(folder: Path, table: Path) -> None:
    (folder / "descriptions.json").rename(folder / "Descriptions.JSON")
    assert open_dataset(folder).classes[1].description == "white"
    (folder / "DESCRIPTIONS.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=r"has DESCRIPTIONS\.csv and Descriptions\.JSON; keep one"):
        open_dataset(folder)
    table.with_suffix(".json").rename(table.with_name("FLOWERS.Json"))
    assert open_dataset(table).classes[1].description == "white"


def test_classes_may_have_no_text_where_nobody_asks_for_one(folder: Path, table: Path) -> None:
    (folder / "descriptions.json").write_text('{"daisy": "white"}')
    table.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"'Fire_Lily' \(and 1 more\) has no description"):
        open_dataset(folder)
    some, none = open_dataset(folder, undescribed=True), open_dataset(table, undescribed=True)
    assert [sorted(info.texts) for info in some.classes] == [["name"], ["description", "name"], ["name"]]
    assert none.classes[0].id == "Fire_Lily" and dict(none.classes[0].texts) == {"name": "Fire Lily"}
    with pytest.raises(InputError, match="'Fire_Lily' has no description; add one"):
        _ = some.classes[0].description


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_a_folder_whose_name_is_not_utf_8_is_named(folder: Path) -> None:
    os.rename(folder / "daisy", os.fsencode(folder) + b"/caf\xe9")
    with pytest.raises(InputError, match=r"flowers: class name 'caf\\udce9' is not UTF-8 \(byte 0xe9 at position 3\)"):
        open_dataset(folder)


def test_splits_file(folder: Path) -> None:
    (folder / "splits.json").write_text('{"train": ["daisy"], "test": ["gentian", "fire lily", "Daisy"]}')
    dataset = open_dataset(folder)
    assert dataset.splits == {"train": ("daisy",), "test": ("gentian", "Fire_Lily", "daisy")}
    assert [info.id for info in classes_of(dataset, "test")] == ["gentian", "Fire_Lily", "daisy"]
    assert len(dataset.problems) == 1 and "'daisy' is both seen" in dataset.problems[0]
    for content, part in [
        ('{"train": ["rose"]}', "'rose', which has no images; remove it"),
        ('{"train": ["dasy"]}', "'dasy', which has no images; did you mean 'daisy'?"),
        ('{"val": ["daisy"], "valid": ["gentian"]}', "has 'val' and 'valid'; keep one"),
        ('{"train": ["daisy", "Daisy"]}', "'daisy' twice"),
        (json.dumps({"train": ["daisy"] * 200_000}), "'daisy' twice"),
        ('{"train": "daisy"}', "must be a list"),
        ('{"all": ["daisy"]}', "'all' always means"),
        ("[]", "must be like"),
    ]:
        (folder / "splits.json").write_text(content)
        with pytest.raises(InputError, match=part):
            open_dataset(folder)


def test_a_name_that_fits_several_classes_of_a_split_is_refused(folder: Path) -> None:
    for name in ("001.rose", "002.rose"):
        (folder / "daisy").with_name(name).mkdir()
        (folder / name / "a.png").write_bytes(encode((9, 9, 9)))
    (folder / "descriptions.json").write_text(json.dumps(TEXTS | {"001.rose": "one", "002.rose": "other"}))
    (folder / "splits.json").write_text('{"train": ["rose"]}')
    with pytest.raises(
        InputError, match=r"'train' names 'rose', which fits 2 classes; use one of the names 001.rose, 0"
    ):
        open_dataset(folder)
    (folder / "splits.json").write_text('{"train": ["002.rose", "001.rose"]}')
    assert open_dataset(folder).splits == {"train": ("002.rose", "001.rose")}


def test_what_is_odd_about_splits_is_told(folder: Path) -> None:
    (folder / "splits.yaml").write_text("train: [daisy]\nvalidation: [gentian]\ntest: [Gentian]\n")
    (folder / "Split.csv").write_text("daisy,train\n")
    dataset = open_dataset(folder)
    assert dataset.splits == {"train": ("daisy",), "val": ("gentian",), "test": ("gentian",)}
    assert dataset.problems == (
        "the class 'gentian' is in val and in test; what is chosen by it is no test of the choice",
        "1 of 3 classes are in no split (Fire_Lily); they are neither seen nor tested",
        "'Split.csv' is not read: splits are those of splits.json or splits.yaml",
    )
    (folder / "splits.json").write_text("{}")
    with pytest.raises(InputError, match=r"splits\.json and splits\.yaml; keep one"):
        open_dataset(folder)


@pytest.mark.parametrize("name", ["split.json", "Split.JSON", "splits.csv", "SPLITS.txt", "splits-1.json"])
def test_a_file_that_looks_like_one_of_splits_is_told(folder: Path, name: str) -> None:
    (folder / name).write_text('{"train": ["daisy"]}')
    dataset = open_dataset(folder)
    assert all(len(ids) == 3 for ids in dataset.splits.values())
    (line,) = dataset.problems
    assert f"{name!r} is not read" in line and "every class is in every split" in line


def test_each_of_several_parquet_files_may_have_its_splits(table: Path) -> None:
    table.with_name("splits.json").write_text('{"train": ["daisy", "gentian", "fire lily"]}')
    assert open_dataset(table).splits == {"train": ("daisy", "gentian", "Fire_Lily")}
    table.with_name("flowers.splits.json").write_text('{"test": ["gentian", "daisy", "fire lily"]}')
    table.with_name("other.splits.json").write_text('{"test": ["rose"]}')
    dataset = open_dataset(table)
    assert dataset.splits == {"test": ("gentian", "daisy", "Fire_Lily")} and dataset.problems == ()
    table.with_name("flowers.split.json").write_text("{}")
    assert ["'flowers.split.json' is not read" in line for line in open_dataset(table).problems] == [True]


def test_bad_images_are_skipped_counted_and_named(folder: Path) -> None:
    whole = encode((9, 9, 9), (200, 200), "JPEG")
    bad = {
        "cut.jpg": whole[: len(whole) // 2],
        "cut.png": encode((1, 2, 3), (300, 300))[:-30],
        "huge.png": huge_png(30_000, 30_000),
        "large.png": huge_png(8_000, 8_000),
        "junk.jpg": b"\x00\x01junk" * 100,
        "empty.png": b"",
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "disguised.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "notes.txt": b"hello",
    }
    for name, content in bad.items():
        (folder / "daisy" / name).write_bytes(content)
    (folder / "daisy" / ".hidden").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / "daisy" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    dataset = open_dataset(folder)
    assert dataset.problems[0] == "10 of 19 files skipped"
    for name in (*bad, "caf\\udce9.png"):
        assert sum(name in line for line in dataset.problems) == 1, name
    assert all(line.isprintable() for line in dataset.problems)
    large = next(line for line in dataset.problems if "large.png" in line)
    assert "8000 x 8000 pixels, more than 40 megapixels" in large
    assert "40 megapixels" in next(line for line in dataset.problems if "huge.png" in line)
    assert len(dataset.image_refs("daisy")) == 3


def test_what_systems_leave_behind_is_passed_over_and_what_is_no_class_is_told(folder: Path) -> None:
    for name in ("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information", ".thumbnails"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(encode((1, 1, 1)))
        shutil.copytree(folder / name, folder / "daisy" / name)
    for name in ("._0.png", "Thumbs.db", "Desktop.ini"):
        (folder / "daisy" / name).write_bytes(b"x")
    assert open_dataset(folder).problems == () and len(open_dataset(folder).image_refs("daisy")) == 3
    assert len(expand_folders([folder])[0]) == 9
    for name in ("to-sort", "unused"):
        (folder / name).mkdir()
    (folder / "to-sort" / "a.heic").write_bytes(b"x")
    (folder / "loose.png").write_bytes(encode((1, 1, 1)))
    dataset = open_dataset(folder)
    assert [info.id for info in dataset.classes] == list(COLOURS)
    assert dataset.problems == (
        "to-sort (and 1 more): without images and description, no class",
        "loose.png: beside the class folders, not used; move it into one",
        "1 of 10 files skipped",
        "to-sort/a.heic is HEIC, which cannot be read; export it as JPEG",
    )
    (folder / "descriptions.json").write_text(json.dumps(TEXTS | {"To sort": "grey"}))
    with pytest.raises(InputError, match=r"class 'to-sort' has no readable image.*a\.heic is HEIC.*export it as JPEG"):
        open_dataset(folder)


def test_images_in_folders_inside_a_class_are_its_images(folder: Path) -> None:
    inner = folder / "daisy" / "more" / "of" / "them"
    inner.mkdir(parents=True)
    (folder / "daisy" / "0.png").rename(inner / "0.png")
    (inner.parent / "0.png").write_bytes(encode((10, 20, 30)))
    dataset = open_dataset(folder)
    assert dataset.problems == ()
    assert [ref.id for ref in dataset.image_refs("daisy")] == [
        "daisy/1.png", "daisy/2.png", "daisy/more/of/0.png", "daisy/more/of/them/0.png"]  # fmt: skip
    assert dataset.load_image(dataset.image_refs("daisy")[2]).getpixel((0, 0)) == (10, 20, 30)
    (inner / "deep").mkdir()
    (folder / "daisy" / "link").symlink_to(folder / "gentian")
    assert open_dataset(folder).problems[:2] == (
        "2 of 12 files skipped",
        "daisy/link is a link or more than 3 folders deep; move its images up",
    )


@pytest.mark.parametrize("parts", [("train", "test"), ("images",)])
def test_classes_below_another_folder_are_pointed_at(folder: Path, parts: tuple[str, ...]) -> None:
    root = folder.rename(folder.with_name("inner"))
    for part in parts:
        shutil.copytree(root, folder / part)
    shutil.copy(root / "descriptions.json", folder)
    with pytest.raises(InputError) as caught:
        open_dataset(folder)
    names = ", ".join(sorted(parts))
    assert f"has its class folders inside {names}; open {folder / parts[0]}, with the desc" in str(caught.value)
    assert len(open_dataset(f"{folder / parts[0]}::{folder / 'descriptions.json'}").classes) == 3


def test_every_suffix_of_a_jpeg_counts(folder: Path) -> None:
    for suffix in ("jpe", "jfif", "JPEG"):
        (folder / "daisy" / f"a.{suffix}").write_bytes(encode((1, 1, 1), kind="JPEG"))
    assert len(open_dataset(folder).image_refs("daisy")) == 6


def test_an_image_that_vanishes_after_opening_is_an_input_error(folder: Path) -> None:
    dataset = open_dataset(folder)
    ref = dataset.image_refs("daisy")[0]
    (folder / "daisy" / "0.png").unlink()
    with pytest.raises(ImageError, match=r"no image daisy/0.png"):
        dataset.load_image(ref)
    assert decode_image(str(folder / "daisy" / "1.png"), "a").mode == "RGB"


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    def message(path: Path = folder, **options: object) -> str:
        with pytest.raises(InputError) as caught:
            open_dataset(path, **options)
        return str(caught.value)

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "has no images" in message(empty)
    (empty / "rose").mkdir()
    (empty / "rose" / "1.HEIC").write_bytes(b"x")
    assert "rose/1.HEIC is HEIC, which cannot be read; export it as JPEG" in message(empty)
    (empty / "a.png").write_bytes(encode((1, 1, 1)))
    assert "no sub-folder per class" in message(empty)
    assert "no dataset" in message(tmp_path / "none")
    assert "neither a folder nor a parquet file" in message(folder / "descriptions.json")

    (folder / "rose").mkdir()
    (folder / "descriptions.json").write_text(json.dumps(TEXTS | {"rose": "red"}))
    assert "class 'rose' has no readable image" in message()
    (folder / "rose" / "a.png").write_bytes(b"junk")
    assert "rose/a.png is no JPEG" in message()
    (folder / "rose" / "a.png").write_bytes(encode((200, 0, 0)))
    (folder / "descriptions.json").write_text(json.dumps(TEXTS))
    assert "descriptions.json: the class 'rose' has no description" in message()
    (folder / "descriptions.json").write_text(json.dumps(TEXTS | {"rose": "red", "tulip": "tall"}))
    assert [line for line in open_dataset(folder).problems if "'tulip' belongs to no class" in line]
    assert "'tulip' belongs to no class" in message(strict=True)
    (folder / "descriptions.yaml").write_text("a: b")
    assert "descriptions.json and descriptions.yaml" in message()
    (folder / "descriptions.yaml").unlink()
    (folder / "fire lily").mkdir()
    (folder / "fire lily" / "a.png").write_bytes(encode((200, 0, 0)))
    assert "'fire lily' and 'Fire_Lily'" in message()


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "own" / "rose").mkdir(parents=True)
    (tmp_path / "own" / "rose" / "a.png").write_bytes(encode((1, 1, 1)))
    (tmp_path / "own" / "descriptions.csv").write_text("rose,red\n")
    with pytest.raises(InputError, match="only the class 'rose'; a classifier needs at least 2"):
        open_dataset(tmp_path / "own")


def test_parquet_of_structs_and_bad_rows(tmp_path: Path) -> None:
    images = [{"bytes": encode((5, 5, 5)), "path": "a"}, {"bytes": b"junk", "path": "b"}, None] * 2
    labels = pa.array(["a", "a", "a", "b", "b", None]).dictionary_encode()
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table({"image": images, "label": labels}), path)
    (tmp_path / "texts.csv").write_text("a,first\nb,second\n")
    dataset = open_dataset(path, descriptions=tmp_path / "texts.csv")
    assert isinstance(dataset, ParquetDataset)
    assert {info.id: len(dataset.image_refs(info.id)) for info in dataset.classes} == {"a": 1, "b": 1}
    assert [line for line in dataset.problems if line.startswith("1 rows have no class")]
    assert [line for line in dataset.problems if line.startswith("3 of 5 files skipped")]


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        (
            {"picture": ["x"], "label": ["a"]},
            "no image column; add one called 'image'; its columns are picture (string)",
        ),
        ({"image": [b"x"], "label": [3.5]}, "no class-name column; add one called 'class_name'"),
        ({"image": [b"x"], "file_name": ["a"], "caption": ["b"], "ID": ["c"]}, "no class-name column"),
        ({"a": [b"x"], "b": [b"x"], "label": ["a"]}, "more than one possible image column"),
        ({"image": [b"x"], "p": ["a"], "q": ["b"]}, "more than one possible class-name column"),
        ({"image": [b"x"], "label": [" "]}, "no row with a class in 'label'"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.string())}, "no row with a class"),
    ],
)
def test_parquet_columns_that_do_not_fit_are_listed(tmp_path: Path, columns: dict[str, list], part: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path / "own.parquet")
    assert part in str(caught.value)


def write_table(path: Path, columns: dict[str, list], texts: dict[str, str], names: list[str] | None = None) -> Path:
    """A parquet file of four images with its texts beside it; `names` are those of the numbers in `label`."""
    table = pa.table({"image": [encode((9, 9, 9))] * 4, **columns})
    if names is not None:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)
    path.with_suffix(".json").write_text(json.dumps(texts))
    return path


def test_the_names_of_numbered_classes_stand_in_the_metadata(tmp_path: Path) -> None:
    texts = {"daisy": "white", "fire lily": "orange red"}
    path = write_table(
        tmp_path / "own.parquet", {"label": [1, 0, -1, 7], "file_name": list("abcd")}, texts, ["daisy", "fire_lily"]
    )
    dataset = open_dataset(path)
    assert {info.id: info.description for info in dataset.classes} == {"daisy": "white", "fire_lily": "orange red"}
    assert [ref.id for ref in dataset.image_refs("fire_lily")] == ["row 0"]
    assert dataset.problems == ("2 rows have no class in 'label'",)
    plain = write_table(tmp_path / "plain.parquet", {"label": [1, 0, 1, 1]}, {"0": "white", "1": "red"})
    assert [len(open_dataset(plain).image_refs(name)) for name in "01"] == [1, 3]
    for odd in ("[" * 100_000, '{"info": {"features": {"label": 3}}}', '{"info": []}'):
        pq.write_table(pq.read_table(plain).replace_schema_metadata({"huggingface": odd}), plain)
        assert [info.id for info in open_dataset(plain).classes] == ["0", "1"]


@pytest.mark.parametrize(
    "columns",
    [
        {"name": ["0.png", "1.png", "2.png", "3.png"], "category": ["daisy", "lily"] * 2},
        {"kind": ["daisy", "lily"] * 2, "taken by": ["a", "b"] * 2},
        {"file_name": ["0.png", "1.png", "2.png", "3.png"], "label": ["daisy", "lily"] * 2},
        {"category": ["daisy", "lily"] * 2, "species": ["Daisy", "tulip"] * 2},
    ],
)
def test_of_several_columns_the_described_one_is_taken(tmp_path: Path, columns: dict[str, list]) -> None:
    path = write_table(tmp_path / "own.parquet", columns, {"daisy": "white", "lily": "red"})
    assert [info.id for info in open_dataset(path).classes] == ["daisy", "lily"]
    path.with_suffix(".json").write_text('{"rose": "red", "tulips": "tall"}')
    with pytest.raises(InputError, match=r"the classes are those of the column|more than one possible class-name"):
        open_dataset(path)


def test_rows_without_image_or_class_are_counted(tmp_path: Path) -> None:
    whole = {"bytes": encode((5, 5, 5)), "path": "a"}
    columns = {"image": [whole, {"bytes": None, "path": "b"}, whole, whole], "label": ["a", "a", "b", ""]}
    dataset = open_dataset(write_table(tmp_path / "own.parquet", columns, {"a": "first", "b": "second"}))
    assert dataset.problems == (
        "1 rows have no class in 'label'",
        "1 of 3 files skipped",
        "row 1 has no image bytes in the column 'image'; write them there",
    )


def test_broken_parquet_files(table: Path) -> None:
    data = table.read_bytes()
    table.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="not a readable parquet file"):
        open_dataset(table)
    table.write_bytes(b"\xff" * 2000 + data[2000:])
    with pytest.raises(InputError, match="damaged"):
        open_dataset(table)


def test_row_windows_give_the_same_bytes_from_many_threads(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_WINDOW_BYTES", 700)
    rows = ParquetRows(table, "photo", "species")
    assert max(rows._window_rows) < 20
    expected = pq.read_table(table).column("photo").to_pylist()
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(rows)), 4)).tolist()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(rows.image_bytes, order)) == [expected[row] for row in order]
    assert [rows.image_bytes(row) for row in range(len(rows))] == expected
    assert len(rows._windows) <= 2


def test_equal_images_stored_once_are_read_a_few_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_WINDOW_ROWS", 7)
    images = [encode((row % 2 * 99, 0, 0)) for row in range(50)]
    pq.write_table(pa.table({"image": images, "class": ["a", None] * 25}), tmp_path / "same.parquet")
    rows = ParquetRows(tmp_path / "same.parquet", "image", "class")
    assert [rows.image_bytes(row) for row in range(50)] == images and max(map(len, rows._windows.values())) <= 7
    assert rows.rows_by_class == {"a": tuple(range(0, 50, 2))}


def test_a_window_that_is_not_as_long_as_it_should_be_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ParquetRows(table, "photo", "species")
    whole = rows._file.iter_batches
    monkeypatch.setattr(
        rows, "_file", SimpleNamespace(iter_batches=lambda *given, **named: whole(3, columns=["photo"]))
    )
    with pytest.raises(InputError, match="damaged in row group 0"):
        rows.image_bytes(0)


def test_a_long_class_name_in_many_rows_is_held_once(tmp_path: Path) -> None:
    names = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 2000), pa.array(["a" * 1_000_000, "b"]))
    images = pa.DictionaryArray.from_arrays(pa.array([0] * 4000), pa.array([encode((9, 9, 9))]))
    pq.write_table(pa.table({"image": images, "class": names}), tmp_path / "long.parquet")
    tracemalloc.start()
    found = ParquetRows(tmp_path / "long.parquet", "image", "class").rows_by_class
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(rows) for rows in found.values()] == [2000, 2000] and peak < 100_000_000


def test_a_row_group_too_large_for_memory_is_refused(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match="row_group_size"):
        open_dataset(table)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    target = io.BytesIO()
    image = Image.new("L", (6, 4), 120)
    image = Image.fromarray(np.full((4, 6), 120 * 257, np.uint16)) if mode == "I;16" else image.convert(mode)
    image.save(target, kind)
    decoded = decode_image(target.getvalue(), "a")
    assert (decoded.mode, decoded.size) == ("RGB", (6, 4))
    if mode != "1":
        assert np.abs(np.asarray(decoded).astype(int) - 120).max() <= 3


def test_transparency_becomes_white_and_cameras_are_turned_upright() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(target, "PNG")
    assert np.asarray(decode_image(target.getvalue(), "a")).min() == 255
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(target, "JPEG", exif=exif)
    assert decode_image(target.getvalue(), "a").size == (20, 40)


def test_deep_values_are_scaled_by_what_the_file_declares_and_never_by_what_it_holds() -> None:
    def shown(value: float, kind: str, dtype: type = np.uint16, tags: dict[int, int] | None = None) -> int:
        target = io.BytesIO()
        Image.fromarray(np.full((4, 6), value, dtype)).save(target, kind, **({"tiffinfo": tags} if tags else {}))
        check_image(target.getvalue(), "a")
        pixels = np.asarray(decode_image(target.getvalue(), "a"))
        assert pixels.min() == pixels.max()
        return int(pixels.max())

    for kind in ("PNG", "TIFF"):
        assert [shown(value, kind) for value in (200, 4095, 30_000, 65_535)] == [0, 15, 116, 255]
    assert [shown(value, "TIFF", tags={281: 4095}) for value in (200, 2048, 4095)] == [12, 127, 255]
    assert shown(200, "TIFF", tags={281: 200}) == 0, "the largest value of the picture is no depth"
    assert shown(65_535, "TIFF", tags={262: 0}) == 0, "where 0 is white"
    assert [shown(value, "TIFF", np.float32) for value in (0, 0.5, 1)] == [0, 128, 255]
    for value, dtype, why in [
        (7, np.float32, "outside 0 to 1"),
        (np.nan, np.float32, "outside 0 to 1"),
        (7, np.int32, "32 bits; save it with 8"),
    ]:
        with pytest.raises(ImageError, match=f"image a holds values.*{why}"):
            shown(value, "TIFF", dtype)


def test_twelve_bits_reach_white() -> None:
    target = io.BytesIO()
    Image.fromarray(np.full((4, 6), 0xFFFF, np.uint16)).save(target, "TIFF")
    declared = struct.pack("<HHIHH", 258, 3, 1, 16, 0)
    assert declared in target.getvalue()
    twelve = target.getvalue().replace(declared, struct.pack("<HHIHH", 258, 3, 1, 12, 0))
    assert np.asarray(decode_image(twelve, "a")).min() == 255


@pytest.mark.filterwarnings("ignore::UserWarning")  # pytest undoes the filter of `images`
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_exif_data_spoils_no_picture(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0131], exif[0x010F], exif[0x8769] = 6, "softwar", "maker", {0x9000: b"0220"}
    plain = exif.tobytes()
    rational = plain.replace(struct.pack(">HHI", 0x131, 2, 8), struct.pack(">HHI", 0x131, 5, 1))
    assert rational != plain
    rng = np.random.default_rng(0)
    for number in range(300):
        block = bytearray(rational if number == 0 else plain)
        if number:
            block[rng.integers(6, len(block))] = rng.integers(256)
        target = io.BytesIO()
        Image.new("RGB", (40, 20)).save(target, kind, exif=bytes(block))
        check_image(target.getvalue(), "a")
        assert decode_image(target.getvalue(), "a").size in [(20, 40)] + [(40, 20)] * (number > 0)


def test_what_opens_also_loads_whatever_the_turn() -> None:
    corner = np.zeros((16, 32, 3), np.uint8)
    corner[:8, :8] = 255
    found = []
    for turn in range(1, 9):
        target, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = turn
        Image.fromarray(corner).save(target, "PNG", exif=exif)
        expected = ImageOps.exif_transpose(Image.open(target))
        np.testing.assert_array_equal(np.asarray(decode_image(target.getvalue(), "a")), np.asarray(expected))
        found.append(expected.size)
    assert found == [(32, 16)] * 4 + [(16, 32)] * 4


def test_a_transparent_colour_becomes_white() -> None:
    for mode, colour in (("RGB", (255, 0, 0)), ("L", 9), ("I;16", 999)):
        target = io.BytesIO()
        Image.new(mode, (4, 4), colour).save(target, "PNG", transparency=colour)
        assert np.asarray(decode_image(target.getvalue(), "a")).min() == 255, mode


def test_a_photograph_of_48_megapixels_is_read_at_half_its_size() -> None:
    def photograph(width: int, height: int, **options: bool) -> bytes:
        target = io.BytesIO()
        Image.new("RGB", (width, height), (200, 60, 20)).save(target, "JPEG", **options)
        return target.getvalue()

    content = photograph(8000, 6000)
    check_image(content, "a")
    assert decode_image(content, "a").size == (4000, 3000) and count_pixels(content, "a") == 48_000_000
    for content in (photograph(8000, 6000, progressive=True), photograph(9000, 9000)):
        with pytest.raises(ImageError, match="more than 40 megapixels"):
            check_image(content, "a")


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_the_pixel_limit_of_pillow_is_respected_when_it_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    check_image(encode((1, 1, 1), (100, 100)), "a")
    with pytest.raises(ImageError, match="b has "):
        check_image(encode((1, 1, 1), (120, 100)), "b")


def test_square_pixels_keeps_the_centre_and_stays_small() -> None:
    stripes = np.zeros((10, 30, 3), np.uint8)
    stripes[:, 10:20] = 255
    assert square_pixels(Image.fromarray(stripes), 10).min() == 255
    assert square_pixels(Image.new("RGB", (4_000_000, 1), "red"), 64).shape == (64, 64, 3)


def test_names_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("N3_DATA", raising=False)
    assert available_datasets() == ("fieldbook-flowers", "fieldbook-birds")
    with pytest.raises(InputError, match="N3_DATA, which is not set"):
        open_dataset("grocery")
    monkeypatch.setenv("N3_DATA", str(tmp_path))
    with pytest.raises(InputError, match="no folder"):
        open_dataset("tiny-imagenet")
    with pytest.raises(InputError, match="fieldbook-flowers"):
        open_dataset("no-such-name")
    with pytest.raises(InputError):
        open_dataset("nul\0byte")
    with pytest.raises(InputError):
        open_dataset("a" * 5000)
    assert "grocery:SCE" in dataset_names()


def test_paths_are_understood_as_people_write_them(folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(folder.parent))
    texts = folder / "descriptions.json"
    for written in ("~/flowers", f'"{folder}"', f"'{folder}' ", folder.as_uri(), f" {folder}\n"):
        assert open_dataset(written).name == "flowers"
        assert split_texts(f"{written}::{texts} ") == (str(folder), str(texts))
    assert len(open_dataset(f'"{table}"::"{texts}"').classes) == 3
    monkeypatch.setenv("N3_DATA", "~")
    (folder.parent / "grocery").mkdir()
    assert "grocery" in available_datasets() and open_dataset(" fieldbook-birds ").classes
    odd = folder.rename(folder.with_name("red::blue"))
    assert open_dataset(odd).name == open_dataset(str(odd)).name == "red::blue"
    monkeypatch.chdir(odd.parent)
    odd.rename("~")
    assert open_dataset("~").name == "~", "what exists goes first"


def write_tiny(root: Path, shards: range) -> None:
    ids = ["n1", "n2", "n3"]
    root.mkdir()
    entries = {key: {"name": "crane", "synonyms": ["crane", key], "gloss": f"gloss {key}"} for key in ids}
    (root / "classes.json").write_text(json.dumps(entries))
    (root / "descriptions.json").write_text(json.dumps({key: f"text {key}" for key in reversed(ids)}))
    (root / "splits.json").write_text(json.dumps({"seed": 1, "train": ["n3"], "val": ["n1"], "test": ["n2"]}))
    images = [encode((number, 0, 0)) for number in range(3)]
    for stem in ["val", *(f"train-{number}" for number in shards)]:
        pq.write_table(pa.table({"wnid": ids, "image": images}), root / f"{stem}.parquet")


def test_tiny_imagenet_keeps_training_images_apart_and_names_missing_shards(tmp_path: Path) -> None:
    write_tiny(tmp_path / "whole", range(8))
    dataset = open_dataset(tmp_path / "whole")
    assert dataset.name == "tiny-imagenet" and dataset.splits["train"] == ("n3",)
    assert dataset.classes[1].texts == {"name": "crane, n2", "gloss": "gloss n2", "description": "text n2"}
    assert len(dataset.image_refs("n2")) == 1 and len(dataset.image_refs("n2", subset="train")) == 8
    assert {ref.id for ref in dataset.image_refs("n2")}.isdisjoint(
        ref.id for ref in dataset.image_refs("n2", subset="train")
    )
    assert load_pixels(dataset, dataset.image_refs("n2", subset="train"), 4)[:, 0, 0, 0].tolist() == [1] * 8
    with pytest.raises(InputError, match="names 3 classes of tiny-imagenet; use one of the ids n1, n2, n3"):
        class_by_key(dataset, "Crane")
    write_tiny(tmp_path / "part", range(6))
    dataset = open_dataset(tmp_path / "part")
    assert len(dataset.image_refs("n1")) == 1
    with pytest.raises(InputError, match=r"lacks train-6.parquet, train-7.parquet"):
        dataset.image_refs("n1", subset="train")
    (tmp_path / "part" / "splits.json").write_text("{}")
    with pytest.raises(InputError, match="lacks 'train'"):
        open_dataset(tmp_path / "part")


@pytest.mark.parametrize(
    ("name", "inner", "files", "wanted"),
    [
        ("tiny-imagenet", "tiny-imagenet-200", ("wnids.txt", "words.txt"), "train-7.parquet and val.parquet"),
        ("grocery", "dataset", ("classes.csv", "train.txt"), "val.parquet and test.parquet"),
    ],
)
def test_downloads_that_are_not_read_are_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, inner: str, files: tuple[str, ...], wanted: str
) -> None:
    place = tmp_path / name / inner
    (place / "train" / "n1" / "images").mkdir(parents=True)
    (place / "train" / "n1" / "images" / "a.png").write_bytes(encode((1, 1, 1)))
    for file in files:
        (place / file).write_text("n1\n")
    monkeypatch.setenv("N3_DATA", str(tmp_path))
    for given in (name, place, place.parent):
        with pytest.raises(InputError, match=f"{inner} is .* as downloaded; .*{wanted}.*README"):
            open_dataset(given)


def test_a_copy_of_a_published_dataset_keeps_its_version_until_an_image_changes(tmp_path: Path) -> None:
    write_tiny(tmp_path / "first", range(8))
    copy = shutil.copytree(tmp_path / "first", tmp_path / "copy", copy_function=shutil.copyfile)
    assert open_dataset(copy).version == open_dataset(tmp_path / "first").version
    table = pq.read_table(copy / "train-7.parquet")
    pq.write_table(table.set_column(1, "image", pa.array([encode((9, 9, 9))] * 3)), copy / "train-7.parquet")
    assert open_dataset(copy).version != open_dataset(tmp_path / "first").version


def test_the_version_knows_the_class_of_an_image_and_tells_namesakes_apart(folder: Path, table: Path) -> None:
    before = open_dataset(folder).version
    assert open_dataset(folder).version == before
    (folder / "daisy" / "2.png").rename(folder / "gentian" / "3.png")
    (folder / "gentian" / "2.png").rename(folder / "daisy" / "2.png")
    (folder / "gentian" / "3.png").rename(folder / "gentian" / "2.png")  # no name, size or time is new
    moved = open_dataset(folder).version
    assert moved != before
    twin = shutil.copytree(folder, folder.parent / "twin" / folder.name)
    assert open_dataset(twin).version == moved, "where a dataset lies does not count"
    cut = bytearray(table.read_bytes())
    cut[60] ^= 1  # in the first image
    for dataset, path, content in ((twin, twin / "daisy" / "0.png", encode((9, 8, 7))), (table, table, bytes(cut))):
        before, status = open_dataset(dataset).version, path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size and open_dataset(dataset).version != before


@pytest.fixture
def shared() -> Path:
    root = os.environ.get("N3_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("N3_DATA does not name the folder of the real datasets")
    return Path(root)


def test_real_tiny_imagenet(shared: Path) -> None:
    dataset = open_dataset("tiny-imagenet")
    assert [len(dataset.splits[split]) for split in ("train", "val", "test")] == [150, 25, 25]
    assert not set(dataset.splits["train"]) & set(dataset.splits["val"] + dataset.splits["test"])
    goldfish = class_by_key(dataset, "Goldfish")
    assert len(dataset.image_refs(goldfish.id)) == 50
    refs = dataset.image_refs(goldfish.id, subset="train")
    assert len(refs) == 448
    pixels = load_pixels(dataset, refs[::56], 64)
    assert pixels.shape == (8, 64, 64, 3) and pixels.std() > 20
    red, _, blue = pixels.mean(axis=(0, 1, 2))
    assert red > blue  # goldfish are orange


@pytest.mark.parametrize("name", ["grocery", "grocery:SCE"])
def test_real_grocery(shared: Path, name: str) -> None:
    dataset = open_dataset(name)
    assert [len(dataset.splits[split]) for split in ("train", "val", "test")] == [51, 15, 15]
    assert sum(len(dataset.image_refs(info.id)) for info in dataset.classes) == 5421
    assert class_by_key(dataset, "granny smith").id == "Granny-Smith"
    assert min(dataset.load_image(dataset.image_refs("Granny-Smith")[0]).size) == 144
    assert open_dataset(shared / name).splits == dataset.splits
    assert name in available_datasets()


def test_varieties_join_the_seen_classes_of_fieldbook_and_change_nothing_else() -> None:
    plain, grown = open_dataset("fieldbook-flowers"), open_dataset("fieldbook-flowers:varieties")
    assert grown.name != plain.name, "caches must tell them apart"
    assert {split: grown.splits[split] for split in ("val", "test")} == {
        split: plain.splits[split] for split in ("val", "test")
    }
    added = set(grown.splits["train"]) - set(plain.splits["train"])
    assert len(added) == 200
    assert all(name.startswith("variety ") for name in added)
    ref = plain.image_refs("windflower")[3]
    assert np.array_equal(plain.load_image(ref), grown.load_image(ref))
    texts = {info.description for info in grown.classes if info.id in added}
    assert len(texts) > 195, "each variety has a text of its own"
