"""Diagnose tells of an entry that contradicts itself, in the ranking and in its text, until it is mended."""

from __future__ import annotations

import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

OpenPage = Callable[[str], AppTest]
TORN = (
    "Five broad white petals surround a yellow centre above dark, heart-shaped leaves. The stem is thin and hairy. "
    "The petals are red."
)
TASK = {
    "snowcup": TORN,
    "bluebell": "A nodding spike of deep blue, bell-shaped flowers with pale stamens, above narrow glossy leaves.",
    "sunray": "Many strap-like golden rays around a flat brown disc; the stems are stout, the leaves toothed.",
}


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label and not button.disabled).click().run()


def shown(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in app.markdown).replace("\\", "")


def test_what_contradicts_what_is_told_and_marked_until_it_is_mended(open_page: OpenPage) -> None:
    app = open_page("diagnose")
    app.segmented_control(key="task_way").set_value("A task file").run()
    app.file_uploader[0].upload("task.json", json.dumps(TASK).encode()).run()
    app = click(app, "Open the file")
    assert not app.exception and not app.error
    assert next(metric.value for metric in app.metric if metric.label == "First to mend") == "snowcup"
    line = "Contradicts itself: colour of the petals is “Five broad white petals” and “petals are red”."
    assert line in shown(app)
    assert ":violet-background[petals are red]" in shown(app)
    app.text_area[0].set_value(TORN.replace(" The petals are red.", ""))
    app = click(app, "Try it")
    assert not app.exception and not app.error and "Contradicts itself" not in shown(app)
