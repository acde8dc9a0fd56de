"""User stories in a real browser: browsing, editing a description, and text that tries to be a program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect
ATTACK = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'> "
    "**bold** [link](http://example.org) me@example.org www.example.org"
)


def settle(page: playwright.Page) -> None:
    """Wait until the script has run and nothing is drawn as a placeholder."""
    page.wait_for_function(
        """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
            && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')
            && [...document.images].every((image) => image.complete)"""
    )


def open_sample(page: playwright.Page, studio: str) -> None:
    page.goto(f"{studio}/describe")
    page.get_by_role("button", name="Open", exact=True).first.click()
    page.get_by_text("Accuracy now").wait_for()
    settle(page)


def test_editing_a_description_changes_predictions(studio: str, new_page: NewPage, artifacts: Path) -> None:
    repaired = json.loads((PROJECT / "assets" / "tasks" / "flowers-repaired.json").read_text())
    text = next(entry["description"] for entry in repaired["classes"] if entry["name"] == "windflower")
    page = new_page()
    open_sample(page, studio)
    expect(page.get_by_label("Class to edit")).to_have_value("windflower")
    page.get_by_label("Description of windflower").fill(text)
    page.get_by_role("button", name="Apply").click()
    report = page.get_by_text(re.compile(r"The last edit changed the prediction of [1-9]\d* of 100 pictures"))
    report.wait_for()
    settle(page)
    page.screenshot(path=artifacts / "describe-light.png")
    page.get_by_role("button", name="Undo").click()
    expect(report).to_have_count(0)
    expect(page.get_by_label("Description of windflower")).to_have_value(re.compile("tuberous perennial"))


def test_markup_in_descriptions_and_names_is_only_text(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(scheme="dark")
    open_sample(page, studio)
    page.get_by_label("Description of windflower").fill(ATTACK)
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("The last edit changed").wait_for()
    page.get_by_role("button", name="Add a class").click()
    page.get_by_label("Name", exact=True).fill(ATTACK)
    page.get_by_label("Description", exact=True).fill(ATTACK)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Without pictures: <script>window.ran = 1</script><img src=x").wait_for()
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
    page.get_by_test_id("stMain").get_by_test_id("stButton").first.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("25 of 1,000").wait_for()
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("26 of 1,000").wait_for()
    settle(page)
    page.screenshot(path=artifacts / "browse-picture-narrow-dark.png")
