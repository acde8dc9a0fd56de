"""How long a visitor waits: first paint of the studio, a change of page, an edit to new predictions on 40 images.

Starts the studio and drives it in Chromium. Prints seconds; the goals are for two CPU cores.

    python benchmarks/studio_latency.py [--port 8599]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import typer
from playwright.sync_api import Page
from studio import open_studio

_PAGES = ("Adaptation", "Evidence", "Saliency", "Diagnose", "Report", "Browse", "Describe")
_BUSY = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'running'"""
_IDLE = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid="stSkeleton"]')"""


def main(port: int = 8599, edits: int = 5) -> None:
    """Measure and print."""
    with open_studio(port) as studio:
        studio.page.get_by_text("1 to 24 of").wait_for()
        waited = time.perf_counter() - studio.started
        typer.echo(f"first pictures after the start of the server: {waited:.1f} s (goal 8)")
        _measure_pages(studio.page, studio.address)
        _measure_edits(studio.page, studio.address, edits)


def _measure_pages(page: Page, address: str) -> None:
    page.goto(f"{address}/describe")
    page.locator(".st-key-open-sample-0").get_by_role("button").click()
    page.get_by_text("Accuracy now").wait_for()
    for turn in ("first visit", "again"):
        for name in _PAGES:
            seconds = _timed(page, lambda name=name: page.get_by_role("link", name=name).first.click(), name)
            typer.echo(f"page {name}, {turn}: {seconds:.2f} s" + (" (goal 1)" if turn == "again" else ""))


def _measure_edits(page: Page, address: str, edits: int) -> None:
    page.get_by_role("radio", name="4", exact=True).first.click()
    page.wait_for_function(_IDLE)
    waits = []
    for turn in range(edits):
        box = page.get_by_role("textbox", name="Description of windflower").first
        box.fill(f"A flower with {turn + 4} broad violet petals around a white ring and ferny leaves.")
        page.wait_for_timeout(1500)  # the count of tokens follows the typing
        start = time.perf_counter()
        page.get_by_role("button", name="Apply").click()
        page.wait_for_function(_BUSY, polling=10)
        page.wait_for_function(_IDLE)
        page.get_by_text("The last edit changed").wait_for()
        waits.append(time.perf_counter() - start)
    typer.echo(f"edit to new predictions on 40 images: median {median(waits):.2f} s (goal 1)")


def _timed(page: Page, action: Callable[[], None], heading: str) -> float:
    """Seconds from an action to the page's heading and a script at rest."""
    start = time.perf_counter()
    action()
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    page.wait_for_function(_IDLE)
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
