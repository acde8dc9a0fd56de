"""Measure what Class Normalization does to the variance of the logits, and how long its training takes.

    python scripts/plot_class_normalization.py --out class-normalization.png
    N3_DATA=path/to/datasets python scripts/plot_class_normalization.py --data fieldbook-birds --out birds.png

Trains the three systems of the Class Normalization poster, and Class Normalization without scaled cosine, on the same
standardised features and draws the standard deviation of the logits of a batch over the steps of training, as on the
poster. The numbers go beside the figure as JSON. Without
`--data` the features are 5000 x 512 of 100 classes, rectified Gaussian clusters whose means follow from the semantics.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

from n3core.backbone import feature_network, normalise, to_float
from n3core.baselines.attribute_network import AttributeNetwork, normalise_attributes
from n3core.baselines.base import ClassTexts, ImageSet
from n3core.baselines.class_normalization import AttributeClassifier, AttributeSettings
from n3core.benchmark.bases import open_base
from n3core.benchmark.texts import TextReader
from n3core.datasets.base import classes_of, load_pixels
from n3core.datasets.registry import open_dataset
from n3core.errors import InputError
from n3core.files import write_atomically

_SYSTEMS = {  # name -> title, scaled cosine logits, Class Normalization
    "mlp": ("MLP", False, False),
    "mlp-cosine": ("MLP, scaled cosine", True, False),
    "mlp-cn": ("MLP, scaled cosine, Class Normalization", True, True),
    "mlp-cn-plain": ("MLP, Class Normalization alone", False, True),
}
_COLOURS = {"mlp": "#b45309", "mlp-cosine": "#6b7280", "mlp-cn": "#1d4ed8", "mlp-cn-plain": "#0f766e"}
_IMAGES, _CLASSES, _FEATURES, _SEMANTICS = 5000, 100, 512, 384
_ENDINGS = (".png", ".svg", ".pdf")
_PER_CLASS = 50  # images of a class of a dataset


def main(
    out: Annotated[Path, typer.Option(help="Figure to write (.png, .svg or .pdf); the numbers go beside it.")],
    data: Annotated[str | None, typer.Option(help="Dataset whose seen classes to train on.")] = None,
    seed: int = 0,
    steps: Annotated[int, typer.Option(min=2, help="Steps of training.")] = 1000,
) -> None:
    """Train, measure, draw."""
    try:
        check_ending(out)
        images, labels, texts = load_task(data) if data else make_task(seed)
        report = measure(images, labels, texts, seed, steps)
        report["data"] = data or "Gaussian clusters"
        draw(report, out)
        write_atomically(out.with_suffix(".json"), json.dumps(report, indent=1).encode())
    except InputError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    for name, row in report["systems"].items():
        first, last = row["logit_deviation"][0], row["logit_deviation"][-1]
        seconds = f"{row['fit_seconds']:.1f} s ({row['fit_processor_seconds']:.1f} s of one core)"
        typer.echo(f"{name:12} {seconds}, deviation of the logits {first:.3f} -> {last:.3f}")
    for name, value in report["at_initialisation"].items():
        typer.echo(f"{name}: deviation of z'P(a) between classes at initialisation {value:.3f} (features: 1)")


def measure(images: ImageSet, labels: np.ndarray, texts: ClassTexts, seed: int, steps: int) -> dict[str, Any]:
    """Fit every system and record its logits and its time.

    Args:
        images: N images of K seen classes.
        labels: (N,).
        texts: the classes.
        seed: of weights and batches.
        steps: of training.

    Returns:
        JSON values: sizes, threads, per system the seconds by the clock and by the processor and the deviation of the
        logits at every step, and the deviation that plain logits have before any training.
    """
    systems = {}
    for name, (title, cosine, normalised) in _SYSTEMS.items():
        settings = AttributeSettings(steps=steps, attribute_norm="unit", standardise_features=True)
        method = AttributeClassifier(settings, cosine=cosine, normalised=normalised, seed=seed)
        start, start_of_work = time.perf_counter(), time.process_time()
        method.fit(images, labels, texts)
        systems[name] = {
            "title": title,
            "settings": asdict(settings),
            "fit_seconds": round(time.perf_counter() - start, 2),
            "fit_processor_seconds": round(time.process_time() - start_of_work, 2),
            "logit_deviation": [round(float(value), 5) for value in method.logit_deviations],
        }
    return {
        "images": len(images),
        "features": images.features.shape[1],
        "classes": len(texts),
        "seed": seed,
        "threads": torch.get_num_threads(),
        "at_initialisation": measure_initialisation(texts, images.features.shape[1], seed),
        "systems": systems,
    }


@torch.no_grad()
def measure_initialisation(texts: ClassTexts, width: int, seed: int) -> dict[str, float]:
    """Deviation between classes of z'P(a) for z of unit variance and a / ||a||, before training; no accuracy needed.

    The last ReLU is left out, as in the derivation of the paper, which finds 1 for Class Normalization.
    """
    semantics = torch.from_numpy(texts.semantics)
    attributes = normalise_attributes((semantics - semantics.mean(0)) / semantics.std(0).clamp(min=1e-6), "unit")
    found = {}
    for name, normalised in (("without CN", False), ("with CN", True)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = AttributeNetwork(attributes.shape[1], 1024, width, normalised, rectified=False)
            logits = torch.randn(1000, width) @ network(attributes).mT
        found[name] = round(float(logits.std(1).mean()), 4)
    return found


def draw(report: dict[str, Any], out: Path) -> None:
    """Draw the deviation of the logits over training, one line per system, on a logarithmic axis.

    Raises:
        InputError: a folder that cannot be written.
    """
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, row in report["systems"].items():
        axes.plot(row["logit_deviation"], label=row["title"], color=_COLOURS[name], linewidth=1.2)
    axes.axhline(1, color="black", linewidth=0.6, linestyle=":")
    axes.set(xlabel="training step", ylabel="standard deviation of the logits of a batch", yscale="log")
    axes.set_title(f"{report['data']}: {report['images']} images, {report['classes']} classes", fontsize=10)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format=out.suffix[1:], dpi=150)
    plt.close(figure)
    write_atomically(out, picture.getvalue())


def check_ending(out: Path) -> None:
    """Raise InputError for an ending that no figure has, before any training."""
    if out.suffix not in _ENDINGS:
        raise InputError(f"{out.name} ends in {out.suffix or 'nothing'}; use {', '.join(_ENDINGS)}")


def make_task(seed: int) -> tuple[ImageSet, np.ndarray, ClassTexts]:
    """Gaussian clusters, rectified as image features are, around means that are linear in the semantics."""
    rng = np.random.default_rng(seed)
    semantics = rng.normal(size=(_CLASSES, _SEMANTICS)).astype(np.float32)
    means = semantics @ rng.normal(0, _SEMANTICS**-0.5, (_SEMANTICS, _FEATURES))
    labels = np.arange(_IMAGES) % _CLASSES
    features = np.maximum(means[labels] + rng.normal(0, 1, (_IMAGES, _FEATURES)), 0).astype(np.float32)
    ids = tuple(f"class {number}" for number in range(_CLASSES))
    mask = torch.ones(_CLASSES, 1, dtype=torch.bool)
    return ImageSet(features), labels, ClassTexts(ids, ids, ids, torch.zeros(_CLASSES, 1, 1), mask, semantics)


def load_task(data: str) -> tuple[ImageSet, np.ndarray, ClassTexts]:
    """Features of the first 50 images of every seen class of a dataset, by the base network of the shipped checkpoint.

    Raises:
        InputError: a dataset or checkpoint that cannot be opened.
    """
    dataset = open_dataset(data)
    base = open_base()
    classes = classes_of(dataset, "train")
    network = feature_network(base.name, base.tensors)
    features, labels = [], []
    for row, info in enumerate(classes):
        refs = dataset.image_refs(info.id, subset="train")[:_PER_CLASS]
        with torch.inference_mode():
            features.append(network(normalise(to_float(load_pixels(dataset, refs, base.image_size)))).numpy())
        labels += [row] * len(refs)
    ids, names, written = zip(*((info.id, info.name, info.description) for info in classes), strict=True)
    return ImageSet(np.concatenate(features)), np.array(labels), TextReader().read(ids, names, written)


if __name__ == "__main__":
    typer.run(main)
