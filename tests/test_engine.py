"""The engine: nothing is computed twice, many threads get what one would, and the base stays as it was."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn
from torchvision import models

from n3core.backbone import build_network, normalise, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.config import N3Config
from n3core.datasets.base import square_pixels
from n3core.datasets.images import decode_image
from n3core.descriptions import ClassDescription, TaskSpec
from n3core.engine import Engine
from n3core.errors import InputError
from n3core.model import N3

SIZE = 32
COLOURS = ("red", "blue", "white", "yellow", "violet", "orange", "green", "black", "brown", "grey")


def task_of(*colours: str) -> TaskSpec:
    return TaskSpec(tuple(ClassDescription(name, f"A flower with {name} petals.") for name in colours))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded N3 over a random ResNet-18, large adaptations so that every tensor matters."""
    torch.manual_seed(0)
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    folder = tmp_path_factory.mktemp("engine") / "checkpoint"
    config = N3Config(image_size=SIZE, width=16, heads=2, dropout=0.0, mu=0.05)
    save_checkpoint(folder, N3(config, network.state_dict()))
    return folder


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)


def test_explanations_are_of_the_picture_that_is_predicted(checkpoint: Path) -> None:
    engine, task = Engine(checkpoint, device="cpu"), task_of("red", "blue", "white")
    lying = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 60, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    stream = io.BytesIO()
    lying.save(stream, "PNG", exif=exif)
    turned = Image.open(stream)
    shares = engine.predict(task, [turned]).probabilities[0]
    np.testing.assert_allclose(shares, engine.predict(task, [lying.rotate(-90, expand=True)]).probabilities[0])
    (evidence,) = engine.explain_tokens(task, [turned], ["blue"])
    assert evidence.target == "blue"
    assert np.exp(evidence.positive.log_probability) == pytest.approx(shares[1], rel=1e-6)
    maps = engine.explain_pixels(task, [turned], ["blue"], "gradient_x_input", quantity="logit")
    np.testing.assert_allclose(maps.prediction.probabilities[0], shares, rtol=1e-2)
    for explain in (engine.explain_tokens, engine.explain_pixels):
        with pytest.raises(InputError, match="'pink' is not in the task; it has red, blue, white"):
            explain(task, [turned], ["pink"])
        with pytest.raises(InputError, match="3 images with 1 targets; give one target for each"):
            explain(task, [turned] * 3, ["blue"])


def count_encoded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that reaches the encoder from now on."""
    reached: list[str] = []
    encode = engine._encoder.encode
    monkeypatch.setattr(engine._encoder, "encode", lambda texts: (reached.extend(texts), encode(texts))[1])
    return reached


def test_predictions_are_those_of_the_synthesized_network(checkpoint: Path, images: np.ndarray) -> None:
    engine = Engine(checkpoint, device="cpu")
    task = task_of("red", "blue", "white")
    found = engine.predict(task, images)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        expected = engine.synthesize(task)(pixels).numpy()
    assert found.class_names == ("red", "blue", "white")
    assert found.logits == pytest.approx(expected, abs=1e-4)
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.top(0, 1)[0][0] == found.class_names[found.labels[0]]
    assert (engine.predict_function(task.texts)(images) == found.logits).all()


def test_pictures_of_any_size_and_arrays_agree(checkpoint: Path, images: np.ndarray) -> None:
    engine = Engine(checkpoint, device="cpu")
    task = task_of("red", "blue")
    pictures = [Image.fromarray(image) for image in images]
    assert (engine.predict(task, pictures).logits == engine.predict(task, images).logits).all()
    large = [picture.resize((SIZE * 3, SIZE * 2)) for picture in pictures]
    assert engine.predict(task, large).logits.shape == (6, 2)
    assert (engine.predict(task, np.stack(large)).logits == engine.predict(task, large).logits).all()
    assert engine.predict(task, []).probabilities.shape == (0, 2)
    mixed = [pictures[0], images[1], np.array(large[2])]
    assert (engine.predict(task, mixed).logits[:2] == engine.predict(task, images[:2]).logits).all()
    for wrong, told in (
        (images / 255, r"images must be uint8 \(N, H, W, 3\), not float64"),
        (images[0], r"not uint8 \(32, 32, 3\)"),
        (torch.from_numpy(images), "images are a Tensor; give a list of pictures of PIL or of uint8 arrays"),
        (pictures[0], "images are a Image; give a list"),
        ("bird.png", "images are a str; give a list"),
        (["bird.png"], "image 0 is a str; give pictures of PIL or uint8 arrays"),
        ([pictures[0], images[0] / 255], r"image 1 is an array \(32, 32, 3\) of float64; give"),
        ([images[0, :0]], r"image 0 is an array \(0, 32, 3\) of uint8; give"),
    ):
        with pytest.raises(InputError, match=told):
            engine.predict(task, wrong)


def test_a_picture_is_what_its_file_is(checkpoint: Path, images: np.ndarray, tmp_path: Path) -> None:
    engine, grey = Engine(checkpoint, device="cpu"), images[0, :, :, 0]
    clear = np.dstack([images[0], np.where(np.arange(SIZE) < SIZE // 2, 0, 255)[None].repeat(SIZE, 0)])
    pictures = {
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "fractions.tif": Image.fromarray(grey.astype(np.float32) / 255),
        "clear.png": Image.fromarray(clear.astype(np.uint8)),
        "palette.png": Image.fromarray(images[0]).quantize(16),
    }
    exif = Image.Exif()
    exif[274] = 6
    for name, picture in pictures.items():
        picture.save(tmp_path / name, exif=exif)
        decoded = decode_image(tmp_path / name, name)
        expected = square_pixels(decoded, SIZE)
        for again in (Image.open(tmp_path / name), decoded):
            np.testing.assert_array_equal(engine.square([again])[0], expected, err_msg=name)
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "range.tif")
    with pytest.raises(InputError, match="image 0 holds values outside 0 to 1; save it with 8 bits"):
        engine.square([Image.open(tmp_path / "range.tif")])
    (tmp_path / "half.png").write_bytes((tmp_path / "deep.png").read_bytes()[:700])
    with pytest.raises(InputError, match="image 0 is truncated or damaged"):
        engine.square([Image.open(tmp_path / "half.png")])


def test_only_the_edited_description_is_encoded(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(checkpoint, device="cpu")
    reached = count_encoded(engine, monkeypatch)
    task = task_of(*COLOURS)
    first = engine.synthesize(task)
    assert reached == list(task.texts)
    assert engine.synthesize(task) is first
    edited = ClassDescription(COLOURS[3], "A flower with pale petals and a dark centre.")
    second = engine.synthesize(TaskSpec((*task.classes[:3], edited, *task.classes[4:])))
    assert reached[len(COLOURS) :] == [edited.text]
    assert not torch.equal(first.network.conv1.weight, second.network.conv1.weight)


def test_states_do_not_depend_on_the_other_texts(checkpoint: Path) -> None:
    texts = ["Red.", "A blue flower with many long petals and a white centre.", ""]
    together, alone = Engine(checkpoint, device="cpu"), Engine(checkpoint, device="cpu")
    encoded = together.encode(texts)
    for row, text in enumerate(texts):
        part = alone.encode([text])
        length = part.states.shape[1]
        assert torch.equal(encoded.states[row, :length], part.states[0])
        assert int(encoded.mask[row].sum()) == length
    for read in (alone.encode, alone.predict_function):
        with pytest.raises(InputError, match=r"texts are 'Red\.', one of them; give a list"):
            read("Red.")


def test_a_checkpoint_is_a_path_or_its_name(checkpoint: Path) -> None:
    assert Engine(str(checkpoint), device="cpu").checkpoint == checkpoint


def test_caches_are_bounded(checkpoint: Path) -> None:
    engine = Engine(checkpoint, device="cpu", max_texts=3, max_classifiers=2)
    for first in COLOURS:
        engine.synthesize(task_of(first, *[name for name in COLOURS[:5] if name != first]))
        assert len(engine._texts) <= 3
        assert len(engine._classifiers) <= 2


def test_many_threads_get_what_one_gets_and_the_base_is_untouched(checkpoint: Path, images: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    tasks = [task_of(*rng.choice(COLOURS, size=int(rng.integers(2, 7)), replace=False)) for _ in range(24)]
    alone = Engine(checkpoint, device="cpu")
    expected = [alone.predict(task, images).logits for task in tasks]
    shared = Engine(checkpoint, device="cpu", max_texts=4, max_classifiers=3)
    before = {name: value.clone() for name, value in shared.model.state_dict().items()}
    rounds = [(number, task) for _ in range(3) for number, task in enumerate(tasks)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: (job[0], shared.predict(job[1], images).logits), rounds))
    for number, logits in found:
        assert np.array_equal(logits, expected[number]), f"task {number} differs in its bits"
    assert len({logits.tobytes() for logits in expected}) == len(expected), "the tasks are different ones"
    assert all(torch.equal(value, before[name]) for name, value in shared.model.state_dict().items())
    assert all(parameter.grad is None for parameter in shared.model.parameters())


def test_an_exported_classifier_needs_torchvision_only(checkpoint: Path, images: np.ndarray, tmp_path: Path) -> None:
    engine = Engine(checkpoint, device="cpu")
    task = task_of("red", "blue", "white")
    engine.export(task, str(tmp_path / "flowers.safetensors"))
    with pytest.raises(InputError, match=r"to \*\.safetensors, not 'flowers\.pt'; choose such a name"):
        engine.export(task, tmp_path / "flowers.pt")
    with safe_open(tmp_path / "flowers.safetensors", "pt") as file:
        notes, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    names = json.loads(notes["class_names"])
    network: nn.Module = getattr(models, notes["base"])(num_classes=len(names)).eval()
    network.load_state_dict(tensors)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        logits = network(normalise(pixels)).numpy()
    assert names == list(task.names)
    assert logits == pytest.approx(engine.predict(task, images).logits, abs=1e-4)
    assert json.loads(notes["descriptions"]) == dict(zip(task.names, task.texts, strict=True))
    assert notes["n3_version"] == importlib.metadata.version("n3-studio")
    weights = (checkpoint / "model.safetensors").read_bytes()
    assert notes["checkpoint_sha256"] == hashlib.sha256(weights).hexdigest()


def test_the_same_classifier_is_the_same_file(checkpoint: Path, tmp_path: Path) -> None:
    task = TaskSpec(
        (ClassDescription("Blüte", 'A "red" \\ flower, 赤い.\nTwo lines.'), ClassDescription("b", "Blue 😀."))
    )
    engine, written = Engine(checkpoint, device="cpu"), set()
    for _ in range(3):  # eight notes in an order of chance
        engine.export(task, tmp_path / "one.safetensors")
        written.add((tmp_path / "one.safetensors").read_bytes())
    assert len(written) == 1
    with safe_open(tmp_path / "one.safetensors", "pt") as file:
        assert json.loads(file.metadata()["descriptions"]) == dict(zip(task.names, task.texts, strict=True))


def test_descriptions_that_no_header_holds_are_left_out(checkpoint: Path, tmp_path: Path) -> None:
    """The names stand beside the network all the same."""
    engine = Engine(checkpoint, device="cpu")
    few = task_of("red", "blue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("n3core.engine._MOST_NOTED", 5)
        engine.export(few, tmp_path / "large.safetensors")
    with safe_open(tmp_path / "large.safetensors", "pt") as file:
        assert "descriptions" not in file.metadata() and json.loads(file.metadata()["class_names"]) == ["red", "blue"]


def test_bad_checkpoints_and_devices_are_named(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint in"):
        Engine(tmp_path)
    with pytest.raises(InputError, match="device 'gpu'"):
        Engine(checkpoint, device="gpu")
