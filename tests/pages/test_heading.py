"""The choice of a model: offered where there are several, the same on every page, and what a session sees is of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

OpenPage = Callable[..., AppTest]
PAGES = ["browse", "describe", "adaptation", "evidence", "saliency", "diagnose", "report"]


@pytest.fixture
def open_both(both_checkpoints: str, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """As `open_page`, with two models to choose from."""
    monkeypatch.setenv("N3_CHECKPOINT", both_checkpoints)
    return open_page


def model_box(page: AppTest) -> Selectbox | None:
    return next((box for box in page.selectbox if box.label == "Model"), None)


def open_sample(page: AppTest) -> AppTest:
    return next(button for button in page.button if button.label == "Open").click().run()


def bars(page: AppTest) -> str:
    """The probabilities of the chosen picture, as they are drawn."""
    assert not page.exception and not page.error
    return page.get("plotly_chart")[0].proto.spec


def told_of_reload(page: AppTest) -> str:
    """What is said of a link or a reload; "" where it opens the task as it stands."""
    assert not page.exception
    return next((str(line.value) for line in page.caption if "A link or a reload" in str(line.value)), "")


def test_a_task_that_no_link_brings_back_says_so(open_page: OpenPage) -> None:
    page = open_sample(open_page("describe"))
    assert not told_of_reload(page)
    page.text_area[0].set_value("Six white petals.")
    page = next(button for button in page.button if button.label == "Apply").click().run()
    assert "without the edits" in told_of_reload(page)
    assert not told_of_reload(next(button for button in page.button if button.label == "Undo").click().run())
    classes = {"of": "fieldbook-flowers", "class": ["windflower", "monkshood"]}
    assert not told_of_reload(open_page("describe", classes))


@pytest.mark.parametrize("dataset", [None, "fieldbook-flowers"])
def test_a_file_is_in_no_link(open_page: OpenPage, dataset: str | None) -> None:
    page = open_page("evidence")
    page.segmented_control(key="task_way").set_value("A task file").run()
    classes = [{"name": name, "description": "A flower."} for name in ("windflower", "monkshood")]
    page.file_uploader[0].upload("task.json", json.dumps({"dataset": dataset, "classes": classes}).encode()).run()
    page = next(button for button in page.button if button.label == "Open the file").click().run()
    assert "does not open it as it stands" in told_of_reload(page)


def test_one_model_is_no_choice(open_page: OpenPage) -> None:
    page = open_page("describe")
    assert not page.exception and model_box(page) is None


@pytest.mark.parametrize("name", PAGES)
def test_every_page_that_a_model_matters_to_offers_the_models_in_order(open_both: OpenPage, name: str) -> None:
    page = open_both(name)
    assert not page.exception
    assert model_box(page).options == ["Tiny", "Other"] and model_box(page).value == "Tiny"


def test_the_benchmarks_are_of_no_model_in_particular(open_both: OpenPage) -> None:
    page = open_both("benchmarks", {"model": "Other"})
    assert not page.exception and model_box(page) is None
    assert model_box(page.switch_page("pages/browse.py").run()).value == "Other"


def test_another_model_sees_the_same_task_in_its_own_way(
    open_both: OpenPage, other_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_sample(open_both("describe"))
    first = bars(page)
    page = model_box(page).select("Other").run()
    second = bars(page)
    assert second != first
    assert bars(model_box(page).select("Tiny").run()) == first
    monkeypatch.setenv("N3_CHECKPOINT", str(other_checkpoint))
    assert bars(open_sample(open_both("describe"))) == second


def test_the_choice_goes_along_to_other_pages_and_into_the_address(open_both: OpenPage) -> None:
    page = open_sample(open_both("describe"))
    page = model_box(page).select("Other").run()
    assert page.query_params["model"] == "Other"
    page = page.switch_page("pages/report.py").run()
    assert model_box(page).value == "Other" and page.query_params["model"] == "Other"


def test_a_link_brings_its_model_along(open_both: OpenPage) -> None:
    page = open_both("describe", {"model": "Other"})
    assert model_box(page).value == "Other" and not page.warning


def test_a_link_to_a_model_that_is_not_here_says_so(open_both: OpenPage) -> None:
    page = open_both("describe", {"model": "**Gone** <b>"})
    assert not page.exception and model_box(page).value == "Tiny"
    assert "There is no model" in page.warning[0].value and "<b>" not in page.warning[0].value
    page = model_box(page).select("Other").run()
    assert model_box(page).value == "Other" and not page.warning


def test_two_of_one_title_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.components.resources import models

    folders = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"title": "Mosses"}')
        folders.append(tmp_path / name)
    monkeypatch.setenv("N3_CHECKPOINT", os.pathsep.join(map(str, folders)))
    assert models() == {"Mosses": folders[0], "Mosses (2)": folders[1], "Mosses (3)": folders[2]}


def test_a_damaged_model_is_one_line_and_the_others_still_work(
    open_both: OpenPage, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_sample(open_both("describe"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"title": "Broken"}')
    monkeypatch.setenv("N3_CHECKPOINT", os.pathsep.join((str(tiny_checkpoint), str(tmp_path / "broken"))))
    page = model_box(page.run()).select("Broken").run()
    assert not page.exception and [error.value.count("\n") for error in page.error] == [0]
    page = model_box(page).select("Tiny").run()
    assert not page.exception and not page.error
