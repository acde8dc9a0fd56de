"""Report as its users meet it: made on the page, saved, and opened from disk on a machine without a network."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio_page import settle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
NewPage = Callable[..., "playwright.Page"]
ATTACK = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"


def open_task(page: playwright.Page, studio: str, path: Path) -> None:
    page.goto(f"{studio}/report")
    page.get_by_text("A task file", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_role("button", name="Open the file").click()


def make(page: playwright.Page) -> None:
    page.get_by_role("radio", name="4", exact=True).click()
    page.get_by_role("radio", name="3", exact=True).click()
    settle(page)
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("button", name="Report (HTML)").wait_for()
    settle(page)


def save(page: playwright.Page, label: str, path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    download.value.save_as(path)
    return path


def read_offline(chromium: playwright.Browser, path: Path, picture: Path, scheme: str, width: int) -> str:
    """Open a saved report with the network off; returns its text."""
    context = chromium.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 1000})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_load_state()
    assert [address for address in asked if not address.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("window.ran") is None
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("[...document.images].every((image) => image.alt)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=picture, full_page=True)
    text = page.locator("body").inner_text()
    descriptions = page.locator("dd").all()
    assert descriptions and not any(entry.is_visible() for entry in descriptions)
    page.emulate_media(media="print")
    assert all(entry.is_visible() for entry in descriptions), "nobody can open them on paper"
    context.close()
    return text


def test_a_report_is_made_saved_and_read_without_a_network(
    studio: str, new_page: NewPage, chromium: playwright.Browser, artifacts: Path, tmp_path: Path
) -> None:
    task = json.loads((PROJECT / "assets" / "tasks" / "flowers.json").read_text())
    task["title"] = f"Flowers {ATTACK}"
    task["classes"].append({"name": ATTACK, "description": f"A flower {ATTACK} with {ATTACK} petals."})
    (tmp_path / "task.json").write_text(json.dumps(task))
    page = new_page()
    open_task(page, studio, tmp_path / "task.json")
    make(page)
    assert page.evaluate("window.ran") is None
    page.screenshot(path=artifacts / "report-page.png")
    report = save(page, "Report (HTML)", tmp_path / "report.html")
    for scheme, width in (("light", 1000), ("dark", 400)):
        text = read_offline(chromium, report, artifacts / f"report-{scheme}.png", scheme, width)
        assert f"Flowers {ATTACK}" in text and "windflower" in text and "Versions and seeds" in text
    with zipfile.ZipFile(save(page, "Everything (zip)", tmp_path / "report.zip")) as archive:
        assert archive.read("report.html") == report.read_bytes()


def test_the_page_on_a_narrow_dark_screen(studio: str, new_page: NewPage, artifacts: Path) -> None:
    page = new_page(400, 860, "dark")
    open_task(page, studio, PROJECT / "assets" / "tasks" / "flowers-repaired.json")
    page.get_by_role("button", name="Make the report").wait_for()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    page.screenshot(path=artifacts / "report-page-narrow-dark.png")
