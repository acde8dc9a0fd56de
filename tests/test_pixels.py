"""The pixel cache and the augmentation of a batch."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from n3core.backbone import to_float
from n3core.datasets.base import load_pixels
from n3core.datasets.registry import open_dataset
from n3core.errors import InputError
from n3core.files import cache_folder
from n3core.pixels import augment, cached_pixels, draw_augmentation, kept_array


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("N3_CACHE", str(tmp_path))
    return tmp_path


def test_cache_folder_follows_the_environment(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == own_cache
    monkeypatch.delenv("N3_CACHE")
    assert cache_folder().name == "n3-studio"


def test_a_cache_folder_that_is_a_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("N3_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"\$N3_CACHE .*is no folder"):
        cache_folder()


def test_an_array_that_is_not_finished_leaves_no_file(tmp_path: Path) -> None:
    def fail(store: np.ndarray) -> None:
        store[0] = 7
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept_array(tmp_path / "some.npy", (3, 8, 8, 3), np.uint8, fail)
    assert [*tmp_path.iterdir()] == []


def test_an_array_is_made_once_and_again_where_its_file_is_damaged(tmp_path: Path) -> None:
    path, made = tmp_path / "some.npy", []

    def fill(store: np.ndarray) -> None:
        made.append(store.shape)
        store[:] = 7

    whole = np.full((3, 8), 7, np.uint8)
    for _ in range(2):
        assert np.array_equal(kept_array(path, (3, 8), np.uint8, fill), whole)
    assert made == [(3, 8)]
    content = path.read_bytes()
    others = (np.zeros((2, 8), np.uint8), np.zeros((3, 8), np.uint16))  # of another shape, of another type
    for damaged in (b"", b"junk", content[:-5], content[:20], *others):
        if isinstance(damaged, np.ndarray):
            np.save(path, damaged)
        else:
            path.write_bytes(damaged)
        made.clear()
        assert np.array_equal(kept_array(path, (3, 8), np.uint8, fill), whole)
        assert made == [(3, 8)]
    assert [*tmp_path.iterdir()] == [path]


def test_a_full_disk_is_one_line_before_the_first_image(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # bytes a file may have
    try:
        shape = (10_000, 256, 256, 3)
        with pytest.raises(InputError, match=r"3932 MB .*\$N3_CACHE"):
            kept_array(tmp_path / "some.npy", shape, np.float16, lambda _: pytest.fail("there was no room"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [*tmp_path.iterdir()] == []


def test_labels_count_the_classes_in_the_order_asked_for(image_folder: Path, own_cache: Path) -> None:
    dataset = open_dataset(image_folder)
    found = cached_pixels(dataset, ["red", "blue", "green"], 16)
    assert found.class_ids == ("red", "blue", "green")
    assert found.pixels.shape == (18, 16, 16, 3)
    assert found.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    for label, channel in enumerate((0, 2, 1)):
        assert found.pixels[found.labels == label].mean((0, 1, 2)).argmax() == channel
    assert found.head_sizes == {dataset.name: 3}


def test_second_call_reads_the_file_and_gives_the_same(
    image_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(image_folder)
    first = cached_pixels(dataset, ["red", "blue"], 16)
    refs = [*dataset.image_refs("red"), *dataset.image_refs("blue")]
    assert np.array_equal(first.pixels, load_pixels(dataset, refs, 16))
    monkeypatch.setattr(type(dataset), "load_image", lambda *_: pytest.fail("decoded again"))
    second = cached_pixels(dataset, ["red", "blue"], 16)
    assert isinstance(second.pixels, np.memmap)
    assert not second.pixels.flags.writeable
    assert np.array_equal(first.pixels, second.pixels)
    assert len(list(own_cache.rglob("*.npy"))) == len(list((own_cache / "pixels").iterdir())) == 1


def test_cache_is_keyed_by_size_and_classes(image_folder: Path, own_cache: Path) -> None:
    dataset = open_dataset(image_folder)
    assert cached_pixels(dataset, ["red", "blue"], 16).pixels.shape[1] == 16
    assert cached_pixels(dataset, ["red", "blue"], 24).pixels.shape[1] == 24
    blue, red = cached_pixels(dataset, ["blue", "red"], 16), cached_pixels(dataset, ["red", "blue"], 16)
    assert np.array_equal(blue.pixels[:6], red.pixels[6:])


def test_changed_images_are_decoded_again(tmp_path: Path, own_cache: Path) -> None:
    folder = tmp_path / "own"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (20, 20), (10, 10, 10)).save(folder / name / "a.png")
    (folder / "descriptions.json").write_text('{"one": "A dark square.", "two": "Another dark square."}')
    before = cached_pixels(open_dataset(folder), ["one", "two"], 16).pixels.max()
    Image.new("RGB", (20, 20), (250, 250, 250)).save(folder / "one" / "a.png")
    after = cached_pixels(open_dataset(folder), ["one", "two"], 16).pixels.max()
    assert (before, after) == (10, 250)


def test_to_float_is_channels_last_in_memory() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    found = to_float(pixels)
    assert found.shape == (2, 3, 4, 4)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found[1, 2, 3, 0].item() == pytest.approx(pixels[1, 3, 0, 2] / 255)
    assert found.max() <= 1
    for other in (pixels / 255, pixels.astype(np.int64)):
        with pytest.raises(InputError, match=f"pixels are {other.dtype}; give uint8 from 0 to 255"):
            to_float(other)


def test_augment_is_decided_by_its_generator(images: torch.Tensor) -> None:
    one, same, other = (
        augment(images.clone(), draw_augmentation(5, np.random.default_rng(seed)), 24) for seed in (1, 1, 2)
    )
    assert one.shape == (5, 3, 24, 24)
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)
    assert one.min() >= 0 and one.max() <= 1


def test_augment_treats_every_image_by_itself(images: torch.Tensor) -> None:
    changed = images.clone()
    changed[3] = 1 - changed[3]
    drawn = draw_augmentation(5, np.random.default_rng(0))
    before, after = (augment(batch, drawn, 32) for batch in (images.clone(), changed))
    moved = (before - after).abs().amax((1, 2, 3)) > 0
    assert moved.tolist() == [False, False, False, True, False]


def test_a_part_of_a_batch_is_varied_as_in_the_whole(images: torch.Tensor) -> None:
    drawn, part = draw_augmentation(5, np.random.default_rng(0)), slice(1, None, 2)
    assert torch.equal(augment(images[part], drawn.take(part), 32), augment(images, drawn, 32)[part])


def test_augment_mirrors_about_half_and_stays_inside() -> None:
    ramp = torch.linspace(0.3, 0.6, 32).expand(200, 3, 32, 32).contiguous()
    found = augment(ramp, draw_augmentation(200, np.random.default_rng(0)), 32)
    mirrored = (found[:, 0, 16, 0] > found[:, 0, 16, -1]).float().mean()
    assert 0.4 < mirrored < 0.6
    assert found.min() > 0.05 and found.max() < 0.95
