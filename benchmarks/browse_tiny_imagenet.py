"""How Browse opens all of Tiny ImageNet, about 100 000 pictures in parquet files: seconds, and the server's memory.

Starts the studio and drives it in Chromium. The goals are for two CPU cores: the first gallery in under 3 s, and below
1 GB. The server has shown its start page before the clock starts; its peak is that of the whole process (VmHWM).

    N3_DATA=FOLDER python benchmarks/browse_tiny_imagenet.py [--port 8598]
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import typer
from playwright.sync_api import Page
from studio import open_studio

_PER_PAGE = 24
_DRAWN = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')
    && [...document.querySelectorAll('[data-testid="stImage"] img')].every((image) => image.naturalWidth > 0)"""


def main(port: int = 8598) -> None:
    """Measure and print."""
    if not (Path(os.environ.get("N3_DATA", "")) / "tiny-imagenet").is_dir():
        raise SystemExit("no Tiny ImageNet: set N3_DATA to the folder above tiny-imagenet")
    with open_studio(port) as studio:
        _wait_for_pictures(studio.page, 1)
        _measure(studio.page, studio.address)
        typer.echo(f"peak memory of the server: {_peak(studio.process):,.0f} MB (goal 1,000)")


def _measure(page: Page, address: str) -> None:
    started = time.perf_counter()
    page.goto(f"{address}/?data=tiny-imagenet&split=all&images=all")
    total = _wait_for_pictures(page, 1)
    typer.echo(f"first gallery of {total:,} pictures, address to drawn: {time.perf_counter() - started:.2f} s (goal 3)")
    pages = -(-total // _PER_PAGE)
    for name, number in (("last", pages), ("middle", pages // 2), ("second", 2)):
        box = page.get_by_role("spinbutton")
        box.fill(str(number))
        started = time.perf_counter()
        box.press("Enter")
        _wait_for_pictures(page, (number - 1) * _PER_PAGE + 1)
        typer.echo(f"jump to the {name} page, {number:,} of {pages:,}: {time.perf_counter() - started:.2f} s")


def _wait_for_pictures(page: Page, first: int) -> int:
    """Wait for the page of the gallery that starts with a picture; returns how many pictures there are."""
    line = page.get_by_text(re.compile(rf"^{first:,} to [\d,]+ of [\d,]+ pictures"))
    line.wait_for()
    page.wait_for_function(_DRAWN)
    return int(re.search(r"of ([\d,]+) pictures", line.inner_text())[1].replace(",", ""))


def _peak(process: int) -> float:
    """Largest memory that a process has had in use, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    typer.run(main)
