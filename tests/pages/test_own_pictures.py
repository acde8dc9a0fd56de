"""Pictures of one's own, in process: taken in, browsed, named under a task, and refused in words."""

from __future__ import annotations

import gc
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

OpenPage = Callable[[str], AppTest]


def picture(seed: int = 0) -> bytes:
    target = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return target.getvalue()


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.warning, *app.info])


def labels(app: AppTest, prefix: str) -> list[str]:
    return [button.label for button in app.button if (button.key or "").startswith(prefix)]


def drop(app: AppTest, name: str, content: bytes) -> AppTest:
    return app.file_uploader[0].upload(name, content).run()


def browse_own(open_page: OpenPage) -> AppTest:
    app = open_page("browse")
    return app.selectbox(key="data").set_value("my uploaded pictures").run()


def test_an_empty_box_says_what_to_do_and_pictures_fill_the_gallery(open_page: OpenPage) -> None:
    app = browse_own(open_page)
    assert "Drop pictures" in words(app) and not app.exception
    drop(app, "a.png", picture(1))
    drop(app, "more.zip", archive({"rose/b.png": picture(2), "lily/c.png": picture(3)}))
    assert not app.exception and not app.error
    assert labels(app, "open ") == ["without a class", "rose", "lily"]
    assert "3 pictures of your own" in words(app)
    click(app, "Remove them")
    assert "Drop pictures" in words(app) and not labels(app, "open ")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.png", b"", "0 bytes"),
        ("text.png", b"no picture", "is no JPEG"),
        ("out.zip", archive({"../../evil.png": picture()}), "leads out"),
        ("broken.zip", b"PK\x05", "not a readable zip"),
        ("<script>alert(1)</script>.png", b"x", "is no JPEG"),
    ],
)
def test_what_is_refused_is_told_and_the_session_lives_on(
    open_page: OpenPage, name: str, content: bytes, why: str
) -> None:
    app = browse_own(open_page)
    drop(app, name, content)
    assert not app.exception and "<script>" not in words(app)
    assert why in words(app).replace("\\", "") and not labels(app, "open ")
    drop(app, "good.png", picture())
    assert labels(app, "open ") == ["without a class"] and not app.warning


def test_own_pictures_are_named_by_a_task_whose_classes_no_dataset_has(open_page: OpenPage) -> None:
    app = open_page("describe")
    app.segmented_control(key="task_way").set_value("Pasted descriptions").run()
    app.text_area(key="pasted_task").set_value("zeppelin: A long grey airship.\nsubmarine: A dark vessel under water.")
    click(app, "Open them")
    assert "no pictures" in app.info[0].value and not app.exception
    drop(app, "things.zip", archive({"zeppelin/1.png": picture(1), "2.png": picture(2)}))
    assert not app.exception and not app.error
    names = [label.rpartition(" ")[2] for label in labels(app, "choose ")]
    assert len(names) == 2 and set(names) <= {"zeppelin", "submarine"}
    assert app.metric[0].label == "Accuracy now"  # one picture lay in a folder named as a class
    app.button(key="choose upload/2.png").click().run()
    assert "Class not known" in words(app) and app.query_params["image"] == "upload/2.png"


def test_pictures_without_classes_have_predictions_but_no_accuracy(open_page: OpenPage) -> None:
    app = click(open_page("describe"), "Open")
    app.segmented_control(key="wall_source").set_value("My own pictures").run()
    assert not app.exception
    drop(app, "a.png", picture(1))
    assert not app.metric and "no accuracy" in words(app)
    assert len(labels(app, "choose ")) == 1


def test_own_pictures_are_judged_in_browse_under_the_open_task(open_page: OpenPage) -> None:
    app = browse_own(open_page)
    drop(app, "a.png", picture(1))
    app.selectbox(key="predicted").set_value("shown").run()
    assert "need a task" in app.error[0].value and not app.exception
    app.switch_page("pages/describe.py").run()
    click(app, "Open")
    app.switch_page("pages/browse.py").run()
    app.selectbox(key="data").set_value("my uploaded pictures").run()
    app.selectbox(key="predicted").set_value("shown").run()
    assert not app.exception and not app.error
    assert "named 1 picture" in words(app)


def test_sessions_do_not_see_each_others_pictures_and_leave_none_behind(open_page: OpenPage) -> None:
    from n3core.datasets.uploads import UploadedPictures

    one, other = browse_own(open_page), browse_own(open_page)
    drop(one, "secret.png", picture(11))
    assert "Drop pictures" in words(other.run()) and not labels(other, "open ")
    del one
    gc.collect()
    held = [thing for thing in gc.get_objects() if type(thing) is UploadedPictures]
    assert not any("secret.png" in str(pictures.refs) for pictures in held)


def test_own_folder_with_descriptions_elsewhere(open_page: OpenPage, image_folder: Path, tmp_path: Path) -> None:
    texts = tmp_path / "other.yaml"
    texts.write_text("\n".join(f"{name}: Another text for {name}." for name in ("red", "green", "blue", "grey")))
    app = open_page("browse")
    app.selectbox(key="data").set_value("my own folder or file").run()
    app.text_input(key="path").set_value(str(image_folder)).run()
    app.text_input(key="texts").set_value(str(texts)).run()
    app.segmented_control(key="view").set_value("Descriptions").run()
    assert "Another text for red\\." in words(app) and not app.exception
    app.text_input(key="texts").set_value(str(tmp_path / "missing.yaml")).run()
    assert "missing" in app.error[0].value and not app.exception
