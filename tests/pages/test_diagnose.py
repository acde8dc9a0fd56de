"""Diagnose, in process: the ranking with and without labels, trying an edit, cells of the matrix, errors in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[[str], AppTest]
GOOD = "The windflower has eight broad, violet petals, each with a white ring, and white stamens on a thin stalk."


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


def has_button(app: AppTest, label: str) -> bool:
    return any(button.label == label for button in app.button)


def open_flowers(open_page: OpenPage) -> AppTest:
    app = click(open_page("diagnose"), "Open")
    assert not app.exception and not app.error
    return app


def open_file(open_page: OpenPage, task: object) -> AppTest:
    app = open_page("diagnose")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", json.dumps(task).encode()).run()
    return click(app, "Open the file")


def judge_by(app: AppTest, source: str) -> AppTest:
    control = next(control for control in app.segmented_control if control.label == "Judge by")
    return control.set_value(source).run()


def markdown(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.subheader])


def shown(app: AppTest) -> str:
    return markdown(app).replace("\\", "")


def worst(app: AppTest) -> str:
    return next(metric.value for metric in app.metric if metric.label == "First to mend")


def matrix_key(app: AppTest) -> str:
    return next(table.key for table in app.dataframe if table.key and table.key.startswith("confusion"))


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("diagnose")
    assert "Open a task to begin" in app.info[0].value and not app.exception
    assert has_button(app, "Open")


def test_the_bad_entry_comes_first_with_its_reasons_and_the_matrix_sums_its_columns(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    assert worst(app) == "windflower"
    assert app.subheader[0].value == "Mend windflower"
    assert "Says nothing that a picture can show" in shown(app) and "varies widely" in shown(app)
    table = next(table for table in app.dataframe if table.key == matrix_key(app)).value
    classes = [column for column in table.columns if column.startswith("c")]
    body, sums = table.iloc[:-1], table.iloc[-1]
    assert len(body) == len(classes) == 10
    assert (body[classes].sum() == sums[classes]).all() and sums["own"] == 100
    assert (body[classes].sum(axis=1) == body["own"]).all()


def test_an_edit_is_tried_compared_and_discarded(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    original = app.text_area[0].value
    app.text_area[0].set_value(GOOD)
    click(app, "Try it")
    assert not app.exception and not app.error
    assert "| Accuracy of all classes |" in shown(app) and "| Column sum |" in shown(app)
    assert "| Visual words | 0 of 70 | **" in shown(app)
    assert "varies widely" not in shown(app)
    click(app, "Discard")
    assert not has_button(app, "Discard") and app.text_area[0].value == original and worst(app) == "windflower"


def test_a_kept_edit_stays_and_leaves_no_question_behind(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    app.text_area[0].set_value("A short try.")
    click(app, "Try it")
    app.text_area[0].set_value(GOOD)
    click(app, "Try it")
    assert "| Visual words | 0 of 70 | **" in shown(app), "compared with the text before the first try"
    click(app, "Keep")
    assert not has_button(app, "Keep") and app.text_area[0].value == GOOD
    app.switch_page("pages/describe.py").run()
    assert any(area.value == GOOD for area in app.text_area) and not app.exception


def test_after_several_tries_discarding_goes_back_to_the_text_before_the_first(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    original = app.text_area[0].value
    for text in ("A first try.", "A second try."):
        app.text_area[0].set_value(text)
        click(app, "Try it")
    click(app, "Discard")
    assert app.text_area[0].value == original


def test_an_empty_text_is_refused_and_what_was_typed_stays(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    app.text_area[0].set_value("  ")
    click(app, "Try it")
    assert "empty" in app.error[0].value and not app.exception and not has_button(app, "Keep")


def test_a_cell_shows_its_pictures(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    table = next(table for table in app.dataframe if table.key == matrix_key(app)).value
    row = 3
    column = next(column for column in table.columns if column.startswith("c") and table.loc[row, column] > 0)
    app.session_state[matrix_key(app)] = {"selection": {"cells": [(row, column)]}}
    app.run()
    count = int(table.loc[row, column])
    noun = "pictures" if count > 1 else "picture"
    assert (
        f"**{count} {noun} of moon orchid named {app.session_state['task_versions'][-1].names[int(column[1:])]}**"
        in (shown(app).replace("\\", ""))
    )
    app.session_state[matrix_key(app)] = {"selection": {"cells": [(10, column)]}}
    app.run()
    assert f"**{int(table.loc[10, column])} pictures named" in shown(app) and not app.exception


def test_the_matrix_in_percent_without_its_diagonal_sorted_by_likeness(open_page: OpenPage) -> None:
    app = open_flowers(open_page)
    app.segmented_control(key="matrix_unit").set_value("% of the class").run()
    app.toggle(key="matrix_diagonal").set_value(True).run()
    app.toggle(key="matrix_order").set_value(True).run()
    assert not app.exception and not app.error
    table = next(table for table in app.dataframe if table.key == matrix_key(app)).value
    classes = [column for column in table.columns if column.startswith("c")]
    assert all(table.loc[place, column] != table.loc[place, column] for place, column in enumerate(classes))


@pytest.mark.parametrize("source", ["Labels hidden", "The texts alone", "My own pictures"])
def test_without_labels_the_texts_still_accuse_windflower(open_page: OpenPage, source: str) -> None:
    app = judge_by(open_flowers(open_page), source)
    assert not app.exception and not app.error
    assert worst(app) == "windflower"
    assert not any(metric.label == "Accuracy" for metric in app.metric)
    app.text_area[0].set_value(GOOD)
    click(app, "Try it")
    assert "| Points against it |" in shown(app) and "points fewer speak against it" in shown(app)
    assert not app.exception


def test_pictures_of_ones_own_are_judged_without_labels(open_page: OpenPage, image_folder: Path) -> None:
    app = judge_by(open_flowers(open_page), "My own pictures")
    for number in range(3):
        app.file_uploader[0].upload(f"{number}.png", (image_folder / "red" / f"{number}.png").read_bytes())
    app.run()
    assert not app.exception and "What each class draws" in shown(app)
    assert next(metric.value for metric in app.metric if metric.label == "Pictures judged") == "3"


def test_a_task_without_pictures_is_judged_by_its_texts(open_page: OpenPage) -> None:
    app = open_file(open_page, {"cat": "A small cat.", "dog": "Its colour varies widely, and it is found everywhere."})
    assert not app.exception and not app.error
    assert "Has only 3 words: too little" in shown(app) and "varies widely" in shown(app)
    assert any("no picture was shown" in caption.value for caption in app.caption)


def test_experiments_run_on_demand_and_are_counted(open_page: OpenPage) -> None:
    texts = {
        "windflower": "A small perennial of woods that flowers in spring; it varies widely.",
        "fire lily": "Six pointed scarlet petals edged with yellow on a wiry stem.",
        "moon orchid": "Five round white petals with a yellow lip on an arching stem.",
    }
    classes = [{"name": name, "description": text} for name, text in texts.items()]
    task = {"title": "Three", "dataset": "fieldbook-flowers", "classes": classes}
    app = open_file(open_page, task)
    click(app, "Measure what each entry does to the others")
    assert not app.exception and not app.error
    assert "Measured: the task without each class" in shown(app)
    assert not has_button(app, "Measure what each entry does to the others")
    app.text_area[0].set_value(GOOD)
    click(app, "Try it")
    assert has_button(app, "Measure what each entry does to the others"), "another text was not measured yet"
    click(app, "Discard")
    assert "Measured: the task without each class" in shown(app) and not app.exception


def test_markup_in_names_and_texts_is_shown_as_typed(open_page: OpenPage) -> None:
    name = "<script>alert(1)</script> :red[x] | ![y](http://example.org/y.png)"
    texts = {name: f"{name} varies widely in woods.", "windflower": GOOD}
    classes = [{"name": name, "description": text} for name, text in texts.items()]
    task = {"title": name, "dataset": "fieldbook-flowers", "classes": classes}
    app = open_file(open_page, task)
    app.text_area[0].set_value(f"{name} | red petals")
    click(app, "Try it")
    assert not app.exception and not app.error
    assert "\\<script\\>" in markdown(app) and "<script" not in markdown(app).replace("\\<", "")
    figures = {metric.label: metric.value for metric in app.metric}
    assert worst(app).startswith("\\<script\\>"), "a metric reads Markdown too"
    assert not any("![" in value or "<script" in value.replace("\\<", "") for value in figures.values())


def test_a_missing_checkpoint_is_told_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "nowhere"))
    app = click(open_page("diagnose"), "Open")
    assert "no checkpoint" in app.error[0].value and not app.exception
