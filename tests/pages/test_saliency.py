"""Saliency, in process: both networks beside the picture, all methods, the shares, a page of pictures, empty states."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from n3core.descriptions import ClassDescription, TaskSpec, load_task
from n3core.results.saliency import METHODS

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[[str], AppTest]


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


@pytest.fixture
def opened(open_page: OpenPage) -> AppTest:
    """The page on the first sample task, in the view of one picture."""
    return click(open_page("saliency"), "Open")


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.info])


def images(app: AppTest) -> list[str]:
    """Addresses of the pictures, which follow from their content."""
    return [image.url for block in app.get("image") for image in block.proto.imgs]


def charts(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def healthy(app: AppTest) -> None:
    assert not app.exception and not app.error


def test_before_a_task_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("saliency")
    healthy(app)
    assert "Open a task to begin" in app.info[0].value and not charts(app)


def test_one_picture_stands_beside_the_maps_of_both_networks(opened: AppTest) -> None:
    healthy(opened)
    assert len(set(images(opened))) == 3
    assert all(image.alt for block in opened.get("image") for image in block.proto.imgs)
    said = words(opened)
    assert "Every layer adapted" in said and "Only the last layer generated" in said
    assert "The object covers" in said
    bar, shares = charts(opened)
    assert "|dE/dpixel|" in bar["layout"]["xaxis"]["title"]["text"]
    assert len(shares["data"]) == 2


def test_the_table_sets_shares_beside_areas_and_they_add_up(opened: AppTest) -> None:
    table = opened.dataframe[0].value.set_index("Region")
    assert table.index[0] == "object" and table.index[-1] == "background"
    for column in ("Area", "Every layer", "Last layer"):
        assert table[column]["object"] + table[column]["background"] == pytest.approx(100, abs=1e-3)
        assert table[column].iloc[1:-1].sum() == pytest.approx(table[column]["object"], abs=1e-3)
    np.testing.assert_allclose(table["Every layer / area"], table["Every layer"] / table["Area"], rtol=1e-4)
    assert not np.allclose(table["Every layer"], table["Last layer"], rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_draws_and_can_be_set(method: str, opened: AppTest) -> None:
    before = images(opened)
    opened.session_state["saliency_steps"] = 8
    opened.session_state["saliency_samples"] = 4
    opened.selectbox(key="saliency_method").set_value(method).run()
    healthy(opened)
    assert METHODS[method].note in words(opened)
    assert charts(opened)[0]["layout"]["xaxis"]["title"]["text"].startswith(METHODS[method].loss_unit)
    assert images(opened)[0] == before[0]
    assert (images(opened)[1:] == before[1:]) == (method == "gradient")


def test_the_target_decides_the_map(opened: AppTest) -> None:
    seen = {}
    for kind in ("Loss", "Predicted", "Another"):
        opened.segmented_control(key="saliency_target").set_value(kind).run()
        healthy(opened)
        seen[kind] = images(opened)[1]
    opened.selectbox(key="saliency_other").set_value("moon orchid").run()
    seen["moon orchid"] = images(opened)[1]
    assert len(set(seen.values())) >= 3
    assert "logit" in charts(opened)[0]["layout"]["xaxis"]["title"]["text"]


def test_opacity_colours_scale_and_outline_change_the_picture_alone(opened: AppTest) -> None:
    table = opened.dataframe[0].value
    last = images(opened)
    for change in (
        lambda: opened.slider(key="saliency_opacity").set_value(30),
        lambda: opened.selectbox(key="saliency_colours").set_value("cividis"),
        lambda: opened.toggle(key="saliency_outline").set_value(False),
        lambda: opened.toggle(key="saliency_one_scale").set_value(True),
    ):
        change().run()
        healthy(opened)
        assert images(opened)[0] == last[0] and images(opened)[1:] != last[1:]
        last = images(opened)
    assert opened.dataframe[0].value.equals(table)
    assert "percentile" not in charts(opened)[0]["layout"]["xaxis"]["title"]["text"]


def test_the_signed_colours_are_offered_where_there_is_a_sign(opened: AppTest) -> None:
    assert "Against (orange) or for (purple)" not in opened.selectbox(key="saliency_colours").options
    opened.selectbox(key="saliency_method").set_value("gradient_x_input").run()
    opened.selectbox(key="saliency_colours").set_value("signed").run()
    healthy(opened)
    low, high = charts(opened)[0]["layout"]["xaxis"]["range"]
    assert low == -high
    opened.selectbox(key="saliency_method").set_value("gradient").run()
    healthy(opened)
    assert opened.selectbox(key="saliency_colours").value == "viridis"


def test_next_and_previous_move_the_picture_that_all_pages_look_at(opened: AppTest) -> None:
    first, chosen = images(opened), opened.selectbox(key="saliency_picture").value
    click(opened, "Next")
    healthy(opened)
    second = opened.selectbox(key="saliency_picture").value
    assert second != chosen and not set(images(opened)) & set(first)
    assert opened.query_params["image"] in (second, [second])
    click(opened, "Previous")
    assert images(opened) == first


def test_a_page_of_pictures_with_its_mean_shares(opened: AppTest) -> None:
    opened.segmented_control(key="saliency_view").set_value("A page of them").run()
    healthy(opened)
    first = images(opened)
    assert len(first) == 18 and "6 pictures" in charts(opened)[1]["layout"]["title"]["text"]
    opened.selectbox(key="saliency_class").set_value("moon orchid").run()
    healthy(opened)
    assert images(opened) != first and len([b for b in opened.button if b.label == "moon orchid"]) == 6
    opened.toggle(key="saliency_wrong").set_value(True).run()
    healthy(opened)
    assert all("Every layer: **moon orchid**" not in element.value for element in opened.caption)
    shown = [button for button in opened.button if button.label == "moon orchid"]
    if shown:
        shown[0].click().run()
        assert opened.segmented_control(key="saliency_view").value == "One picture"
        assert opened.selectbox(key="saliency_picture").value.startswith("moon orchid")


def test_a_picture_chosen_elsewhere_is_the_one_shown(opened: AppTest) -> None:
    opened.query_params["image"] = "windflower/001"
    opened.run()
    healthy(opened)
    assert opened.selectbox(key="saliency_picture").value == "windflower/001"


def test_an_edit_is_explained_anew(opened: AppTest) -> None:
    before = images(opened)
    (task,) = opened.session_state["task_versions"]
    classes = tuple(ClassDescription(entry.name, "A plain blue disc.") for entry in task.classes[:1]) + task.classes[1:]
    opened.session_state["task_versions"] = (task, TaskSpec(classes, task.dataset, task.title))
    opened.run()
    healthy(opened)
    assert images(opened)[0] == before[0] and images(opened)[1] != before[1]


def test_pictures_without_masks_have_maps_but_no_shares(open_page: OpenPage, image_folder: Path) -> None:
    task = load_task(image_folder / "descriptions.json")
    app = open_page("saliency")
    app.session_state["task_versions"] = (TaskSpec(task.classes, str(image_folder), "swatches"),)
    app.run()
    healthy(app)
    assert len(images(app)) == 3 and not app.dataframe
    assert "Fieldbook only" in words(app)


def test_a_task_without_pictures_says_so(open_page: OpenPage) -> None:
    app = open_page("saliency")
    pair = (ClassDescription("cat", "A small cat."), ClassDescription("dog", "A large dog."))
    app.session_state["task_versions"] = (TaskSpec(pair, None, "pets"),)
    app.run()
    healthy(app)
    assert "in no dataset that can be opened" in app.info[0].value and not images(app)
    assert [box.label for box in app.file_uploader] == ["Your own pictures"]


def noise_file(seed: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)).save(target, "PNG")
    return target.getvalue()


def test_pictures_of_ones_own_are_looked_at_without_a_true_class(opened: AppTest) -> None:
    plates = images(opened)
    opened.segmented_control(key="saliency_source").set_value("My own pictures").run()
    healthy(opened)
    assert not images(opened)
    for number in range(2):
        opened.file_uploader[0].upload(f"pet {number}.png", noise_file(number)).run()
    healthy(opened)
    assert len(images(opened)) == 3 and "A picture of your own" in words(opened)
    assert opened.segmented_control(key="saliency_target").options == ["Predicted", "Another"]
    assert "logit" in charts(opened)[0]["layout"]["xaxis"]["title"]["text"] and not opened.dataframe
    one = images(opened)
    click(opened, "Next")
    assert not set(one) & set(images(opened)) and opened.selectbox(key="saliency_picture").value == "upload/pet 1.png"
    opened.segmented_control(key="saliency_view").set_value("A page of them").run()
    healthy(opened)
    assert len(images(opened)) == 6 and not [toggle for toggle in opened.toggle if toggle.key == "saliency_wrong"]
    opened.button(key="saliency upload/pet 0.png").click().run()
    healthy(opened)
    assert images(opened) == one
    opened.segmented_control(key="saliency_source").set_value("The dataset").run()
    healthy(opened)
    assert images(opened)[0] == plates[0] and "True" in opened.segmented_control(key="saliency_target").options


def test_an_own_picture_chosen_elsewhere_is_the_one_shown(open_page: OpenPage) -> None:
    app = click(open_page("describe"), "Open")
    app.segmented_control(key="wall_source").set_value("My own pictures").run()
    next(box for box in app.file_uploader if box.label == "Your own pictures").upload("pet.png", noise_file(0)).run()
    app.query_params["image"] = "upload/pet.png"
    app.switch_page("pages/saliency.py").run()
    healthy(app)
    assert app.segmented_control(key="saliency_source").value == "My own pictures"
    assert app.selectbox(key="saliency_picture").value == "upload/pet.png"


def test_a_missing_checkpoint_is_told_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(tmp_path / "nowhere"))
    app = click(open_page("saliency"), "Open")
    assert "no checkpoint" in app.error[0].value and not app.exception


def test_the_sheet_is_a_picture_of_all_three(opened: AppTest) -> None:
    from n3core.figures.export import to_png
    from n3core.figures.saliency import Look, draw_sheet

    pixels = np.zeros((8, 8, 3), np.uint8)
    sheet = to_png(
        draw_sheet([(pixels,) * 3], ("a", "b", "c"), ("$x_",), title="$y_", unit="u", look=Look(), limit=None), dots=60
    )
    assert Image.open(io.BytesIO(sheet)).width > 300
    assert opened.get("download_button")
