"""Statistics of the seen data, and batches that go through all of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from n3core.baselines import standardisation
from n3core.baselines.standardisation import Standardisation, draw_batches


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(3, [1, 20, 0.01], (50, 3)).astype(np.float32)


def test_seen_data_have_mean_0_and_deviation_1(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standardisation, "_CHUNK", 7)
    found = Standardisation.of(values)(values)
    assert torch.allclose(found.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(found.std(0, unbiased=False), torch.ones(3), atol=1e-3)


def test_other_data_are_measured_by_the_seen(values: np.ndarray) -> None:
    found = Standardisation.of(values)(values + values.std(0))
    assert torch.allclose(found.mean(0), torch.ones(3), atol=1e-3)


def test_what_is_constant_stays_finite() -> None:
    values = np.full((9, 2), 0.1, np.float32)
    assert torch.equal(Standardisation.of(values)(values).round(decimals=5), torch.zeros(9, 2))


def test_inactive_changes_nothing(values: np.ndarray) -> None:
    assert np.array_equal(Standardisation.of(values, active=False)(values).numpy(), values)


def test_without_centring_zero_stays_zero(values: np.ndarray) -> None:
    found = Standardisation.of(values, centre=False)
    assert torch.equal(found(np.zeros((2, 3))), torch.zeros(2, 3))
    assert torch.allclose(found(values).std(0, unbiased=False), torch.ones(3), atol=1e-3)


def test_channels_of_maps_share_their_statistics_over_places() -> None:
    maps = np.random.default_rng(1).normal(2, 5, (6, 4, 3, 3)).astype(np.float16)
    found = Standardisation.of(maps)(maps)
    assert found.shape == maps.shape and found.dtype == torch.float32
    assert torch.allclose(found.mean((0, 2, 3)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(found.std((0, 2, 3), unbiased=False), torch.ones(4), atol=1e-3)


def test_read_only_arrays_are_taken_without_a_warning(values: np.ndarray, recwarn: pytest.WarningsRecorder) -> None:
    values.flags.writeable = False
    Standardisation.of(values)(values)
    assert not recwarn.list


def test_every_epoch_sees_every_image_once() -> None:
    batches = list(draw_batches(12, 4, 6, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [4] * 6
    for epoch in (batches[:3], batches[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(12))
    assert not torch.equal(batches[0], batches[3])


def test_a_batch_is_never_larger_than_the_data() -> None:
    assert [len(batch) for batch in draw_batches(3, 10, 2, torch.Generator())] == [3, 3]
