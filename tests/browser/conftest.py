"""The studio as its users meet it: a server on a free port and Chromium, both closed afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from n3core.known_checkpoints import default_checkpoint

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
# A page lives for seconds: to optimise its scripts takes longer than it saves.
FLAGS += ["--js-flags=--no-opt,--no-maglev"]
PATIENCE = 120  # seconds: a loaded machine with two cores

NewPage = Callable[..., "playwright.Page"]
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running studio with the shipped checkpoint."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    if not (default_checkpoint() / "config.json").is_file():
        pytest.skip(f"no checkpoint in {default_checkpoint()}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("studio") / "server.log"
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=PROJECT,
            env={**os.environ, "N3_DATA": ""},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the studio did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def chromium(studio: str) -> Iterator[playwright.Browser]:
    """A headless Chromium."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures know how the test went."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def new_page(chromium: playwright.Browser, request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """Return `new_page(width, height, scheme)`; afterwards no page may have asked another host or thrown an error.

    Of a failed test, what stood on each page is printed.
    """
    contexts: list[playwright.BrowserContext] = []
    complaints: list[str] = []

    def open_it(width: int = 1400, height: int = 1000, scheme: str = "light") -> playwright.Page:
        # Without motion: without a GPU, painting the shimmer of what is loading takes time from the tests.
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: complaints.extend(_elsewhere(request.url)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_it
    if request.node.stash.get(FAILED, False):
        for page in (page for context in contexts for page in context.pages):
            print(f"--- {page.url}\n{page.locator('body').inner_text()}")
    for context in contexts:
        context.close()
    assert not complaints


def _elsewhere(address: str) -> list[str]:
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    return [] if address.startswith(local) else [address]


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept for whoever looks at a run; ignored by git."""
    folder = PROJECT / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder
