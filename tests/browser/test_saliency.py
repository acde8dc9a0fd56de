"""A user story in a real browser: where both networks look, by which method, and in a page of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio_page import open_flowers, settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NewPage = Callable[..., "playwright.Page"]
expect = playwright.expect


def sources(page: playwright.Page) -> list[str]:
    return [image.get_attribute("src") for image in page.get_by_test_id("stImage").locator("img").all()]


def test_where_the_networks_look(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(1400, 1500)
    open_flowers(page, f"{studio}/saliency", "The object covers")
    assert len(sources(page)) == 3
    assert all(image.get_attribute("alt") for image in page.get_by_test_id("stImage").locator("img").all())
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    download.value.save_as(artifacts / "saliency-sheet.png")
    page.screenshot(path=artifacts / "saliency-light.png")
    page.keyboard.press("Alt+PageDown")
    expect(page).to_have_url(re.compile("image="))
    page.get_by_role("radio", name="A page of them").click()
    page.get_by_text("Saliency per area, 6 pictures").wait_for()
    settle(page)
    assert len(sources(page)) == 18
    page.screenshot(path=artifacts / "saliency-page.png")
    page.get_by_role("radio", name="One picture").click()
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(3)
    settle(page)
    before = sources(page)
    page.get_by_label("Method", exact=True).click()
    page.get_by_role("option", name="Integrated gradients").click()
    page.get_by_text("add up to the whole change").wait_for()
    settle(page)
    assert sources(page)[0] == before[0] and not set(sources(page)[1:]) & set(before)


def test_saliency_on_a_narrow_dark_screen(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(400, 860, "dark")
    open_flowers(page, f"{studio}/saliency", "The object covers")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "saliency-narrow-dark.png", full_page=True)
