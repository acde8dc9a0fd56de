"""The feature files of "Zero-Shot Learning: the Good, the Bad and the Ugly" (Xian et al.), for attribute methods.

Where: https://www.mpi-inf.mpg.de/zsl-benchmark, archive xlsa17.zip ("proposed split"), one folder per dataset: CUB,
SUN, AWA1, AWA2, APY; FLO, handed out with f-CLSWGAN of the same group, has the same layout. No licence is stated there;
the features come from the datasets' images and fall under their terms: research use.

A folder holds two MATLAB files, of which these variables are read (N images, F features, K classes, M attributes):

- res101.mat: `features` (F, N), `labels` (N, 1) from 1 to K, `image_files` (N, 1) cells.
- att_splits.mat: `att` (M, K), unit length per class, `original_att` (M, K), `allclasses_names` (K, 1) cells (FLO has
  none), and positions into the images from 1 to N: `train_loc`, `val_loc`, `trainval_loc`, `test_seen_loc`,
  `test_unseen_loc`.

Owns that layout and its checks. There are no pixels and no texts here, so it is no `Dataset`; knows no method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from n3core.datasets.attributes import check_attributes
from n3core.datasets.matlab import one_based_rows, read_matlab, read_texts, read_vector
from n3core.errors import InputError

__all__ = [
    "FEATURE_FILE",
    "GBU_PAGE",
    "LOCATIONS",
    "SPLIT_FILE",
    "GbuFeatures",
    "check_locations",
    "is_gbu",
    "open_gbu",
]

GBU_PAGE = "https://www.mpi-inf.mpg.de/zsl-benchmark"
FEATURE_FILE, SPLIT_FILE = "res101.mat", "att_splits.mat"
LOCATIONS = ("train", "val", "trainval", "test_seen", "test_unseen")
# folder -> images, classes, attributes, as in table 2 of that paper
_COUNTS = {
    "CUB": (11_788, 200, 312),
    "SUN": (14_340, 717, 102),
    "AWA1": (30_475, 50, 85),
    "AWA2": (37_322, 50, 85),
    "APY": (15_339, 32, 64),
    "FLO": (8_189, 102, 1024),
}


@dataclass(frozen=True, eq=False)
class GbuFeatures:
    """Features, labels, attributes and the proposed split of one dataset; arrays are read-only.

    name: of the folder.
    features: (N, F) float32.
    labels: (N,) int64, index into `class_names`.
    image_files: N paths as they were on the authors' machine; empty where the file names none.
    class_names: K.
    attributes: (K, M) float32, unit length per class.
    original_attributes: (K, M) float32 before scaling, or None.
    locations: "train", "val", "trainval", "test_seen" and "test_unseen" -> rows of `features`, int64, sorted.
    problems: one line per thing that is not as the paper says.
    """

    name: str
    features: np.ndarray
    labels: np.ndarray
    image_files: tuple[str, ...]
    class_names: tuple[str, ...]
    attributes: np.ndarray
    original_attributes: np.ndarray | None
    locations: Mapping[str, np.ndarray]
    problems: tuple[str, ...]

    def classes_of(self, location: str) -> np.ndarray:
        """The classes, sorted, that have images in a location; index into `class_names`."""
        return np.unique(self.labels[self.locations[location]])


def is_gbu(folder: Path) -> bool:
    """Whether the folder has the layout of this reader."""
    return (folder / FEATURE_FILE).is_file() and (folder / SPLIT_FILE).is_file()


def open_gbu(folder: Path | str) -> GbuFeatures:
    """Read both files of a folder.

    Args:
        folder: holds res101.mat and att_splits.mat.

    Returns:
        The features with their split, checked.

    Raises:
        InputError: a file missing or damaged; features, labels and attributes of different lengths; NaN, or an
            attribute that is constant; positions out of range; seen and unseen classes that overlap.
    """
    folder = Path(folder)
    missing = [name for name in (FEATURE_FILE, SPLIT_FILE) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {' and '.join(missing)}; get xlsa17.zip from {GBU_PAGE}")
    stored = read_matlab(folder / FEATURE_FILE, ("features", "labels"), ("image_files",))
    where = str(folder / FEATURE_FILE)
    labels = read_vector(stored["labels"], f"{where}: 'labels'")
    features = _features(stored["features"], len(labels), where)
    files = read_texts(stored["image_files"], f"{where}: 'image_files'") if "image_files" in stored else ()
    if files and len(files) != len(labels):
        raise InputError(f"{where} has {len(files)} image files for {len(labels)} labels; download it again")
    where = str(folder / SPLIT_FILE)
    split = read_matlab(
        folder / SPLIT_FILE, ("att", *(f"{name}_loc" for name in LOCATIONS)), ("original_att", "allclasses_names")
    )
    attributes = check_attributes(split["att"].T, f"{where}: 'att'")
    original = (
        check_attributes(split["original_att"].T, f"{where}: 'original_att'") if "original_att" in split else None
    )
    count = len(attributes)
    names = read_texts(split["allclasses_names"], f"{where}: 'allclasses_names'") if "allclasses_names" in split else ()
    problems = () if names else ("att_splits.mat has no allclasses_names; the classes are called by their numbers",)
    names = names or tuple(f"class {number}" for number in range(1, count + 1))
    if len(names) != count or (original is not None and original.shape != attributes.shape):
        raise InputError(f"{where} has {len(names)} class names and {count} columns of attributes; download it again")
    if len(labels) == 0 or labels.min() < 1 or labels.max() > count:
        raise InputError(f"{folder / FEATURE_FILE}: 'labels' must be 1 to {count}, the classes of {SPLIT_FILE}")
    labels -= 1
    locations = {
        name: np.sort(one_based_rows(split[f"{name}_loc"], len(labels), f"{where}: '{name}_loc'")) for name in LOCATIONS
    }
    check_locations(locations, labels, names, where)
    for array in (features, labels, attributes, original, *locations.values()):
        if array is not None:
            array.flags.writeable = False
    found = (len(labels), count, attributes.shape[1])
    expected = _COUNTS.get(folder.name.upper(), found)
    if found != expected:
        counts = [" / ".join(f"{value:,}" for value in values) for values in (found, expected)]
        problems += (f"{folder.name} has {counts[0]} images / classes / attributes, the paper has {counts[1]}",)
    return GbuFeatures(
        folder.name, features, labels, files, names, attributes, original, MappingProxyType(locations), problems
    )


def check_locations(
    locations: Mapping[str, np.ndarray], labels: np.ndarray, names: tuple[str, ...], where: str
) -> None:
    """Check that what must be apart is apart.

    Args:
        locations: the five of `GbuFeatures.locations`.
        labels: (N,) class per image.
        names: class names, for errors.
        where: the file, for errors.

    Raises:
        InputError: a class both seen and unseen or both in training and validation, an image both trained on and
            tested, test images of seen classes that are never seen, fewer than 2 seen or unseen classes.
    """
    classes = {name: np.unique(labels[rows]) for name, rows in locations.items()}
    for one, other, what in (
        ("trainval", "test_unseen", "both seen and unseen"),
        ("train", "test_unseen", "both seen and unseen"),
        ("val", "test_unseen", "both a validation class and unseen"),
        ("train", "val", "both a training and a validation class"),
    ):
        shared = np.intersect1d(classes[one], classes[other])
        if len(shared):
            raise InputError(
                f"{where}: the class {names[shared[0]]!r} is {what} ({one}_loc, {other}_loc; {len(shared)} in all); "
                "take the split file of the archive"
            )
    if len(twice := np.intersect1d(locations["trainval"], locations["test_seen"])):
        raise InputError(
            f"{where}: image {twice[0] + 1} is in trainval_loc and in test_seen_loc ({len(twice)} in all); "
            "take the split file of the archive"
        )
    strange = np.setdiff1d(classes["test_seen"], classes["trainval"])
    if len(strange):
        raise InputError(f"{where}: test_seen_loc has the class {names[strange[0]]!r}, which trainval_loc never shows")
    for name in ("trainval", "test_unseen"):
        if len(classes[name]) < 2:
            raise InputError(f"{where}: {name}_loc has {len(classes[name])} class(es); at least 2 are needed")


def _features(stored: np.ndarray, images: int, where: str) -> np.ndarray:
    if stored.ndim != 2 or stored.dtype.kind not in "biuf" or images not in stored.shape:
        shape = " x ".join(map(str, stored.shape))
        raise InputError(f"{where}: 'features' is {shape} for {images} labels; download the file again")
    features = stored.T if stored.shape[1] == images else stored  # published with one image per column
    features = np.ascontiguousarray(features, np.float32)
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise InputError(f"{where}: the features of image {bad[0] + 1} hold NaN or infinity; download the file again")
    return features
