"""Describe, in process: opening tasks, editing, undoing, and errors in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[[str], AppTest]


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


def open_sample(app: AppTest) -> AppTest:
    return click(app, "Open")


def description(app: AppTest) -> str:
    return app.text_area[0].value


def shown(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.header])


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("describe")
    assert "Open a task to begin" in app.info[0].value
    assert len([button for button in app.button if button.label == "Open"]) == len(
        list((PROJECT / "assets" / "tasks").glob("*.json"))
    )
    assert not app.exception


def test_an_edit_synthesizes_another_network_and_undo_brings_the_first_back(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    assert not app.exception and not app.error
    assert [metric.value for metric in app.metric][1:] == ["-", "-"]
    original, bars = description(app), app.get("plotly_chart")[0].proto.spec
    app.text_area[0].set_value("A flower with eight violet petals and a white ring.")
    click(app, "Apply")
    assert not app.exception and not app.error
    assert "The last edit changed the prediction of" in shown(app)
    assert app.get("plotly_chart")[0].proto.spec != bars
    click(app, "Undo")
    assert description(app) == original
    assert app.get("plotly_chart")[0].proto.spec == bars


def test_sessions_do_not_share_edits(open_page: OpenPage) -> None:
    one, other = open_sample(open_page("describe")), open_sample(open_page("describe"))
    original = description(other)
    one.text_area[0].set_value("Something else altogether.")
    click(one, "Apply")
    assert description(other.run()) == original
    assert description(one) == "Something else altogether."


def test_an_empty_description_is_refused_and_what_was_typed_stays(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    app.text_area[0].set_value("   ")
    click(app, "Apply")
    assert "windflower" in app.error[0].value and not app.exception
    app.run()
    assert not app.error
    assert description(app) == "   "
    assert "The last edit" not in shown(app)


def test_classes_are_added_and_removed_but_two_remain(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    click(app, "Remove")
    assert "windflower" not in app.selectbox(key="edited_class").options
    for _ in range(9):
        click(app, "Remove")
    assert app.error and len(app.selectbox(key="edited_class").options) == 2
    assert not app.exception


def test_a_description_that_looks_like_markup_is_shown_as_typed(open_page: OpenPage, tmp_path: Path) -> None:
    name = "<script>alert(1)</script> :material/home: ![x](http://example.org/x.png)"
    task = {"title": name, "dataset": "fieldbook-flowers", "classes": [
        {"name": name, "description": name}, {"name": "windflower", "description": "A flower."}]}  # fmt: skip
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", json.dumps(task).encode()).run()
    click(app, "Open the file")
    assert not app.exception and not app.error
    assert "\\<script\\>" in app.header[0].value and "\\!\\[x\\]" in app.header[0].value
    assert "Without pictures" in shown(app)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"a": "one class"}', b"[1, 2]"])
def test_a_broken_task_file_is_told_in_words(open_page: OpenPage, content: bytes) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", content).run()
    assert app.error and not app.exception


def test_a_task_without_pictures_can_still_be_edited(open_page: OpenPage) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", b'{"cat": "A small cat.", "dog": "A large dog."}').run()
    click(app, "Open the file")
    assert "no pictures" in app.info[0].value and not app.exception
    assert description(app) == "A small cat."


def test_classes_of_a_dataset_become_a_task(open_page: OpenPage) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("Classes of a dataset").run()
    app.multiselect(key="task_classes").set_value(["windflower", "fire lily"]).run()
    click(app, "Open these classes")
    assert list(app.selectbox(key="edited_class").options) == ["windflower", "fire lily"]
    assert not app.exception and not app.error


def test_the_task_is_kept_on_the_way_to_another_page_and_back(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    app.text_area[0].set_value("Kept.")
    click(app, "Apply")
    app.switch_page("pages/browse.py").run()
    app.switch_page("pages/describe.py").run()
    assert description(app) == "Kept." and not app.exception


def test_a_missing_checkpoint_is_told_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "nowhere"))
    app = open_sample(open_page("describe"))
    assert "no checkpoint" in app.error[0].value and not app.exception
