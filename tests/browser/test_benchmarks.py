"""A user story in a real browser: open a results file, look at it from every side, take it away."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from n3core.benchmark.files import encode
from n3core.results.benchmark import BenchmarkResults
from tests.studio_page import settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NewPage = Callable[..., "playwright.Page"]
BenchmarkMaker = Callable[..., BenchmarkResults]
expect = playwright.expect
METHODS = ("n3", "n3-cn", "n3-fc", "n3-shipped", "pdcnn-fc-conv", "eszsl", "attended", "megazsl", "mlp", "mlp-cn")


def open_results(page: playwright.Page, studio: str, results: BenchmarkResults) -> None:
    """Upload a file, wherever the box is: committed files move it into a popover."""
    page.goto(f"{studio}/benchmarks")
    page.get_by_role("heading", name="Benchmarks").wait_for()
    settle(page)
    opener = page.get_by_role("button", name="Open a file")
    if opener.count():
        opener.click()
    content = json.dumps(encode(results)).encode()
    page.locator("input[type=file]").set_input_files(
        {"name": "results.json", "mimeType": "application/json", "buffer": content}
    )
    expect(page.get_by_role("combobox", name="Results file")).to_have_value("results.json", timeout=60_000)
    page.keyboard.press("Escape")
    settle(page)


def fits(page: playwright.Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def look_at(page: playwright.Page, view: str, waits_for: str) -> None:
    page.get_by_role("radio", name=view, exact=True).click()
    page.get_by_text(waits_for).first.wait_for()
    settle(page)


def test_a_results_file_from_every_side(
    studio: str, new_page: NewPage, artifacts: Path, make_benchmark: BenchmarkMaker
) -> None:
    page = new_page(1280, 1100)
    open_results(page, studio, make_benchmark(METHODS))
    page.screenshot(path=artifacts / "benchmarks-table.png")
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (Markdown)").click()
    text = Path(download.value.path()).read_text()
    assert "published, other data" in text and "n3 benchmark" in text
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == len(METHODS) + 3
    for view, title in (
        ("Accuracy", "Accuracy on the unseen classes"),
        ("Seen and unseen", "Seen against unseen classes"),
        ("Continual", "Continual learning"),
    ):
        look_at(page, view, title)
        assert fits(page)
        page.screenshot(path=artifacts / f"benchmarks-{view.lower().replace(' ', '-')}.png")
        with page.expect_download() as download:
            page.get_by_role("button", name="Figure (SVG)").click()
        assert ElementTree.parse(download.value.path()).getroot().tag.endswith("svg")
    page.get_by_text("Settings and versions").click()
    page.get_by_text("The command that made this file").wait_for()


def test_the_views_by_keyboard_on_a_narrow_dark_screen(
    studio: str, new_page: NewPage, artifacts: Path, make_benchmark: BenchmarkMaker
) -> None:
    page = new_page(400, 1500, "dark")
    open_results(page, studio, make_benchmark(METHODS))
    assert fits(page)
    page.screenshot(path=artifacts / "benchmarks-narrow-dark.png")
    page.get_by_role("radio", name="Table", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("Accuracy on the unseen classes").first.wait_for()
    settle(page)
    page.screenshot(path=artifacts / "benchmarks-bars-narrow-dark.png")
    look_at(page, "Seen and unseen", "Seen against unseen classes")
    assert fits(page)
    page.screenshot(path=artifacts / "benchmarks-curves-narrow-dark.png")
    look_at(page, "Continual", "Continual learning")
    page.screenshot(path=artifacts / "benchmarks-continual-narrow-dark.png")
