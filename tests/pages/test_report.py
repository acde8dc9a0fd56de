"""Report, in process: making it on demand, what it depends on, and what is said without a task, pictures or network."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[[str], AppTest]
NAME = "<script>alert(1)</script> :material/home: *x*"


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label.startswith(label) and not button.disabled).click().run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.info, *app.header])


def make(app: AppTest) -> AppTest:
    """Make the report, unless another test made the same one: reports are shared by all sessions of a process."""
    return click(app, "Make the report") if "Make the report" in labels(app) else app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def open_sample(open_page: OpenPage) -> AppTest:
    app = click(open_page("report"), "Open")
    app.segmented_control(key="report_each").set_value(4)
    return app.segmented_control(key="report_examples").set_value(3).run()


def open_task(open_page: OpenPage, content: str) -> AppTest:
    app = open_page("report")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", content.encode()).run()
    return click(app, "Open the file")


def downloads(app: AppTest) -> list[str]:
    return [element.proto.label for element in app.get("download_button")]


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("report")
    assert "Open a task to begin" in app.info[0].value
    assert "Make the report" not in labels(app) and not app.exception


def test_the_report_is_made_on_demand_and_made_anew_after_a_change(open_page: OpenPage) -> None:
    app = open_sample(open_page)
    assert "Make the report" in labels(app) and not downloads(app)
    app = click(app, "Make the report")
    assert not app.exception and not app.error
    assert downloads(app) == ["Report (HTML)", "Everything (zip)"]
    assert app.metric[0].value.endswith("%") and app.metric[2].value == "40"
    assert "windflower" in words(app) and "of 100 points against it" in words(app)
    assert "Make the report" not in labels(app)
    app.checkbox(key="report_controls").check().run()
    assert "Make the report" in labels(app) and not downloads(app)


def test_the_files_are_a_page_and_an_archive_of_it(open_page: OpenPage) -> None:
    from n3core.reporting.collect import ReportOptions
    from pages.components import resources_report
    from pages.components.resources import sample_tasks

    make(open_sample(open_page))
    made = resources_report.known_report(sample_tasks()[0], 4, ReportOptions(examples=3), ())
    assert made is not None, "the page keeps what it made"
    page = made.files["report.html"]
    assert page.startswith(b"<!doctype html>") and b"windflower" in page and b"at most 4 of each class" in page
    with zipfile.ZipFile(io.BytesIO(resources_report.zip_of(made))) as archive:
        assert archive.testzip() is None
        assert archive.read("report.html") == page
        assert {"tables/confusion.csv", "figures/layers.png", "figures/saliency-3.png"} <= set(archive.namelist())


def test_the_picture_chosen_elsewhere_comes_first(open_page: OpenPage) -> None:
    app = open_sample(open_page)
    app.query_params["image"] = "corn poppy/007"
    make(app.run())
    assert "picture corn poppy\\/007" in words(app)
    assert app.metric[2].value == "41", "it is not among the four that are judged anyway"
    assert not app.exception and not app.error


def test_a_task_without_pictures_is_reported_by_its_texts(open_page: OpenPage) -> None:
    app = open_task(open_page, json.dumps({NAME: "A small grey cat.", "dog": NAME}))
    assert "no pictures" in app.info[0].value
    app = click(app, "Make the report")
    assert not app.exception and not app.error
    assert app.metric[0].value == "-" and app.metric[2].value == "0"
    assert "Judged by the texts alone" in words(app)
    assert "<script>" not in words(app)


def test_an_unknown_dataset_is_told_in_words(open_page: OpenPage) -> None:
    task = {"title": "t", "dataset": "/nowhere/at all", "classes": [{"name": "a", "description": "A."},
                                                                    {"name": "b", "description": "B."}]}  # fmt: skip
    app = open_task(open_page, json.dumps(task))
    assert "no dataset" in app.error[0].value and not app.exception


def test_a_missing_checkpoint_is_told_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "nowhere"))
    app = click(open_page("report"), "Open")
    assert "no checkpoint" in app.error[0].value and not app.exception
