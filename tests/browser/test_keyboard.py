"""The studio without a mouse: where the focus goes, and that it stays while a text is edited."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect
expect.set_options(timeout=60_000)  # milliseconds: a loaded machine with two cores


def test_popovers_are_entered_and_left_with_the_keyboard(studio: str, new_page: NewPage) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/describe", "Accuracy now")
    for title, label in (("Add a class", "Name"), ("Snapshots", "Name"), ("Paste many", "Names and descriptions")):
        button = page.get_by_role("button", name=title)
        button.press("Enter")
        expect(page.get_by_role("dialog").get_by_label(label, exact=True)).to_be_focused()
        settle(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button).to_be_focused()
        settle(page)


def test_the_focus_stays_in_the_text_whatever_becomes_of_the_edit(studio: str, new_page: NewPage) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/describe", "Accuracy now")
    expect(page).to_have_title("Describe - N3 Studio")
    large = page.get_by_role("button", name="Fullscreen: windflower, picture windflower/000")
    large.focus()
    expect(page.get_by_test_id("stElementToolbar").filter(has=large)).to_have_css("opacity", "1")
    picture = page.get_by_role("img", name="windflower, picture windflower/000", exact=True)
    assert picture.evaluate("image => image.naturalWidth") == 640, "full screen shows all that there is"
    box = page.get_by_label("Description of windflower")
    box.fill("A flower with violet petals.")
    box.press("Control+Enter")
    page.get_by_text("The last edit changed").wait_for()
    settle(page)
    expect(box).to_be_focused()
    box.fill(" ")
    box.press("Control+Enter")
    page.get_by_test_id("stAlert").get_by_text("windflower").wait_for()
    settle(page)
    expect(box).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(box).to_have_value(re.compile("tuberous perennial"))
    page.get_by_role("link", name="Diagnose").click()
    expect(page).to_have_title("Diagnose - N3 Studio")
    settle(page)
    box.fill("A flower with eight violet petals, each with a white ring.")
    box.press("Control+Enter")
    page.get_by_role("button", name="Discard").wait_for()
    settle(page)
    expect(box).to_be_focused()
    page.get_by_role("button", name="Discard").click()
    expect(box).to_have_value(re.compile("tuberous perennial"))
