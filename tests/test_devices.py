"""Names of devices, and GPUs that torch lists but cannot run on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from n3core.devices import _gpu_fault, choose_device
from n3core.errors import InputError


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Every test looks for a GPU itself."""
    _gpu_fault.cache_clear()
    yield
    _gpu_fault.cache_clear()


@pytest.fixture
def unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU too old for this torch."""

    def refuse(*size: int, **options: object) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "zeros", refuse)


def test_an_unusable_gpu_is_told_of_once_and_left_alone(unusable: None, caplog: pytest.LogCaptureFixture) -> None:
    assert {choose_device("auto"), choose_device("auto"), choose_device("cpu")} == {torch.device("cpu")}
    assert [record.message for record in caplog.records] == ["the GPU cannot be used (no kernel image is available)"]
    with pytest.raises(
        InputError, match=r"'cuda': the GPU cannot be used \(no kernel image is available\); use --device"
    ):
        choose_device("cuda")


def test_an_absent_gpu_is_nothing_to_tell_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    assert not caplog.records
    with pytest.raises(InputError, match="torch finds no GPU on this machine; use --device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["cuda:1", "mps", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="is unknown; use auto, cpu or cuda"):
        choose_device(name)
