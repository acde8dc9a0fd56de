"""Browse, in process: choosing, searching, paging, opening a picture, and what is said when something is missing."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from n3core.datasets.base import load_pixels

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[[str], AppTest]
DATA = os.environ.get("N3_DATA", "")  # the pages are opened without it


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


def test_a_link_to_what_is_not_here_is_told_once(open_page: OpenPage) -> None:
    app = open_page("browse", {"data": "nonsense", "split": "foo"})
    assert [warning.value for warning in app.warning] == [
        "There is no dataset “nonsense” here.",
        "There is no split “foo” here.",
    ]
    assert not app.run().warning and not app.exception


def test_paging_shows_other_pictures_and_the_last_page_ends(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.pagination(key="page").set_value(17).run()
    assert "385 to 400 of 400 pictures" in words(app)
    assert len(tile_labels(app)) == 16
    app.multiselect(key="classes").set_value(["windflower"]).run()
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
    app.multiselect(key="classes").set_value(["windflower"]).run()
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


def test_what_changes_in_an_own_folder_shows(image_folder: Path, tmp_path: Path) -> None:
    from pages.components import resources

    folder = shutil.copytree(image_folder, tmp_path / "swatches")
    before = resources.get_dataset(str(folder))
    assert resources.get_dataset(str(folder)) is before
    ref = before.image_refs("red")[0]
    seen = resources.thumbnail(str(folder), ref), resources.large_picture(str(folder), ref)
    shutil.copy(folder / "blue" / "0.png", folder / "red" / "new.png")
    (folder / "red" / ref.id.split("/")[-1]).unlink()
    shutil.copy(folder / "blue" / "0.png", folder / ref.id)
    time.sleep(1.1)  # a folder is looked through once a second at most
    after = resources.get_dataset(str(folder))
    assert len(after.image_refs("red")) == len(before.image_refs("red")) + 1
    assert resources.thumbnail(str(folder), ref) != seen[0] and resources.large_picture(str(folder), ref) != seen[1]
    texts = json.loads((folder / "descriptions.json").read_text())
    (folder / "descriptions.json").write_text(json.dumps(texts | {"red": "Scarlet cloth."}))
    time.sleep(1.1)
    changed = resources.get_dataset(str(folder))
    assert next(info for info in changed.classes if info.id == "red").description == "Scarlet cloth."


def test_a_picture_that_is_overwritten_shows(image_folder: Path, tmp_path: Path) -> None:
    from pages.components import resources

    folder = shutil.copytree(image_folder, tmp_path / "swatches")
    (folder / "red" / "more").mkdir()
    shutil.copy(folder / "red" / "1.png", folder / "red" / "more" / "1.png")
    before = resources.get_dataset(str(folder))
    for name in ("red/0.png", "red/more/1.png"):
        ref = next(ref for ref in before.image_refs("red") if ref.id == name)
        seen = resources.thumbnail(str(folder), ref)
        (folder / name).write_bytes((folder / "blue" / "0.png").read_bytes())
        time.sleep(1.1)
        assert resources.thumbnail(str(folder), ref) != seen, name
    assert resources.get_dataset(str(folder)).version != before.version


def test_texts_and_splits_beside_a_parquet_file_are_read_anew(image_folder: Path, tmp_path: Path) -> None:
    from pages.components import resources

    path, names = tmp_path / "swatches.parquet", ["red", "blue"]
    images = [(image_folder / name / "0.png").read_bytes() for name in names]
    pq.write_table(pa.table({"image": images, "class": names}), path)
    for text in ("Plain.", "Worn."):
        (tmp_path / "swatches.json").write_text(json.dumps(dict.fromkeys(names, text)))
        assert [info.description for info in resources.get_dataset(str(path)).classes] == [text] * 2
        time.sleep(1.1)
    (tmp_path / "splits.json").write_text('{"test": ["red"]}')
    assert resources.get_dataset(str(path)).splits == {"test": ("red",)}


def test_a_picture_more_draws_no_other_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.components import resources

    data, size = "fieldbook-birds", 37
    dataset = resources.get_dataset(data)
    refs = dataset.image_refs(dataset.splits["test"][0], subset="evaluate")[:4]
    drawn = []
    load_image = type(dataset).load_image
    monkeypatch.setattr(type(dataset), "load_image", lambda self, ref: drawn.append(ref) or load_image(self, ref))
    three = resources.square_pictures(data, tuple(refs[:3]), size)
    four = resources.square_pictures(data, (refs[3], *refs[:3]), size)
    assert drawn == list(refs)
    np.testing.assert_array_equal(four, load_pixels(dataset, (refs[3], *refs[:3]), size))
    np.testing.assert_array_equal(four[1:], three)


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


def test_counts_of_every_class(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.segmented_control(key="view").set_value("Counts").run()
    table = app.dataframe[0].value
    assert len(table) == 10 and set(table["Pictures"]) == {40}
    assert "400 pictures of 10 classes, 40 of each" in words(app) and not app.exception


def test_a_kingdom_is_changed_without_leaving_the_view(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.segmented_control(key="kingdom").set_value("fieldbook-birds").run()
    assert app.selectbox(key="data").value == "fieldbook-birds" and "of 1,000 pictures" in words(app)
    app.selectbox(key="data").set_value("fieldbook-flowers").run()
    assert app.segmented_control(key="kingdom").value == "fieldbook-flowers" and not app.exception


def test_right_and_wrong_pictures_make_up_all_pictures(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.multiselect(key="classes").set_value(["windflower", "fire lily", "moon orchid"]).run()
    app.selectbox(key="predicted").set_value("shown").run()
    assert "All 3 classes shown, 3 classes" in words(app) and not app.exception and not app.error
    counts = {}
    for kind in ("right only", "wrong only"):
        app.selectbox(key="predicted").set_value(kind).run()
        found = [line for line in words(app).splitlines() if " to " in line and line.endswith(" pictures")]
        counts[kind] = int(found[0].split(" of ")[1].split()[0]) if found else 0
        colour = "green" if kind == "right only" else "orange"
        marks = [caption.value for caption in app.caption if caption.value.startswith((":green[", ":orange["))]
        assert all(mark.startswith(f":{colour}[") for mark in marks)
    assert sum(counts.values()) == 120


def test_predictions_are_those_of_the_open_task(open_page: OpenPage) -> None:
    app = open_page("describe")
    next(button for button in app.button if button.label == "Open").click().run()
    app.switch_page("pages/browse.py").run()
    app.selectbox(key="predicted").set_value("shown").run()
    assert "Ten unseen flowers" in words(app) and not app.exception
    app.selectbox(key="split").set_value("all").run()
    assert "400 pictures of its classes" in words(app) and not app.exception


def test_too_many_pictures_are_not_judged(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.selectbox(key="split").set_value("all").run()
    app.selectbox(key="predicted").set_value("wrong only").run()
    assert "too many to judge" in app.info[0].value and not app.exception


def test_a_picture_shows_its_parts(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.session_state["large_view"] = "Parts"
    next(button for button in app.button if button.key == "open 0").click().run()
    found = [caption.value for caption in app.caption if caption.value.startswith("petal ")]
    assert found and 1 < float(found[0].split()[1]) < 80 and not app.exception


def test_the_open_picture_stands_in_the_address_and_a_link_opens_it(open_page: OpenPage) -> None:
    app = open_page("browse")
    next(button for button in app.button if button.key == "open 3").click().run()
    address = dict(app.query_params)
    assert address["image"] == "moon orchid/000" and address["large"] == "1"
    linked = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240)
    linked.query_params.update(address)
    linked.run()
    assert "Picture moon orchid\\/000, 4 of 400" in words(linked) and not linked.exception


def test_classes_stand_in_the_address(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.multiselect(key="classes").set_value(["windflower", "fire lily"]).run()
    assert "of 80 pictures" in words(app)
    linked = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=240)
    linked.query_params["classes"] = ["windflower", "fire lily", "no such class"]
    linked.run()
    assert linked.multiselect(key="classes").value == ["windflower", "fire lily"]
    assert "of 80 pictures" in words(linked) and not linked.exception
    next(button for button in linked.button if button.label == "Describe these 2 classes").click().run()
    assert not linked.exception and linked.selectbox(key="edited_class").value == "windflower"


def test_classes_shown_become_the_task(open_page: OpenPage) -> None:
    app = open_page("browse")
    app.multiselect(key="classes").set_value(["windflower", "fire lily"]).run()
    next(button for button in app.button if button.label == "Describe these 2 classes").click().run()
    assert list(app.selectbox(key="edited_class").options) == ["windflower", "fire lily"] and not app.exception


@pytest.mark.data
def test_tiny_imagenet_opens_and_jumps_to_any_page(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("browse")
    monkeypatch.setenv("N3_DATA", DATA)
    app.run()
    app.selectbox(key="data").set_value("tiny-imagenet").run()
    started = time.process_time()
    app.selectbox(key="split").set_value("all").run()
    assert time.process_time() - started < 3
    assert "1 to 24 of 99,600 pictures" in words(app) and len(tile_labels(app)) == 24
    app.number_input(key="wanted_page").set_value(4000).run()
    assert "95,977 to 96,000 of 99,600 pictures" in words(app) and len(tile_labels(app)) == 24
    app.selectbox(key="images").set_value("for evaluation").run()
    assert "of 10,000 pictures" in words(app) and not app.exception and not app.error
