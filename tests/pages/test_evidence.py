"""Evidence, in process: words and signs, trying edits, leaving words out, and what is said without pictures."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from n3core.results.evidence import DescriptionEvidence
from pages.components.evidence_words import mark_words, name_words, word_labels

OpenPage = Callable[[str], AppTest]
ATTACK = "<script>alert(1)</script> :red[x] **b** [l](http://example.org) me@example.org www.example.org $x$ `y`"


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


def shown(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.subheader])


def choose(app: AppTest, key: str, value: object) -> AppTest:
    return next(widget for widget in app.segmented_control if widget.key == key).set_value(value).run()


def described(text: str, magnitudes: list[float], support: list[float]) -> DescriptionEvidence:
    found, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        found.append((start, place))
    return DescriptionEvidence("a", text, np.array(found), np.array(magnitudes), np.array(support), -1.0)


def upload(app: AppTest) -> AppTest:
    """Take in a picture that no dataset has."""
    target = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)).save(target, "PNG")
    box = next(box for box in app.file_uploader if box.label == "Your own pictures")
    return box.upload("pet.png", target.getvalue()).run()


def open_task(open_page: OpenPage, task: dict[str, object]) -> AppTest:
    app = open_page("evidence")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", json.dumps(task).encode()).run()
    return click(app, "Open the file")


@pytest.fixture
def small_task() -> dict[str, object]:
    return {
        "title": "two flowers",
        "dataset": "fieldbook-flowers",
        "classes": [
            {"name": "windflower", "description": "Violet petals, white ring."},
            {"name": "monkshood", "description": "A dark blue hood on a tall stalk."},
        ],
    }


def test_words_are_marked_by_strength_and_sign_and_nothing_else_is_markup() -> None:
    plain = described("red petals  with\nspots", [3, 0, 1, 0.5], [1, 1, -1, 1])
    strong, medium, weak = ":blue-background[**red\u207a**]", ":orange-background[with\u207b]", ":blue[spots\u207a]"
    assert mark_words(plain) == f"{strong} petals {medium} {weak}"
    hostile = described(ATTACK, list(range(len(ATTACK.split()))), [1.0] * len(ATTACK.split()))
    marked = mark_words(hostile)
    bare = re.sub(r":(blue|orange)(-background)?\[|\*\*|\](?=[ :]|$)", "", re.sub(r"\\.", "", marked))
    assert not re.search(r"[<>\[\]()$`]", bare)
    assert "http\u2060" in marked and "www\u2060" in marked and "\u2060\\@" in marked


def test_unread_words_and_repeated_words_are_told_apart() -> None:
    cut = described("red petals", [2, 1], [1, -1])
    longer = DescriptionEvidence("a", "red petals and more", cut.spans, cut.magnitudes, cut.support, 0.0)
    assert "does not read the last 2 words" in mark_words(longer)
    twice = described("red on red", [3, 1, 2], [1, 1, -1])
    labels = word_labels(twice, 2)
    assert list(labels) == [0, 2] and len(set(labels.values())) == 2 and "(2)" in labels[2]
    assert name_words(twice, 3) == "*red*, *on*"


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("evidence")
    assert "Open a task to begin" in app.info[0].value and not app.exception


def test_a_picture_is_explained_for_the_class_one_asks_about(
    open_page: OpenPage, small_task: dict[str, object]
) -> None:
    app = open_task(open_page, small_task)
    assert not app.exception and not app.error
    assert "Ruled out" in shown(app) and "The gradient falls mostly on" in shown(app)
    assert "background[" in shown(app)
    headers = set()
    for kind in ("Predicted", "True", "Another"):
        choose(app, "evidence_target", kind)
        assert not app.exception and not app.error
        headers |= {element.value for element in app.subheader if element.value.startswith("For ")}
    assert headers == {"For windflower", "For monkshood"}


def test_dropping_and_replacing_a_word_moves_the_probability_and_can_be_kept(
    open_page: OpenPage, small_task: dict[str, object]
) -> None:
    app = open_task(open_page, small_task)
    choose(app, "evidence_target", "True")
    assert not [button for button in app.button if button.label == "Keep this edit"]
    pills = next(group for group in app.button_group if "Word" in group.label)
    pills.set_value(3).run()  # the second one is a comma
    assert not app.exception and not app.error
    dropped = [metric.value for metric in app.metric]
    assert "~~" in shown(app)
    app.text_input[0].set_value("orange").run()
    assert "**orange**" in shown(app) and [metric.value for metric in app.metric] != dropped
    click(app, "Keep this edit")
    assert not app.exception and not app.error
    texts = app.session_state["task_versions"][-1].texts
    assert texts[0] != small_task["classes"][0]["description"] and "orange" in texts[0]
    assert texts[1] == small_task["classes"][1]["description"]


def test_every_word_is_left_out_when_asked(open_page: OpenPage, small_task: dict[str, object]) -> None:
    app = open_task(open_page, small_task)
    assert "rank correlation" not in shown(app)
    click(app, "Leave out every word in turn")
    assert not app.exception and not app.error
    assert "rank correlation" in shown(app)
    target = next(element.value for element in app.subheader if element.value.startswith("For "))[4:]
    text = next(entry["description"] for entry in small_task["classes"] if entry["name"] == target)
    assert set(app.dataframe[-1].value["Word"]) == set(re.findall(r"\w+", text))


def test_the_words_that_carry_a_class(open_page: OpenPage, small_task: dict[str, object]) -> None:
    app = open_task(open_page, small_task)
    choose(app, "evidence_view", "All pictures of the class")
    choose(app, "evidence_each", 4)
    assert not app.exception and not app.error
    assert "Mean over 4 of its pictures" in shown(app)
    table = app.dataframe[0].value
    assert 0 < table["Share"].sum() <= 100 and list(table["Share"]) == sorted(table["Share"], reverse=True)


def test_next_chooses_the_picture_of_all_pages(open_page: OpenPage, small_task: dict[str, object]) -> None:
    app = open_task(open_page, small_task)
    first = app.selectbox(key="evidence_picture").value
    click(app, "Next")
    second = app.selectbox(key="evidence_picture").value
    assert second != first
    app.switch_page("pages/describe.py").run()
    app.switch_page("pages/evidence.py").run()
    assert app.selectbox(key="evidence_picture").value == second and not app.exception


def test_hostile_names_and_texts_are_only_text(open_page: OpenPage) -> None:
    classes = [{"name": "windflower", "description": ATTACK}, {"name": ATTACK[:60], "description": ATTACK + " more"}]
    app = open_task(open_page, {"dataset": "fieldbook-flowers", "classes": classes})
    assert not app.exception and not app.error
    assert "<script>" not in shown(app).replace("\\<", "")


def test_a_task_without_pictures_is_told_in_words(open_page: OpenPage) -> None:
    app = open_task(open_page, {"cat": "A small cat.", "dog": "A large dog."})
    assert "no pictures to explain" in app.info[0].value and not app.exception


def test_a_picture_of_ones_own_is_explained_without_a_true_class(open_page: OpenPage) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", b'{"cat": "A small cat.", "dog": "A large dog."}').run()
    click(app, "Open the file")
    app.switch_page("pages/evidence.py").run()
    upload(app)
    assert not app.exception and not app.error
    assert "A picture of your own" in shown(app)
    targets = next(widget for widget in app.segmented_control if widget.key == "evidence_target")
    assert list(targets.options) == ["Predicted", "Another"]
    assert "Ruled out" in shown(app)


def test_a_picture_of_ones_own_joins_those_of_the_dataset(open_page: OpenPage, small_task: dict[str, object]) -> None:
    app = open_task(open_page, small_task)
    app.session_state["evidence_own"] = True
    app.run()
    count = len(app.selectbox(key="evidence_picture").options)
    upload(app)
    assert not app.exception and not app.error
    box = app.selectbox(key="evidence_picture")
    assert len(box.options) == count + 1
    box.set_value(box.options[-1]).run()
    assert "A picture of your own" in shown(app)
