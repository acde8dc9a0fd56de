"""What a result was computed with and from: versions, weights, device, seed and texts, so that two can be told apart.

No path of a machine is told.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from n3core.datasets.base import Dataset
from n3core.engine import Engine
from n3core.versions import OWN_PACKAGE, package_versions

__all__ = ["list_versions", "summarise_provenance"]

_PACKAGES = (OWN_PACKAGE, "torch", "torchvision", "transformers", "captum", "torchmetrics", "numpy", "matplotlib")


def list_versions(engine: Engine) -> dict[str, str]:
    """What computed a result: the checkpoint, the packages and the device, as name -> version."""
    own, *lent = engine.weight_hashes
    found = {"Checkpoint (sha256 of its weights)": own}
    if lent:
        found["Checkpoint that holds its base (sha256 of the weights)"] = lent[0]
    return {**found, **_software(), "Computed on": str(engine.device)}


def summarise_provenance(
    engine: Engine,
    names: Sequence[str],
    texts: Sequence[str],
    *,
    descriptions: Path | None = None,
    text: str | None = None,
    dataset: Dataset | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """The JSON form of what a command measured, beside its figures.

    Args:
        engine: the checkpoint at work.
        names, texts: of the classes, in their order.
        descriptions: the file that the texts were read from; None where they are the dataset's.
        text: which of the dataset's texts they are.
        dataset: where the images are from; None for single files.
        limit: at most so many images of each class.
        seed: of what was drawn at random.

    Returns:
        None for what there was none of; `data_version` changes with the images of a dataset, `texts_sha256` with a
        name, a text or their order.
    """
    return {
        "descriptions": descriptions.name if descriptions is not None else None,
        "text": text,
        "texts_sha256": hashlib.sha256(json.dumps([list(names), list(texts)]).encode()).hexdigest(),
        "data_version": dataset.version if dataset is not None else None,
        "limit": limit,
        "seed": seed,
        "checkpoint_sha256": engine.weight_hashes[0],
        "device": str(engine.device),
        "versions": _software(),
    }


def _software() -> dict[str, str]:
    return {"Python": platform.python_version(), **package_versions(_PACKAGES)}
