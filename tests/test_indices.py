"""Labels and rows: lists and arrays alike, a mask is no list of zeros and ones, and what fits nothing is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from n3core.baselines.base import ClassTexts, ImageSet
from n3core.errors import InputError
from n3core.indices import check_labels
from n3core.reporting.pictures import Pictures


@pytest.mark.parametrize("labels", [[0, 2, 1], (0, 2, 1), np.array([0, 2, 1], np.uint8), torch.tensor([0, 2, 1])])
def test_labels_of_every_kind_become_one_array(labels: Any) -> None:
    found = check_labels(labels, 3, 3)
    assert found.dtype == np.int64 and found.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0, 1], "3 images with 2 labels; give one label for each"),
        ([[0, 1, 2]], r"3 images with \(1, 3\) labels"),
        ([0, 1, 3], "label 3 is that of no class; 3 classes count from 0 to 2"),
        ([0, -1, 3], "label -1 is"),
        ([0.0, 1.0, 2.0], "labels are float64; give indices of classes"),
        ([True, False, True], "labels are bool"),
        (["a", "b", "c"], "labels are <U1"),
    ],
)
def test_labels_that_fit_no_class_or_image_are_refused(labels: list[Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        check_labels(labels, 3, 3)


def test_a_class_may_be_unknown_where_that_is_said() -> None:
    assert check_labels([-1, 2], 2, 3, least=-1).tolist() == [-1, 2]
    assert check_labels([], 0, 3).dtype == np.int64


def test_a_mask_takes_what_it_marks() -> None:
    numbers, ids = np.arange(4), ("a", "b", "c", "d")
    classes = ClassTexts(ids, ids, ids, torch.zeros(4, 1, 1), torch.ones(4, 1, dtype=torch.bool), numbers[:, None])
    for rows, taken in (([True, False, False, True], "ad"), (numbers > 9, ""), ([3, 1], "db"), ([], "")):
        assert classes.take(rows).ids == tuple(taken)
        assert ImageSet(numbers[:, None]).take(rows).features[:, 0].tolist() == [ids.index(name) for name in taken]
        assert Pictures(ids, numbers, numbers[:, None]).take(rows).ids == tuple(taken)
    with pytest.raises(InputError, match=r"a mask of the shape \(2,\) takes from 4 rows"):
        classes.take([True, False])
