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
from PIL import Image

from n3core.datasets import parquet
from n3core.datasets.base import Dataset, class_by_key, classes_of, load_pixels, square_pixels
from n3core.datasets.images import ImageError, check_image, decode_image
from n3core.datasets.parquet import ParquetDataset, ParquetRows
from n3core.datasets.registry import available_datasets, dataset_names, open_dataset
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
    os.mkdir(os.fsencode(folder) + b"/caf\xe9")
    with pytest.raises(InputError, match=r"flowers: class name 'caf\\udce9' is not UTF-8 \(byte 0xe9 at position 3\)"):
        open_dataset(folder)


def test_splits_file(folder: Path) -> None:
    (folder / "splits.json").write_text('{"train": ["daisy"], "test": ["gentian", "fire lily", "Daisy"]}')
    dataset = open_dataset(folder)
    assert dataset.splits == {"train": ("daisy",), "test": ("gentian", "Fire_Lily", "daisy")}
    assert [info.id for info in classes_of(dataset, "test")] == ["gentian", "Fire_Lily", "daisy"]
    assert len(dataset.problems) == 1 and "'daisy' is both seen" in dataset.problems[0]
    for content, part in [
        ('{"train": ["rose"]}', "'rose', which has no images"),
        ('{"train": ["daisy", "Daisy"]}', "'daisy' twice"),
        (json.dumps({"train": ["daisy"] * 200_000}), "'daisy' twice"),
        ('{"train": "daisy"}', "must be a list"),
        ('{"all": ["daisy"]}', "'all' always means"),
        ("[]", "must be like"),
    ]:
        (folder / "splits.json").write_text(content)
        with pytest.raises(InputError, match=part):
            open_dataset(folder)


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


def test_an_image_that_vanishes_after_opening_is_an_input_error(folder: Path) -> None:
    dataset = open_dataset(folder)
    ref = dataset.image_refs("daisy")[0]
    (folder / "daisy" / "0.png").unlink()
    with pytest.raises(ImageError, match=r"no image daisy/0.png"):
        dataset.load_image(ref)


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    def message(path: Path = folder, **options: object) -> str:
        with pytest.raises(InputError) as caught:
            open_dataset(path, **options)
        return str(caught.value)

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "has no images" in message(empty)
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
        ({"image": [b"x"], "label": [3]}, "no class-name column; add one called 'class_name'"),
        ({"a": [b"x"], "b": [b"x"], "label": ["a"]}, "more than one possible image column"),
        ({"image": [b"x"], "p": ["a"], "q": ["b"]}, "more than one possible class-name column"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.string())}, "no row with a class"),
    ],
)
def test_parquet_columns_that_do_not_fit_are_listed(tmp_path: Path, columns: dict[str, list], part: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path / "own.parquet")
    assert part in str(caught.value)


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


def test_a_copy_of_a_published_dataset_keeps_its_version_until_an_image_changes(tmp_path: Path) -> None:
    write_tiny(tmp_path / "first", range(8))
    copy = shutil.copytree(tmp_path / "first", tmp_path / "copy", copy_function=shutil.copyfile)
    assert open_dataset(copy).version == open_dataset(tmp_path / "first").version
    table = pq.read_table(copy / "train-7.parquet")
    pq.write_table(table.set_column(1, "image", pa.array([encode((9, 9, 9))] * 3)), copy / "train-7.parquet")
    assert open_dataset(copy).version != open_dataset(tmp_path / "first").version


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
