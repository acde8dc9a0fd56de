"""The windflower story in a real browser: find the bad entry, led by the page, mend it, keep it; and the matrix."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect
ATTACK = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'> **bold** [link](http://example.org)"
NAMES = 170, 35  # pixels: the pinned column of names, and a row


def metric(page: playwright.Page, label: str) -> str:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text().strip()


def click_cell(page: playwright.Page, row: int, column: int) -> None:
    """Click a cell of the confusion matrix of ten classes; row and column counted from 0, without headers and names."""
    matrix = page.get_by_test_id("stDataFrame").first
    width, height = NAMES
    cell = (matrix.bounding_box()["width"] - width) / 11
    matrix.click(position={"x": width + cell * (column + 0.5), "y": height * (row + 1.5)})


def repaired(name: str) -> str:
    task = json.loads((PROJECT / "assets" / "tasks" / "flowers-repaired.json").read_text())
    return next(entry["description"] for entry in task["classes"] if entry["name"] == name)


def test_a_new_user_finds_and_mends_windflower(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(1400, 1500)
    open_flowers(page, f"{studio}/diagnose", "First to mend")
    assert metric(page, "First to mend") == "windflower"
    expect(page.get_by_text("Says nothing that a picture can show").first).to_be_visible()
    page.screenshot(path=artifacts / "diagnose-light.png")
    before = float(metric(page, "Accuracy").split()[0])
    page.get_by_role("button", name="Fix it here").first.click()
    expect(page.get_by_role("heading", name="Mend windflower")).to_be_visible()
    page.get_by_label("Description of windflower").fill(repaired("windflower"))
    page.get_by_role("button", name="Try it").click()
    page.get_by_text(re.compile(r"Accuracy rises by \d+\.\d points")).wait_for()
    settle(page)
    trial = page.locator(".st-key-trial")
    expect(trial.get_by_role("row", name=re.compile(r"^Place 1 no complaint$"))).to_be_visible()
    expect(trial.get_by_role("row", name=re.compile(r"^Column sum \d+ \d+$"))).to_be_visible()
    page.screenshot(path=artifacts / "diagnose-trial.png")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(trial).to_have_count(0)
    settle(page)
    assert float(metric(page, "Accuracy").split()[0]) > before
    assert metric(page, "First to mend") != "windflower"
    page.get_by_role("link", name="Describe").first.click()
    page.get_by_text("Accuracy now").wait_for()
    expect(page.get_by_label("Description of windflower")).to_have_value(re.compile("violet-purple"))


def test_an_edit_is_discarded_without_a_trace(studio: str, new_page: NewPage) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/diagnose", "First to mend")
    before = metric(page, "Accuracy")
    page.get_by_label("Description of windflower").fill("A plain white flower.")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)
    settle(page)
    expect(page.get_by_label("Description of windflower")).to_have_value(re.compile("tuberous perennial"))
    assert metric(page, "Accuracy") == before


def test_clicking_a_cell_shows_its_pictures(studio: str, new_page: NewPage) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/diagnose", "First to mend")
    click_cell(page, 4, 4)
    page.get_by_text(re.compile(r"\d+ pictures? of corn poppy named corn poppy")).wait_for()
    settle(page)
    pictures = page.locator("img[alt^='corn poppy, named corn poppy']")
    assert pictures.count() > 1
    click_cell(page, 10, 3)
    page.get_by_text(re.compile(r"\d+ pictures named moon orchid")).wait_for()


def test_markup_stays_text_and_a_narrow_dark_screen_is_wide_enough(
    studio: str, new_page: NewPage, artifacts: Path
) -> None:
    page = new_page(400, 900, "dark")
    open_flowers(page, f"{studio}/diagnose", "First to mend")
    page.get_by_label("Description of windflower").fill(f"{ATTACK} varies widely in colour.")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Discard").wait_for()
    settle(page)
    assert page.evaluate("window.ran") is None
    assert page.locator("img[src='x'], a[href*='example.org']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "diagnose-narrow-dark.png")
