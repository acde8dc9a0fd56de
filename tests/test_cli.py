"""The command line: one JSON object on stdout, one line and exit code 2 on bad input, nothing half-written."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from n3core.baselines.registry import METHODS as BENCHMARK_METHODS
from n3core.checkpoint import load_checkpoint
from n3core.known_checkpoints import known_checkpoints
from n3core.pretrain import load_base
from n3core.results.saliency import METHODS as SALIENCY_METHODS
from n3core.selection import read_class_names
from tests.command_line import refused, run, run_json, save_tiny_checkpoint

COLOURS = {"Fire_Lily": (200, 60, 20), "daisy": (240, 240, 240), "gentian": (30, 40, 200), "rue": (230, 210, 20)}
TEXTS = {"Fire_Lily": "Orange red petals.", "daisy": "White petals.", "gentian": "Deep blue.", "rue": "Yellow."}
IMAGES = 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("cli") / "checkpoint")


@pytest.fixture(autouse=True)
def surroundings(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(checkpoint))
    monkeypatch.setenv("N3_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("N3_DATA", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four classes of coloured noise; fire lily and daisy are seen, the others unseen."""
    rng = np.random.default_rng(0)
    root = tmp_path / "meadow"
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(IMAGES):
            pixels = np.clip(np.array(colour) + rng.normal(0, 20, (40, 36, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    (root / "descriptions.json").write_text(json.dumps(TEXTS))
    (root / "splits.json").write_text(json.dumps({"train": ["Fire_Lily", "daisy"], "test": ["gentian", "rue"]}))
    return root


@pytest.fixture
def descriptions(tmp_path: Path) -> Path:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(TEXTS))
    return path


def test_evaluate_prints_every_figure(data: Path, checkpoint: Path) -> None:
    found = run_json("evaluate", "--data", data, "--split", "all", "--permutations", 3)
    assert found["data"] == "meadow" and found["split"] == "all" and found["checkpoint"] == str(checkpoint)
    assert found["class_names"] == list(COLOURS) and found["classes"] == 4
    assert found["images"] == 4 * IMAGES and found["chance"] == 25
    confusion = np.array(found["confusion"])
    assert (confusion.sum(axis=1) == IMAGES).all(), "rows are true classes"
    assert found["column_sums"] == confusion.sum(axis=0).tolist()
    assert found["per_class_accuracy"] == pytest.approx(100 * confusion.trace() / confusion.sum(), abs=1e-3)
    assert found["class_accuracies"] == pytest.approx(100 * confusion.diagonal() / IMAGES, abs=1e-3)
    assert found["top5"] == 100, "there are only four classes"
    assert found["interval"][0] <= found["per_class_accuracy"] <= found["interval"][1]
    assert found["permutations"] == {"median": found["per_class_accuracy"], "spread": 0}, "equivariant"
    assert set(found["controls"]) == {"shuffled", "name_only", "empty"}
    assert found["seconds"] > 0


def test_evaluate_chooses_classes_texts_and_images(data: Path, tmp_path: Path) -> None:
    quick = ("evaluate", "--data", data, "--no-controls", "--permutations", 0)
    found = run_json(*quick, "--limit", 2)
    assert found["class_names"] == ["gentian", "rue"] and found["split"] == "test"
    assert found["images"] == 4 and found["controls"] is found["permutations"] is None
    (tmp_path / "some.txt").write_text("rue\nfire lily\n\n")
    listed = run_json(*quick, "--classes", tmp_path / "some.txt")
    assert listed["class_names"] == ["rue", "Fire_Lily"]
    assert listed["split"] is None and listed["classes_file"] == "some.txt"
    (tmp_path / "some.json").write_text('["daisy", "rue"]')
    assert run_json(*quick, "--classes", tmp_path / "some.json")["class_names"] == ["daisy", "rue"]
    assert run_json(*quick, "--text", "name")["confusion"]


def test_descriptions_replace_the_texts_by_name(data: Path, tmp_path: Path) -> None:
    """The columns follow their texts, whatever the order of the file: swapped texts swap the columns."""
    quick = ("evaluate", "--data", data, "--no-controls", "--permutations", 0)
    task = {"title": "t", "dataset": None, "classes": [{"name": "rue", "description": TEXTS["gentian"]},
                                                       {"name": "Gentian", "description": TEXTS["rue"]}]}  # fmt: skip
    (tmp_path / "swapped.json").write_text(json.dumps(task))
    plain = np.array(run_json(*quick)["confusion"])
    assert plain[:, 0].sum() != plain[:, 1].sum(), "otherwise this test shows nothing"
    swapped = run_json(*quick, "--descriptions", tmp_path / "swapped.json")
    assert swapped["class_names"] == ["gentian", "rue"]
    assert swapped["confusion"] == plain[:, ::-1].tolist()


def test_results_that_differ_in_what_was_measured_say_so(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    quick = ("evaluate", "--data", data, "--no-controls", "--permutations", 0, "--limit", 1, "--seed", 3)
    files = [("--descriptions", tmp_path / f"{stem}.json") for stem in ("other", "copy")]
    (tmp_path / "other.json").write_text(json.dumps({**TEXTS, "rue": "A yellow shrub."}))
    (tmp_path / "copy.json").write_text(json.dumps(dict(reversed(TEXTS.items()))))
    own, named, other, copied = (run_json(*quick, *more)["provenance"] for more in ((), ("--text", "name"), *files))
    weights = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    assert own["checkpoint_sha256"] == weights and own["versions"]["torch"] == importlib.metadata.version("torch")
    assert (own["device"], own["limit"], own["seed"]) == ("cpu", 1, 3) and own["data_version"]
    assert [(found["descriptions"], found["text"]) for found in (own, named, other)] == [
        (None, "description"), (None, "name"), ("other.json", None),
    ]  # fmt: skip
    assert len({found["texts_sha256"] for found in (own, named, other)}) == 3
    assert copied["texts_sha256"] == own["texts_sha256"], "the texts are what counts, not where they lie"


def test_images_without_texts_take_those_of_the_given_file(data: Path, descriptions: Path) -> None:
    (data / "descriptions.json").unlink()
    quick = ("evaluate", "--data", data, "--no-controls", "--permutations", 0)
    assert "no descriptions" in refused(*quick)
    assert run_json(*quick, "--descriptions", descriptions)["images"] == 2 * IMAGES


def test_only_the_classes_that_are_chosen_need_a_text(data: Path, tmp_path: Path) -> None:
    texts = {name: text for name, text in TEXTS.items() if name != "daisy"}
    (data / "descriptions.json").write_text(json.dumps(texts))
    (tmp_path / "some.txt").write_text("gentian\nrue\n")
    assert run_json("evaluate", "--data", data, "--classes", tmp_path / "some.txt")["class_names"] == ["gentian", "rue"]
    assert run_json("evaluate", "--data", data, "--permutations", 0)["class_names"] == ["gentian", "rue"]
    (tmp_path / "texts.json").write_text(json.dumps({name: TEXTS[name] for name in ("gentian", "rue")}))
    assert run_json("diagnose", "--data", data, "--descriptions", tmp_path / "texts.json")["images"] == 2 * IMAGES
    assert "'daisy' has no description; add one" in refused("evaluate", "--data", data, "--split", "train")
    (data / "descriptions.json").unlink()
    assert "meadow has no descriptions; add descriptions.json" in refused("evaluate", "--data", data)


def test_lists_of_classes_in_every_form(data: Path, tmp_path: Path) -> None:
    for name, content in (
        ("a.txt", "     1\tgentian\n     2\true\n"),
        ("b.csv", "Class Name\ngentian\nrue\n"),
        ("c.csv", "gentian\nrue\n"),
        ("d.json", '["gentian", "rue"]'),
    ):
        (tmp_path / name).write_text(content)
        assert read_class_names(tmp_path / name) == ("gentian", "rue"), name


def test_warnings_go_to_stderr_and_leave_stdout_alone(data: Path) -> None:
    (data / "rue" / "broken.png").write_bytes((data / "rue" / "0.png").read_bytes()[:60])
    result = run("evaluate", "--data", data, "--no-controls", "--permutations", 0, "--json")
    assert result.exit_code == 0
    assert "broken.png" in result.stderr
    assert json.loads(result.stdout)["images"] == 2 * IMAGES


def test_the_table_shows_names_as_they_are(data: Path) -> None:
    (data / "rue").rename(data / "[red]rue")
    (data / "descriptions.json").write_text(json.dumps({**TEXTS, "[red]rue": "Yellow."}))
    (data / "splits.json").write_text(json.dumps({"train": ["Fire_Lily", "daisy"], "test": ["gentian", "[red]rue"]}))
    result = run("evaluate", "--data", data, "--no-controls", "--permutations", 0)
    assert result.exit_code == 0
    assert "per-class accuracy" in result.stdout and "[red]rue" in result.stdout


def test_synthesize_and_predict_agree(data: Path, descriptions: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "clf.safetensors"
    found = run_json("synthesize", "--descriptions", descriptions, "--out", out)
    assert found["class_names"] == list(TEXTS) and found["bytes"] == out.stat().st_size
    with safe_open(out, "pt") as file:
        assert json.loads(file.metadata()["class_names"]) == list(TEXTS)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert found["parameters"] == sum(
        value.numel() for name, value in tensors.items() if "running" not in name and "num_batches" not in name
    )
    images = [data / "rue" / "0.png", data / "daisy" / "1.png"]
    predicted = run_json("predict", "--descriptions", descriptions, *images)
    assert predicted["provenance"] == found["provenance"] and found["provenance"]["descriptions"] == "texts.json"
    rows = predicted["images"]
    assert [row["image"] for row in rows] == [str(path) for path in images]
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["class"] == max(row["probabilities"], key=row["probabilities"].get)
    lines = run("predict", "--descriptions", descriptions, "--top", 2, *images).stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"{images[0]}: {rows[0]['class']} ")


def test_a_name_that_would_command_the_terminal_is_printed_harmlessly(data: Path, descriptions: Path) -> None:
    path = data / "rue" / "a\x1b]0;owned\x07\u202e.png"
    (data / "rue" / "0.png").rename(path)
    (line,) = run("predict", "--descriptions", descriptions, path).stdout.splitlines()
    assert line.isprintable() and "]0;owned" in line
    moved = data.rename(data.with_name("me\x1b[31madow"))
    assert "\x1b" not in run("evaluate", "--data", moved, "--no-controls", "--permutations", 0).stdout


def test_predict_takes_folders_and_leaves_out_what_is_no_picture(data: Path, descriptions: Path) -> None:
    (data / "rue" / "broken.png").write_bytes(b"no image")
    result = run("predict", "--json", "--descriptions", descriptions, data / "daisy" / "1.png", data / "rue")
    assert result.stderr.startswith("warning: left out: image ") and "broken.png" in result.stderr
    rows = json.loads(result.stdout)["images"]
    inside = sorted(path for path in (data / "rue").glob("*.png") if path.name != "broken.png")
    assert [row["image"] for row in rows] == [str(data / "daisy" / "1.png"), *map(str, inside)]


def test_wrong_usage_is_one_line_each(data: Path) -> None:
    line = refused("evaluate", "--data", data, "--limit", 0)
    assert "'--limit'" in line and "not '0'; see n3 evaluate --help" in line
    assert "not 'many'" in refused("evaluate", "--data", data, "--limit", "many")
    assert "'--data'; see n3 evaluate --help" in refused("evaluate")
    assert "--bogus; see n3 --help" in refused("--bogus")
    assert "; see n3 describe fetch --help" in refused("describe", "fetch", "--bogus")
    assert "'train\\x1bx'" in refused("train\x1bx")
    assert "no dataset is named" in refused("evaluate", "--data", "")
    for words in ((), ("describe",)):
        result = run(*words)
        assert result.exit_code == 2 and "Commands:" in result.output and "error" not in result.output


def test_bad_selections_are_one_line_each(data: Path, descriptions: Path, tmp_path: Path) -> None:
    evaluate = ("evaluate", "--data", data)
    assert "no dataset" in refused("evaluate", "--data", tmp_path / "nowhere")
    assert "no split 'unseen'" in refused(*evaluate, "--split", "unseen")
    (tmp_path / "typo.json").write_text(json.dumps({"gentian": "Deep blue.", "ruee": "Yellow."}))
    line = refused(*evaluate, "--descriptions", tmp_path / "typo.json")
    assert "'rue' has no description" in line and "'ruee' belongs to no class" in line
    assert "both choose classes" in refused(*evaluate, "--split", "test", "--classes", descriptions)
    assert "both choose texts" in refused(*evaluate, "--text", "name", "--descriptions", descriptions)
    assert "no text 'gloss'" in refused(*evaluate, "--text", "gloss")
    assert "device 'tpu'" in refused(*evaluate, "--device", "tpu")
    (tmp_path / "one.txt").write_text("rue\n")
    assert "at least 2" in refused(*evaluate, "--classes", tmp_path / "one.txt")
    (tmp_path / "twice.txt").write_text("rue\nRue\n")
    assert "twice" in refused(*evaluate, "--classes", tmp_path / "twice.txt")
    (tmp_path / "unknown.txt").write_text("rue\nrose\n")
    assert "'rose'" in refused(*evaluate, "--classes", tmp_path / "unknown.txt")
    (tmp_path / "junk.txt").write_bytes(b"\xff\x00\x81")
    assert "UTF-8" in refused(*evaluate, "--classes", tmp_path / "junk.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    for endless in (tmp_path / "pipe.txt", tmp_path / "zero.txt"):
        if not endless.exists():
            endless.symlink_to("/dev/zero")
        assert "no regular file" in refused(*evaluate, "--classes", endless)
    assert "File name too long" in refused(*evaluate, "--checkpoint", "x" * 5000), "no command foresees every path"
    (data / "empty").mkdir()
    (data / "descriptions.json").write_text(json.dumps(TEXTS | {"empty": "Nothing."}))
    assert "class 'empty' has no readable image" in refused(*evaluate)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps({"gentian": "Deep blue."}), "'rue'"),
        (json.dumps({"gentian": "Deep blue.", "rue": ""}), "'rue' is empty"),
        (json.dumps({"gentian": "Deep blue.", "rue": "word " * 100_000}), "'rue' has"),
        ('{"gentian": "a", "rue": "b", "gentian": "c"}', "'gentian' twice"),
        ('{"gentian": "a\\u0000b", "rue": "b"}', "U+0000"),
        ("\x00\x01\x02", "NUL"),
        ("[[[", "json"),
    ],
)
def test_bad_descriptions_are_one_line_each(content: str, words: str, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    assert words in refused("evaluate", "--data", data, "--descriptions", path)
    out = tmp_path / "clf.safetensors"
    if words != "'rue'":
        assert words in refused("synthesize", "--descriptions", path, "--out", out)
    else:
        assert "at least 2 classes" in refused("synthesize", "--descriptions", path, "--out", out)
    assert not out.exists()


def test_bad_images_are_one_line_each(descriptions: Path, data: Path, tmp_path: Path) -> None:
    good = data / "rue" / "0.png"
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "cut.png").write_bytes(good.read_bytes()[:-200])
    (folder / "text.png").write_text("no image")
    for bad in (folder / "cut.png", folder / "text.png", tmp_path / "missing.png", folder):
        assert str(bad) in refused("predict", "--descriptions", descriptions, good, bad)
    assert "no usable image among 2 image files" in refused("predict", "--descriptions", descriptions, folder)
    assert "no image" in refused("predict", "--descriptions", descriptions, tmp_path / "missing.png")


def test_bad_checkpoints_are_one_line_each(descriptions: Path, data: Path, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "clf.safetensors"
    synthesize = ("synthesize", "--descriptions", descriptions, "--out", out)
    assert "no checkpoint in" in refused(*synthesize, "--checkpoint", tmp_path)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    weights = bytearray((checkpoint / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 1
    (damaged / "model.safetensors").write_bytes(weights)
    assert "corrupt" in refused("evaluate", "--data", data, "--checkpoint", damaged)
    assert "safetensors" in refused("synthesize", "--descriptions", descriptions, "--out", tmp_path / "clf.pt")
    out.mkdir()
    assert "cannot write" in refused(*synthesize)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_gpu_without_memory_is_one_line(data: Path, descriptions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 has ...")

    monkeypatch.setattr("n3core.engine.Engine._logits", run_out)
    line = refused("predict", "--descriptions", descriptions, data / "rue" / "0.png")
    assert "too little memory" in line and "--device cpu" in line


def test_bad_training_options_are_one_line_each(
    data: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", "--data", data, "--out", tmp_path / "run")
    assert "exactly one" in refused(*train)
    assert "exactly one" in refused(*train, "--base", tmp_path, "--from", checkpoint)
    assert "no base network" in refused(*train, "--base", tmp_path)
    assert "'pool'" in refused(*train, "--base", tmp_path, "--adapt", "conv,pool")
    assert "settled" in refused(*train, "--from", checkpoint, "--adapt", "conv,fc")
    with monkeypatch.context() as patch:
        patch.setattr("n3core.recipes.episode_sources", lambda *_: pytest.fail("training images were read first"))
        assert "no class in 'val' of its split; add 'val'" in refused(*train, "--from", checkpoint)
    pretrain = ("pretrain", "--data", data, "--out", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("n3core.training.join_processes", lambda device: SimpleNamespace(num_processes=4))
        for command in (pretrain, (*train, "--from", checkpoint)):
            assert "--batch-size 3 is less than an image for each process; give 4" in refused(
                *command, "--batch-size", 3
            )
    assert "'vgg'" in refused(*pretrain, "--base", "vgg")
    assert "no base network" in refused(*pretrain, "--from", tmp_path)
    assert "needs 17 pixels" in refused(*pretrain, "--base", "squeezenet1_1", "--size", 16)
    assert "holds a resnet18" in refused(*pretrain, "--base", "squeezenet1_1", "--from", checkpoint)
    assert not (tmp_path / "run").exists()


def test_from_images_to_a_classifier(data: Path, tmp_path: Path) -> None:
    """Pre-train, meta-train, go on from the checkpoint, evaluate."""
    (data / "splits.json").unlink()
    base, first, second = (tmp_path / name for name in ("base", "first", "second"))
    options = ("--data", data, "--device", "cpu")
    result = run("pretrain", *options, "--out", base, "--size", 32, "--epochs", 0.1, "--base", "squeezenet1_1")
    assert result.exit_code == 0, result.output
    assert (base / "logs" / "metrics.jsonl").read_text().count("\n") == 1, "few images make one step at least"
    result = run("train", *options, "--base", base, "--out", first, "--steps", 2, "--adapt", "fc")
    assert result.exit_code == 0, result.output
    assert json.loads((first / "checkpoint" / "config.json").read_text())["n3"]["adapt"] == ["fc"]
    result = run("train", *options, "--from", first / "checkpoint", "--out", second, "--steps", 2, "--feature-steps", 3)
    assert result.exit_code == 0, result.output
    assert "no figure of them is zero-shot" in result.stderr, "there are no splits"
    assert "a run with steps 2 instead of 9" in refused_at_last(
        "train", *options, "--from", first / "checkpoint", "--out", second, "--steps", 9, "--feature-steps", 3
    )
    weights = [(run_folder / "checkpoint" / "model.safetensors").read_bytes() for run_folder in (first, second)]
    assert weights[0] != weights[1]
    quick = ("evaluate", "--data", data, "--no-controls", "--permutations", 0)
    found = run_json(*quick, "--checkpoint", second / "checkpoint")
    assert found["images"] == 4 * IMAGES and found["split"] == "all"
    assert f"did you mean {second / 'checkpoint'}?" in refused(*quick, "--checkpoint", second)


def test_the_base_inside_a_checkpoint_starts_a_new_n3_and_a_new_base(
    data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (data / "splits.json").unlink()
    options = ("--data", data, "--device", "cpu")
    result = run("train", *options, "--base", checkpoint, "--out", tmp_path / "n3", "--steps", 1, "--adapt", "fc")
    assert result.exit_code == 0, result.output
    before, after = load_checkpoint(checkpoint), load_checkpoint(tmp_path / "n3" / "checkpoint")
    assert after.config.image_size == before.config.image_size and after.config.adapt != before.config.adapt
    assert all(torch.equal(value, after.base_tensors[name]) for name, value in before.base_tensors.items())
    result = run("pretrain", *options, "--from", checkpoint, "--size", 32, "--epochs", 0, "--out", tmp_path / "base")
    assert result.exit_code == 0, result.output
    assert all(torch.equal(value, before.base_tensors[name]) for name, value in load_base(tmp_path / "base")[0].items())


def refused_at_last(*arguments: object) -> str:
    """Run what must fail after other lines; returns the line of its error."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.stderr.splitlines()[-1]


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"n3-studio {importlib.metadata.version('n3-studio')}\n"


def test_help_lists_what_there_is_to_choose_from() -> None:
    def words(command: str) -> set[str]:
        return set(re.findall(r"[\w-]+", re.sub(r"[\u2500-\u257f]", " ", run(command, "--help").output)))

    assert set(BENCHMARK_METHODS) <= words("benchmark")
    assert set(SALIENCY_METHODS) <= words("explain") & words("report")


def test_help_is_fast_because_nothing_heavy_is_imported() -> None:
    code = "import sys, n3core.cli; print(sorted({'torch', 'streamlit', 'transformers', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_fresh_process_prints_one_line_and_leaves_with_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "n3core", "evaluate", "--data", str(tmp_path / "x\ny")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_a_file_name_that_is_no_text_is_printed_all_the_same(descriptions: Path, data: Path, tmp_path: Path) -> None:
    image = tmp_path / os.fsdecode(b"rue-\xff.png")
    image.write_bytes((data / "rue" / "0.png").read_bytes())
    command = [sys.executable, "-m", "n3core", "predict", "--json", "--descriptions", descriptions, image]
    found = subprocess.run(
        command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    )
    assert json.loads(found.stdout)["images"][0]["image"] == str(image)


def test_the_studio_does_not_start_on_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of '127.0.0.1' cannot be opened" in refused("app", "--port", port)
        assert "cannot be opened" in refused("app", "--port", port, "--host", "192.0.2.7"), "not of this machine"


def test_the_studio_is_told_which_models_to_offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", f"a{os.pathsep}b"):
        save_tiny_checkpoint(tmp_path / name)
    monkeypatch.setenv("N3_CHECKPOINT", "")
    monkeypatch.setenv("N3_DATA", "data")
    monkeypatch.setenv("N3_DEVICE", "auto")
    monkeypatch.setenv("N3_CACHE", f"..{os.sep}{tmp_path.name}{os.sep}kept")
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: started.append(words))
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    assert run("app", "--headless", "--port", port, "--checkpoint", "one", "--checkpoint", "two").exit_code == 0
    assert known_checkpoints() == (tmp_path / "one", tmp_path / "two")
    assert os.environ["N3_DATA"] == str(tmp_path / "data") and os.environ["N3_CACHE"] == str(tmp_path / "kept")
    assert "streamlit" in started[0] and "--server.headless=true" in started[0]
    assert "--server.address=127.0.0.1" in started[0], "there are no accounts"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N3_CHECKPOINT", os.pathsep.join(("one", str(tmp_path / "two"))))
    assert run("app", "--headless", "--port", port, "--device", "cpu").exit_code == 0
    assert os.environ["N3_DEVICE"] == "cpu"
    assert "device 'gpu' is unknown" in refused("app", "--port", port, "--device", "gpu")
    assert known_checkpoints() == (tmp_path / "one", tmp_path / "two"), "wherever the studio runs"
    assert "rename the folder" in refused("app", "--port", port, "--checkpoint", tmp_path / f"a{os.pathsep}b")
    assert "no checkpoint in three" in refused("app", "--port", port, "--checkpoint", "three")
    assert len(started) == 2
