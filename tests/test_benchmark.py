"""The benchmark's machinery: what a method may see, resuming, choosing settings, files and tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from n3core.backbone import build_network, feature_network, normalise, strip_classifier
from n3core.baselines.base import BaseNetwork, ClassTexts, ImageSet, MethodEntry
from n3core.baselines.registry import METHODS, choose_methods
from n3core.benchmark.ablations import ablation_sheet, fix_settings, list_variants, run_ablation
from n3core.benchmark.attribute_bench import AttributeBench
from n3core.benchmark.features import map_network
from n3core.benchmark.files import decode, encode, parse_results, read_results, write_results
from n3core.benchmark.judge import Measurements
from n3core.benchmark.progress import Silent
from n3core.benchmark.request import BenchRequest
from n3core.benchmark.run import Plan, make_sheets, run_benchmark
from n3core.benchmark.sequences import ContinualPlan
from n3core.benchmark.source import open_source
from n3core.benchmark.tables import PUBLISHED_HEADER, methods_sheet, to_markdown, to_terminal
from n3core.benchmark.texts import TextReader, split_sentences
from n3core.benchmark.tune import _open_study, tune
from n3core.datasets.gbu import GbuFeatures
from n3core.errors import InputError
from n3core.pretrain import write_base
from n3core.results.benchmark import BenchmarkResults
from tests.processes import start_process

COLOURS = {
    "red": (220, 30, 30), "green": (30, 170, 50), "blue": (40, 60, 210), "yellow": (230, 220, 30),
    "black": (20, 20, 20), "white": (240, 240, 240), "orange": (250, 150, 20), "pink": (240, 130, 190),
    "teal": (20, 150, 150), "brown": (120, 70, 20), "violet": (140, 50, 190), "beige": (220, 210, 170),
}  # fmt: skip
SPLIT = {
    "train": ["red", "green", "blue", "yellow", "black", "white"],
    "val": ["orange", "pink", "teal"],
    "test": ["brown", "violet", "beige"],
}
IMAGES = 8


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base network with random weights at 32 pixels."""
    torch.manual_seed(0)
    network = build_network("resnet18", 1)
    strip_classifier("resnet18", network)
    folder = tmp_path_factory.mktemp("base")
    write_base(folder, network, "resnet18", json.dumps({"image_size": 32}))
    return folder


def paint(folder: Path, *, noise: tuple[str, ...] = ()) -> Path:
    """Twelve colours as classes; those in `noise` are noise without colour instead."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(IMAGES):
            pixels = np.clip(np.array(colour) + rng.normal(0, 20, (32, 32, 3)), 0, 255)
            if name in noise:
                pixels = rng.integers(0, 256, (32, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    texts = {name: f"A square of {name} cloth. It is plainly {name}." for name in COLOURS}
    (folder / "descriptions.json").write_text(json.dumps(texts))
    (folder / "splits.json").write_text(json.dumps(SPLIT))
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture
def request_of(colours: Path, base: Path) -> BenchRequest:
    return BenchRequest(str(colours), base=base, command=("n3", "benchmark", "--data", "colours"))


class Nearest:
    """Classifies by the mean feature of the seen class whose text is nearest; counts its fits."""

    fits: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        Nearest.fits.append((self.name, self.seed))
        self._semantics = texts.semantics
        self._means = np.stack([images.features[labels == k].mean(0) for k in range(len(texts))])

    def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
        weights = texts.semantics @ self._semantics.T
        weights = np.exp(5 * (weights - weights.max(1, keepdims=True)))
        prototypes = weights / weights.sum(1, keepdims=True) @ self._means
        return -np.linalg.norm(images.features[:, None] - prototypes[None], axis=2).astype(np.float32)


def entry_of(name: str, **changes: Any) -> MethodEntry:
    entry = MethodEntry(
        name,
        name.title(),
        "nowhere",
        frozenset(),
        lambda settings, base, seed: Nearest(name, seed),
        lambda trial: {"strength": trial.suggest_float("strength", 0, 1)},
        {"strength": 0.5},
    )
    return replace(entry, **changes)


def plan_of(out: Path, *entries: MethodEntry, **changes: Any) -> Plan:
    quick: dict[str, Any] = {"seeds": 2, "trials": 0, "measurements": Measurements(permutations=2)}
    return Plan(entries, out, **(quick | changes))


# Features and maps


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "squeezenet1_1"])
def test_maps_are_what_the_base_computes(name: str) -> None:
    torch.manual_seed(1)
    network = build_network(name, 1)
    strip_classifier(name, network)
    base = BaseNetwork(name, network.state_dict(), 64)
    images = normalise(torch.rand(2, 3, 64, 64))
    features, maps = feature_network(name, network.state_dict())(images), map_network(base)(images)
    assert maps.shape[:2] == features.shape
    if name == "resnet18":  # dense: every second place is one of the base's own
        assert maps.shape[2:] == (4, 4)
        maps = maps[:, :, ::2, ::2]
    assert torch.allclose(maps.mean((2, 3)), features, atol=1e-5)


# Who sees what


def test_the_parts_of_a_run_share_no_image_but_the_continual_ones(colours: Path) -> None:
    source = open_source(str(colours))
    parts = {
        part: {ref.id for refs in source.refs[part].values() for ref in refs}
        for part in ("train", "calibration", "seen_test", "validation", "test")
    }
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 12 * IMAGES
    assert all(len(source.refs["seen_test"][name]) for name in SPLIT["train"])
    assert open_source(str(colours)).refs == source.refs
    assert source.classes_of("train")[0].id == "red" and source.classes_of("test")[0].id == "brown"
    everything = {ref.id for refs in source.refs["continual_train"].values() for ref in refs}
    assert everything.isdisjoint({ref.id for refs in source.refs["continual_test"].values() for ref in refs})


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": ["red", "green"], "val": [], "test": ["blue", "red"]}, "both in 'train' and in 'test'"),
        ({"train": ["red", "green"], "val": ["blue"], "test": ["blue", "pink"]}, "both in 'val' and in 'test'"),
        ({"train": ["red", "green"], "test": ["blue"]}, "'test' has 1 class"),
        ({"train": ["red", "mauve"], "test": ["blue", "pink"]}, "mauve"),
        ({"train": ["red", "red"], "test": ["blue", "pink"]}, "twice"),
        ({"train": ["red", "green"], "dev": [], "test": ["blue", "pink"]}, "must be like"),
        ({"train": "red", "test": ["blue", "pink"]}, "must be a list"),
    ],
)
def test_wrong_splits_are_refused(colours: Path, tmp_path: Path, split: Any, message: str) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps(split))
    with pytest.raises(InputError, match=message):
        open_source(str(colours), split_file=file)


def test_an_own_split_by_names_is_taken(colours: Path, tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps({"train": ["RED", "green"], "test": ["pink", "teal"]}))
    split = open_source(str(colours), split_file=file).split
    assert [info.id for info in split.seen] == ["red", "green"]
    assert split.validation == () and split.name == "split.json"


def test_settings_and_gamma_do_not_depend_on_test_images(colours: Path, base: Path, tmp_path: Path) -> None:
    found = []
    for data in (colours, paint(tmp_path / "colours", noise=tuple(SPLIT["test"]))):
        bench = BenchRequest(str(data), base=base).open()
        measurements = Measurements(controls=False, permutations=0, generalized=True)
        plan = Plan((METHODS["eszsl"],), tmp_path / f"out{len(found)}", 1, 6, measurements)
        found.append(run_benchmark(bench, plan).runs[0])
    first, second = found
    assert first.settings == second.settings and first.settings != METHODS["eszsl"].default
    assert first.generalized is not None and second.generalized is not None
    assert first.generalized.gamma == second.generalized.gamma
    assert first.accuracy != second.accuracy


# Running and resuming


def test_a_run_is_resumed_and_nothing_is_done_twice(request_of: BenchRequest, tmp_path: Path) -> None:
    one, two = entry_of("one"), entry_of("two")
    Nearest.fits = []
    bench = request_of.open()
    run_benchmark(bench, plan_of(tmp_path, one, trials=2))
    assert Nearest.fits == [("one", 0)] * 2 + [("one", 0), ("one", 1)]
    Nearest.fits = []
    results = run_benchmark(bench, plan_of(tmp_path, one, two, trials=2))
    assert Nearest.fits == [("two", 0)] * 2 + [("two", 0), ("two", 1)]
    assert results.methods == ("one", "two") and len(results.runs) == 4
    Nearest.fits = []
    assert run_benchmark(bench, plan_of(tmp_path, one, two, trials=2)) == results
    assert Nearest.fits == []
    assert read_results(tmp_path / "results.json") == results
    assert len(run_benchmark(bench, plan_of(tmp_path, one, trials=2, seeds=3)).runs) == 5
    assert Nearest.fits == [("one", 2)]


def test_rows_keep_the_order_of_the_registry(request_of: BenchRequest, tmp_path: Path) -> None:
    entries = tuple(entry_of(name) for name in ("one", "two", "ten"))
    bench = request_of.open()
    run_benchmark(bench, plan_of(tmp_path, entries[2], known=entries))
    results = run_benchmark(bench, plan_of(tmp_path, entries[0], known=entries))
    assert results.methods == ("one", "ten")
    assert "| Ten |" in (tmp_path / "results.md").read_text()


def test_a_finished_run_computes_no_features(
    request_of: BenchRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_benchmark(request_of.open(), plan_of(tmp_path, entry_of("one")))
    bench = request_of.open()
    monkeypatch.setattr(type(bench), "load", lambda *_, **__: pytest.fail("nothing is left to load for"))
    assert run_benchmark(bench, plan_of(tmp_path, entry_of("one"))).runs == first.runs


def test_more_measurements_are_made_up_for(request_of: BenchRequest, tmp_path: Path) -> None:
    bench = request_of.open()
    plain = run_benchmark(bench, plan_of(tmp_path, entry_of("one"), measurements=Measurements(False, 0))).runs[0]
    assert plain.controls is plain.permutations is plain.generalized is None
    full = run_benchmark(bench, plan_of(tmp_path, entry_of("one"), measurements=Measurements(True, 3, True))).runs[0]
    assert full.controls is not None and full.permutations is not None and full.generalized is not None
    assert full.accuracy == plain.accuracy and full.permutations.spread < 1e-6


def test_another_base_split_or_text_in_the_same_folder_is_refused(request_of: BenchRequest, tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out", entry_of("one"), seeds=1)
    run_benchmark(request_of.open(), plan)
    other = tmp_path / "split.json"
    other.write_text(json.dumps({"train": SPLIT["train"], "test": ["violet", "beige"]}))
    for change, key in (
        ({"text_mode": "static"}, "text reading"),
        ({"split_file": other}, "split"),
        ({"images_per_class": 4}, "images per class"),
    ):
        with pytest.raises(InputError, match=f"another {key}"):
            run_benchmark(replace(request_of, **change).open(), plan)


def test_one_failure_loses_no_other_method(request_of: BenchRequest, tmp_path: Path) -> None:
    def explode(settings: Mapping[str, Any], base: BaseNetwork, seed: int) -> Any:
        raise InputError("the moon is full")

    class Diverged(Nearest):
        def predict(self, images: ImageSet, texts: ClassTexts) -> np.ndarray:
            return np.full((len(images), len(texts)), np.nan, np.float32)

    entries = (
        entry_of("bad", build=explode),
        entry_of("nan", build=lambda settings, base, seed: Diverged("nan", seed)),
        entry_of("clip", unavailable=lambda base: "weights not available"),
        entry_of("good"),
    )
    results = run_benchmark(request_of.open(), plan_of(tmp_path, *entries))
    assert results.methods == ("good",)
    assert "the moon is full" in results.unavailable["bad"] and "diverged" in results.unavailable["nan"]
    sheet = methods_sheet(results)
    row = next(row for row in sheet.rows if row[0] == "clip")
    assert row[1] == "weights not available" and not any(character.isdigit() for cell in row[:-1] for character in cell)
    mended = run_benchmark(request_of.open(), plan_of(tmp_path, entry_of("bad"), entry_of("good")))
    assert mended.methods == ("bad", "good") and mended.unavailable == {}


@pytest.mark.parametrize("name", ["what?a", "100%25", "plain é#"])
def test_studies_lie_where_they_are_told_to(name: str, tmp_path: Path) -> None:
    _open_study("n3", tmp_path / name / "studies.sqlite")
    assert [path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("studies.sqlite")] == [name]


class Slow(Nearest):
    """Says that it has come to the second seed, and stays there."""

    def __init__(self, seed: int, said: SimpleQueue[str]) -> None:
        super().__init__("one", seed)
        self._said = said

    def fit(self, images: ImageSet, labels: np.ndarray, texts: ClassTexts) -> None:
        if self.seed:
            self._said.put("second")
            time.sleep(600)
        super().fit(images, labels, texts)


def run_slowly(colours: Path, base: Path, out: Path, said: SimpleQueue[str]) -> None:
    torch.set_num_threads(1)
    entry = entry_of("one", build=lambda settings, base, seed: Slow(seed, said))
    run_benchmark(BenchRequest(str(colours), base=base).open(), plan_of(out, entry))


def test_a_killed_run_goes_on_where_it_was(colours: Path, base: Path, tmp_path: Path) -> None:
    said: SimpleQueue[str] = get_context("forkserver").SimpleQueue()
    process = start_process(run_slowly, colours, base, tmp_path, said)
    assert said.get() == "second"
    process.kill()
    process.join(60)
    half = read_results(tmp_path / "results.json")
    assert [run.seed for run in half.runs] == [0]
    Nearest.fits = []
    done = run_benchmark(BenchRequest(str(colours), base=base).open(), plan_of(tmp_path, entry_of("one")))
    assert Nearest.fits == [("one", 1)] and done.runs[0] == half.runs[0] and len(done.runs) == 2


def test_real_methods_run_side_by_side(request_of: BenchRequest, tmp_path: Path) -> None:
    entries = (
        fix_settings(METHODS["n3"], {"steps": 2, "batch_size": 8, "width": 16, "heads": 2}),
        METHODS["eszsl"],
        fix_settings(METHODS["mlp-cn"], {"steps": 5, "hidden_size": 16}),
        METHODS["n3-shipped"],
    )
    measurements = Measurements(permutations=2, generalized=True)
    results = run_benchmark(request_of.open(), plan_of(tmp_path, *entries, seeds=1, measurements=measurements))
    assert results.methods == ("n3", "eszsl", "mlp-cn") and set(results.unavailable) == {"n3-shipped"}
    for run in results.runs:
        assert set(run.class_accuracies) == set(SPLIT["test"])
        assert run.controls is not None and run.controls.empty == pytest.approx(100 / 3)
        assert run.generalized is not None and 0 <= run.generalized.ausuc <= 1
    text = (tmp_path / "results.md").read_text()
    assert "| chance | 33.3 |" in text and "shuffled text" in text and PUBLISHED_HEADER in text
    assert "n3 benchmark --data colours" in text and "CUB SS 17.6" in text


# Choosing settings


def test_an_interrupted_search_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    entry = entry_of("one")

    def run(file: Path, stop_at: int | None) -> tuple[Any, list[float]]:
        tried: list[float] = []

        def measure(settings: Mapping[str, Any]) -> float:
            if len(tried) == stop_at:
                raise KeyboardInterrupt
            tried.append(settings["strength"])
            return 100 * settings["strength"]

        return tune(entry, 6, file, measure, seed=3), tried

    whole, tried = run(tmp_path / "whole.sqlite", None)
    assert tried[0] == 0.5 and len(set(tried)) == 6
    assert whole.settings == {"strength": max(tried)} and whole.score == 100 * max(tried)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.sqlite", 3)
    again, rest = run(tmp_path / "cut.sqlite", None)
    assert again == whole and rest == tried[3:]


def test_settings_that_cannot_be_fitted_are_passed_over(tmp_path: Path) -> None:
    def measure(settings: Mapping[str, Any]) -> float:
        if settings["strength"] != 0.5:
            raise InputError("too strong")
        return 1.0

    assert tune(entry_of("one"), 3, tmp_path / "a.sqlite", measure).settings == {"strength": 0.5}
    with pytest.raises(InputError, match="none of 2 settings"):
        tune(entry_of("one", default={"strength": 1.0}), 2, tmp_path / "b.sqlite", measure)


def test_a_system_without_settings_is_tried_once(tmp_path: Path) -> None:
    calls: list[Any] = []
    entry = entry_of("one", default={}, suggest=lambda trial: {})

    def measure(settings: Mapping[str, Any]) -> float:
        calls.append(settings)
        return 12.0

    assert tune(entry, 4, tmp_path / "a.sqlite", measure).trials == 4
    assert calls == [{}]


def test_choosing_needs_validation_classes(request_of: BenchRequest, tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps({"train": SPLIT["train"], "test": SPLIT["test"]}))
    bench = replace(request_of, split_file=file).open()
    with pytest.raises(InputError, match="--trials 0"):
        run_benchmark(bench, plan_of(tmp_path / "a", entry_of("one"), trials=2))
    with pytest.raises(InputError, match="gamma"):
        run_benchmark(bench, plan_of(tmp_path / "b", entry_of("one"), measurements=Measurements(generalized=True)))


# Texts


def test_sentences_are_read_one_by_one() -> None:
    assert split_sentences("Red petals. Long stem!\nGrows in mud") == ["Red petals.", "Long stem!", "Grows in mud"]
    assert split_sentences("") == [""]
    reader = TextReader(mode="sentence")
    whole = reader.read(["a", "b"], ["a", "b"], ["Red petals. Long stem.", ""])
    single = TextReader().read(["x", "y"], ["x", "y"], ["Red petals.", "Long stem."])
    joined = torch.cat([single.states[0][single.mask[0]], single.states[1][single.mask[1]]])
    assert torch.allclose(whole.states[0][whole.mask[0]], joined, atol=1e-5)
    assert np.allclose(whole.semantics[0], single.semantics.max(0), atol=1e-5)
    assert whole.mask[1].sum() == 2 and np.isfinite(whole.semantics).all()


# Files and tables


def test_results_survive_a_file(make_benchmark: Callable[..., BenchmarkResults], tmp_path: Path) -> None:
    results = make_benchmark()
    write_results(tmp_path / "results.json", results)
    again = read_results(tmp_path / "results.json")
    assert again == results
    assert parse_results((tmp_path / "results.json").read_bytes(), "upload.json") == results
    older = encode(results)
    del older["setting"]["identity"]
    assert parse_results(json.dumps(older).encode(), "older.json") == results


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("setting"), "lacks 'setting'"),
        (lambda d: d["runs"][0].update(accuracy="high"), "accuracy is a text instead of a number"),
        (lambda d: d["runs"][0].update(accuracy=float("nan")), "finite"),
        (lambda d: d["runs"][0].update(accuracy=10**400), "finite"),
        (lambda d: d["runs"][0].update(accuracy=140), "between 0 and 100"),
        (lambda d: d["runs"][0].update(seed=True), "truth value"),
        (lambda d: d["runs"][0].update(fit_seconds=-1), "seconds"),
        (lambda d: d["runs"][0].update(novelty=1), "unknown field"),
        (lambda d: d["runs"][0]["class_accuracies"].popitem(), "other classes"),
        (lambda d: d["runs"][0]["generalized"].update(curve=[[1.0]]), "1 values instead of 2"),
        (lambda d: d["setting"].update(unseen=["one"]), "at least 2"),
        (lambda d: d["continual"][0].update(auc=[0.5]), "do not fit"),
        (lambda d: d["setting"].update(dataset="x" * 9999), "characters"),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_one_line(
    make_benchmark: Callable[..., BenchmarkResults], tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    document = encode(make_benchmark())
    document = json.loads(json.dumps(document))
    change(document)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message) as caught:
        read_results(path)
    assert "\n" not in str(caught.value)


def test_what_python_computes_is_written(make_benchmark: Callable[..., BenchmarkResults], tmp_path: Path) -> None:
    results = make_benchmark()
    settings = MappingProxyType({"scale": np.float32(0.5), "sizes": (np.int64(3), 4), "centre": np.bool_(True)})
    run = replace(results.runs[0], seed=np.int64(7), accuracy=np.float32(50), settings=settings)
    write_results(str(tmp_path / "results.json"), replace(results, runs=(run,)))
    (again,) = read_results(str(tmp_path / "results.json")).runs
    assert (again.seed, again.accuracy) == (7, 50)
    assert again.settings == {"scale": 0.5, "sizes": [3, 4], "centre": True}


@pytest.mark.parametrize(
    ("run", "setting", "message"),
    [
        ({}, {"command": "n3 " * 2000}, "a text of 6,000 characters; at most 4,000"),
        ({}, {"unseen": ("one",)}, "at least 2 make a result"),
        ({"accuracy": float("nan")}, {}, "a percentage is nan"),
        ({"settings": {"scale": float("nan")}}, {}, r"cannot write .*results.json \(Out of range float"),
        ({"settings": {"scale": {1, 2}}}, {}, r"cannot write .*; give numbers, truth values, texts and lists"),
    ],
)
def test_what_would_not_be_read_is_not_written(
    make_benchmark: Callable[..., BenchmarkResults],
    tmp_path: Path,
    run: dict[str, Any],
    setting: dict[str, Any],
    message: str,
) -> None:
    results = make_benchmark()
    changed = replace(results, setting=replace(results.setting, **setting), runs=(replace(results.runs[0], **run),))
    with pytest.raises(InputError, match=message):
        write_results(tmp_path / "results.json", changed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "[]", "3", '{"setting": 3}', "null"])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(InputError):
        read_results(path)


def test_decode_knows_types() -> None:
    assert decode(float, 3, "x") == 3.0 and decode(tuple[int, ...], [1, 2], "x") == (1, 2)
    assert decode(str | None, None, "x") is None and decode(Mapping[str, Any], {"a": [1]}, "x") == {"a": [1]}
    with pytest.raises(InputError, match="x is a text instead of a whole number"):
        decode(int, "3", "x")


def test_tables_show_spread_chance_and_published_apart(make_benchmark: Callable[..., BenchmarkResults]) -> None:
    results = make_benchmark()
    sheet = methods_sheet(results, {"n3": "N3 | all"})
    assert sheet.headers[-1] == PUBLISHED_HEADER and sheet.rows[-1][:2] == ("chance", "10.0")
    values = [run.accuracy for run in results.runs_of("n3")]
    assert sheet.rows[0][1] == f"{np.mean(values):.1f} +- {np.std(values, ddof=1):.1f}"
    assert all(len(row) == len(sheet.headers) for row in sheet.rows)
    document = to_markdown(results.setting, make_sheets(results, ()))
    assert "N3 \\| all" in to_markdown(results.setting, [sheet])
    assert "multi-task + CN" in document and "mAUC" in document
    tables = to_terminal(sheet, 80)
    assert len(tables) > 1 and len(to_terminal(sheet, 400)) == 1
    shown = [str(column.header) for table in tables for column in table.columns]
    assert set(shown) == set(sheet.headers) and shown.count("method") == len(tables)


def test_methods_are_named_or_refused() -> None:
    expected = (
        "n3", "n3-fc", "n3-cn", "n3-shipped", "pdcnn-fc", "pdcnn-fc-conv", "megazsl", "eszsl", "mlp", "mlp-cosine",
        "mlp-cn", "attended", "clip",
    )  # fmt: skip
    assert tuple(METHODS) == expected
    assert choose_methods("eszsl, n3") == (METHODS["n3"], METHODS["eszsl"])
    with pytest.raises(InputError, match="did you mean 'megazsl'"):
        choose_methods("megazls")
    with pytest.raises(InputError, match="no method"):
        choose_methods("")


# Other settings


def test_continual_runs_are_pieces_too(
    request_of: BenchRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = request_of.open()
    plan = replace(plan_of(tmp_path), continual=ContinualPlan(3, 1, 1, ("sequential",)))
    results = run_benchmark(bench, plan)
    assert [(scores.learner, scores.normalised) for scores in results.continual] == [
        ("sequential", False),
        ("sequential", True),
    ]
    assert all(len(scores.joint) == 3 for scores in results.continual) and results.runs == ()
    with monkeypatch.context() as patch:
        patch.setattr(type(bench), "load_continual", lambda *_, **__: pytest.fail("nothing is left to load for"))
        assert run_benchmark(bench, plan).continual == results.continual
    again = run_benchmark(bench, replace(plan, continual=ContinualPlan(3, 1, 2, ("sequential",)))).continual
    assert [scores.trials for scores in results.continual] == [1, 1] and [scores.trials for scores in again] == [2, 2]
    with pytest.raises(InputError, match="3 tasks instead of 4"):
        run_benchmark(bench, replace(plan, continual=ContinualPlan(4, 1, 0, ("sequential",))))
    with pytest.raises(InputError, match="12 classes in 7 tasks"):
        run_benchmark(bench, replace(plan, continual=ContinualPlan(7, 1, 0)))


def test_published_features_are_a_bench_for_attribute_methods(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    attributes = rng.normal(size=(12, 5)).astype(np.float32)
    labels = np.repeat(np.arange(12), 10)
    features = (attributes @ rng.normal(size=(5, 20)))[labels] + rng.normal(0, 0.3, (120, 20))
    within = np.tile(np.arange(10), 12)
    places = {
        "train": labels < 6,  # as published: with the images of the seen test
        "val": (labels >= 6) & (labels < 9),
        "trainval": (labels < 9) & (within < 8),
        "test_seen": (labels < 9) & (within >= 8),
        "test_unseen": labels >= 9,
    }
    gbu = GbuFeatures(
        "TOY", features.astype(np.float32), labels, (), tuple(f"kind {k}" for k in range(12)), attributes, None,
        {name: np.flatnonzero(rows) for name, rows in places.items()}, (),
    )  # fmt: skip
    bench = AttributeBench(gbu)
    data = bench.load((), generalized=True, listener=Silent())
    assert len(data.train.labels) == bench.setting.train_images == 38  # of 48, every fifth left for gamma
    assert data.seen_test is not None and len(data.seen_test.labels) == 12  # not those of validation classes
    assert data.calibration is not None
    tested = data.seen_test.images.features
    for part in (data.train, data.calibration):
        assert not (part.images.features[:, None] == tested[None]).all(2).any(), "no image is both learnt and tested on"
    plan = Plan((METHODS["eszsl"], METHODS["n3"], METHODS["n3-fc"]), tmp_path, 1, 2, Measurements(True, 2, True))
    results = run_benchmark(bench, plan)
    (run,) = results.runs
    assert run.accuracy > 80 and run.controls is None and run.generalized is not None
    assert "needs pixels and token states" in results.unavailable["n3"]
    assert "needs token states" in results.unavailable["n3-fc"]


def test_ablations_hold_what_they_compare(request_of: BenchRequest, base: Path, tmp_path: Path) -> None:
    small = fix_settings(METHODS["n3"], {"steps": 1, "batch_size": 6, "width": 16, "heads": 2})
    variants = [variant for variant in list_variants("layers") if variant.name in ("all", "fc")]
    found = run_ablation(variants, request_of, small, plan_of(tmp_path, seeds=1))
    assert list(found) == ["all", "fc"]
    assert found["fc"].runs[0].settings["adapt"] == ["fc"] and found["all"].runs[0].settings["steps"] == 1
    sheet = ablation_sheet("layers", found)
    assert [row[0] for row in sheet.rows] == ["all", "fc", "chance"] and sheet.rows[0][-1] == "CUB SS 17.6"
    failed = replace(found["all"], runs=(), unavailable={"n3": "its loss is not finite"})
    for pair in ({"all": failed, "fc": found["fc"]}, {"fc": found["fc"], "all": failed}):
        sheet = ablation_sheet("layers", pair)
        cells = {row[0]: dict(zip(sheet.headers, row, strict=True)) for row in sheet.rows}
        assert cells["all"]["accuracy"] == "its loss is not finite" and cells["all"]["fit s"] == "-"
        assert cells["fc"]["seeds"] == "1" and cells["fc"]["shuffled text"] != "-"
        assert to_terminal(sheet, 80)
    assert [variant.settings["gamma"] for variant in list_variants("scale")] == [0.999, 0.99, 0.9, 0.5, 0.1, 0.01]
    with pytest.raises(InputError, match="at least 2"):
        list_variants("base", [base])
    with pytest.raises(InputError, match="unknown"):
        list_variants("colour")


def test_text_ablation_reads_the_same_texts_three_ways(request_of: BenchRequest, tmp_path: Path) -> None:
    found = run_ablation(list_variants("text"), request_of, METHODS["eszsl"], plan_of(tmp_path, seeds=1))
    labels = {name: results.setting.text for name, results in found.items()}
    assert labels == {mode: f"minilm {mode}" for mode in ("contextual", "static", "sentence")}
