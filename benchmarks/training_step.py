"""What a meta-training step costs against plain fine-tuning of the same network on the same batch.

Both steps: forward and backward through the whole network in bfloat16 autocast, channels-last, cross-entropy, gradient
clipping, AdamW on everything that is trained (Gamma here, Theta there). In turns; prints the ratio of the medians.
With --compiled it asks instead what torch.compile makes of the fine-tuning step, which is the step of `n3 pretrain`.

    python benchmarks/training_step.py [--batch 96] [--size 96] [--classes 35] [--tokens 60] [--device cpu] [--compiled]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
import typer
from torch import nn
from torch.nn import functional

from n3core.backbone import build_network, normalise, strip_classifier
from n3core.config import N3Config
from n3core.devices import choose_device
from n3core.model import N3
from n3core.process import prepare_process


def main(
    batch: int = 96,
    size: int = 96,
    classes: int = 35,
    tokens: int = 60,
    base: str = "resnet18",
    threads: int = 2,
    rounds: int = 10,
    device: str = "cpu",
    compiled: bool = False,
) -> None:
    """Measure and print."""
    prepare_process()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    place = choose_device(device)
    images = torch.rand(batch, 3, size, size, device=place).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch,), device=place)
    measured, goal = ("compiled", 1.0) if compiled else ("N3", 1.4)
    steps = {
        measured: plain_step(base, classes, images, labels, compiled=True)
        if compiled
        else meta_step(base, size, classes, tokens, images, labels),
        "fine-tuning": plain_step(base, classes, images, labels),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 2):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if place.type == "cuda":
                torch.cuda.synchronize()
            if turn >= 2:  # the first two warm up
                times[name].append(1000 * (time.perf_counter() - start))
    ours, plain = median(times[measured]), median(times["fine-tuning"])
    typer.echo(
        f"{base}, {size} pixels, batch {batch}, {classes} classes of {tokens} tokens, {place}, {threads} threads"
    )
    typer.echo(f"{measured} step {ours:.0f} ms, fine-tuning step {plain:.0f} ms")
    typer.echo(f"ratio {ours / plain:.2f} (at most {goal})")


def meta_step(
    base: str, size: int, classes: int, tokens: int, images: torch.Tensor, labels: torch.Tensor
) -> Callable[[], None]:
    """A step of meta-training over random token states."""
    network = build_network(base, 1)
    strip_classifier(base, network)
    config = N3Config(base, size)
    model = N3(config, network.state_dict()).to(images.device).train()
    skeleton = build_network(base, 2).to(images.device, memory_format=torch.channels_last).eval().requires_grad_(False)
    states = torch.randn(classes, tokens, config.text.hidden_size, device=images.device)
    mask = torch.ones(classes, tokens, dtype=torch.bool, device=images.device)
    return _step(model, lambda: model(skeleton, states, mask, images), labels)


def plain_step(
    base: str, classes: int, images: torch.Tensor, labels: torch.Tensor, *, compiled: bool = False
) -> Callable[[], None]:
    """A step of fine-tuning every tensor."""
    network = build_network(base, classes).to(images.device, memory_format=torch.channels_last).train()
    forward = torch.compile(network) if compiled else network
    return _step(network, lambda: forward(normalise(images)), labels)


def _step(module: nn.Module, forward: Callable[[], torch.Tensor], labels: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW([value for value in module.parameters() if value.requires_grad], 1e-4)

    def step() -> None:
        with torch.autocast(labels.device.type, torch.bfloat16):
            logits = forward()
        loss = functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()

    return step


if __name__ == "__main__":
    typer.run(main)
