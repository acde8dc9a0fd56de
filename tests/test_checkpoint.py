"""A checkpoint loads as it was saved, or says in one line why it does not; a failed save costs nothing."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from n3core.backbone import BASES, build_network, strip_classifier
from n3core.checkpoint import load_checkpoint, save_checkpoint
from n3core.config import N3Config, TextConfig
from n3core.errors import InputError
from n3core.known_checkpoints import title_of
from n3core.model import N3
from tests.processes import start_process

PROJECT = Path(__file__).resolve().parent.parent
ModelMaker = Callable[..., N3]
StatesMaker = Callable[..., tuple[torch.Tensor, torch.Tensor]]
NAMES = ("robin", "wren", "heron")


@pytest.fixture
def saved(make_model: ModelMaker, tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, make_model())
    return folder


def logits_of(model: N3, make_states: StatesMaker, images: torch.Tensor) -> torch.Tensor:
    return model.synthesize(*make_states(len(NAMES)), NAMES)(images)


def edit_config(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "config.json"
    notes = json.loads(path.read_text())
    change(notes)
    path.write_text(json.dumps(notes))


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("base", BASES)
def test_full_precision_gives_identical_logits(
    base: str, make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor, tmp_path: Path
) -> None:
    model = make_model(base, adapt=("norm", "conv", "fc"))
    save_checkpoint(tmp_path / "c", model, half=False)
    loaded = load_checkpoint(tmp_path / "c")
    assert torch.equal(logits_of(loaded, make_states, images), logits_of(model, make_states, images))
    assert loaded.config == model.config
    assert list(loaded.base_tensors) == list(model.base_tensors)


def test_half_precision_gives_close_logits(
    make_model: ModelMaker, make_states: StatesMaker, images: torch.Tensor, tmp_path: Path
) -> None:
    model = make_model()
    save_checkpoint(tmp_path / "half", model)
    save_checkpoint(tmp_path / "full", model, half=False)
    found = logits_of(load_checkpoint(tmp_path / "half"), make_states, images)
    expected = logits_of(model, make_states, images)
    assert not torch.equal(found, expected)
    assert (found - expected).abs().max() < 0.02 * expected.std()
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.51 * sizes[1]


def test_loaded_model_is_ready_to_use(saved: Path) -> None:
    model = load_checkpoint(saved)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32, torch.int64}


def test_weights_are_plain_safetensors(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]
    assert {value.dtype for value in load_file(saved / "model.safetensors").values()} == {torch.float16, torch.int64}
    digest = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert json.loads((saved / "config.json").read_text())["sha256"] == digest


def test_saving_again_replaces_the_model_and_keeps_what_lies_beside_it(saved: Path, make_model: ModelMaker) -> None:
    (saved / "README.md").write_text("card")
    (saved / "figures").mkdir()
    (saved / "figures" / "one.json").write_text("{}")
    other = make_model(seed=7)
    save_checkpoint(saved, other, half=False)
    assert torch.equal(load_checkpoint(saved).tokens2label.summary.weight, other.tokens2label.summary.weight)
    assert (saved / "README.md").read_text() == "card"
    assert (saved / "figures" / "one.json").read_text() == "{}"
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_missing_checkpoint(tmp_path: Path, saved: Path) -> None:
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere")
    (saved / "model.safetensors").unlink()
    assert "model.safetensors" in refusal(saved)


@pytest.mark.parametrize("damage", ["truncate", "flip", "junk", "empty"])
def test_corrupt_weights_are_told_by_their_hash(saved: Path, damage: str) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"truncate": content[:-9], "flip": content, "junk": b"\x00PK\xff" * 50, "empty": b""}[damage]
    path.write_bytes(bytes(damaged))
    message = refusal(saved)
    assert "corrupt" in message
    assert str(path) in message


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"\xff\xfe\x00", b"{}", b"[" * 100_000, b'{"n3": {}}', b'{"n3": 4}']
)
def test_unreadable_config(saved: Path, content: bytes) -> None:
    (saved / "config.json").write_bytes(content)
    assert "config.json" in refusal(saved)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda notes: notes["n3"].update(base="vgg16"), "vgg16"),
        (lambda notes: notes["n3"].update(base="googlenet"), "does not fit"),
        (lambda notes: notes["n3"].update(colour="red"), "colour"),
        (lambda notes: notes["n3"].update(width=20), "does not fit"),
        (lambda notes: notes["n3"].update(heads=3), "does not fit"),
        (lambda notes: notes["n3"].update(width="wide"), "width is 'wide'"),
        (lambda notes: notes["n3"].update(image_size=-5), "image_size is '-5'"),
        (lambda notes: notes["n3"].update(image_size=96.5), "image_size"),
        (lambda notes: notes["n3"].update(heads=0), "heads"),
        (lambda notes: notes["n3"].update(tokens2label_layers=10_000_000), "tokens2label_layers"),
        (lambda notes: notes["n3"].update(gamma=float("nan")), "gamma is 'nan'"),
        (lambda notes: notes["n3"].update(mu=None), "mu"),
        (lambda notes: notes["n3"]["text"].update(max_tokens=2), "max_tokens"),
        (lambda notes: notes["n3"]["text"].update(hidden_size=768), "does not fit"),
        (lambda notes: notes.update(base_tensors=7), "does not fit"),
        (lambda notes: notes.update(base_tensors=["no.such.tensor"]), "no/such/tensor"),
        (lambda notes: notes.update(sha256=None), "corrupt"),
    ],
)
def test_config_that_does_not_fit(saved: Path, change: Callable[[dict], None], word: str) -> None:
    edit_config(saved, change)
    assert word in refusal(saved)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value[0, 0], "conv1.weight has the shape (7, 7), not (64, 3, 7, 7)"),
        (lambda value: value.long(), "torch.int64"),
        (lambda value: value.to(torch.complex64), "torch.complex64"),
        (lambda value: value.index_fill(0, torch.tensor(3), float("nan")), "not finite"),
        (lambda value: None, "conv1"),
    ],
)
def test_altered_weights_are_told_by_name(
    saved: Path, change: Callable[[torch.Tensor], torch.Tensor | None], words: str
) -> None:
    tensors = load_file(saved / "model.safetensors")
    changed = change(tensors.pop("base/conv1/weight"))
    weights = save(tensors | ({} if changed is None else {"base/conv1/weight": changed.contiguous()}))
    (saved / "model.safetensors").write_bytes(weights)
    edit_config(saved, lambda notes: notes.update(sha256=hashlib.sha256(weights).hexdigest()))
    assert words in refusal(saved)
    if changed is None:
        edit_config(saved, lambda notes: notes["base_tensors"].remove("conv1.weight"))
        assert "conv1.weight is missing" in refusal(saved)


def test_a_huge_config_takes_no_memory_before_it_is_compared(saved: Path) -> None:
    edit_config(
        saved, lambda notes: notes["n3"].update(width=4096, tokens2label_layers=32, labels2adaptation_layers=32)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "does not fit" in refusal(saved)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 500_000, "kilobytes; the model has 10 GB"


def test_weights_of_another_base_network(saved: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save_checkpoint(other, make_model("squeezenet1_1"))
    shutil.copy2(other / "model.safetensors", saved / "model.safetensors")
    assert "corrupt" in refusal(saved)
    edit_config(saved, lambda notes: notes.update(sha256=json.loads((other / "config.json").read_text())["sha256"]))
    assert "does not fit" in refusal(saved)


def test_unreadable_weights(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    (saved / "model.safetensors").mkdir()
    assert str(saved) in refusal(saved)


def test_a_package_without_the_model_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n3core.checkpoint.SHIPPED", tmp_path / "checkpoint")
    assert "the project's folder has it" in refusal(tmp_path / "checkpoint")
    assert "the project's folder" not in refusal(tmp_path)


def save_over(folder: Path, times: int, bytes_per_file: int, said: SimpleQueue[str]) -> None:
    """Save another model over `folder`, where no file may grow beyond a size; for a process of its own."""
    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    model = N3(N3Config(width=16, heads=2, text=TextConfig(hidden_size=24)), network.state_dict())
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_per_file, resource.RLIM_INFINITY))
    said.put("ready")
    try:
        for _ in range(times):
            save_checkpoint(folder, model)
    except InputError as error:
        said.put(str(error))
        sys.exit(2)


def test_full_disk_keeps_the_old_checkpoint(saved: Path) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    said: SimpleQueue[str] = get_context("forkserver").SimpleQueue()
    process = start_process(save_over, saved, 1, 1_000_000, said)
    process.join(500)
    assert process.exitcode == 2
    assert said.get() == "ready"
    line = said.get()
    assert "\n" not in line
    assert "File too large" in line or "No space" in line
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    load_checkpoint(saved)


def test_kill_during_a_save_leaves_a_checkpoint(saved: Path) -> None:
    said: SimpleQueue[str] = get_context("forkserver").SimpleQueue()
    process = start_process(save_over, saved, 10_000, resource.RLIM_INFINITY, said)
    assert said.get() == "ready"
    time.sleep(0.6)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    load_checkpoint(saved)


def test_kill_between_the_two_renames_of_a_save_loses_nothing(saved: Path, make_model: ModelMaker) -> None:
    # What such a kill leaves: the old folder moved aside, the new one not yet in its place.
    aside = saved.with_name(f".{saved.name}.old")
    saved.rename(aside)
    expected = make_model().tokens2label.summary.weight
    torch.testing.assert_close(load_checkpoint(saved).tokens2label.summary.weight, expected, atol=1e-3, rtol=1e-3)
    other = make_model(seed=3)
    save_checkpoint(saved, other, half=False)
    assert torch.equal(load_checkpoint(saved).tokens2label.summary.weight, other.tokens2label.summary.weight)
    assert not aside.exists()


@pytest.fixture
def borrower(saved: Path) -> Path:
    """A checkpoint whose base is in `saved`, beside it."""
    folder = saved.with_name("borrower")
    save_checkpoint(folder, load_checkpoint(saved), base_from=saved)
    return folder


def test_a_base_is_taken_from_the_checkpoint_beside(
    saved: Path, borrower: Path, make_states: StatesMaker, images: torch.Tensor
) -> None:
    assert not [name for name in load_file(borrower / "model.safetensors") if name.startswith("base/")]
    own, found = load_checkpoint(saved), load_checkpoint(borrower)
    assert torch.equal(logits_of(found, make_states, images), logits_of(own, make_states, images))
    save_checkpoint(borrower, found)
    shutil.rmtree(saved)
    assert torch.equal(logits_of(load_checkpoint(borrower), make_states, images), logits_of(own, make_states, images))


def test_a_lender_that_changed_is_named(saved: Path, borrower: Path, make_model: ModelMaker) -> None:
    save_checkpoint(saved, make_model(seed=1))
    message = refusal(borrower)
    assert str(saved) in message
    assert "changed" in message
    shutil.rmtree(saved)
    assert str(saved) in refusal(borrower)


def test_a_lender_that_borrows_itself_does_not_fit(saved: Path, borrower: Path) -> None:
    second = saved.with_name("second")
    with pytest.raises(InputError, match="another base"):
        save_checkpoint(second, load_checkpoint(saved), base_from=borrower)
    assert not second.exists()
    notes = json.loads((borrower / "config.json").read_text())
    place = {"folder": borrower.name, "sha256": notes["sha256"]}
    shutil.copytree(borrower, second)
    edit_config(second, lambda notes: notes.update(base_from=place))
    assert "does not fit" in refusal(second)


def test_only_the_same_base_beside_is_left_out(saved: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another base"):
        save_checkpoint(tmp_path / "other", make_model(seed=1), base_from=saved)
    with pytest.raises(InputError, match="not beside"):
        save_checkpoint(tmp_path / "below" / "other", load_checkpoint(saved), base_from=saved)
    with pytest.raises(InputError, match="not beside"):
        save_checkpoint(saved, load_checkpoint(saved), base_from=saved)
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]
    load_checkpoint(saved)


@pytest.mark.parametrize("folder", ["..", "../checkpoint", "/tmp", ".", "", "a/b", "nul\x00", 7, None])
def test_a_base_comes_from_no_other_place(borrower: Path, folder: object) -> None:
    edit_config(borrower, lambda notes: notes["base_from"].update(folder=folder))
    assert str(borrower) in refusal(borrower)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"title": "x"' + b" " * 2_000_000 + b"}", b"\xff", b"7"])
def test_an_odd_config_leaves_the_folder_its_name(saved: Path, content: bytes) -> None:
    (saved / "config.json").write_bytes(content)
    assert title_of(saved) == saved.parent.name


def test_a_title_is_kept_and_a_long_one_is_refused(saved: Path, tmp_path: Path) -> None:
    model = load_checkpoint(saved)
    save_checkpoint(tmp_path / "named", model, title="Mosses")
    assert title_of(tmp_path / "named") == "Mosses"
    with pytest.raises(InputError, match="61 characters"):
        save_checkpoint(tmp_path / "named", model, title="m" * 61)
    assert title_of(tmp_path / "named") == "Mosses"
    save_checkpoint(tmp_path / "named", model)
    assert title_of(tmp_path / "named") == "named"
