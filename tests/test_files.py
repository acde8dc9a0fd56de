"""A file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import pytest

from n3core.errors import InputError
from n3core.files import cache_folder, unfinished, write_atomically


def test_write_atomically_replaces_or_refuses(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]
    with pytest.raises(InputError, match=r"below\.txt: .*file\.txt is no folder"):
        write_atomically(path / "below.txt", b"three")
    assert path.read_bytes() == b"two"


def test_the_cache_may_be_named_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("N3_CACHE", "~/n3c")
    assert cache_folder() == tmp_path / "n3c"


def test_without_a_home_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("N3_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", refuse)
    with pytest.raises(InputError, match=r"no home folder .*; let \$N3_CACHE name a folder"):
        cache_folder()


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "pixels [1].npy"
    kept = [tmp_path / ".pixels [1].npy.7.part", tmp_path / ".other.npy.8.part", tmp_path / "pixels [1].npy"]
    old = tmp_path / ".pixels [1].npy.8.part"
    folder = tmp_path / ".pixels [1].npy.9.part"
    folder.mkdir()
    for file in (*kept, old, folder / "inside"):
        file.touch()
    for file in (kept[1], kept[2], old, folder):
        os.utime(file, (time.time() - 90_000,) * 2)
    own = unfinished(path)
    assert own.parent == tmp_path and not own.exists() and str(os.getpid()) in own.name
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_link_in_the_place_of_the_unfinished_file_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file.txt"
    victim.write_bytes(b"mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * size)
    unfinished(path).symlink_to(victim)
    write_atomically(path, b"new")
    assert victim.read_bytes() == b"mine" and path.read_bytes() == b"new" and not path.is_symlink()
