"""Uploads: what is taken in keeps its pixels, and every kind of hostile file is refused in words, in bounded memory."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from n3core.datasets import uploads
from n3core.datasets.base import Dataset
from n3core.datasets.images import ImageError
from n3core.datasets.uploads import MAX_FILE_BYTES, MAX_PICTURES, UploadedPictures, check_uploads


def picture(seed: int = 0, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return target.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises far more pixels than it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def refusal(name: str, content: bytes) -> str:
    """The single line that says why a file was refused; nothing of it may have been kept."""
    checked = check_uploads([(name, content)])
    assert not checked.pictures
    assert len(checked.problems) == 1 and "\n" not in checked.problems[0] and len(checked.problems[0]) < 400
    return checked.problems[0]


def test_a_small_picture_is_kept_pixel_for_pixel() -> None:
    checked = check_uploads([("a.png", picture())])
    assert not checked.problems
    dataset = UploadedPictures(checked.pictures)
    assert isinstance(dataset, Dataset)
    (ref,) = dataset.refs
    expected = np.asarray(Image.open(io.BytesIO(picture())))
    np.testing.assert_array_equal(np.asarray(dataset.load_image(ref)), expected)


def test_a_large_picture_is_made_smaller_and_shows_the_same() -> None:
    wide = np.zeros((600, 2400, 3), np.uint8)
    wide[:, 1200:] = 255
    target = io.BytesIO()
    Image.fromarray(wide).save(target, "PNG")
    dataset = UploadedPictures(check_uploads([("wide.png", target.getvalue())]).pictures)
    kept = np.asarray(dataset.load_image(dataset.refs[0]))
    assert kept.shape == (200, 800, 3)
    assert kept[:, :390].max() < 20 and kept[:, 410:].min() > 235


def test_an_archive_brings_its_folders_along() -> None:
    files = {
        "flowers/rose/1.png": picture(1),
        "flowers/lily/1.png": picture(2),
        "loose.png": picture(3),
        "__MACOSX/rose/._1.png": b"x",
        "read me.txt": b"hello",
    }
    checked = check_uploads([("flowers.zip", archive(files))])
    assert [(kept.folder, kept.name) for kept in checked.pictures] == [
        ("rose", "1.png"), ("lily", "1.png (2)"), ("", "loose.png")]  # fmt: skip
    assert len(checked.problems) == 1 and "read me.txt" in checked.problems[0]
    dataset = UploadedPictures(checked.pictures)
    assert {info.id for info in dataset.classes} == {"rose", "lily", ""}
    assert [ref.class_id for ref in dataset.image_refs("rose")] == ["rose"]
    assert len({ref.id for ref in dataset.refs}) == 3


@pytest.mark.parametrize(
    ("paths", "folders"),
    [
        (["cats\\1.png", "dogs\\1.png"], ["cats", "dogs"]),
        (["cats/images/1.png", "dogs/images/1.png"], ["cats", "dogs"]),
        (["pets/cats/a/1.png", "pets/dogs/1.png", "pets/cats/2.png"], ["cats", "dogs", "cats"]),
        (["train/cats/1.png", "test/cats/2.png", "train/dogs/1.png"], ["cats", "cats", "dogs"]),
        (["pets/train/1.png", "pets/test/2.png"], ["train", "test"]),
        (["cats/1.png", "cats/2.png", "3.png"], ["cats", "cats", ""]),
        (["cats/1.png", "@eaDir/cats/2.png", "dogs/.thumbnails/1.png"], ["cats"]),
    ],
)
def test_the_outermost_folder_in_which_pictures_differ_is_their_class(paths: list[str], folders: list[str]) -> None:
    content = archive({path: picture(number) for number, path in enumerate(paths)})
    checked = check_uploads([("pets.zip", content)])
    assert [kept.folder for kept in checked.pictures] == folders and not checked.problems


def test_names_that_macos_packs_are_read_as_they_were() -> None:
    name = "Lo\u0308we/1.png"  # in decomposed form and, by the flag, in the code page of DOS
    content = bytearray(archive({name: picture(1)}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(mark) + flags + 1] &= ~0x08 & 0xFF
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        assert "╠" in zipped.namelist()[0], "otherwise this test shows nothing"
    assert [kept.folder for kept in check_uploads([("a.zip", bytes(content))]).pictures] == ["L\u00f6we"]


def test_the_same_picture_is_kept_once_and_equal_names_are_told_apart() -> None:
    checked = check_uploads([("a.png", picture(1)), ("b.png", picture(1)), ("a.png", picture(2))])
    assert [kept.name for kept in checked.pictures] == ["a.png", "a.png (2)"]
    assert "same picture as a.png" in checked.problems[0]
    again = check_uploads([("c.png", picture(2))], checked.pictures)
    assert again.pictures == checked.pictures and len(again.problems) == 1


def test_only_so_many_pictures_are_kept() -> None:
    small = {f"{number}.png": picture(number, (2, 2)) for number in range(MAX_PICTURES + 30)}
    checked = check_uploads([("many.zip", archive(small))])
    assert len(checked.pictures) == MAX_PICTURES
    assert any(str(MAX_PICTURES) in line for line in checked.problems) and len(checked.problems) <= 3


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.png", b"", "0 bytes"),
        ("text.png", b"no picture at all", "is no JPEG"),
        ("page.html", b"<script>alert(1)</script>", "no image"),
        ("program.exe", b"MZ", "no image"),
        ("cut.png", picture(5)[:300], "truncated or damaged"),
        ("bomb.png", huge_png(50_000, 50_000), "megapixels"),
        ("large.png", lambda: b"\0" * (MAX_FILE_BYTES + 1), "bytes"),
        ("empty.zip", archive({}), "no image"),
        ("broken.zip", b"PK\x03\x04" + b"\0" * 50, "not a readable zip"),
        ("up.zip", archive({"../../etc/evil.png": picture()}), "leads out"),
        ("windows.zip", archive({"..\\evil.png": picture()}), "leads out"),
        ("root.zip", archive({"/etc/evil.png": picture()}), "leads out"),
        ("drive.zip", archive({"C:evil.png": picture()}), "leads out"),
        ("bomb.zip", lambda: archive({"zeros.png": b"\0" * 150_000_000}), "swells"),
        ("heavy.zip", lambda: archive({f"{n}.png": b"\0" * 30_000_000 for n in range(8)}), "unpacks to"),
        ("damaged.zip", lambda: archive({"a.png": picture()}, zipfile.ZIP_LZMA).replace(b"]\0", b"\xff\0", 1),
         "not a readable zip"),
        ("photos.zip", archive({"cats/1.heic": b"x"}), "1.heic is HEIC, which cannot be read; export it as JPEG"),
        ("twice.zip", archive({"cats/1.png": picture(), "cats\\1.png": picture(1)}), "twice"),
        ("text.doc", b"x", "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF, or a zip of them"),
        ("nested.zip", archive({"inner.zip": archive({"a.png": picture()})}), "no image"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(name: str, content: bytes | Callable[[], bytes], why: str) -> None:
    lines = check_uploads([(name, content() if callable(content) else content)])
    assert not lines.pictures
    assert any(why in line for line in lines.problems), lines.problems
    assert all("\n" not in line and "Traceback" not in line for line in lines.problems)


def test_a_link_in_an_archive_is_refused() -> None:
    member = zipfile.ZipInfo("link.png")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zipped:
        zipped.writestr(member, "/etc/passwd")
    assert "has a link" in refusal("link.zip", target.getvalue())


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(archive({"a.png": picture()}))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal("locked.zip", bytes(content))


def test_an_archive_that_lies_about_its_sizes_cannot_swell() -> None:
    content = bytearray(archive({"a.png": b"\0" * 90_000_000}))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 1000)  # uncompressed size as the archive tells it
    tracemalloc.start()
    checked = check_uploads([("liar.zip", bytes(content))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not checked.pictures and checked.problems
    assert peak < 20_000_000


def test_a_table_of_contents_without_end_is_never_read() -> None:
    entry = b"PK\x01\x02" + b"\0" * 42
    directory = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    content = directory + end
    tracemalloc.start()
    line = refusal("long.zip", content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "too many files" in line and peak < 1_000_000


def test_after_many_refusals_the_rest_is_not_looked_at() -> None:
    files = [(f"{number}.png", huge_png(9000, 9000)) for number in range(500)]
    checked = check_uploads([*files, ("good.png", picture())])
    assert len(checked.problems) < 60 and not checked.pictures


def test_a_large_picture_of_a_few_bytes_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(target, "WEBP", lossless=True)
    monkeypatch.setattr(uploads, "decode_image", None)
    assert "9,000,000 pixels" in refusal("empty.webp", target.getvalue())


def test_only_so_many_pixels_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MAX_PIXELS", 3000)
    checked = check_uploads([(f"{number}.png", picture(number)) for number in range(9)])
    assert len(checked.pictures) == 3 and checked.problems == ("What came after that was not looked at.",)


def test_files_that_are_no_pictures_cost_the_pictures_nothing() -> None:
    files = {f"{number}.txt": b"words" for number in range(60)} | {"bad.png": b"bad", "good.png": picture()}
    checked = check_uploads([("mixed.zip", archive(files))])
    assert [kept.name for kept in checked.pictures] == ["good.png"]
    assert len(checked.problems) == 2 and "0.txt and 59 more files are no image" in "".join(checked.problems)


def test_names_that_play_tricks_are_shown_harmlessly() -> None:
    checked = check_uploads([("\u202egnp.exe\0<script>.png", picture(1)), ("x" * 5000 + ".png", picture(2))])
    assert not checked.problems
    for kept in checked.pictures:
        assert kept.name.isprintable() and len(kept.name) < 200
    assert "\u202e" not in checked.pictures[0].name


def test_one_bad_file_does_not_spoil_the_others() -> None:
    checked = check_uploads([("a.png", picture(1)), ("b.png", b""), ("c.png", picture(3))])
    assert [kept.name for kept in checked.pictures] == ["a.png", "c.png"] and len(checked.problems) == 1


def test_a_picture_that_is_gone_is_told_in_words() -> None:
    one, other = (UploadedPictures(check_uploads([("a.png", picture(seed))]).pictures) for seed in (1, 2))
    assert one.name != other.name and one.name.startswith(UploadedPictures.PREFIX)
    missing = UploadedPictures(()).load_image
    with pytest.raises(ImageError, match="upload it again"):
        missing(one.refs[0])
