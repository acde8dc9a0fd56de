"""What browser tests do on every page of the studio: wait until it stands still, open the sample with windflower."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright import sync_api as playwright

__all__ = ["open_flowers", "settle"]


def settle(page: playwright.Page) -> None:
    """Wait until the script has run and nothing is drawn as a placeholder."""
    page.wait_for_function(
        """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
            && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')
            && [...document.images].every((image) => image.complete)""",
        polling=100,  # milliseconds; by default in every frame, which makes the browser draw as many as it can
    )


def open_flowers(page: playwright.Page, address: str, waits_for: str) -> None:
    """Open the first sample from a page that offers samples, and wait for a text that the page shows of a task.

    The sample is named by its key: buttons of the samples may be drawn in any order.
    """
    page.goto(address)
    page.locator(".st-key-open-sample-0").get_by_role("button").click()
    page.get_by_text(waits_for).wait_for()
    settle(page)
