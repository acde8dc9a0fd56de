"""The commands of `n3` that train: pretrain and train. Words on a command line in, a run's folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from n3core.cli_options import Device, Seed, warn
from n3core.errors import InputError

if TYPE_CHECKING:
    from accelerate import PartialState

__all__ = ["app"]

_LAYER_KINDS = ("conv", "norm", "fc")
_INTERRUPTED = 130  # what a shell reports for Ctrl-C

app = typer.Typer()

DataList = Annotated[list[str], typer.Option(help="Dataset to train on; may be given several times.")]
Out = Annotated[Path, typer.Option(help="Folder of the run; the same command resumes it.")]
BatchSize = Annotated[int, typer.Option(help="Images of a step, of all processes together.", min=1, max=65536)]


@app.command()
def pretrain(
    data: DataList,
    out: Out,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Base or checkpoint whose network to go on from.")
    ] = None,
    base: Annotated[str, typer.Option(help="resnet18, googlenet or squeezenet1_1.")] = "resnet18",
    size: Annotated[int, typer.Option(help="Side of the images in pixels.", min=16, max=1024)] = 64,
    epochs: Annotated[float, typer.Option(help="Passes over the images of all datasets.", min=0, max=1e6)] = 10.0,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.", min=0, max=100)] = 0.2,
    plates: Annotated[
        float, typer.Option(help="Share of Fieldbook varieties beside photographs.", min=0, max=1)
    ] = 0.25,
    anneal: Annotated[bool, typer.Option(help="Let the rate fall to zero at the end.")] = True,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train a base network on the seen classes of datasets."""
    from n3core.backbone import BASES, smallest_size
    from n3core.benchmark.bases import open_base
    from n3core.config import PretrainConfig
    from n3core.pretrain import pretrain as train_base
    from n3core.recipes import pretrain_sources

    if base not in BASES:
        raise InputError(f"base network {base!r} is unknown; choose one of {', '.join(BASES)}")
    if size < (least := smallest_size(base)):
        raise InputError(f"--size {size} is too small for {base}, which needs {least} pixels; give at least that")
    place = _join(device, batch_size)
    start = None
    if start_from is not None:
        found = open_base(start_from)
        if found.name != base:
            raise InputError(f"--from {start_from} holds a {found.name}, not a {base}; add --base {found.name}")
        start = found.tensors
    config = PretrainConfig(tuple(data), size, epochs, batch_size, learning_rate, anneal, plates=plates, seed=seed)
    with place.main_process_first():  # as in `train`
        sources, shares = pretrain_sources(data, size, plates)
    finished = train_base(config, sources, shares, out, base=base, start=start, device=device)
    _close_run(finished, out, place)


@app.command()
def train(
    data: DataList,
    out: Out,
    base: Annotated[Path | None, typer.Option(help="Base or checkpoint whose network a new N3 adapts.")] = None,
    start_from: Annotated[Path | None, typer.Option("--from", help="Checkpoint to go on from.")] = None,
    steps: Annotated[int, typer.Option(help="Episodes.", min=1)] = 4000,
    feature_steps: Annotated[
        int, typer.Option(help="Before them: of the classification layer alone, on features of whole images.", min=0)
    ] = 0,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate of the episodes.", min=0, max=100)] = 1e-3,
    feature_learning_rate: Annotated[
        float, typer.Option(help="The same of the steps on features.", min=0, max=100)
    ] = 1e-3,
    batch_size: BatchSize = 96,
    plates: Annotated[
        float, typer.Option(help="Chance of an episode of Fieldbook varieties, beside photographs.", min=0, max=1)
    ] = 0.9,
    likenesses: Annotated[
        Path | None, typer.Option(help="More texts of seen classes, and described things that look like them.")
    ] = None,
    adapt: Annotated[
        str | None,
        typer.Option(
            help="Layers to adapt: all, fc, or kinds such as conv,norm; with --from, fc leaves the others behind."
        ),
    ] = None,
    text_encoder: Annotated[str | None, typer.Option(help="minilm, a hub id or a local folder.")] = None,
    text_mode: Annotated[str | None, typer.Option(help="contextual or static.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Meta-train an N3 on the seen classes of datasets.

    With --base, the features are centred on the first of them.
    """
    import torch

    from n3core.benchmark.bases import open_base
    from n3core.checkpoint import load_checkpoint
    from n3core.config import N3Config, TrainConfig
    from n3core.feature_training import classification_layer_alone, start_on_features
    from n3core.files import cache_folder
    from n3core.model import N3
    from n3core.recipes import episode_sources, list_overlaps, validation_sets
    from n3core.text_encoder import TextEncoder
    from n3core.train import calibrate_features
    from n3core.train import train as meta_train

    if (base is None) == (start_from is None):
        raise InputError("a new N3 needs --base DIR, a trained one --from CHECKPOINT; give exactly one of them")
    place = _join(device, batch_size)
    texts = cache_folder() / "texts"
    kinds = _layer_kinds(adapt or "all")
    torch.manual_seed(seed)
    if start_from is not None:
        settled = (
            ("--adapt", None if adapt == "fc" else adapt),
            ("--text-encoder", text_encoder),
            ("--text-mode", text_mode),
        )
        for option, value in settled:
            if value is not None:
                raise InputError(f"{option} {value!r} is settled in the checkpoint {start_from}; leave it out")
        model = load_checkpoint(start_from)
        if adapt == "fc":
            model = classification_layer_alone(model, model.base_tensors)
        model.requires_grad_(True)
        encoder = TextEncoder(model.config.text, texts, device=place.device)
    else:
        assert base is not None
        network = open_base(base)
        encoder = TextEncoder.load(text_encoder or "minilm", text_mode or "contextual", texts, device=place.device)
        model = N3(N3Config(network.name, network.image_size, adapt=kinds, text=encoder.config), network.tensors)
    config = TrainConfig(
        tuple(data),
        steps,
        batch_size,
        learning_rate=learning_rate,
        feature_steps=feature_steps,
        feature_learning_rate=feature_learning_rate,
        plates=plates,
        seed=seed,
    )
    with place.main_process_first():  # which makes what the others then find in the cache
        held_out = validation_sets(data, model.config.image_size, encoder)  # few images: what it refuses, it does soon
        sources, shares = episode_sources(data, model.config.image_size, encoder, plates, likenesses)
    if place.is_main_process:
        for line in list_overlaps(sources, held_out):
            warn(line)
    if base is not None:
        model.to(place.device)
        calibrate_features(model, sources[0].images.pixels[:: max(1, len(sources[0].images.pixels) // 2000)])
    finished = feature_steps == 0 or start_on_features(model, config, sources, shares, out, device=device)
    finished = finished and meta_train(model, config, sources, shares, held_out, out, device=device)
    _close_run(finished, out / "checkpoint", place)


def _layer_kinds(adapt: str) -> tuple[str, ...]:
    """Turn --adapt into the layer kinds that receive a delta; the classification layer is always generated."""
    kinds = _LAYER_KINDS if adapt == "all" else tuple(part.strip() for part in adapt.split(","))
    for kind in kinds:
        if kind not in _LAYER_KINDS:
            raise InputError(f"--adapt: layer kind {kind!r} is unknown; use all or some of {','.join(_LAYER_KINDS)}")
    return tuple(kind for kind in _LAYER_KINDS if kind in kinds or kind == "fc")


def _join(device: str, batch_size: int) -> PartialState:
    from n3core.training import join_processes

    place = join_processes(device)
    if batch_size < place.num_processes:
        raise InputError(
            f"--batch-size {batch_size} is less than an image for each process; give {place.num_processes}"
        )
    return place


def _close_run(finished: bool, result: Path, place: PartialState) -> None:
    if place.is_main_process:
        stopped = "stopped, state saved; the same command goes on from here"
        typer.echo(f"finished: {result}" if finished else stopped, err=True)
    if not finished:
        raise typer.Exit(_INTERRUPTED)
