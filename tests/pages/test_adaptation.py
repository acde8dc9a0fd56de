"""Adaptation, in process: the norms, two versions side by side, importance on demand, and what is said without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[[str], AppTest]


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label.startswith(label) and not button.disabled).click().run()


def open_sample(open_page: OpenPage) -> AppTest:
    return click(open_page("adaptation"), "Open")


def see(app: AppTest, view: str) -> AppTest:
    return app.segmented_control(key="adaptation_view").set_value(view).run()


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec for chart in app.get("plotly_chart")]


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.info, *app.header])


def edit(app: AppTest, text: str) -> AppTest:
    """Give the first class of the task another description, as an edit on the page Describe does."""
    from n3core.descriptions import ClassDescription, TaskSpec

    (task,) = app.session_state["task_versions"]
    first = ClassDescription(task.classes[0].name, text)
    edited = TaskSpec((first, *task.classes[1:]), task.dataset, task.title)
    app.session_state["task_versions"] = (task, edited)
    return app.run()


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("adaptation")
    assert "Open a task to begin" in app.info[0].value
    assert not app.exception and not charts(app)


def test_norms_kinds_and_activations_are_drawn(open_page: OpenPage) -> None:
    app = open_sample(open_page)
    assert not app.exception and not app.error
    layers, kinds, activations = charts(app)
    assert "features.0.weight" in layers and "no pre-trained counterpart" in layers
    assert "convolution (50)" in kinds and "pre-trained" in activations
    assert "classifier.1.weight" in words(app) and "generated whole" in words(app)
    assert list(app.dataframe[0].value["Kind"].unique()) == ["convolution", "fully connected"]


@pytest.mark.parametrize(("key", "value"), [("adaptation_measure", "Relative"), ("adaptation_axis", "Linear")])
def test_the_scale_changes_the_charts_of_norms(open_page: OpenPage, key: str, value: str) -> None:
    app = open_sample(open_page)
    before = charts(app)
    app.segmented_control(key=key).set_value(value).run()
    assert not app.exception
    after = charts(app)
    assert after[0] != before[0] and after[1] != before[1] and after[2] == before[2]


def test_one_version_has_nothing_to_compare(open_page: OpenPage) -> None:
    app = see(open_sample(open_page), "Between versions")
    assert "one version" in app.info[0].value
    assert not charts(app) and not app.exception


def test_an_edit_shows_which_layers_moved(open_page: OpenPage) -> None:
    app = edit(see(open_sample(open_page), "Between versions"), "A tall blue flower with a <b>bold</b> smell.")
    assert not app.exception and not app.error
    assert app.selectbox(key="adaptation_earlier").value == "Before the last edit"
    assert app.selectbox(key="adaptation_later").value == "Now"
    assert "windflower" in words(app) and "described anew" in words(app)
    layers, classes = charts(app)
    assert "features.0.weight" in layers and "windflower" in classes
    app.selectbox(key="adaptation_later").set_value("Before the last edit").run()
    assert "nothing moved" in app.info[0].value and not charts(app)


def test_a_version_that_is_gone_is_not_compared(open_page: OpenPage) -> None:
    app = edit(see(open_sample(open_page), "Between versions"), "A tall blue flower.")
    app.session_state["task_versions"] = app.session_state["task_versions"][:1]
    app.run()
    assert "one version" in app.info[0].value and not app.exception


def test_importance_is_measured_on_demand_and_kept(open_page: OpenPage) -> None:
    app = open_sample(open_page)
    app = see(app, "Importance")
    app.segmented_control(key="adaptation_each").set_value(4).run()
    assert not charts(app) and not app.metric
    click(app, "Measure on 40 pictures")
    assert not app.exception and not app.error
    assert app.metric[2].value.endswith("of 50")
    bars, scatter = charts(app)
    assert "points" in bars and "Magnitude is not importance" in scatter
    assert "Rank correlation" in words(app)
    app.segmented_control(key="importance_as").set_value("Cross-entropy").run()
    assert "nats" in charts(app)[0]
    assert not [button for button in app.button if button.label.startswith("Measure")]
    other = see(open_sample(open_page), "Importance")
    other.segmented_control(key="adaptation_each").set_value(4).run()
    assert len(charts(other)) == 2
    edit(other, "Something else altogether.")
    assert not charts(other) and [button for button in other.button if button.label.startswith("Measure")]


def test_a_task_without_pictures_still_shows_norms(open_page: OpenPage) -> None:
    app = open_page("adaptation")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", b'{"<b>cat": "A small cat.", "dog": "A large dog."}').run()
    click(app, "Open the file")
    assert not app.exception and len(charts(app)) == 2
    assert "need pictures" in words(app)
    assert "labelled pictures" in words(see(app, "Importance")) and not app.exception


def test_a_missing_checkpoint_is_told_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = open_sample(open_page)
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "nowhere"))
    app.run()
    assert app.error and not app.exception and not charts(app)
