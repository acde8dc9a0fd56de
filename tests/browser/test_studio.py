"""User stories in a real browser: browsing, editing a description, and text that tries to be a program."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect
expect.set_options(timeout=60_000)  # milliseconds: a loaded machine with two cores
ATTACK = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'> "
    "**bold** [link](http://example.org) me@example.org www.example.org :streamlit: a -> b >= c"
)


def test_editing_a_description_changes_predictions(studio: str, new_page: NewPage, artifacts: Path) -> None:
    repaired = json.loads((PROJECT / "assets" / "tasks" / "flowers-repaired.json").read_text())
    text = next(entry["description"] for entry in repaired["classes"] if entry["name"] == "windflower")
    page = new_page()
    open_flowers(page, f"{studio}/describe", "Accuracy now")
    expect(page.get_by_label("Class to edit")).to_have_value("windflower")
    page.get_by_label("Description of windflower").fill(text)
    page.get_by_role("button", name="Apply").click()
    report = page.get_by_text(re.compile(r"The last edit changed the prediction of [1-9]\d* of 100 pictures"))
    report.wait_for()
    settle(page)
    page.screenshot(path=artifacts / "describe-light.png")
    page.get_by_role("button", name="Undo").click()
    expect(report).to_have_count(0)
    settle(page)
    expect(page.get_by_label("Description of windflower")).to_have_value(re.compile("tuberous perennial"))


def test_markup_in_descriptions_and_names_is_only_text(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(scheme="dark")
    open_flowers(page, f"{studio}/describe", "Accuracy now")
    page.get_by_label("Description of windflower").fill(ATTACK)
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("The last edit changed").wait_for()
    page.get_by_role("button", name="Add a class").click()
    page.get_by_label("Name", exact=True).fill(ATTACK)
    page.get_by_label("Description", exact=True).fill(ATTACK)
    page.get_by_role("button", name="Add", exact=True).click()
    shown = page.get_by_text("Without pictures: <script>window.ran = 1</script><img src=x")
    shown.wait_for()
    assert shown.inner_text().replace("\u2060", "").endswith(":streamlit: a -> b >= c")
    settle(page)
    assert page.evaluate("window.ran") is None
    assert page.locator("img[src='x'], a[href*='example.org'], a[href^='mailto']").count() == 0
    page.screenshot(path=artifacts / "describe-dark.png")


def test_browse_on_a_narrow_dark_screen(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(400, 860, "dark")
    page.goto(f"{studio}/?data=fieldbook-birds&split=unseen")
    page.get_by_text("1 to 24 of 1,000 pictures").wait_for()
    settle(page)
    pictures = page.get_by_test_id("stImage").locator("img")
    assert pictures.count() == 24
    assert all(picture.get_attribute("alt") for picture in pictures.all())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "browse-narrow-dark.png")
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.get_by_text("25 to 48 of 1,000 pictures").wait_for()
    assert "page=2" in page.url
    settle(page)
    page.get_by_test_id("stMain").locator("[class*='st-key-open']").first.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("25 of 1,000").wait_for()
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("26 of 1,000").wait_for()
    settle(page)
    page.screenshot(path=artifacts / "browse-picture-narrow-dark.png")


def test_two_browsers_keep_their_own_edits(studio: str, new_page: NewPage) -> None:
    pages = [new_page(), new_page()]
    for page in pages:
        open_flowers(page, f"{studio}/describe", "Accuracy now")
    for page, text in zip(pages, ("A flower with violet petals.", "A flower with yellow petals."), strict=True):
        page.get_by_label("Description of windflower").fill(text)
        page.get_by_role("button", name="Apply").click()
    for page, text in zip(pages, ("A flower with violet petals.", "A flower with yellow petals."), strict=True):
        page.get_by_text("The last edit changed").wait_for()
        settle(page)
        expect(page.get_by_label("Description of windflower")).to_have_value(text)
    pages[0].keyboard.press("Control+Alt+Z")
    expect(pages[0].get_by_text("The last edit changed")).to_have_count(0)
    settle(pages[0])
    expect(pages[0].get_by_label("Description of windflower")).to_have_value(re.compile("tuberous perennial"))
    expect(pages[1].get_by_label("Description of windflower")).to_have_value("A flower with yellow petals.")


def test_the_length_follows_the_typing_before_anything_is_applied(studio: str, new_page: NewPage) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/describe", "Accuracy now")
    page.get_by_text("70 words in use · 85 of 512 tokens").wait_for()
    box = page.get_by_label("Description of windflower")
    box.press("Control+End")
    box.press_sequentially(" Petals violet.")
    page.get_by_text("72 words typed, not applied").wait_for()
    expect(page.get_by_text("The last edit changed")).to_have_count(0)
    page.get_by_text("All 10 classes").click()
    page.get_by_role("button", name="Edit", exact=True).nth(1).click()  # the first that is not open
    expect(page.get_by_label("Description of windflower")).to_have_count(0)
    expect(page.get_by_text("typed, not applied")).to_have_count(1)  # on the card of windflower
    page.get_by_role("button", name="Edit", exact=True).nth(0).click()
    page.get_by_text("72 words typed, not applied").wait_for()
    expect(box).to_have_value(re.compile(r"Petals violet\.$"))
    box.fill("petal " * 3000)
    page.get_by_text(re.compile(r"does not read the last 2,\d+ words of windflower")).wait_for()
    expect(page.get_by_text("The last edit changed")).to_have_count(0)


def test_a_link_reopens_the_task_the_class_and_the_picture(studio: str, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{studio}/?classes=windflower&classes=fire+lily&classes=moon+orchid")
    page.get_by_text("1 to 24 of 120 pictures").wait_for()
    settle(page)
    page.get_by_role("button", name="Describe these 3 classes").click()
    page.get_by_text("Accuracy now").wait_for()
    settle(page)
    page.locator("body").press("Alt+PageDown")
    page.get_by_text("Picture fire lily/000").wait_for()
    settle(page)
    page.get_by_role("link", name="Browse").click()
    page.get_by_text("1 to 24 of").wait_for()
    page.get_by_role("link", name="Describe").click()
    page.get_by_text("Picture fire lily/000").wait_for()
    page.wait_for_url(re.compile(r"/describe\?.*image=fire"))
    other = new_page()
    other.goto(page.url)
    other.get_by_text("Picture fire lily/000").wait_for()
    settle(other)
    expect(other.get_by_label("Class to edit")).to_have_value("windflower")
    expect(other.get_by_text("All 3 classes")).to_have_count(1)


def test_a_class_that_no_dataset_has_is_tried_on_an_own_picture(
    studio: str, new_page: NewPage, artifacts: Path
) -> None:
    page = new_page()
    page.goto(f"{studio}/describe")
    page.get_by_text("Pasted descriptions").click()
    page.get_by_role("textbox", name="Names and descriptions").fill(
        "night: A completely black picture.\nsnow: A completely white picture.\n"
    )
    page.get_by_role("button", name="Open them").click()
    page.get_by_text("This task has no pictures to judge").wait_for()
    uploaded = [
        {"name": name, "mimeType": "image/png", "buffer": content}
        for name, content in (("own.png", swatch()), ("broken.png", b"no picture"))
    ]
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(uploaded)
    page.get_by_text("1 picture of your own").wait_for()
    page.get_by_text("broken.png is no JPEG").wait_for()
    page.get_by_text("Picture upload/own.png").wait_for()
    settle(page)
    assert page.locator("img[alt*='picture upload/own.png']").count() == 2
    page.screenshot(path=artifacts / "describe-own-picture.png")


def test_a_picture_opens_large_with_its_parts_and_by_its_link(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page()
    page.goto(f"{studio}/?data=fieldbook-birds")
    page.get_by_text("1 to 24 of 1,000 pictures").wait_for()
    settle(page)
    page.get_by_test_id("stMain").locator("[class*='st-key-open']").first.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("1 of 1,000").wait_for()
    dialog.get_by_text("Parts", exact=True).click()
    dialog.get_by_text("Share of the picture that each part covers").click()
    page.keyboard.press("ArrowRight")
    dialog.get_by_text(re.compile(r"\b2 of 1,000")).wait_for()
    settle(page)
    page.screenshot(path=artifacts / "browse-parts.png")
    other = new_page()
    other.goto(page.url)
    other.get_by_role("dialog").get_by_text(re.compile(r"\b2 of 1,000")).wait_for()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.wait_for_url(lambda address: "large" not in address)


def swatch() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (90, 60), "white").save(target, "PNG")
    return target.getvalue()
