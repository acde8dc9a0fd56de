"""Photograph the studio for the README: starts nothing, needs a running studio and Debian's chromium.

n3 app --headless --port 8501 &
python scripts/take_screenshots.py http://127.0.0.1:8501
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).resolve().parents[1]
TARGET = PROJECT / "assets" / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]


def main(address: str) -> None:
    """Save browse.png, diagnose.png, evidence.png and describe.png."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = _open(browser, f"{address}/?data=fieldbook-birds&split=unseen", 960)
        page.get_by_text("1 to 24 of").wait_for()
        _save(page, "browse")
        page = _open(browser, f"{address}/diagnose", 1330)
        page.locator(".st-key-open-sample-0").get_by_role("button").click()
        page.get_by_text("What is taken for what").wait_for()
        _save(page, "diagnose")
        page.get_by_role("link", name="Evidence").click()
        page.get_by_text("The gradient falls mostly on").wait_for()
        _save(page, "evidence")
        page = _open(browser, f"{address}/describe", 1480)
        page.locator(".st-key-open-sample-0").get_by_role("button").click()
        task = json.loads((PROJECT / "assets" / "tasks" / "flowers-repaired.json").read_text(encoding="utf-8"))
        repaired = {entry["name"]: entry["description"] for entry in task["classes"]}
        page.get_by_label("Description of windflower").fill(repaired["windflower"])
        page.get_by_role("button", name="Apply").click()
        page.get_by_text("The last edit changed").wait_for()
        page.mouse.move(0, 0)
        _save(page, "describe")
        browser.close()


def _open(browser: Browser, address: str, height: int) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme="light")
    page.set_default_timeout(120_000)
    page.goto(address)
    return page


def _save(page: Page, name: str) -> None:
    page.wait_for_function(
        """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
            && [...document.images].every((image) => image.complete)"""
    )
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")  # charts load on their own
    page.wait_for_timeout(1000)  # the last transitions
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(256)
    TARGET.mkdir(parents=True, exist_ok=True)
    image.save(TARGET / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
