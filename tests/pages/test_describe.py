"""Describe, in process: opening tasks, editing, undoing, and errors in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[..., AppTest]


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
    assert app.get("plotly_chart")[0].proto.alt.count(" %") == 5, "for those who cannot see the bars"
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


def test_the_text_area_stays_the_same_one_and_follows_every_change_from_outside(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    original, key = description(app), app.text_area[0].key
    for text in ("Violet petals.", "Yellow petals."):
        app.text_area[0].set_value(text)
        click(app, "Apply")
    assert app.text_area[0].key == key
    app.text_area[0].set_value("Never applied.")
    click(app, "Undo")
    assert app.text_area[0].key == key and description(app) == "Violet petals."
    app.text_area(key="pasted_text").set_value("windflower: Blue petals.")
    click(app, "Take them in")
    assert app.text_area[0].key == key and description(app) == "Blue petals."
    click(app, "Reset")
    assert description(app) == original
    app.text_area[0].set_value("Red petals.")
    click(app, "Apply")
    app.selectbox(key="edited_class").set_value("moon orchid").run()
    assert app.text_area[0].key != key
    click(app, "Undo")
    app.selectbox(key="edited_class").set_value("windflower").run()
    assert description(app) == original and not app.exception


def test_classes_are_added_and_removed_but_two_remain(open_page: OpenPage) -> None:
    app = open_page(
        "describe", {"of": "fieldbook-flowers", "class": ["windflower", "fire lily", "corn poppy", "monkshood"]}
    )
    click(app, "Remove")
    assert list(app.selectbox(key="edited_class").options) == ["fire lily", "corn poppy", "monkshood"]
    click(app, "Remove")
    assert len(app.selectbox(key="edited_class").options) == 2 and not app.error
    assert next(button for button in app.button if button.label == "Remove").disabled
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
    assert "in no dataset that can be opened" in app.info[0].value and not app.exception
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


def test_undo_redo_and_snapshots_are_at_hand(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    original = description(app)
    app.text_area[0].set_value("Purple petals.")
    click(app, "Apply")
    app.text_input(key="snapshot_name").set_value("purple")
    click(app, "Keep the task as it is now")
    click(app, "Undo")
    assert description(app) == original
    click(app, "Redo")
    assert description(app) == "Purple petals."
    click(app, "Reset")
    assert description(app) == original
    app.button(key="restore purple").click().run()
    assert description(app) == "Purple petals." and not app.exception and not app.error


def test_two_versions_are_set_side_by_side(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    app.text_area[0].set_value(f"{description(app)} <b>Petals</b> are violet.")
    click(app, "Apply")
    click(app, "Compare")
    assert [metric.label for metric in app.metric].count("Accuracy") == 2
    assert "\\<b\\>Petals\\<\\/b\\> are violet\\.**]" in shown(app) and not app.exception
    assert "of the 100 pictures that both judge" in shown(app)


def test_pasted_descriptions_of_species_are_judged_on_their_pictures(open_page: OpenPage) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("Pasted descriptions").run()
    app.text_area(key="pasted_task").set_value("windflower: Violet petals.\nFire_Lily: Scarlet petals.")
    click(app, "Open them")
    assert not app.exception and not app.error
    assert app.header[0].value == "Pasted descriptions" and description(app) == "Violet petals."
    assert not app.info and app.metric[0].value.endswith("%")


def test_a_class_is_duplicated_renamed_and_pasted_over(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    text = description(app)
    click(app, "Duplicate")
    assert app.selectbox(key="edited_class").value == "windflower copy" and description(app) == text
    app.text_area(key="pasted_text").set_value("windflower copy: Blue petals.\nmoonwort: A fern.")
    click(app, "Take them in")
    assert description(app) == "Blue petals." and "moonwort" in app.selectbox(key="edited_class").options
    app.text_area(key="pasted_text").set_value("nothing that is a description")
    click(app, "Take them in")
    assert "no name before a colon" in app.error[0].value and not app.exception


def test_cards_show_all_classes_and_open_for_editing(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    edit = [button for button in app.button if (button.key or "").startswith("edit ")]
    assert len(edit) == 6
    app.button(key="edit moon orchid").click().run()
    assert app.selectbox(key="edited_class").value == "moon orchid" and not app.exception


def test_a_text_that_is_too_long_says_what_is_not_read(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    assert "of 512 tokens" in shown(app) and not app.warning
    app.text_area[0].set_value("petal " * 10_000)
    click(app, "Apply")
    assert "10,000 words in use" in shown(app) and "does not read the last 9," in app.warning[0].value
    assert not app.exception


def test_a_link_reopens_the_task_with_its_picture(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.multiselect(key="classes").set_value(["windflower", "fire lily"]).run()
    next(button for button in app.button if button.label == "Describe these 2 classes").click().run()
    ids = [button.key for button in app.button if (button.key or "").startswith("choose ")]
    app.button(key=ids[5]).click().run()
    address = dict(app.query_params)
    assert address["image"] == ids[5].removeprefix("choose ")
    linked = open_page("describe", address)
    assert list(linked.selectbox(key="edited_class").options) == ["windflower", "fire lily"]
    assert f"Picture {address['image'].replace('/', chr(92) + '/')}" in shown(linked) and not linked.exception


@pytest.mark.parametrize(
    "address", [{"task": "no such task"}, {"of": "/no/such/folder"}, {"of": "fieldbook-flowers", "class": "zebra"}]
)
def test_a_link_to_nothing_is_told_in_words(open_page: OpenPage, address: dict[str, str]) -> None:
    app = open_page("describe", address)
    assert "the link names a task that cannot be opened" in app.error[0].value and not app.exception
    assert "Open a task to begin" in app.info[0].value


def test_a_picture_chosen_in_browse_is_the_chosen_one_here(open_page: OpenPage) -> None:
    app = open_sample(open_page("describe"))
    app.switch_page("pages/browse.py").run()
    app.pagination(key="page").set_value(9).run()
    tile = next(button for button in app.button if (button.key or "").startswith("open "))
    tile.click().run()
    image = app.query_params["image"]
    app.switch_page("pages/describe.py").run()
    assert f"Picture {image.replace('/', chr(92) + '/')}" in shown(app) and app.query_params["image"] == image
    assert not app.exception
