"""Both training loops: killed runs resume to the same losses, two processes compute what one does.

A run that a test may kill is a process of its own, and so are two that train together. Run as a script this file is one
run too, for torch's launcher: `test_training.py LOOP DATA OUT STEPS`.
"""

from __future__ import annotations

import copy
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from n3core import recipes
from n3core.backbone import build_network, layer_specs, normalise, strip_classifier, to_float
from n3core.checkpoint import load_checkpoint
from n3core.config import N3Config, PretrainConfig, TextConfig, TrainConfig, from_json, to_json
from n3core.datasets.base import ClassInfo
from n3core.datasets.fieldbook.book import KINGDOMS, random_varieties, render_many
from n3core.episodes import Episode, EpisodeSource, Task, TextPool, draw_episode, draw_task, encode_pool
from n3core.errors import InputError
from n3core.feature_training import (
    FeatureSource,
    Outcome,
    classification_layer,
    classification_layer_alone,
    feature_episodes,
    meta_train,
    start_on_features,
)
from n3core.model import N3
from n3core.pixels import PixelSet, draw_augmentation
from n3core.pretrain import BaseWithHeads, draw_batch, head_weights, heads_loss, load_base, pretrain, write_base
from n3core.recipes import episode_sources, pretrain_sources, validation_sets
from n3core.text_encoder import TextEncoder
from n3core.token_states import TokenStates
from n3core.train import ValidationSet, build_optimizer, calibrate_features, centre_features, train, validate
from n3core.training import load_state, one_cycle, save_state, step_generator
from tests.processes import blank_main, start_process

PROJECT = Path(__file__).resolve().parent.parent
SIZE = 32
PATIENCE = 400  # seconds until a process counts as hung; a loaded machine takes a minute to import torch


def tiny_model(adapt: tuple[str, ...] = ("conv", "norm", "fc")) -> N3:
    torch.manual_seed(0)
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    return N3(N3Config(image_size=SIZE, width=16, heads=2, adapt=adapt, text=TextConfig()), network.state_dict())


def run_loop(loop: str, data: Path, out: Path, steps: int, *, save_every: float = 0.0) -> bool:
    """One run of a loop on the images of `data`; it saves its state after every step."""
    if loop == "pretrain-mixed":  # so few images that a process may draw of one dataset only
        twin = out / "twin"
        sources, shares = pretrain_sources([str(data), str(twin)], SIZE)
        config = PretrainConfig((str(data), str(twin)), SIZE, epochs=steps * 4 / 48, batch_size=4, learning_rate=0.02)
        return pretrain(config, sources, shares, out, device="cpu")
    if loop == "pretrain":
        sources, shares = pretrain_sources([str(data)], SIZE)
        config = PretrainConfig((str(data),), SIZE, epochs=steps * 8 / 24, batch_size=8, learning_rate=0.02)
        return pretrain(config, sources, shares, out, device="cpu", save_every=save_every)
    model = tiny_model(("fc",) if loop == "train-fc" else ("conv", "norm", "fc"))
    encoder = TextEncoder.load()
    sources, shares = episode_sources([str(data)], SIZE, encoder)
    held_out = validation_sets([str(data)], SIZE, encoder)
    calibrate_features(model, sources[0].images.pixels)
    # Two processes cannot halve three images.
    config = TrainConfig((str(data),), steps, batch_size=3, classes=(2, 3), feature_steps=steps)
    if loop == "features":
        return start_on_features(model, config, sources, shares, out, device="cpu", save_every=save_every)
    return train(model, config, sources, shares, held_out, out, device="cpu", save_every=save_every, validate_every=4)


def start_loop(
    loop: str, data: Path, out: Path, steps: int, cache: Path, place: dict[str, str] | None = None
) -> ForkServerProcess:
    """Start a run in a process of its own.

    Args:
        place: the variables by which torch's launcher tells a process its place among several; None for a run alone.
    """
    return start_process(run_there, loop, data, out, steps, {"N3_CACHE": str(cache), **(place or {})})


def run_there(loop: str, data: Path, out: Path, steps: int, environment: dict[str, str]) -> None:
    """What the process of `start_loop` does."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    with out.with_suffix(".log").open("a") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
        sys.exit(0 if run_loop(loop, data, out, steps) else 130)


def finish_loop(run: ForkServerProcess, out: Path) -> None:
    run.join(PATIENCE)
    assert run.exitcode == 0, out.with_suffix(".log").read_text()


def run_in_two(loop: str, data: Path, out: Path, steps: int, cache: Path) -> None:
    """Run a loop in two processes that train together."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1]), "WORLD_SIZE": "2"}
    ranks = [meeting | {"RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": "2"} for rank in "01"]
    runs = [start_loop(loop, data, out, steps, cache, place) for place in ranks]
    for run in runs:
        finish_loop(run, out)


def start(command: list[str], cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, "N3_CACHE": str(cache), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


def records_of(out: Path) -> list[dict[str, float]]:
    # A killed process may leave half a line behind.
    lines = [line for path in out.glob("logs/**/metrics.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.endswith("}")]


def losses_of(out: Path) -> dict[int, float]:
    """The loss of every step, the last record of a step that was run twice."""
    return {int(record["step"]): record["loss"] for record in records_of(out)}


def wait_until(ready: Callable[[], bool], running: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not ready():
        assert running(), "the run has ended"
        assert time.monotonic() < until, "the run does not get ahead"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training-cache")


@pytest.fixture(scope="module")
def uninterrupted(
    image_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, int], Path]:
    """Return `run(loop, steps)`: the folder of a run that nothing disturbed, in a process of its own."""
    done: dict[tuple[str, int], Path] = {}

    def run(loop: str, steps: int) -> Path:
        if (loop, steps) not in done:
            out = tmp_path_factory.mktemp(loop)
            finish_loop(start_loop(loop, image_folder, out, steps, cache), out)
            done[loop, steps] = out
        return done[loop, steps]

    return run


@pytest.mark.parametrize(("loop", "steps"), [("pretrain", 12), ("features", 100), ("train", 12)])
def test_a_killed_run_resumes_to_the_same_losses(
    loop: str, steps: int, uninterrupted: Callable[[str, int], Path], image_folder: Path, cache: Path, tmp_path: Path
) -> None:
    expected = losses_of(uninterrupted(loop, steps))
    run = start_loop(loop, image_folder, tmp_path, steps, cache)
    wait_until(lambda: len(records_of(tmp_path)) >= 4, run.is_alive)
    run.kill()
    run.join(PATIENCE)
    assert run.exitcode == -signal.SIGKILL
    before = len(records_of(tmp_path))
    assert 4 <= before < steps
    finish_loop(start_loop(loop, image_folder, tmp_path, steps, cache), tmp_path)
    assert before < len(records_of(tmp_path)) <= steps + 2
    assert losses_of(tmp_path) == pytest.approx(expected, rel=1e-6)
    assert list(expected) == list(range(steps))
    assert len(set(expected.values())) == steps


def test_training_keeps_its_best_checkpoint_and_resumes_to_the_same(uninterrupted: Callable[[str, int], Path]) -> None:
    out = uninterrupted("train", 12)
    best = json.loads((out / "best.json").read_text())
    means = {record["step"] + 1: record["val/mean"] for record in records_of(out) if "val/mean" in record}
    assert list(means) == [4, 8, 12]
    assert best["mean"] >= max(means.values())  # more where the untrained start was better
    assert best["step"] == 0 or best["share_of_end"] < 1 or best["mean"] == means[best["step"]]
    untrained, kept = tiny_model(), load_checkpoint(out / "checkpoint")
    for name, value in untrained.base_tensors.items():
        torch.testing.assert_close(kept.base_tensors[name], value, atol=1e-3, rtol=1e-3)
    trained = load_file(out / "state" / "state.safetensors")
    for name, one in untrained.named_parameters():
        assert not torch.equal(one, trained[f"module.{name}"]), f"{name} was not trained"


def test_pretraining_writes_a_base_that_n3_can_adapt(uninterrupted: Callable[[str, int], Path]) -> None:
    tensors, base = load_base(uninterrupted("pretrain", 12))
    assert base == "resnet18"
    specs = [spec.name for spec in layer_specs(base, 2) if spec.kind != "fc"]
    assert set(specs) <= set(tensors)
    assert tensors["bn1.running_mean"].abs().max() > 0
    N3(N3Config(width=16, heads=2), tensors)


def gradients_of(out: Path) -> torch.Tensor:
    """The first step's gradient: ten times Adam's first average."""
    tensors = load_file(out / "state" / "state.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.endswith(".exp_avg")])


def launch_two(loop: str, data: Path, out: Path, steps: int, cache: Path) -> None:
    """As `run_in_two`, by torch's launcher."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    finish(start([*launcher, __file__, loop, str(data), str(out), str(steps)], cache))


@pytest.mark.parametrize(("loop", "run"), [("train", launch_two), ("train-fc", run_in_two)])
def test_two_processes_compute_the_gradient_of_one(
    loop: str,
    run: Callable[[str, Path, Path, int, Path], None],
    uninterrupted: Callable[[str, int], Path],
    image_folder: Path,
    cache: Path,
    tmp_path: Path,
) -> None:
    run(loop, image_folder, tmp_path, 1, cache)
    alone = uninterrupted(loop, 1)
    one, two = gradients_of(alone), gradients_of(tmp_path)
    assert one.norm() > 0
    # bfloat16 rounds the sum over each half of the batch by itself; a process alone would repeat it to the last bit.
    assert 0 < (one - two).norm() < 0.03 * one.norm()
    assert losses_of(tmp_path)[0] == pytest.approx(losses_of(alone)[0], rel=0.01)
    assert len(records_of(tmp_path)) == 1


def test_processes_that_draw_no_image_of_a_dataset_pretrain_together(
    image_folder: Path, cache: Path, tmp_path: Path
) -> None:
    shutil.copytree(image_folder, tmp_path / "twin")
    run_in_two("pretrain-mixed", image_folder, tmp_path, 8, cache)
    assert sorted(losses_of(tmp_path)) == [*range(8)]


@pytest.mark.parametrize("changed", ["network", "base", "weights"])
def test_a_run_goes_on_with_the_model_it_began_with_only(changed: str, image_folder: Path, tmp_path: Path) -> None:
    def begin(model: N3) -> bool:
        sources, shares = episode_sources([str(image_folder)], SIZE, TextEncoder.load())
        config = TrainConfig((str(image_folder),), 1, batch_size=8, classes=(2, 3))
        return train(model, config, sources, shares, [], tmp_path, device="cpu")

    assert begin(tiny_model()) and begin(tiny_model())
    other = tiny_model()
    if changed == "network":
        other.config = replace(other.config, text=replace(other.config.text, mode="static"))
    else:
        tensors = other.base_tensors if changed == "base" else dict(other.named_parameters())
        with torch.no_grad():
            next(iter(tensors.values())).add_(1)
    with pytest.raises(
        InputError, match="mode contextual instead of static" if changed == "network" else "another start"
    ):
        begin(other)


def write_splits(data: Path, *parts: list[str]) -> None:
    (data / "splits.json").write_text(json.dumps(dict(zip(("train", "val", "test"), parts, strict=True))))


@pytest.mark.parametrize(
    ("loop", "changed"),
    [
        *((loop, what) for loop in ("pretrain", "train") for what in ("seen classes", "images", "nothing noted")),
        *(("train", what) for what in ("texts", "validation classes")),
        ("features", "seen classes"),
    ],
)
def test_a_run_goes_on_with_the_data_it_began_with_only(
    loop: str, changed: str, image_folder: Path, tmp_path: Path
) -> None:
    data, out = shutil.copytree(image_folder, tmp_path / "swatches"), tmp_path / "run"
    write_splits(data, ["red", "green"], ["blue", "grey"], ["blue", "grey"])
    assert run_loop(loop, data, out, 1) and run_loop(loop, data, out, 1)
    if changed == "seen classes":  # as many as before, so that every tensor has the shape it had
        write_splits(data, ["red", "blue"], ["green", "grey"], ["green", "grey"])
    elif changed == "validation classes":
        write_splits(data, ["red", "green"], ["red", "grey"], ["blue", "grey"])
    elif changed == "images":
        shutil.copy(data / "red" / "0.png", data / "green" / "0.png")
    elif changed == "texts":
        texts = json.loads((data / "descriptions.json").read_text())
        (data / "descriptions.json").write_text(json.dumps(texts | {"red": "A red square, changed."}))
    else:
        (state,) = out.rglob("state.json")
        notes = json.loads(state.read_text())
        del notes["settings"]["data"]
        state.write_text(json.dumps(notes))
    said = "noted no classes" if changed == "nothing noted" else f"other {changed} of swatches"
    with pytest.raises(InputError, match=f"belongs to a run .*{said}; choose another --out or remove it"):
        run_loop(loop, data, out, 1)


@pytest.fixture
def namesakes(image_folder: Path, tmp_path: Path) -> list[str]:
    """Two datasets called my.train, of four and of three classes."""
    found = []
    for name, count in (("a", 4), ("b", 3)):
        data = shutil.copytree(image_folder, tmp_path / name / "my.train")
        texts = json.loads((data / "descriptions.json").read_text())
        for gone in sorted(texts)[count:]:
            shutil.rmtree(data / gone)
        (data / "descriptions.json").write_text(json.dumps({key: texts[key] for key in sorted(texts)[:count]}))
        Image.new("RGB", (8, 8), (count, 0, 0)).save(data / sorted(texts)[0] / "0.png")
        found.append(str(data))
    return found


@pytest.mark.parametrize("order", [1, -1])
def test_datasets_of_one_name_train_a_head_each(namesakes: list[str], order: int, tmp_path: Path) -> None:
    names = namesakes[::order]
    sources, shares = pretrain_sources(names, SIZE)
    assert [source.name for source in sources] == names
    config = PretrainConfig(tuple(names), SIZE, epochs=0.5, batch_size=16, learning_rate=0.02)
    assert pretrain(config, sources, shares, tmp_path / "run", device="cpu")
    assert {f"accuracy/{name}" for name in names} <= set(records_of(tmp_path / "run")[0])
    state = load_file(tmp_path / "run" / "state" / "state.safetensors")
    assert [len(state[f"module.heads.{index}.weight"]) for index in range(2)] == [4, 3][::order]
    assert load_base(tmp_path / "run")[1] == "resnet18"
    encoder = TextEncoder.load()
    lines = recipes.list_overlaps(episode_sources(names, SIZE, encoder)[0], validation_sets(names, SIZE, encoder))
    assert [line.partition(": ")[0] for line in lines] == names
    with pytest.raises(InputError, match="the same head 'toy'"):
        pretrain(config, [toy_pixels("a", 2, 4, "toy"), toy_pixels("b", 2, 4, "toy")], [1, 1], tmp_path, device="cpu")


def test_a_dataset_whose_name_no_module_may_have_trains_a_head(namesakes: list[str], tmp_path: Path) -> None:
    sources, shares = pretrain_sources(namesakes[:1], SIZE)
    assert [*sources[0].head_sizes] == ["my.train"]
    config = PretrainConfig((namesakes[0],), SIZE, epochs=0.5, batch_size=16, learning_rate=0.02)
    assert pretrain(config, sources, shares, str(tmp_path / "run"), device="cpu")


def test_a_dataset_given_twice_is_refused(image_folder: Path) -> None:
    twice = [str(image_folder), f"{image_folder}/"]
    with pytest.raises(InputError, match=re.escape(f"--data {twice[0]} and --data {twice[1]} are the same images")):
        pretrain_sources(twice, SIZE)


def test_splits_are_checked_before_any_image_is_decoded(namesakes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_splits(Path(namesakes[1]), ["grey", "green"], [], ["blue"])
    monkeypatch.setattr("n3core.recipes.load_pixels", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr("n3core.recipes.cached_pixels", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"no class in 'val' .*; add 'val' \(2 classes or more\) to splits\.json"):
        validation_sets(namesakes, SIZE, TextEncoder.load())
    (Path(namesakes[1]) / "splits.json").write_text('{"test": ["blue"]}')
    for read in (
        lambda: pretrain_sources(namesakes, SIZE),
        lambda: episode_sources(namesakes, SIZE, TextEncoder.load()),
    ):
        with pytest.raises(InputError, match=r"no class in 'train' .*; add 'train'"):
            read()


def test_sigterm_saves_and_the_command_goes_on_from_there(
    uninterrupted: Callable[[str, int], Path], image_folder: Path, cache: Path, tmp_path: Path
) -> None:
    data = ["--data", str(image_folder), "--out", str(tmp_path), "--device", "cpu", "--size", str(SIZE)]
    command = [sys.executable, "-m", "n3core", "pretrain", *data, "--epochs", "1000"]
    process = start(command, cache)
    wait_until(lambda: len(records_of(tmp_path)) >= 2, lambda: process.poll() is None)
    assert not (tmp_path / "state").exists()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "state saved" in errors
    assert "Traceback" not in errors
    state = json.loads((tmp_path / "state" / "state.json").read_text())
    assert state["step"] == len(records_of(tmp_path))
    assert load_base(tmp_path)[1] == "resnet18", "the base so far can start another stage"


def test_a_run_in_another_thread_leaves_signals_to_the_main_one(image_folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run_loop, "pretrain", image_folder, tmp_path, 1).result(PATIENCE)
    assert list(losses_of(tmp_path)) == [0]


def tiny_state(tmp_path: Path) -> tuple[nn.Module, torch.optim.Optimizer, Path]:
    torch.manual_seed(0)
    module = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(module.parameters(), 0.1)
    module(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    return module, optimizer, tmp_path / "state"


def test_state_round_trip(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, '{"seed": 1}')
    other = nn.Linear(4, 3)
    other_optimizer = torch.optim.AdamW(other.parameters(), 0.1)
    assert load_state(folder, other, other_optimizer, '{"seed": 1}') == 5
    for _ in range(2):
        for one, steps in ((module, optimizer), (other, other_optimizer)):
            steps.zero_grad()
            one(torch.ones(2, 4)).pow(2).sum().backward()
            steps.step()
    assert torch.equal(module.weight, other.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_nothing_saved_starts_at_zero(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    assert load_state(folder, module, optimizer, "{}") == 0


def test_kill_between_the_two_renames_of_a_save_loses_nothing(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, "{}")
    folder.rename(folder.with_name("state.old"))
    assert load_state(folder, module, optimizer, "{}") == 5


def test_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, '{"training": {"seed": 1}, "network": "resnet18"}')
    with pytest.raises(InputError, match="a run with seed 1 instead of 2"):
        load_state(folder, module, optimizer, '{"training": {"seed": 2}, "network": "resnet18"}')
    with pytest.raises(InputError, match="a run with network resnet18 instead of googlenet"):
        load_state(folder, module, optimizer, '{"training": {"seed": 1}, "network": "googlenet"}')
    with pytest.raises(InputError, match="other settings"):
        load_state(folder, module, optimizer, "{}")


def test_state_of_other_classes_is_one_line(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, "{}")
    with pytest.raises(InputError, match="other classes of the same data"):
        load_state(folder, nn.Linear(4, 7), optimizer, "{}")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    module, optimizer, _ = tiny_state(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot save the training state"):
        save_state(tmp_path / "file" / "state", 5, module, optimizer, "{}")


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_damaged_state_is_one_line(tmp_path: Path, name: str) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, "{}")
    (folder / name).write_bytes(b"\x00junk")
    with pytest.raises(InputError, match="damaged") as caught:
        load_state(folder, module, optimizer, "{}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["[]", "[" * 100_000, '{"step": "x", "settings": {}, "optimizer": {}}',
                '{"step": 1, "settings": {}, "optimizer": []}', '{"step": 1, "settings": {}, "optimizer": {"zz": 5}}'],
)  # fmt: skip
def test_notes_of_a_state_that_make_no_sense_are_one_line(tmp_path: Path, content: str) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 5, module, optimizer, "{}")
    (folder / "state.json").write_text(content)
    with pytest.raises(InputError, match=r"damaged|belongs to") as caught:
        load_state(folder, module, optimizer, "{}")
    assert "\n" not in str(caught.value)


def test_full_disk_keeps_the_previous_state(tmp_path: Path) -> None:
    module, optimizer, folder = tiny_state(tmp_path)
    save_state(folder, 0, module, optimizer, "{}")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    large = nn.Linear(400, 400)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # bytes a file may have
    try:
        with pytest.raises(InputError, match=r"cannot save the training state.*previous one is kept"):
            save_state(folder, 1, large, torch.optim.SGD(large.parameters(), 0.1), "{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_learning_rate_rises_falls_or_stays() -> None:
    factors = [one_cycle(step, 100) for step in range(100)]
    assert factors.index(max(factors)) in (4, 5)
    assert max(factors) == pytest.approx(1.0)
    assert factors[5:] == sorted(factors[5:], reverse=True)
    assert factors[-1] < 0.001
    assert one_cycle(99, 100, anneal=False) == 1.0
    assert 0 < one_cycle(0, 1) <= 1


def test_step_generator_is_fixed_by_seed_step_and_rank() -> None:
    def draw(*key: int) -> tuple[float, float]:
        rng = step_generator(*key)
        return float(rng.random()), float(torch.rand(()))

    assert draw(1, 2, 0) == draw(1, 2, 0)
    assert len({draw(1, 2, 0), draw(2, 2, 0), draw(1, 3, 0), draw(1, 2, 1)}) == 4


@pytest.mark.parametrize(
    "config",
    [
        N3Config(base="googlenet", adapt=("norm", "fc"), text=TextConfig("some/model", "static", 128, 768)),
        PretrainConfig(("a", "b"), epochs=4.5, anneal=False),
        TrainConfig(classes=(3, 9)),
    ],
)
def test_configs_survive_json(config: Any) -> None:
    assert from_json(type(config), to_json(config)) == config


def toy_pixels(name: str, classes: int, per_class: int, head: str) -> PixelSet:
    """Images whose every pixel is ten times the label."""
    labels = np.repeat(np.arange(classes), per_class)
    pixels = np.broadcast_to((labels * 10).astype(np.uint8)[:, None, None, None], (len(labels), 16, 16, 3))
    return PixelSet(name, pixels, tuple(f"{name}{i}" for i in range(classes)), labels, {head: labels}, {head: classes})


def test_pretraining_batch_mixes_sources_by_share() -> None:
    sources = [toy_pixels("a", 3, 4, "first"), toy_pixels("b", 2, 4, "second")]
    images, targets = draw_batch(sources, np.array([3.0, 1.0]), 400, 16, np.random.default_rng(0))
    assert images.shape == (400, 3, 16, 16)
    first, second = targets["first"], targets["second"]
    assert torch.equal(first < 0, second >= 0)
    assert 250 < int((first >= 0).sum()) < 350
    brightness = images.mean((1, 2, 3)) * 255
    for label in range(3):
        assert brightness[first == label].mean().item() == pytest.approx(10 * label, abs=2)


def test_heads_count_only_the_images_they_have_targets_for() -> None:
    torch.manual_seed(0)
    logits = {"first": torch.randn(6, 3, requires_grad=True), "second": torch.randn(6, 2, requires_grad=True)}
    targets = {"first": torch.tensor([0, 1, 2, -100, -100, -100]), "second": torch.tensor([-100] * 3 + [0, 1, 1])}
    loss, accuracy = heads_loss(logits, targets, {"second": 0.5}, 0.0)
    one = nn.functional.cross_entropy(logits["first"][:3], targets["first"][:3])
    two = nn.functional.cross_entropy(logits["second"][3:], targets["second"][3:])
    torch.testing.assert_close(loss, 0.5 * one + 0.5 * 0.5 * two)
    loss.backward()
    assert not logits["first"].grad[3:].any()
    assert set(accuracy) == {"accuracy/first", "accuracy/second"}


def test_heads_of_one_source_weigh_the_root_of_their_number_together() -> None:
    photographs = toy_pixels("photographs", 3, 4, "class")
    plates = toy_pixels("plates", 2, 4, "petals")
    plates = replace(plates, targets={name: plates.labels for name in ("petals", "leaves", "stem", "height")})
    assert head_weights([photographs, plates]) == {"class": 1.0} | dict.fromkeys(plates.targets, 0.5)


def test_base_with_heads_shares_its_features(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    found = BaseWithHeads("resnet18", {"a": 4, "b": 7}).eval()(images)
    assert {name: tuple(logits.shape) for name, logits in found.items()} == {"a": (5, 4), "b": (5, 7)}


def test_load_base_of_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run `n3 pretrain --data NAME --out .*` first") as caught:
        load_base(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "base.json").write_text('{"base": "resnet18"}')
    (tmp_path / "base.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="n3 pretrain"):
        load_base(tmp_path)


def test_a_damaged_base_is_refused(tmp_path: Path) -> None:
    write_base(tmp_path, nn.Linear(40, 40), "resnet18", "{}")
    assert load_base(tmp_path)[1] == "resnet18"
    notes = json.loads((tmp_path / "base.json").read_text())
    (tmp_path / "base.json").write_text(json.dumps(notes | {"base": ["vgg"]}))
    with pytest.raises(InputError, match="one of resnet18"):
        load_base(tmp_path)
    for junk in ("[]", "[" * 100_000):
        (tmp_path / "base.json").write_text(junk)
        with pytest.raises(InputError, match="no base network"):
            load_base(tmp_path)
    (tmp_path / "base.json").write_text(json.dumps(notes))
    content = bytearray((tmp_path / "base.safetensors").read_bytes())
    content[-40] ^= 0xFF
    (tmp_path / "base.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="corrupt"):
        load_base(tmp_path)


def test_a_loss_that_is_no_number_ends_the_run(image_folder: Path, tmp_path: Path) -> None:
    sources, shares = pretrain_sources([str(image_folder)], SIZE)
    config = PretrainConfig((str(image_folder),), SIZE, epochs=4, batch_size=8, learning_rate=1e30)
    with pytest.raises(InputError, match="lower learning rate"):
        pretrain(config, sources, shares, tmp_path, device="cpu")
    assert not (tmp_path / "base.json").exists()


def toy_source(classes: int = 12, texts: int = 2) -> EpisodeSource:
    """Class c has images of brightness 10 c and texts whose states all equal c, the second text one token longer."""
    lengths = [3 + text for _ in range(classes) for text in range(texts)]
    rows = [np.full((length, 5), index // texts, np.float16) for index, length in enumerate(lengths)]
    angles = np.linspace(0, np.pi, classes)
    pool = TextPool(
        np.concatenate(rows),
        np.cumsum([0, *lengths]),
        tuple(np.arange(c * texts, (c + 1) * texts) for c in range(classes)),
        tuple(np.full(texts, 1 / texts) for _ in range(classes)),
        np.stack([np.cos(angles), np.sin(angles)], 1),
    )
    return EpisodeSource.of(toy_pixels("toy", classes, 5, "toy"), pool)


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_an_episode_point_at_the_text_of_their_class(seed: int) -> None:
    config = TrainConfig(batch_size=20, classes=(3, 6), confusable=0.5, word_dropout=0.0)
    episode = draw_episode(toy_source(), config, np.random.default_rng(seed))
    count = len(episode.states)
    assert 3 <= count <= 6
    drawn = episode.states[:, 0, 0]
    assert len(set(drawn.tolist())) == count
    assert episode.pixels.shape == (20, 16, 16, 3)
    shown = torch.from_numpy(episode.pixels[:, 0, 0, 0].astype(np.float32)) / 10
    assert torch.equal(drawn[episode.labels], shown)
    lengths = episode.mask.sum(1)
    assert set(lengths.tolist()) <= {3, 4}
    assert not episode.states[~episode.mask].any()


def test_tasks_have_as_many_classes_as_asked_or_as_there_are_and_any_of_their_images() -> None:
    def draw(classes: int, asked: tuple[int, int], **settings: float) -> list[Task]:
        config = TrainConfig(batch_size=60, classes=asked, **settings)
        source = toy_source(classes)
        return [draw_task(source.pool, source.rows_of, config, np.random.default_rng(seed)) for seed in range(30)]

    tasks = draw(12, (3, 6))
    assert {len(task.states) for task in tasks} == {3, 4, 5, 6}
    assert {len(task.states) for task in draw(3, (5, 9))} == {3}
    assert {len(task.states) for task in draw(6, (3, 3), confusable=1.0)} == {3}, "no more neighbours than classes"
    for task in tasks:
        labels = task.labels.numpy()
        assert len({*zip(task.rows // 5, labels, strict=True)}) == len({*labels}) == len({*(task.rows // 5)})
    assert {*np.concatenate([task.rows for task in tasks])} == {*range(12 * 5)}


def test_the_mean_state_of_a_class_is_that_of_all_its_texts() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(9, 5)).astype(np.float16)
    pool = TextPool.of(states, np.array([0, 2, 6, 9]), [[1.0, 3.0], [1.0]])
    texts = [states[a:b].astype(np.float32).mean(0) for a, b in ((0, 2), (2, 6), (6, 9))]
    expected = np.stack([(texts[0] + texts[1]) / 2, texts[2]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(pool.means, expected, atol=1e-5)


def test_confusable_classes_are_neighbours_in_text_space() -> None:
    def spread(confusable: float) -> float:
        config = TrainConfig(batch_size=4, classes=(3, 3), confusable=confusable)
        found = [draw_episode(toy_source(), config, np.random.default_rng(seed)).states[:, 0, 0] for seed in range(40)]
        return float(torch.stack(found).std(1).mean())

    assert spread(1.0) < 0.7 * spread(0.0)


def test_an_episode_shifts_all_states_of_a_text_alike_and_by_the_size_of_its_mean() -> None:
    rng = np.random.default_rng(0)
    lengths, scales = rng.integers(2, 6, 8), np.repeat([1.0, 3.0], 4)
    states = [scale * (1 + rng.normal(size=(length, 600))) for length, scale in zip(lengths, scales, strict=True)]
    pool = TextPool.of(np.concatenate(states).astype(np.float16), np.cumsum([0, *lengths]), [[1.0]] * 8)
    images, config = toy_pixels("toy", 8, 2, "toy"), TrainConfig(batch_size=4, classes=(8, 8), word_dropout=0.0)
    plain, noisy = (
        draw_episode(EpisodeSource.of(images, pool, text_noise=noise), config, np.random.default_rng(0))
        for noise in (0.0, 0.5)
    )
    assert torch.equal(plain.mask, noisy.mask)
    shifts = noisy.states - plain.states
    for shift, own, mask in zip(shifts, plain.states, plain.mask, strict=True):
        torch.testing.assert_close(shift[mask], shift[:1].expand(int(mask.sum()), -1), atol=1e-4, rtol=1e-3)
        size = own[mask].mean(0).pow(2).mean().sqrt()
        assert float(shift[0].pow(2).mean().sqrt() / size) == pytest.approx(0.5, rel=0.15)
    alike = torch.corrcoef(shifts[:, 0]) - torch.eye(8)
    assert alike.abs().max() < 0.3, "every text goes its own way"


def test_texts_are_drawn_by_their_weights() -> None:
    pool = replace(toy_source().pool, weights_of=(np.array([0.9, 0.1]),) * 12)
    source = EpisodeSource.of(toy_pixels("toy", 12, 1, "toy"), pool)
    config = TrainConfig(batch_size=1, classes=(12, 12), word_dropout=0.0)
    drawn = [draw_episode(source, config, np.random.default_rng(seed)).mask.sum(1) for seed in range(40)]
    assert float((torch.cat(drawn) == 4).float().mean()) == pytest.approx(0.1, abs=0.04)  # the second text has 4 tokens


def test_a_dataset_is_read_with_noise_and_by_every_kind_of_text_it_has(image_folder: Path) -> None:
    def encode(texts: list[str]) -> TokenStates:
        return TokenStates(torch.ones(len(texts), 2, 5), torch.ones(len(texts), 2, dtype=torch.bool), (), ())

    (source,), _ = episode_sources([str(image_folder)], SIZE, SimpleNamespace(identity="ones", encode=encode))
    assert source.text_noise == recipes._TEXT_NOISE > 0
    assert len(source.pool.starts) == 1 + 2 * 4, "a description and a name of each class"
    info = ClassInfo("n1", "wren", {"name": "wren", "gloss": "a small brown bird", "description": "Brown, short tail."})
    assert dict(recipes._mixed_texts(info)) == {
        "Brown, short tail.": 0.6, "wren: a small brown bird": 0.25, "wren": 0.15,
    }  # fmt: skip
    assert recipes._mixed_texts(replace(info, texts={"name": "wren"})) == [("wren", 0.15)]


def test_plates_and_photographs_share_a_batch_as_told() -> None:
    plates = [toy_pixels(f"{recipes.VARIETIES}-{name}", 2, 1, name) for name in KINGDOMS]
    photographs = toy_pixels("photographs", 2, 1, "photographs")
    assert recipes._shares([*plates, photographs], 0.7) == pytest.approx([0.35, 0.35, 0.3])
    assert recipes._shares(plates, 0.7) == [0.5, 0.5]


def test_word_dropout_hides_tokens_but_never_a_whole_text() -> None:
    config = TrainConfig(batch_size=4, classes=(12, 12), word_dropout=1.0)
    episode = draw_episode(toy_source(), config, np.random.default_rng(0))
    assert episode.mask.sum(1).tolist() == [1] * 12


def test_a_pool_gives_back_the_states_of_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder.load()
    texts = [[("A red bird.", 3.0), ("red", 1.0)], [("A blue bird with a long tail.", 1.0)]]
    pool = encode_pool(encoder, texts, tmp_path)
    states, mask = pool.gather([1, 2, 0])
    expected = encoder.encode(["red", "A blue bird with a long tail.", "A red bird."])
    assert torch.equal(mask, expected.mask)
    torch.testing.assert_close(states, expected.states, atol=2e-3, rtol=2e-3)
    assert [rows.tolist() for rows in pool.texts_of] == [[0, 1], [2]]
    assert pool.weights_of[0].tolist() == [0.75, 0.25]
    np.testing.assert_allclose(np.linalg.norm(pool.means, axis=1), 1, atol=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "encode", lambda *_: pytest.fail("encoded again"))
        assert np.array_equal(encode_pool(encoder, texts, tmp_path).states, pool.states)
    (path,) = tmp_path.glob("*.npz")
    for damaged in (b"", b"junk", path.read_bytes()[:-40]):
        path.write_bytes(damaged)
        assert np.array_equal(encode_pool(encoder, texts, tmp_path).states, pool.states)
    monkeypatch.setattr(encoder, "identity", "the same name, other weights")
    encode_pool(encoder, texts, tmp_path)
    assert len([*tmp_path.glob("*.npz")]) == 2, "another encoder's states are not taken for its own"


@pytest.mark.parametrize(("part", "count"), [("train", 0), ("train", 1), ("val", 0), ("val", 1)])
def test_a_split_with_one_class_to_learn_or_to_choose_by_is_refused(
    part: str, count: int, image_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(image_folder, tmp_path / "swatches")
    names = {"train": ["red", "green"], "val": ["blue", "grey"], "test": ["blue", "grey"]}
    (data / "splits.json").write_text(json.dumps(names | {part: names[part][:count]}))
    with pytest.raises(InputError, match=f"swatches has (no|1) class in '{part}' of its split"):
        if part == "train":
            episode_sources([str(data)], SIZE, TextEncoder.load())
        else:
            validation_sets([str(data)], SIZE, TextEncoder.load())


@pytest.fixture
def drawn_elsewhere() -> Iterator[None]:
    """Plates are drawn in new processes."""
    with blank_main():
        yield


@pytest.mark.usefixtures("drawn_elsewhere")
def test_plates_in_the_cache_are_those_of_the_varieties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the first twelve, too: a species that is named anew may push one variety out among thousands."""
    monkeypatch.setenv("N3_CACHE", str(tmp_path))
    monkeypatch.setattr(recipes, "_VARIETY_COUNT", 14)
    monkeypatch.setattr(recipes, "_PLATES", 1)
    before, _ = pretrain_sources([recipes.VARIETIES], SIZE)
    drawn = {kingdom: random_varieties(kingdom, 15, recipes._SEED) for kingdom in KINGDOMS}
    monkeypatch.setattr(recipes, "_varieties", lambda kingdom: (*drawn[kingdom][:12], *drawn[kingdom][13:]))
    after, _ = pretrain_sources([recipes.VARIETIES], SIZE)
    for old, new, kingdom in zip(before, after, KINGDOMS, strict=True):
        assert np.array_equal(old.pixels[:12], new.pixels[:12])
        expected = render_many(drawn[kingdom][13:], 1, SIZE, recipes._SEED, 12)
        assert np.array_equal(new.pixels[12:], expected) and not np.array_equal(old.pixels[12:], expected)


@pytest.mark.usefixtures("drawn_elsewhere")
def test_varieties_are_drawn_by_many_processes_as_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3_CACHE", str(tmp_path))
    monkeypatch.setattr(recipes, "_VARIETY_COUNT", 5)
    monkeypatch.setattr(recipes, "_DRAWN_AT_ONCE", 2)
    sources, _ = pretrain_sources([recipes.VARIETIES], SIZE)
    plates = len(sources[0].pixels) // 5
    assert plates > 1 and [source.name for source in sources] == [f"{recipes.VARIETIES}-{name}" for name in KINGDOMS]
    for kingdom, source in zip(KINGDOMS, sources, strict=True):
        varieties = random_varieties(kingdom, 5, recipes._SEED)
        assert np.array_equal(source.pixels, render_many(varieties, plates, SIZE, recipes._SEED))
        assert source.labels.tolist() == [label for label in range(5) for _ in range(plates)]
        assert {name: len(values) for name, values in source.targets.items()} == dict.fromkeys(
            source.targets, 5 * plates
        )
        assert source.targets and all(values.max() < source.head_sizes[name] for name, values in source.targets.items())
    assert not [path for path in (tmp_path / "pixels").iterdir() if "part" in path.name]


def test_calibration_centres_features() -> None:
    model = tiny_model().eval()
    pixels = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3), dtype=np.uint8)
    calibrate_features(model, pixels)
    network = build_network("resnet18", 1).eval()
    strip_classifier("resnet18", network)
    network.load_state_dict(model.base_tensors)
    with torch.no_grad():
        features = network(normalise(to_float(pixels)))
    torch.testing.assert_close(model.feature_mean, features.mean(0), atol=1e-5, rtol=1e-4)
    typical = (features - model.feature_mean).norm(dim=1).mean()
    torch.testing.assert_close(model.feature_norm, typical, atol=1e-5, rtol=1e-4)


def watch_steps(monkeypatch: pytest.MonkeyPatch, look: Callable[[torch.optim.Optimizer], None]) -> None:
    """Have `train` show its optimizer before each step, when the gradients are ready."""

    def build(model: N3, config: TrainConfig) -> torch.optim.Optimizer:
        optimizer = build_optimizer(model, config)
        optimizer.register_step_pre_hook(lambda found, *_: look(found))
        return optimizer

    monkeypatch.setattr("n3core.train.build_optimizer", build)


@pytest.mark.parametrize("temperature", [0.01, 1000.0])
def test_a_step_is_adamw_by_the_clipped_gradient_of_the_smoothed_loss(
    temperature: float, make_model: Callable[..., N3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(adapt=("fc",), temperature=temperature, text=TextConfig(hidden_size=5))
    parameters = [*model.parameters()]
    before = [parameter.detach().clone() for parameter in parameters]
    labels, losses, gradients, used = [], [], [], []

    def draw(*given: Any) -> Episode:
        episode = draw_episode(*given)
        labels.append(episode.labels)
        return episode

    def differentiate(_: nn.Module, given: Any, logits: torch.Tensor) -> None:
        wanted = 0.7 * nn.functional.one_hot(labels[0], 3) + 0.3 / 3
        loss = -(wanted * logits.log_softmax(1)).sum(1).mean()
        losses.append(loss.item())
        gradients.extend(torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True))

    def keep_gradients(_: torch.optim.Optimizer) -> None:
        used.extend(torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters)

    monkeypatch.setattr("n3core.train.draw_episode", draw)
    model.register_forward_hook(differentiate)
    watch_steps(monkeypatch, keep_gradients)
    config = TrainConfig(
        steps=1, batch_size=6, classes=(3, 3), learning_rate=0.01, weight_decay=2.0, label_smoothing=0.3
    )
    train(model, config, [toy_source()], [1.0], [], str(tmp_path), device="cpu")
    assert losses_of(tmp_path) == {0: pytest.approx(losses[0], rel=1e-4)}
    whole = torch.cat([gradient.flatten() for gradient in gradients])
    assert (whole.norm() > 2) == (temperature > 1)
    clipped = whole / whole.norm().clamp(min=1)
    # What bfloat16 rounds on the way back depends on how the loss is written.
    assert (torch.cat([gradient.flatten() for gradient in used]) - clipped).norm() < 0.02 * clipped.norm()
    for parameter, old, gradient in zip(parameters, before, used, strict=True):
        decay = 2.0 if old.ndim > 1 else 0.0
        update = gradient / (gradient.abs() + 1e-8) + decay * old  # Adam's averages are those of one gradient
        torch.testing.assert_close(parameter.detach(), old - 0.01 * update, atol=1e-5, rtol=1e-4)


def test_steps_follow_the_schedule_and_judges_see_no_dropout(
    make_model: Callable[..., N3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(adapt=("fc",), text=TextConfig(hidden_size=5))
    rates, modes, judged = [], [], []

    def judge(found: N3, part: ValidationSet) -> float:
        judged.append(found.training)
        return {"one": 10.0, "other": 30.0}[part.name]

    model.register_forward_hook(lambda found, *_: modes.append(found.training))
    watch_steps(monkeypatch, lambda found: rates.append([group["lr"] for group in found.param_groups]))
    monkeypatch.setattr("n3core.train.validate", judge)
    config = TrainConfig(steps=5, batch_size=2, classes=(2, 2), learning_rate=0.004)
    unused = [ValidationSet(n, np.empty(0), np.empty(0), torch.empty(0), torch.empty(0), ()) for n in ("one", "other")]
    train(model, config, [toy_source()], [1.0], unused, tmp_path, device="cpu", validate_every=2)
    assert rates == [[pytest.approx(0.004 * one_cycle(step, 5))] * 2 for step in range(5)]
    assert rates[-1][0] < 0.2 * rates[0][0]
    assert modes == [True] * 5
    assert judged == [False] * 2 * (1 + 3 + 3), "at the start, after 2, 4 and 5 steps, between the start and the end"
    best = json.loads((tmp_path / "best.json").read_text())
    assert (best["mean"], best["step"]) == (20, 0), "the first of equals"


def test_steps_draw_by_seed_and_shares_and_forget_the_last_gradient(
    make_model: Callable[..., N3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, float]] = []
    gradients: list[torch.Tensor] = []

    def draw(source: EpisodeSource, config: TrainConfig, rng: np.random.Generator) -> Episode:
        drawn.append((source.images.name, float(rng.random())))
        return draw_episode(source, config, np.random.default_rng(0))

    def look(optimizer: torch.optim.Optimizer) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        gradients.append(
            torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])
        )

    def run(seed: int, steps: int) -> None:
        model = make_model(adapt=("fc",), dropout=0.0, text=TextConfig(hidden_size=5))
        sources = [replace(toy_source(), images=toy_pixels(name, 12, 5, name)) for name in ("never", "always")]
        config = TrainConfig(
            steps=steps, batch_size=6, classes=(6, 6), learning_rate=1e-9, label_smoothing=0.9, seed=seed
        )
        train(model, config, sources, [0.0, 2.0], [], tmp_path / str(seed), device="cpu")

    monkeypatch.setattr("n3core.train.draw_episode", draw)
    monkeypatch.setattr(
        "n3core.train.draw_augmentation", lambda count, _: draw_augmentation(count, np.random.default_rng(0))
    )
    watch_steps(monkeypatch, look)
    run(0, 3)
    run(1, 1)
    assert {name for name, _ in drawn} == {"always"} and len({number for _, number in drawn}) == 4
    assert 0 < gradients[0].norm() < 0.5, "not clipped, nor would two be"
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0], atol=1e-4, rtol=1e-2)


def test_training_on_features_is_adamw_by_the_clipped_gradient_of_the_smoothed_loss() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0))
    expected = copy.deepcopy(model)
    config = TrainConfig(steps=4, learning_rate=0.05, weight_decay=2.0, label_smoothing=0.3, seed=7)
    lengths, modes = [], []

    def draw(rng: np.random.Generator, network: nn.Module) -> Outcome:
        modes.append(network.training)
        features = torch.from_numpy(rng.normal(0, 10.0 ** rng.integers(-2, 2), (6, 4))).float()
        logits = network(features)
        return Outcome(logits, torch.from_numpy(rng.integers(0, 3, 6)), 0.1 * logits.pow(2).mean())

    meta_train(model, config, lambda rng: draw(rng, model))
    assert modes == [True] * 4 and not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    optimizer = build_optimizer(expected, config)
    for step in range(4):
        logits, labels, penalty = draw(step_generator(7, step), expected)
        wanted = 0.7 * nn.functional.one_hot(labels, 3) + 0.3 / 3
        loss = -(wanted * logits.log_softmax(1)).sum(1).mean() + penalty
        gradients = torch.autograd.grad(loss, [*expected.parameters()])
        lengths.append(float(torch.cat([part.flatten() for part in gradients]).norm()))
        for parameter, gradient in zip(expected.parameters(), gradients, strict=True):
            parameter.grad = gradient / max(lengths[-1], 1)
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * one_cycle(step, 4)
        optimizer.step()
    assert min(lengths) < 0.9 and max(lengths) > 1.1
    for found, wanted in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_episodes_on_features_are_of_the_sources_with_a_share_and_have_their_noise(
    make_model: Callable[..., N3],
) -> None:
    model = make_model(adapt=("fc",), text=TextConfig(hidden_size=5))
    plain = toy_source()
    never, calm, noisy = (
        FeatureSource(np.full((60, 512), fill, np.float32), plain.pool, plain.rows_of, noise)
        for fill, noise in ((np.nan, 0.0), (1.0, 0.0), (1.0, 2.0))
    )
    config = TrainConfig(batch_size=8, classes=(3, 3))
    found = []
    for source in (calm, noisy):
        run_episode = feature_episodes(model, config, [never, source], [0.0, 2.0])
        found.append([run_episode(np.random.default_rng(seed))[0] for seed in range(6)])
        assert torch.isfinite(torch.stack(found[-1])).all()
    assert not any(torch.allclose(one, other) for one, other in zip(*found, strict=True))


def test_a_pull_is_towards_the_mean_centred_feature_of_each_class(make_model: Callable[..., N3]) -> None:
    model = make_model(adapt=("fc",), text=TextConfig(hidden_size=5))
    plain = toy_source()
    features = np.random.default_rng(0).normal(size=(60, 512)).astype(np.float32)
    centre_features(model, torch.from_numpy(features))
    config = TrainConfig(batch_size=8, classes=(3, 3), word_dropout=0.0)
    free, pulled = (
        feature_episodes(model, config, [FeatureSource(features, plain.pool, plain.rows_of, 0.0, pull)], [1.0])(
            np.random.default_rng(5)
        )
        for pull in (0.0, 3.0)
    )
    assert free.penalty == 0.0 and torch.equal(free.logits, pulled.logits)
    task = draw_task(plain.pool, plain.rows_of, config, np.random.default_rng(5))
    with torch.autocast("cpu", torch.bfloat16):
        embedded = model.tokens2label(task.states, task.mask)
    weight = classification_layer(model, embedded.float())[0].detach().numpy()
    angles = []
    for row, k in zip(weight, task.classes, strict=True):
        mean = features[plain.rows_of[k]].mean(0) - features.mean(0)
        angles.append(1 - row @ mean / np.linalg.norm(row) / np.linalg.norm(mean))
    assert isinstance(pulled.penalty, torch.Tensor)
    assert pulled.penalty.item() == pytest.approx(3 * np.mean(angles), rel=1e-4)


def test_what_generates_the_classification_layer_stands_alone(
    make_model: Callable[..., N3], make_states: Callable[..., tuple[torch.Tensor, torch.Tensor]]
) -> None:
    whole = make_model()
    alone = classification_layer_alone(whole, whole.base_tensors)
    assert alone.config.adapt == ("fc",) and not alone.mu
    states, mask = make_states(4)
    unmoved = whole.adapt(states, mask, without=whole.mu)
    for name, tensor in alone.eval().adapt(states, mask).items():
        torch.testing.assert_close(tensor, unmoved[name])
    next(alone.parameters()).data += 1
    assert not torch.equal(next(alone.parameters()), next(whole.parameters())), "weights are copied"


def test_a_start_on_features_trains_the_classification_layer_alone(image_folder: Path, tmp_path: Path) -> None:
    model = tiny_model()
    sources, _ = episode_sources([str(image_folder)], SIZE, TextEncoder.load())
    held_out = validation_sets([str(image_folder)], SIZE, TextEncoder.load())[0]
    calibrate_features(model, sources[0].images.pixels)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    untrained = validate(model.eval(), held_out)
    config = TrainConfig(classes=(2, 4), feature_learning_rate=3e-3, feature_steps=60)
    assert start_on_features(model, config, sources * 2, [0.5, 0.5], tmp_path, device="cpu")
    assert validate(model.eval(), held_out) > max(90, untrained)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert "labels2adaptation.classifier.0.weight" in changed and "log_mu" not in changed
    of_other_layers = {"columns", "queries", "attention", "query_norm"}
    assert not [name for name in changed if of_other_layers & {*name.split(".")}]


def test_training_that_ruins_a_good_start_keeps_the_start(image_folder: Path, tmp_path: Path) -> None:
    model = tiny_model(("fc",))
    sources, shares = episode_sources([str(image_folder)], SIZE, TextEncoder.load())
    held_out = validation_sets([str(image_folder)], SIZE, TextEncoder.load())
    calibrate_features(model, sources[0].images.pixels)
    config = TrainConfig(
        steps=3, batch_size=8, classes=(2, 4), learning_rate=3.0, feature_learning_rate=3e-3, feature_steps=60
    )
    start_on_features(model, config, sources, shares, tmp_path, device="cpu")
    good = validate(model.eval(), held_out[0])
    train(model, config, sources, shares, held_out, tmp_path, device="cpu", validate_every=1)
    assert validate(model.eval(), held_out[0]) < good
    assert json.loads((tmp_path / "best.json").read_text())["step"] == 0
    assert validate(load_checkpoint(tmp_path / "checkpoint"), held_out[0]) == pytest.approx(good, abs=1)


def test_training_keeps_weights_between_its_start_and_its_end_where_they_do_better(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(("fc",))
    sources, shares = episode_sources([str(image_folder)], SIZE, TextEncoder.load())
    held_out = validation_sets([str(image_folder)], SIZE, TextEncoder.load())
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    config = TrainConfig(steps=3, batch_size=8, classes=(2, 4))
    train(model, config, sources, shares, held_out, tmp_path / "whole", device="cpu")
    end = {name: value.detach().clone() for name, value in model.named_parameters()}
    middle = float(start["log_temperature"] + end["log_temperature"]) / 2
    # A judge to whom the middle is best, which no data promises.
    monkeypatch.setattr("n3core.train.validate", lambda judged, _: -abs(judged.log_temperature.item() - middle))
    model.load_state_dict(start, strict=False)
    train(model, config, sources, shares, held_out, tmp_path / "between", device="cpu")
    assert json.loads((tmp_path / "between" / "best.json").read_text())["share_of_end"] == 0.5
    kept = load_checkpoint(tmp_path / "between" / "checkpoint")
    for name, value in kept.named_parameters():
        torch.testing.assert_close(value, (start[name] + end[name]) / 2, atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(dict(model.named_parameters())[name], end[name])
    for name, damaged in (("best.json", b"{"), ("start.safetensors", b"junk"), ("start.safetensors", None)):
        file = tmp_path / "between" / name
        content = file.read_bytes()
        file.unlink() if damaged is None else file.write_bytes(damaged)
        model.load_state_dict(start, strict=False)
        with pytest.raises(InputError, match=rf"{re.escape(name)}.* is missing or damaged"):
            train(model, config, sources, shares, held_out, tmp_path / "between", device="cpu")
        file.write_bytes(content)


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop, data, out, steps = sys.argv[1:]
    sys.exit(0 if run_loop(loop, Path(data), Path(out), int(steps)) else 130)
