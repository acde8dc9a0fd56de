"""A user story in a real browser: which layers move when one sentence changes, and which of them matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect


def tick_labels(page: playwright.Page) -> list[str]:
    """Row names of the first chart, from top to bottom."""
    chart = page.get_by_test_id("stPlotlyChart").first
    chart.locator(".ytick").first.wait_for()
    rows = [(label.bounding_box()["y"], label.text_content()) for label in chart.locator(".ytick text").all()]
    return [name for _, name in sorted(rows)]


def test_which_layers_moved_and_which_matter(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page()
    open_flowers(page, f"{studio}/adaptation", "generated whole")
    rows = tick_labels(page)
    assert rows[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"] and rows[-2:] == ["fc.weight", "fc.bias"]
    assert len(rows) == 62
    page.screenshot(path=artifacts / "adaptation-light.png")

    page.get_by_role("radio", name="Between versions").click()
    page.get_by_text("There is one version of this task so far").wait_for()
    page.get_by_role("link", name="Describe").click()
    page.get_by_label("Description of windflower").fill("A flower with five white petals and many yellow stamens.")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text(re.compile("The last edit changed")).wait_for()
    page.get_by_role("link", name="Adaptation").click()
    page.get_by_role("radio", name="Between versions").click()
    page.get_by_text("Between them: windflower described anew").wait_for()
    settle(page)
    assert len(tick_labels(page)) == 62
    page.screenshot(path=artifacts / "adaptation-versions.png")

    three = "&".join(f"class={name}" for name in ("windflower", "corn+poppy", "fire+lily"))
    page.goto(f"{studio}/adaptation?of=fieldbook-flowers&{three}")
    page.get_by_role("radio", name="Importance").click()
    page.get_by_role("radio", name="4", exact=True).click()
    page.get_by_role("button", name="Measure on 12 pictures").click()
    page.get_by_text("All layers adapted").wait_for(timeout=400_000)  # on a loaded machine
    settle(page)
    assert len(tick_labels(page)) == 60
    page.screenshot(path=artifacts / "adaptation-importance.png")


def test_adaptation_on_a_narrow_dark_screen(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(400, 860, "dark")
    open_flowers(page, f"{studio}/adaptation", "generated whole")
    assert len(tick_labels(page)) == 62
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "adaptation-narrow-dark.png", full_page=True)
