"""User stories in a real browser: the words that decide, an edit tried and kept, text that tries to be a program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect
ATTACK = (
    "<script>window.ran = 1</script> <img src=x onerror='window.ran = 1'> **bold** :red[x] ~~y~~ $z$ "
    "[link](http://example.org) me@example.org www.example.org"
)


def test_a_word_is_replaced_and_the_edit_kept(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(1400, 2200)
    open_flowers(page, f"{studio}/evidence", "Does the gradient tell the truth?")
    page.screenshot(path=artifacts / "evidence-light.png")
    page.get_by_role("radio", name="True", exact=True).click()
    page.get_by_role("heading", name="For windflower").wait_for()
    settle(page)
    word = page.get_by_role("radiogroup", name="Word").get_by_role("radio").first
    word.click()
    page.get_by_label("Put in its place").fill("quinquefoil")
    page.get_by_label("Put in its place").press("Enter")
    expect(page.get_by_role("button", name="Keep this edit")).to_be_enabled()
    expect(page.get_by_test_id("stMetricDelta").first).to_contain_text("points")
    settle(page)
    page.screenshot(path=artifacts / "evidence-edit.png")
    page.get_by_role("button", name="Keep this edit").click()
    page.get_by_label("Put in its place").wait_for(state="detached")
    page.get_by_role("link", name="Describe").first.click()
    edited = page.get_by_role("textbox", name="Description of windflower").first
    expect(edited).to_have_value(re.compile("quinquefoil"))


def test_markup_in_marked_words_is_only_text(studio: str, new_page: NewPage, artifacts: Path, tmp_path: Path) -> None:
    classes = [{"name": "windflower", "description": ATTACK}, {"name": ATTACK[:60], "description": f"{ATTACK} more"}]
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"dataset": "fieldbook-flowers", "classes": classes}))
    page = new_page(400, 3200, "dark")
    page.goto(f"{studio}/evidence")
    page.get_by_role("radio", name="A task file").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Open the file").click()
    page.get_by_text("Does the gradient tell the truth?").wait_for()
    settle(page)
    page.get_by_role("button", name="Leave out every word in turn").click()
    page.get_by_text(re.compile(r"rank correlation -?\d")).first.wait_for()
    settle(page)
    main = page.get_by_test_id("stMain")
    shown = " ".join(main.inner_text().replace("\u2060", "").split())
    assert "onerror='" in shown.replace("\u207a", "").replace("\u207b", "")
    assert page.evaluate("window.ran") is None
    assert main.locator("img[src='x'], a[href*='example.org'], a[href^='mailto'], .katex").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "evidence-narrow-dark.png")
