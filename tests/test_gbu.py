"""The feature files of attribute-based zero-shot learning: read whole, checked for what would spoil a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from n3core.datasets.gbu import GbuFeatures, is_gbu, open_gbu
from n3core.datasets.matlab import read_matlab
from n3core.errors import InputError

CLASSES, EACH, WIDTH, ATTRIBUTES = 6, 4, 5, 3
NAMES = ["antelope", "grizzly+bear", "killer+whale", "beaver", "dalmatian", "persian+cat"]
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def cells(texts: list[str]) -> np.ndarray:
    """A column of cells, as MATLAB stores strings."""
    column = np.empty((len(texts), 1), dtype=object)
    column[:, 0] = texts
    return column


def write(folder: Path, change: Change | None = None) -> Path:
    """Classes 1 to 6 of four images each: 1 to 3 train, 4 validates, 5 and 6 are unseen; every fourth is test_seen."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, CLASSES + 1), EACH)
    rows = np.arange(1, len(labels) + 1)
    seen, last = labels <= 4, rows % EACH == 0
    files = [f"/BS/data//JPEGImages/{NAMES[label - 1]}/{row}.jpg" for row, label in zip(rows, labels, strict=True)]
    features = {
        "features": rng.random((WIDTH, len(labels))),
        "labels": labels[:, None].astype(np.uint8),
        "image_files": cells(files),
    }
    original = rng.random((ATTRIBUTES, CLASSES)) * 100
    split = {
        "att": original / np.linalg.norm(original, axis=0),
        "original_att": original,
        "allclasses_names": cells(NAMES),
        "train_loc": rows[labels <= 3][:, None],
        "val_loc": rows[labels == 4][:, None],
        "trainval_loc": rows[seen & ~last][::-1, None],
        "test_seen_loc": rows[seen & last][:, None],
        "test_unseen_loc": rows[~seen][:, None],
    }
    if change is not None:
        change(features, split)
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "res101.mat", features, do_compression=True)
    savemat(folder / "att_splits.mat", split)
    return folder


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_gbu(folder)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 600
    return text


def test_rows_columns_and_numbers_become_zero_based_arrays(tmp_path: Path) -> None:
    stored: dict[str, Any] = {}
    folder = write(tmp_path / "mine", lambda features, split: stored.update(features | split))
    assert is_gbu(folder) and not is_gbu(tmp_path)
    found = open_gbu(folder)
    assert isinstance(found, GbuFeatures) and found.problems == ()
    assert found.features.shape == (CLASSES * EACH, WIDTH) and found.features.dtype == np.float32
    np.testing.assert_allclose(found.features, stored["features"].T, rtol=1e-6)
    np.testing.assert_allclose(found.attributes, stored["att"].T, rtol=1e-6)
    np.testing.assert_allclose(found.original_attributes, stored["original_att"].T, rtol=1e-6)
    assert found.labels.tolist() == np.repeat(np.arange(CLASSES), EACH).tolist()
    assert found.class_names == tuple(NAMES)
    assert found.image_files[0] == "/BS/data//JPEGImages/antelope/1.jpg" and len(found.image_files) == len(found.labels)
    assert found.classes_of("train").tolist() == [0, 1, 2] and found.classes_of("val").tolist() == [3]
    assert found.classes_of("trainval").tolist() == [0, 1, 2, 3] and found.classes_of("test_unseen").tolist() == [4, 5]
    every = np.concatenate([found.locations[name] for name in ("trainval", "test_seen", "test_unseen")])
    assert sorted(every.tolist()) == list(range(CLASSES * EACH)), "each image has one part"
    assert all((np.diff(rows) > 0).all() for rows in found.locations.values())
    with pytest.raises(ValueError, match="read-only"):
        found.features[0, 0] = 1


def test_files_without_names_and_original_attributes_as_for_flowers(tmp_path: Path) -> None:
    def strip(features: dict[str, Any], split: dict[str, Any]) -> None:
        for key in ("allclasses_names", "original_att"):
            del split[key]
        del features["image_files"]

    found = open_gbu(write(tmp_path / "flowers", strip))
    assert found.class_names[0] == "class 1" and found.original_attributes is None and found.image_files == ()
    assert ["allclasses_names" in line for line in found.problems] == [True]


def test_the_counts_of_the_paper_are_compared_by_folder_name(tmp_path: Path) -> None:
    (line,) = open_gbu(write(tmp_path / "AWA2")).problems
    assert "24 / 6 / 3 images / classes / attributes, the paper has 37,322 / 50 / 85" in line


def put(where: int, key: str, value: Any) -> Change:
    return lambda features, split: (features, split)[where].__setitem__(key, value)


def spoil(key: str, row: int, column: int, value: float, where: int = 1) -> Change:
    def change(features: dict[str, Any], split: dict[str, Any]) -> None:
        array = np.array((features, split)[where][key], float)
        array[row, column] = value
        (features, split)[where][key] = array

    return change


def constant(features: dict[str, Any], split: dict[str, Any]) -> None:
    split["att"] = np.array(split["att"])
    split["att"][1] = 0.25


def overlap(features: dict[str, Any], split: dict[str, Any]) -> None:
    split["trainval_loc"] = np.vstack([split["trainval_loc"], [[17]]])
    split["test_unseen_loc"] = split["test_unseen_loc"][1:]


def drop(where: int, key: str) -> Change:
    return lambda features, split: (features, split)[where].__delitem__(key)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (spoil("att", 1, 2, np.nan), ["att_splits.mat: 'att'", "class 3, attribute 2"]),
        (spoil("original_att", 0, 0, np.inf), ["'original_att'", "class 1, attribute 1"]),
        (constant, ["'att'", "attribute 2 is the same for every class"]),
        (spoil("features", 2, 6, np.nan, 0), ["features of image 7 hold NaN"]),
        (overlap, ["'dalmatian' is both seen and unseen"]),
        (put(1, "val_loc", [[1], [13]]), ["'antelope' is both a training and a validation class"]),
        (put(1, "test_unseen_loc", [[16], [17], [21]]), ["'beaver' is both seen and unseen"]),
        (put(1, "test_seen_loc", [[1], [4]]), ["image 1 is in trainval_loc and in test_seen_loc"]),
        (put(1, "test_unseen_loc", [[17], [18]]), ["test_unseen_loc has 1 class(es); at least 2"]),
        (put(1, "test_unseen_loc", [[17], [25]]), ["'test_unseen_loc' points at 25 of 24"]),
        (put(1, "train_loc", [[0], [1]]), ["'train_loc' points at 0 of 24"]),
        (put(1, "train_loc", [[1], [1]]), ["'train_loc' names a position twice"]),
        (put(1, "train_loc", [[1.5], [2]]), ["'train_loc'", "no whole number"]),
        (put(1, "train_loc", [[1, 2], [3, 4]]), ["'train_loc' is a table of 2 x 2"]),
        (put(0, "labels", np.full((24, 1), 7)), ["'labels' must be 1 to 6"]),
        (put(0, "labels", np.ones((23, 1))), ["'features' is 5 x 24 for 23 labels"]),
        (put(0, "image_files", cells(["a"])), ["1 image files for 24 labels"]),
        (put(0, "image_files", np.arange(24.0)), ["'image_files': entry 1 is no text"]),
        (put(1, "allclasses_names", cells(NAMES[:5])), ["5 class names and 6 columns"]),
        (put(1, "att", cells(NAMES)), ["'att' is no table of numbers"]),
        (drop(1, "val_loc"), ["att_splits.mat lacks the variable 'val_loc' (it has att"]),
        (drop(0, "features"), ["res101.mat lacks the variable 'features'"]),
    ],
)
def test_what_would_spoil_a_result_is_one_line(tmp_path: Path, change: Change, parts: list[str]) -> None:
    text = message(write(tmp_path / "mine", change))
    assert all(part in text for part in parts), text


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    whole = (folder / "res101.mat").read_bytes()
    (folder / "res101.mat").unlink()
    assert f"{folder} lacks res101.mat; get xlsa17.zip from https://www.mpi-inf.mpg.de/" in message(folder)
    assert "lacks res101.mat and att_splits.mat" in message(tmp_path / "none")
    header = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"
    for content, part in [
        (header + b"\x89HDF\r\n\x1a\n" + bytes(600), "is a MATLAB 7.3 file, which is HDF5"),
        (b"", "no readable MATLAB file"),
        (b"x" * 500, "no readable MATLAB file"),
        (bytes(500), "no readable MATLAB file"),
        (whole[: len(whole) // 2], "download it again"),
        (whole[:200] + b"\xff" * 40 + whole[240:], "download it again"),
    ]:
        (folder / "res101.mat").write_bytes(content)
        assert part in message(folder)


def test_a_variable_larger_than_allowed_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n3core.datasets.matlab._MAX_ELEMENTS", 100)
    savemat(tmp_path / "a.mat", {"large": np.zeros((11, 10)), "small": np.zeros((10, 10))})
    assert read_matlab(tmp_path / "a.mat", ("small",))["small"].shape == (10, 10)
    with pytest.raises(InputError, match="'large' has 110 values, more than 100"):
        read_matlab(tmp_path / "a.mat", ("large",))
