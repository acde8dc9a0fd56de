"""Which checkpoints there are to choose from, and what people call them. Reads no weights and needs no torch."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = [
    "CONFIG",
    "MAX_TITLE_CHARACTERS",
    "SHIPPED",
    "default_checkpoint",
    "known_checkpoints",
    "title_of",
    "weight_hashes",
]

CONFIG = "config.json"  # of a checkpoint, beside its weights
MAX_TITLE_CHARACTERS = 60
_MOST_BYTES = 1_000_000  # of a config
_ASSETS = Path(__file__).resolve().parent.parent / "assets"
SHIPPED = _ASSETS / "checkpoint"  # in a checkout of the project; an installed package lies alone


def known_checkpoints() -> tuple[Path, ...]:
    """Folders of the checkpoints to choose from, the default first.

    They are those of `$N3_CHECKPOINT`, one or several as in `$PATH`, or else those that ship with the project. Whether
    one is there and whole is for `n3core.checkpoint.load_checkpoint` to say.
    """
    given = [Path(folder) for folder in os.environ.get("N3_CHECKPOINT", "").split(os.pathsep) if folder]
    others = sorted(path.parent for path in _ASSETS.glob(f"checkpoint-*/{CONFIG}"))
    return tuple(dict.fromkeys(given)) or (SHIPPED, *others)


def default_checkpoint() -> Path:
    """The checkpoint to use where none is named."""
    return known_checkpoints()[0]


def weight_hashes(folder: Path) -> tuple[str, ...]:
    """SHA-256 of a checkpoint's weights and, where it takes its base from another checkpoint, of that one's.

    ("unknown",) where the config has gone since the weights were read.
    """
    try:
        notes = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        lent = (str(notes["base_from"]["sha256"]),) if "base_from" in notes else ()
        return str(notes["sha256"]), *lent
    except (OSError, ValueError, KeyError, TypeError):
        return ("unknown",)


def title_of(folder: Path) -> str:
    """What people call a checkpoint: the title in its config, or the folder's name; at most 60 characters, untrusted.

    A folder called `checkpoint` goes by the name of the one above, which is the name of a training run.
    """
    try:
        with (folder / CONFIG).open("rb") as file:
            title = json.loads(file.read(_MOST_BYTES))["title"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        title = None
    if not isinstance(title, str) or not title.strip():
        place = folder.resolve()
        title = place.parent.name if place.name == "checkpoint" else place.name
    line = "".join(character for character in " ".join(title.split()) if character.isprintable())
    return line[:MAX_TITLE_CHARACTERS] or str(folder)
