"""Under what a report was made: its setting, and what was left out, in words. No path of a machine is told."""

from __future__ import annotations

from n3core.engine import Engine
from n3core.known_checkpoints import title_of
from n3core.reporting.explanations import PREDICTED, TRUE
from n3core.reporting.pictures import Pictures, TaskSource
from n3core.results.saliency import METHODS

__all__ = ["describe_setting", "list_notes"]


def describe_setting(
    engine: Engine,
    source: TaskSource,
    pictures: Pictures,
    *,
    each: int | None,
    target: str,
    method: str,
    quantity: str,
) -> dict[str, str]:
    """What was judged, by what and how, as label -> value."""
    config = engine.config
    limited = f"; at most {each} of each class, evenly spread, and those asked for" if each and len(pictures) else ""
    text = f"{config.text.name}, {config.text.mode}, up to {config.text.max_tokens} word pieces"
    return {
        "Dataset": f"{source.dataset.title} ({source.dataset.name})" if source.dataset is not None else "none",
        "Classes chosen by": source.chosen_by,
        "Classes": str(len(source.task.names)),
        "Pictures": f"{len(pictures):,}" + (", labelled" if pictures.labelled else "") + limited,
        "Checkpoint": f"{title_of(engine.checkpoint)}, weights {engine.weight_hashes[0][:12]}",
        "Base network": f"{config.base}, pictures of {config.image_size} x {config.image_size} pixels",
        "Layers adapted": ", ".join(config.adapt),
        "Text encoder": text,
        "Explained": f"the {target} class" if target in (PREDICTED, TRUE) else target,
        "Saliency": f"{METHODS[method].title} of the {quantity}",
    }


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
