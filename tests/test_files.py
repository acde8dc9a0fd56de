"""A file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from n3core.errors import InputError
from n3core.files import write_atomically


def test_write_atomically_replaces_or_refuses(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]
    with pytest.raises(InputError, match=r"file\.txt.*(Not a directory|File exists)"):
        write_atomically(path / "below.txt", b"three")
    assert path.read_bytes() == b"two"
