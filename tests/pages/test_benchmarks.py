"""Benchmarks, in process: no file, a good one, a broken one, a hostile one, every view, and the attention maps."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from n3core.benchmark.files import encode, write_results
from n3core.errors import InputError
from n3core.results.attention import AttentionMaps
from n3core.results.benchmark import BenchmarkResults
from pages.components.benchmarks_table import csv_of, table_of

OpenPage = Callable[[str], AppTest]
BenchmarkMaker = Callable[..., BenchmarkResults]
RESOURCES = "pages.components.resources_benchmarks"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of that of the committed files, empty at first."""
    monkeypatch.setattr(f"{RESOURCES}._FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def page(open_page: OpenPage, folder: Path) -> AppTest:
    """The page before a file is opened."""
    return open_page("benchmarks")


def drop(app: AppTest, results: BenchmarkResults | bytes, name: str = "results.json") -> AppTest:
    content = results if isinstance(results, bytes) else json.dumps(encode(results)).encode()
    return app.file_uploader[0].upload(name, content).run()


def look_at(app: AppTest, view: str) -> AppTest:
    return app.segmented_control(key="benchmark_view").set_value(view).run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.info, *app.header])


def charts(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def healthy(app: AppTest) -> None:
    assert not app.exception and not app.error


def test_without_a_file_the_page_says_which_command_makes_one(page: AppTest) -> None:
    healthy(page)
    assert "No results are open" in page.info[0].value
    assert "n3 benchmark --data" in page.code[0].value
    assert not page.dataframe and not charts(page)


def test_the_command_of_the_empty_page_is_one_the_command_line_takes(page: AppTest) -> None:
    import typer
    from typer.main import get_command

    from n3core.cli_benchmark import app as commands

    known = get_command(commands)
    known = known.commands["benchmark"] if isinstance(known, typer.core.TyperGroup) else known
    words_of_command = page.code[0].value.split()
    assert words_of_command[:2] == ["n3", "benchmark"]
    context = known.make_context("benchmark", words_of_command[2:])
    assert context.params["data"] == "fieldbook-flowers"


def test_a_good_file_fills_the_table_with_its_numbers(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    results = make_benchmark()
    drop(page, results)
    healthy(page)
    table = page.dataframe[0].value
    assert len(table) == len(results.methods) + len(results.unavailable) + 1
    np.testing.assert_allclose(
        table["Accuracy"].to_numpy(float)[: len(results.methods)],
        [np.mean([run.accuracy for run in results.runs_of(name)]) for name in results.methods],
    )
    rows = table.set_index("System")
    assert rows.loc["guessing (chance)", "Accuracy"] == results.setting.chance
    (missing,) = [row for _, row in table.iterrows() if "weights not available" in str(row["Remark"])]
    assert np.isnan(missing["Accuracy"]) and not isinstance(missing["Each seed"], str)
    first = table.iloc[0]
    assert first["Low"] < first["Accuracy"] < first["High"] and first["Shuffled"] == pytest.approx(11)
    assert first["Each seed"].count(",") == 2 and "CUB SS 17.6" in first["Published, other data"]
    assert {"U", "S", "H", "AUSUC", "Fit", "Predict"} <= set(table.columns)
    assert "cannot be compared" in words(page) and "has no number: weights not available" in words(page)
    assert [metric.label for metric in page.metric] == ["Best N3 trained here", "Best of the others", "Chance"]
    assert results.setting.command in [block.value for block in page.code]
    assert any(results.setting.base_hash in block.value and "2.14.0" in block.value for block in page.code)


def test_a_checkpoint_that_was_not_fitted_here_is_no_best_of_n3(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    drop(page, make_benchmark(("n3-shipped", "eszsl")))
    healthy(page)
    assert page.metric[0].value == "-"
    drop(page, make_benchmark(("n3-shipped", "n3", "eszsl")))
    assert page.metric[0].delta == "N3"


def test_what_was_not_measured_has_no_column_and_no_curve(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    drop(page, make_benchmark(("n3", "eszsl"), seeds=1, generalized=False, continual=False))
    healthy(page)
    assert not {"U", "S", "H", "AUSUC", "Orders"} & set(page.dataframe[0].value.columns)
    assert list(page.segmented_control(key="benchmark_view").options) == ["Table", "Accuracy", "Attention"]


def test_the_views_draw_what_the_file_holds(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    results = make_benchmark()
    drop(page, results)
    (bars,) = charts(look_at(page, "Accuracy"))
    assert bars["layout"]["title"]["text"] and "%" in bars["layout"]["xaxis"]["title"]["text"]
    assert sum(len(trace["x"]) for trace in bars["data"] if trace["type"] == "bar") == len(results.methods)
    healthy(page)
    (curves,) = charts(look_at(page, "Seen and unseen"))
    assert len(curves["data"]) == 2 * len(results.methods)
    healthy(page)
    page.multiselect[0].set_value(["eszsl"]).run()
    (one,) = charts(page)
    assert len(one["data"]) == 2 and "AUSUC" in one["data"][0]["name"]
    page.multiselect[0].set_value([]).run()
    assert "Choose at least one" in words(page) and not charts(page)
    (continual,) = charts(look_at(page, "Continual"))
    assert {trace["line"]["dash"] for trace in continual["data"]} == {"solid", "dash"}
    table = page.dataframe[0].value
    assert len(table) == 10 and table["mH"].to_numpy() == pytest.approx(
        [scores.mean_harmonic for scores in results.continual]
    )
    healthy(page)


def test_no_text_of_the_saved_table_is_a_formula(make_benchmark: BenchmarkMaker) -> None:
    results = replace(make_benchmark(("n3", "eszsl")), unavailable={"=1+1": "-cmd|x"})
    rows = list(csv.DictReader(io.StringIO(csv_of(table_of(results, {})).decode(), newline="")))
    assert [row["System"] for row in rows] == ["n3", "eszsl", "'=1+1", "guessing (chance)"]
    assert rows[2]["Remark"] == "no number: -cmd|x" and rows[2]["Seeds"] == rows[2]["Accuracy"] == ""
    assert (int(rows[0]["Seeds"]), int(rows[0]["Trials"])) == (3, results.runs[0].trials)
    assert float(rows[0]["Accuracy"]) == pytest.approx(np.mean([run.accuracy for run in results.runs_of("n3")]))


def test_every_view_can_be_saved(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    drop(page, make_benchmark())
    saved = {}
    for view in ("Table", "Accuracy", "Seen and unseen", "Continual"):
        look_at(page, view)
        saved[view] = [button.proto.label for button in page.get("download_button")]
    assert saved.pop("Table") == ["Table (Markdown)", "Table (CSV)"]
    assert all(labels == ["Figure (PNG)", "Figure (SVG)"] for labels in saved.values())


def test_the_markdown_holds_both_tables_and_the_command(make_benchmark: BenchmarkMaker) -> None:
    from pages.components.resources_benchmarks import markdown_of

    text = markdown_of(make_benchmark()).decode()
    assert "n3 benchmark --data" in text and "published, other data" in text and "a-gem + CN" in text


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b'{"setting": {}, "runs": [], "unavailable": {}}', b"\xff\xfe\x00", b"[" * 100_000],
)
def test_a_broken_file_gets_one_line_and_the_page_stays(page: AppTest, content: bytes) -> None:
    drop(page, content, "broken.json")
    assert not page.exception
    (error,) = page.error
    assert "broken" in error.value and "\n" not in error.value
    assert "No results are open" in words(page)


def test_a_file_that_is_too_large_is_refused(
    page: AppTest, make_benchmark: BenchmarkMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{RESOURCES}.MAX_BYTES", 1000)
    drop(page, make_benchmark())
    assert "at most" in page.error[0].value and not page.dataframe and not page.exception


def test_a_good_file_after_a_broken_one_clears_the_message(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    drop(page, b"{", "broken.json")
    assert page.error
    drop(page, make_benchmark())
    healthy(page)
    assert page.dataframe


def test_names_with_markup_are_text_everywhere(page: AppTest, make_benchmark: BenchmarkMaker) -> None:
    evil = "<script>alert(1)</script>[x](javascript:alert(1))"
    results = make_benchmark((f"n3 {evil}", evil))
    setting = replace(results.setting, dataset=evil, base=evil, text=evil, unseen=(*results.setting.unseen[:-1], evil))
    runs = tuple(
        replace(run, class_accuracies=dict(zip(setting.unseen, run.class_accuracies.values(), strict=True)))
        for run in results.runs
    )
    continual = tuple(replace(one, learner=evil) for one in results.continual)
    drop(page, replace(results, setting=setting, runs=runs, continual=continual, unavailable={evil + "2": evil}))
    for view in ("Table", "Accuracy", "Seen and unseen", "Continual"):
        look_at(page, view)
        healthy(page)
        shown = words(page) + "".join(str(metric.delta) for metric in page.metric)
        assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(java", shown)
        assert all("<script" not in json.dumps(chart) for chart in charts(page))
    assert "alert" in words(page)


def test_committed_files_are_offered_and_an_opened_one_stands_beside_them(
    open_page: OpenPage, folder: Path, make_benchmark: BenchmarkMaker
) -> None:
    write_results(folder / "birds.json", make_benchmark(("n3", "eszsl")))
    write_results(folder / "flowers.json", make_benchmark(("n3",)))
    (folder / "torn.json").write_text("{")
    page = open_page("benchmarks")
    healthy(page)
    box = page.selectbox(key="benchmark_file")
    assert box.options == ["birds", "flowers", "torn"] and len(page.dataframe[0].value) == 4
    box.set_value("flowers").run()
    assert len(page.dataframe[0].value) == 3
    page.selectbox(key="benchmark_file").set_value("torn").run()
    assert "torn" in page.error[0].value and not page.exception
    drop(page, make_benchmark(("n3", "n3-fc", "eszsl")), "mine.json")
    healthy(page)
    assert page.selectbox(key="benchmark_file").options[-1] == "mine.json" and len(page.dataframe[0].value) == 5


def test_files_in_the_repository_can_be_read() -> None:
    from pages.components.resources_benchmarks import committed_files, read_file

    for path in committed_files().values():
        assert read_file(path).runs or read_file(path).continual


def test_attention_stands_beside_saliency_of_the_same_picture(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.components.resources_attention._EACH", 2)
    look_at(page, "Attention")
    healthy(page)
    assert not page.get("image")
    next(button for button in page.button if button.label == "Fit the attended auto-encoder").click().run()
    healthy(page)
    pictures = [image for block in page.get("image") for image in block.proto.imgs]
    assert len({image.url for image in pictures}) == 3
    assert all(image.alt for image in pictures) and "attention of the class" in pictures[1].alt
    assert "of the auto-encoder's attention" in words(page)
    first = [image.url for image in pictures]
    other = next(box for box in page.selectbox if box.label == "Looks for")
    wanted = next(name for name in other.options if name != other.value)
    other.set_value(wanted).run()
    healthy(page)
    shown = [image for block in page.get("image") for image in block.proto.imgs]
    assert shown[0].url == first[0] and all(f"class {wanted} in" in image.alt for image in shown[1:])
    next(button for button in page.button if button.label == "Next").click().run()
    healthy(page)
    third = [image.url for block in page.get("image") for image in block.proto.imgs]
    assert not set(third) & set(first)


@pytest.mark.parametrize("settings", [{"steps": 10**9}, {"sharpness": "<b>"}, {"scale": -1.0}, {"scale": True}])
def test_settings_of_a_file_that_are_none_are_refused(settings: dict[str, object]) -> None:
    from n3core.benchmark.attention import fit_attention

    with pytest.raises(InputError, match=next(iter(settings))):
        fit_attention("fieldbook-flowers", None, settings)


def test_the_share_of_attention_on_an_object_is_that_of_its_regions() -> None:
    values = np.zeros((1, 2, 2, 2), np.float32)
    values[0, 0], values[0, 1] = [[0.7, 0.1], [0.1, 0.1]], 0.25
    maps = AttentionMaps(("a", "b"), ("A", "B"), values, np.array([[0.0, 1.0]], np.float32))
    mask = np.zeros((8, 8), bool)
    mask[:4, :4] = True
    assert maps.share_inside(0, "a", mask) == pytest.approx(0.7) and maps.share_inside(0, "b", mask) == 0.25
    mask[:, :] = True
    assert maps.share_inside(0, "a", mask) == pytest.approx(1.0)
    assert maps.named(0) == "B" and maps.regions == 4
