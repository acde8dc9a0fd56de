"""Under what a report was made: setting, versions, and what was left out, in words. No path of a machine is told."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path

from n3core.engine import Engine
from n3core.known_checkpoints import CONFIG, title_of
from n3core.reporting.explanations import PREDICTED, TRUE
from n3core.reporting.pictures import Pictures, TaskSource
from n3core.results.saliency import METHODS

__all__ = ["describe_setting", "list_notes", "list_versions"]

_PACKAGES = ("n3-studio", "torch", "torchvision", "transformers", "captum", "torchmetrics", "numpy", "matplotlib")


def describe_setting(
    engine: Engine, source: TaskSource, pictures: Pictures, *, target: str, method: str, quantity: str
) -> dict[str, str]:
    """What was judged, by what and how, as label -> value."""
    config = engine.config
    text = f"{config.text.name}, {config.text.mode}, up to {config.text.max_tokens} word pieces"
    return {
        "Dataset": f"{source.dataset.title} ({source.dataset.name})" if source.dataset is not None else "none",
        "Classes chosen by": Path(source.split).name,
        "Classes": str(len(source.task.names)),
        "Pictures": f"{len(pictures):,}" + (", labelled" if pictures.labelled else ""),
        "Checkpoint": f"{title_of(engine.checkpoint)}, weights {_weight_hashes(engine)[0][:12]}",
        "Base network": f"{config.base}, pictures of {config.image_size} x {config.image_size} pixels",
        "Layers adapted": ", ".join(config.adapt),
        "Text encoder": text,
        "Explained": f"the {target} class" if target in (PREDICTED, TRUE) else target,
        "Saliency": f"{METHODS[method].title} of the {quantity}",
    }


def list_versions(engine: Engine) -> dict[str, str]:
    """What computed a report: the checkpoint, the packages and the device, as name -> version."""
    own, *lent = _weight_hashes(engine)
    found = {"Checkpoint (sha256 of its weights)": own}
    if lent:
        found["Checkpoint that holds its base (sha256 of the weights)"] = lent[0]
    found["Python"] = platform.python_version()
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["Computed on"] = str(engine.device)
    return found


def _weight_hashes(engine: Engine) -> tuple[str, ...]:
    """Of the checkpoint's weights and, where it takes its base from another checkpoint, of that one's."""
    try:
        notes = json.loads((engine.checkpoint / CONFIG).read_text(encoding="utf-8"))
        lent = (str(notes["base_from"]["sha256"]),) if "base_from" in notes else ()
        return str(notes["sha256"]), *lent
    except (OSError, ValueError, KeyError, TypeError):
        return ("unknown",)  # the checkpoint was replaced since it was read


def list_notes(source: TaskSource, pictures: Pictures, *, interval: bool) -> tuple[str, ...]:
    """What was left out, one line each.

    Args:
        source: the task.
        pictures: those that were judged.
        interval: whether there is an accuracy with its interval.
    """
    notes = list(source.warnings)
    if source.missing and source.dataset is not None:
        notes.append(f"{source.dataset.title} has no pictures of {', '.join(source.missing)}.")
    if len(pictures) and pictures.labelled and not interval:
        notes.append("The accuracy is the mean over the classes that have pictures, and bears no interval.")
    return tuple(notes)
