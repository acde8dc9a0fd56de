"""The studio under measurement: a server of its own, driven in Chromium. Owns both; measures nothing."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

__all__ = ["Studio", "open_studio"]

_APP = Path(__file__).resolve().parent.parent / "app.py"


@dataclass(frozen=True)
class Studio:
    """A running studio: its start page is on the way, nothing has been waited for.

    started: `time.perf_counter()` before the server was started.
    """

    page: Page
    address: str
    process: int
    started: float


@contextmanager
def open_studio(port: int) -> Iterator[Studio]:
    """Start a server and a browser; both end with the block."""
    command = [sys.executable, "-m", "streamlit", "run", str(_APP), f"--server.port={port}", "--server.headless=true"]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=_APP.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health")
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 960})
                page.set_default_timeout(120_000)
                page.goto(address)
                yield Studio(page, address, server.pid, started)
                browser.close()
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"no studio at {address}")
