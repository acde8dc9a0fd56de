"""Browse, in process: choosing, searching, paging, opening a picture, and what is said when something is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[[str], AppTest]


def tile_labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button if (button.key or "").startswith("open ")]


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.subheader])


def test_first_page_shows_every_unseen_class(open_page: OpenPage) -> None:
    app = open_page("browse")
    assert not app.exception and not app.error
    assert app.selectbox(key="split").value == "unseen"
    labels = tile_labels(app)
    assert len(labels) == 24
    assert len(set(labels)) == 10
    assert "1 to 24 of 400 pictures" in words(app)


def test_paging_shows_other_pictures_and_the_last_page_ends(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.pagination(key="page").set_value(17).run()
    assert "385 to 400 of 400 pictures" in words(app)
    assert len(tile_labels(app)) == 16
    app.multiselect(key="browse_classes").set_value(["windflower"]).run()
    assert "of 40 pictures" in words(app)
    assert set(tile_labels(app)) == {"windflower"}
    assert not app.exception


def test_descriptions_are_shown_for_the_words_that_are_searched(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.segmented_control(key="view").set_value("Descriptions").run()
    assert len(app.subheader) == 10
    app.text_input(key="find").set_value("tubers").run()
    assert "windflower" in [element.value for element in app.subheader]
    assert len(app.subheader) < 10
    app.text_input(key="find").set_value("zeppelin").run()
    assert "zeppelin" in app.info[0].value and not app.exception


def test_changing_the_dataset_drops_choices_that_do_not_fit(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.multiselect(key="browse_classes").set_value(["windflower"]).run()
    app.selectbox(key="data").set_value("fieldbook-birds").run()
    assert not app.exception and not app.error
    assert "of 1,000 pictures" in words(app)


def test_a_picture_opens_large_with_its_description(open_page: OpenPage) -> None:
    app = open_page("browse")
    next(button for button in app.button if button.key == "open 0").click().run()
    assert "Picture windflower\\/000, 1 of 400" in words(app)
    assert [button.label for button in app.button if button.label in ("Previous", "Next")] == ["Previous", "Next"]
    assert not app.exception


def test_own_folder(open_page: OpenPage, image_folder: Path) -> None:
    app = open_page("browse")
    app.selectbox(key="data").set_value("my own folder or file").run()
    assert "Type the path" in app.info[0].value
    app.text_input(key="path").set_value(str(image_folder)).run()
    assert not app.exception and not app.error
    assert set(tile_labels(app)) == {"red", "green", "blue", "grey"}


@pytest.mark.parametrize("path", ["/no/such/folder", "\u202eevil\n<script>", "x" * 5000, "a\0b"])
def test_a_path_that_leads_nowhere_is_told_in_words(open_page: OpenPage, path: str) -> None:
    app = open_page("browse")
    app.selectbox(key="data").set_value("my own folder or file").run()
    app.text_input(key="path").set_value(path).run()
    assert app.error and not app.exception


def test_the_address_reopens_the_view(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240)
    for key, value in {"data": "fieldbook-birds", "split": "validation", "page": "3", "find": "bill"}.items():
        app.query_params[key] = value
    app.run()
    assert app.selectbox(key="data").value == "fieldbook-birds"
    assert app.selectbox(key="split").value == "validation"
    assert "49 to 72 of" in words(app)


@pytest.mark.parametrize(("key", "value"), [("split", "nonsense"), ("page", "999"), ("data", "/etc"), ("view", "x")])
def test_nonsense_in_the_address_falls_back(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.chdir(PROJECT)
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240)
    app.query_params[key] = value
    app.run()
    assert not app.exception and "1 to 24 of 400 pictures" in words(app)
