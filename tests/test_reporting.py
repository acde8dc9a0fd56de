"""Reports: one file that asks nobody for anything, texts as they are typed, tables and figures with what was found."""

from __future__ import annotations

import base64
import csv
import importlib.metadata
import io
import json
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from n3core.backbone import build_network, strip_classifier
from n3core.checkpoint import save_checkpoint
from n3core.config import N3Config
from n3core.datasets.registry import open_dataset
from n3core.descriptions import ClassDescription, TaskSpec, parse_task, save_task
from n3core.engine import Engine
from n3core.errors import InputError
from n3core.figures.export import draw_confusion, to_svg
from n3core.model import N3
from n3core.reporting.bundle import to_files, to_zip, write_report
from n3core.reporting.collect import ReportOptions, collect
from n3core.reporting.content import Report
from n3core.reporting.examples import choose_examples
from n3core.reporting.html import cut_text, mark_complaints, to_html
from n3core.reporting.pictures import Pictures, TaskSource, find_classes, load_files, load_pictures, open_source
from n3core.reporting.summaries import summarise_report
from n3core.reporting.tables import tables_of, to_csv
from n3core.results import ConfusionMatrix, Prediction
from n3core.results.diagnosis import ClassDiagnosis, Reason
from n3core.results.saliency import METHODS
from n3core.selection import select

ATTACK = "<script>window.ran = 1</script> <img src=x onerror=alert(1)> {{ 7 * 7 }} $x_1$ \u202eevil 😀 \"'"
NAMES = ("red", "green", "blue", ATTACK[:60])
Write = Callable[..., Report]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    torch.manual_seed(0)
    network = build_network("squeezenet1_1", 1)
    strip_classifier("squeezenet1_1", network)
    folder = tmp_path_factory.mktemp("report") / "checkpoint"
    save_checkpoint(folder, N3(N3Config("squeezenet1_1", image_size=32, width=16, heads=2), network.state_dict()))
    return Engine(folder, device="cpu")


@pytest.fixture(scope="module")
def source(image_folder: Path) -> TaskSource:
    """Three classes of swatches and one that no dataset has, with a name and a text that try to be a program."""
    texts = [f"A square of plain {name} cloth." for name in NAMES[:3]] + [ATTACK]
    task = TaskSpec(
        tuple(ClassDescription(name, text) for name, text in zip(NAMES, texts, strict=True)), "swatches", ATTACK
    )
    dataset = open_dataset(image_folder)
    return TaskSource(task, dataset, find_classes(task, dataset), "somewhere/task.json")


@pytest.fixture(scope="module")
def report(engine: Engine, source: TaskSource) -> Report:
    pictures = load_pictures(source, engine.image_size, each=3)
    return collect(engine, source, pictures, ReportOptions(examples=2), chosen=[pictures.ids[4]])


class _Page(HTMLParser):
    """What a browser would find in a page: tags, addresses and the text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(content.decode("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), f"{tag} has the handler {name}"
            if name in ("src", "href", "srcset", "action", "data"):
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_says_what_the_heat_explains_and_how(engine: Engine, source: TaskSource, report: Report) -> None:
    assert "The heat maps explain the loss by Gradient, in the network" in _Page(to_html(report)).text
    pictures = load_pictures(source, engine.image_size, each=1)
    covered = collect(engine, source, pictures, ReportOptions(1, method="occlusion", quantity="logit"))
    text = _Page(to_html(covered)).text
    assert "explain the logit by Occlusion" in text and METHODS["occlusion"].note in text


def test_the_seed_is_that_of_the_noise_too(engine: Engine, source: TaskSource) -> None:
    pictures = load_pictures(source, engine.image_size, each=1)
    one, other, again = (
        collect(engine, source, pictures, ReportOptions(1, method="smoothgrad", seed=seed)) for seed in (0, 7, 7)
    )
    values = [next(iter(found.examples[0].saliency.values())).values for found in (one, other, again)]
    assert other.seeds["SmoothGrad's noise"] == 7 and np.array_equal(values[1], values[2])
    assert not np.array_equal(values[0], values[1])


def test_the_page_asks_nobody_for_anything(report: Report) -> None:
    content = to_html(report)
    page = _Page(content)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert page.addresses and all(address.startswith("data:") for address in page.addresses)
    assert b"default-src 'none'" in content, "the policy that holds should markup ever slip through"
    styles = re.findall(r"<style>(.*?)</style>", content.decode(), re.DOTALL)
    assert styles and "url(" not in styles[0] and "@import" not in styles[0]
    assert "prefers-color-scheme: dark" in styles[0]


def test_texts_are_shown_as_they_are_typed(report: Report) -> None:
    content = to_html(report)
    assert b"<script" not in content and b"<img src=x" not in content
    page = _Page(content)
    assert page.tags.count("img") == len(report.examples) + 2
    assert ATTACK in page.text and NAMES[3] in page.text, "not cut, not evaluated, not escaped twice"


def test_every_figure_is_well_formed_and_holds_no_program(report: Report) -> None:
    pictures = [address for address in _Page(to_html(report)).addresses if address.startswith("data:image")]
    for address in pictures:
        svg = base64.b64decode(address.partition(",")[2])
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert "svg" in tags and "script" not in tags and "foreignObject" not in tags


def test_the_page_tells_every_part(report: Report) -> None:
    text = _Page(to_html(report)).text
    for heading in ("Setting", "Accuracy", "Confusion", "Descriptions, worst first", "Examples", "Layers", "Versions"):
        assert heading in text
    assert f"{report.diagnosis.per_class_accuracy:.1f} %" in text
    assert "squeezenet1_1" in text and importlib.metadata.version("torch") in text and "Seed of" in text
    assert report.examples[0].id in text and f"has no pictures of {NAMES[3]}." in text
    assert str(Path(__file__).parent) not in text and "/tmp" not in text, "paths of this machine are nobody's business"


def test_the_same_report_gives_the_same_files(engine: Engine, source: TaskSource, report: Report) -> None:
    pictures = load_pictures(source, engine.image_size, each=3)
    again = collect(engine, source, pictures, ReportOptions(examples=2), chosen=[pictures.ids[4]])
    assert to_zip(to_files(again)) == to_zip(to_files(report))


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", '=HYPERLINK("x")'])
def test_no_text_is_a_formula_to_a_spreadsheet(cell: str) -> None:
    assert list(csv.reader(io.StringIO(to_csv([[cell, "-0.5", "+3", "plain"]]).decode(), newline=""))) == [
        [f"'{cell}", "-0.5", "+3", "plain"]
    ]


def test_tables_are_csv_with_the_numbers_of_the_report(report: Report) -> None:
    files = to_files(report)
    read = {
        name: list(csv.reader(io.StringIO(content.decode(), newline="")))
        for name, content in files.items()
        if name.endswith(".csv")
    }
    assert {name.removeprefix("tables/").removesuffix(".csv") for name in read} == set(tables_of(report))
    confusion = read["tables/confusion.csv"]
    assert confusion[0][1:] == list(NAMES)
    assert [[int(cell) for cell in row[1:]] for row in confusion[1:]] == report.diagnosis.confusion.counts.tolist()
    layers = read["tables/layers.csv"]
    assert [row[0] for row in layers[1:]] == list(report.magnitudes.names)
    assert float(layers[1][2]) == pytest.approx(report.magnitudes.adaptation[0], rel=1e-6)
    assert layers[-1][3] == "", "what was generated has no pre-trained norm"
    for row in read["tables/evidence.csv"][1:]:
        text = dict(zip(report.task.names, report.task.texts, strict=True))[row[2]]
        assert text[int(row[5]) : int(row[6])] == row[4]
    assert ATTACK in [row[-1] for row in read["tables/descriptions.csv"]]


def test_the_archive_holds_page_tables_and_pictures(report: Report, tmp_path: Path) -> None:
    write_report(report, str(tmp_path / "new" / "all.zip"))
    with zipfile.ZipFile(tmp_path / "new" / "all.zip") as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert archive.read("report.html") == to_html(report)
        for name in names:
            if name.endswith(".png"):
                Image.open(io.BytesIO(archive.read(name))).verify()
        assert json.loads(archive.read("report.json")) == json.loads(json.dumps(summarise_report(report)))
        assert parse_task(archive.read("task.json"), "task.json") == report.task
    assert {"figures/layers.png", "figures/confusion.png", "figures/saliency-1.png", "tables/reasons.csv"} <= names
    with pytest.raises(InputError, match=r"'.*all\.pdf' must end in"):
        write_report(report, tmp_path / "all.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_report(report, tmp_path / "file" / "report.html")


def test_no_file_of_a_report_tells_where_the_pictures_lie(engine: Engine, image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("red\nblue\n")
    (image_folder / "red" / "broken.png").write_bytes(b"no image")
    try:
        source = open_source(str(image_folder), None, classes_file=tmp_path / "some.txt")
    finally:
        (image_folder / "red" / "broken.png").unlink()
    files = to_files(collect(engine, source, load_pictures(source, 32, each=1), ReportOptions(examples=1)))
    assert parse_task(files["task.json"], "task.json").dataset == image_folder.name
    assert b"broken.png" in files["report.json"], "otherwise this test shows nothing of warnings"
    for name, content in files.items():
        assert b"/tmp" not in content and str(image_folder.parent).encode() not in content, name


def test_the_summary_is_json(report: Report) -> None:
    summary = json.loads(json.dumps(summarise_report(report), allow_nan=False))
    assert summary["evaluation"] is None, "one class has no pictures"
    assert [example["image"] for example in summary["examples"]] == [example.id for example in report.examples]
    assert [entry["class"] for entry in summary["diagnosis"]["ranking"]] == [
        entry.name for entry in report.diagnosis.entries
    ]
    assert summary["layers"][-1]["base"] is None


def test_words_and_gaps_join_to_the_text(report: Report) -> None:
    for example in report.examples:
        for description in example.evidence.descriptions:
            pieces = cut_text(description)
            assert "".join(piece.text for piece in pieces) == description.text
            assert max(piece.strength for piece in pieces) <= 0.65


def test_what_a_complaint_speaks_of_is_marked_once() -> None:
    spans = ((4, 9), (0, 3), (6, 12), (12, 15))
    reasons = tuple(Reason("vague", 0.5, "Says nothing.", (span,)) for span in spans)
    entry = ClassDiagnosis("a", "It varies widely, they say.", reasons, 5, 0)
    pieces = mark_complaints(entry)
    assert "".join(piece.text for piece in pieces) == entry.text
    assert [piece.text for piece in pieces if piece.sign == "blamed"] == ["It ", "aries", " wi", "del"]


def test_what_the_encoder_does_not_read_is_marked(engine: Engine, source: TaskSource) -> None:
    long = ClassDescription("long", "A plain red cloth. " + "word " * 10_000)
    task = TaskSpec((*source.task.classes[:2], long))
    pictures = load_pictures(source, engine.image_size, each=1).take([0])
    found = collect(engine, TaskSource(task, None, (None,) * 3, "a test"), pictures, ReportOptions(examples=1))
    pieces = cut_text(found.examples[0].evidence.of("long"))
    assert pieces[-1].sign == "unread" and len(pieces[-1].text) > 40_000
    assert sum(piece.sign == "unread" for piece in pieces) == 1


def test_accuracy_has_its_interval_and_controls_where_every_class_has_pictures(
    engine: Engine, image_folder: Path
) -> None:
    source = open_source(str(image_folder), None, split="all")
    pictures = load_pictures(source, engine.image_size)
    steps: list[float] = []
    options = ReportOptions(examples=0, controls=True, measured=True)
    found = collect(engine, source, pictures, options, progress=lambda share, what: steps.append(share))
    assert found.evaluation is not None and found.evaluation.controls is not None
    assert found.evaluation.per_class_accuracy == pytest.approx(found.diagnosis.per_class_accuracy)
    assert found.evaluation.interval.low <= found.evaluation.per_class_accuracy <= found.evaluation.interval.high
    assert not found.examples and not found.notes and found.setting["Pictures"] == "24, labelled"
    assert steps == sorted(steps) and steps[-1] == 1
    assert "95 % interval" in _Page(to_html(found)).text


def test_a_report_on_texts_alone(engine: Engine, tmp_path: Path) -> None:
    task = TaskSpec((ClassDescription("cat", "A small grey cat."), ClassDescription("dog", "A dog.")))
    save_task(task, tmp_path / "task.json")
    source = open_source(None, tmp_path / "task.json")
    found = collect(engine, source, load_pictures(source, engine.image_size), ReportOptions())
    assert not found.examples and found.evaluation is None and found.diagnosis.confusion is None
    page = _Page(to_html(found))
    assert "rests on the texts alone" in page.text and page.tags.count("img") == 1
    assert "figures/confusion.png" not in to_files(found)


def test_a_matrix_with_an_empty_row_is_drawn() -> None:
    counts = np.array([[3, 1], [0, 0]])
    svg = to_svg(draw_confusion(ConfusionMatrix(("a\x0bb", "&<"), counts)))
    letters = "".join(ElementTree.fromstring(svg).itertext())
    assert "75" in letters and "25" in letters and "&<" in letters and "nan" not in letters


def _prediction(guesses: list[int], sure: list[float], classes: int = 3) -> Prediction:
    logits = np.zeros((len(guesses), classes), np.float32)
    logits[np.arange(len(guesses)), guesses] = sure
    return Prediction(tuple("abc"[:classes]), logits)


def _pictures(labels: list[int]) -> Pictures:
    ids = tuple(f"p{row}" for row in range(len(labels)))
    return Pictures(ids, np.array(labels), np.zeros((len(labels), 4, 4, 3), np.uint8))


def test_examples_are_those_asked_for_then_sure_mistakes_and_successes_by_turns() -> None:
    pictures = _pictures([0, 0, 1, 1, 2, 2])
    prediction = _prediction([0, 1, 1, 1, 0, 1], [1, 5, 3, 4, 2, 6])
    # wrong: rows 1 (for b), 4 (for a), 5 (for b); right: rows 0, 2, 3
    assert choose_examples(pictures, prediction, 4) == (5, 3, 4, 0)
    assert choose_examples(pictures, prediction, 3, ["p2", "p2"]) == (2, 5, 3)
    assert choose_examples(pictures, prediction, 1, ["p0", "p1"]) == (0, 1)
    assert sorted(choose_examples(pictures, prediction, 99)) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError, match="'p9'"):
        choose_examples(pictures, prediction, 1, ["p9"])


def test_without_labels_the_least_and_the_most_certain_take_turns() -> None:
    pictures = _pictures([-1, -1, -1, -1])
    assert not pictures.labelled
    assert choose_examples(pictures, _prediction([0, 0, 0, 0], [4, 1, 3, 2]), 3) == (1, 0, 3)


def test_a_descriptions_file_is_a_task_and_a_split_chooses_from_it(image_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"blue": "Deep blue.", "unicorn": "White, one horn.", "red": "Bright red."}))
    whole = open_source(str(image_folder), path)
    assert whole.task.names == ("blue", "unicorn", "red") and whole.missing == ("unicorn",)
    pictures = load_pictures(whole, 16, each=2, also=["red/1.png"])
    assert np.bincount(pictures.labels, minlength=3).tolist() == [2, 0, 3]
    assert pictures.pixels.shape == (5, 16, 16, 3) and pictures.masks is None
    chosen = tmp_path / "some.txt"
    chosen.write_text("red\nblue\n")
    some = open_source(str(image_folder), path, classes_file=chosen)
    assert some.task.names == ("red", "blue") and some.task.texts == ("Bright red.", "Deep blue.")
    path.write_text(json.dumps({"cat": "Grey.", "dog": "Brown."}))
    with pytest.raises(InputError, match="none of the classes"):
        open_source(str(image_folder), path)
    with pytest.raises(InputError, match="nothing to work on"):
        open_source(None, None)
    with pytest.raises(InputError, match="names no dataset"):
        open_source(None, path, split="test")


def test_a_limit_means_the_same_pictures_whoever_is_asked(image_folder: Path) -> None:
    """The six pictures of a class: the first and the last, not the first two."""
    few = load_pictures(open_source(str(image_folder), None, split="all"), 16, each=2)
    assert few.ids[:2] == ("blue/0.png", "blue/5.png")
    pixels, labels = select(str(image_folder), split="all").load_images(16, 2)
    assert (pixels == few.pixels).all() and labels.tolist() == few.labels.tolist()


def test_drawn_pictures_bring_their_parts() -> None:
    source = open_source("fieldbook-flowers", None, split="test")
    pictures = load_pictures(source, 32, each=1)
    assert pictures.masks is not None and pictures.masks.shape == (10, 32, 32)
    assert pictures.masks.max() <= len(pictures.parts) and (pictures.masks > 0).mean() > 0.05
    expected = source.dataset.load_image(source.dataset.image_refs(source.classes[3].id)[0])
    from n3core.datasets.base import square_pixels

    assert (pictures.pixels[3] == square_pixels(expected, 32)).all()


def test_files_are_pictures_without_labels(image_folder: Path, tmp_path: Path) -> None:
    pictures = load_files([image_folder / "red" / "0.png"], 16)
    assert not pictures.labelled and pictures.pixels.shape == (1, 16, 16, 3)
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match="0 bytes"):
        load_files([tmp_path / "empty.png"], 16)
