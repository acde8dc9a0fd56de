"""Twenty visitors at once, with edits of their own and two models: everyone sees what they would see alone.

The studio runs as its users run it, and twenty clients speak to it over its websocket as the browser does (streamlit's
AppTest swaps a global runtime, so it cannot run in threads). AppTest, in this process and one visitor after the other,
says what each of them has to see.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementTree, parse_tree_from_messages
from websockets.sync.client import ClientConnection, connect

PROJECT = Path(__file__).resolve().parents[2]
OpenPage = Callable[..., AppTest]
VISITORS, TURNS = 20, 2
PATIENCE = 500  # seconds: a loaded machine with two cores
ALLOWED = 150  # megabytes after two rounds: three networks more at work at once; one kept for each would be 900
COLOURS = ("white", "yellow", "orange", "red", "pink", "purple", "blue", "green", "grey", "black")


def address_of(visitor: int) -> dict[str, str]:
    """Where a visitor comes in: all with one task, and every other one with the same model."""
    return {"of": "fieldbook-flowers", "part": "test", "model": ("Tiny", "Other")[visitor % 2]}


def text_of(visitor: int, turn: int) -> str:
    """What a visitor writes: no two texts are the same."""
    colour = COLOURS[(visitor + 3 * turn) % len(COLOURS)]
    return f"Visitor {visitor}, edit {turn}: {visitor + 3} {colour} petals around a centre of {COLOURS[visitor % 7]}."


@dataclass(frozen=True)
class Seen:
    """What a page shows of a task: the edited text, every line, the figures, and the bars of the chosen picture."""

    text: str
    lines: tuple[str, ...]
    figures: tuple[str, ...]
    percent: tuple[float, ...]

    @classmethod
    def on(cls, page: AppTest | ElementTree, text: str) -> Seen:
        assert not page.exception and not page.error
        bars = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
        return cls(
            text,
            tuple(str(line.value) for line in [*page.header, *page.markdown, *page.caption]),
            tuple(f"{metric.label} {metric.value}" for metric in page.metric),
            tuple(round(share, 3) for bar in bars for share in bar["x"]),
        )


class Visitor:
    """A browser without a screen: one session of the studio."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._page = self._address = ""
        self._widgets: dict[str, WidgetState] = {}

    def open(self, page: str, address: dict[str, str]) -> ElementTree:
        self._address = urllib.parse.urlencode(address)
        return self._run(page_name=page)

    def click(self, tree: ElementTree, label: str) -> ElementTree:
        button = next(button.proto for button in tree.button if button.label == label and not button.proto.disabled)
        return self._run(WidgetState(id=button.id, trigger_value=True))

    def write(self, tree: ElementTree, text: str) -> None:
        area = tree.text_area[0].proto
        self._widgets[area.id] = WidgetState(id=area.id, string_value=text)

    def read(self, tree: ElementTree) -> str:
        """What stands in the text area: what the server puts there, else what was typed."""
        area = tree.text_area[0].proto
        if area.set_value:
            self.write(tree, area.value)
        return self._widgets[area.id].string_value

    def _run(self, pressed: WidgetState | None = None, page_name: str = "") -> ElementTree:
        message = BackMsg()
        asked = message.rerun_script
        asked.page_name, asked.page_script_hash, asked.query_string = page_name, self._page, self._address
        asked.widget_states.widgets.extend([*self._widgets.values(), *([pressed] if pressed else [])])
        self._connection.send(message.SerializeToString())
        shown: dict[tuple[int, ...], ForwardMsg] = {}
        until = time.monotonic() + PATIENCE
        while True:
            received = ForwardMsg()
            received.ParseFromString(self._connection.recv(timeout=until - time.monotonic()))
            kind = received.WhichOneof("type")
            if kind == "new_session":
                shown.clear()
            elif kind == "page_info_changed":
                self._address = received.page_info_changed.query_string
            elif kind == "navigation":
                self._page = received.navigation.page_script_hash
            elif kind == "delta":
                shown[tuple(received.metadata.delta_path)] = received
            elif kind == "script_finished" and received.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return parse_tree_from_messages(list(shown.values()))


@dataclass(frozen=True)
class Studio:
    address: str
    process: int

    def memory(self) -> float:
        """Memory in use, in megabytes."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.fixture
def studio(both_checkpoints: str, tmp_path: Path) -> Iterator[Studio]:
    """A running studio with two tiny checkpoints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    log = tmp_path / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=PROJECT,
            env={**os.environ, "N3_CHECKPOINT": both_checkpoints, "N3_DATA": ""},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
                time.sleep(0.1)
        yield Studio(f"ws://127.0.0.1:{port}/_stcore/stream", server.pid)
    finally:
        server.terminate()
        server.wait(30)


def visit(studio: Studio, visitor: int, together: threading.Barrier) -> list[Seen]:
    """One visitor's session: some edits, the last one taken back. Every edit starts when all visitors are there."""
    try:
        with connect(studio.address, subprotocols=["streamlit"], max_size=None, ping_interval=None) as connection:
            browser = Visitor(connection)
            page = browser.open("describe", address_of(visitor))
            seen = []
            for turn in range(TURNS):
                browser.write(page, text_of(visitor, turn))
                together.wait(PATIENCE)
                page = browser.click(page, "Apply")
                seen.append(Seen.on(page, browser.read(page)))
            together.wait(PATIENCE)
            page = browser.click(page, "Undo")
            return [*seen, Seen.on(page, browser.read(page))]
    except BaseException:
        together.abort()  # the others need not wait
        raise


def visit_alone(open_page: OpenPage, visitor: int) -> list[Seen]:
    """What the edits of a visitor show where nobody else is about."""
    page = open_page("describe", address_of(visitor))
    seen = []
    for turn in range(TURNS):
        page.text_area[0].set_value(text_of(visitor, turn))
        page = press(page, "Apply")
        seen.append(Seen.on(page, page.text_area[0].value))
    page = press(page, "Undo")
    return [*seen, Seen.on(page, page.text_area[0].value)]


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label and not button.disabled).click().run()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_twenty_visitors_see_what_each_would_see_alone(
    studio: Studio, both_checkpoints: str, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", both_checkpoints)
    levels: list[float] = []
    together = threading.Barrier(VISITORS, action=lambda: levels.append(studio.memory()))
    with ThreadPoolExecutor(VISITORS) as pool:
        visits = [pool.submit(visit, studio, visitor, together) for visitor in range(VISITORS)]
    levels.append(studio.memory())
    faults = [fault for done in visits if (fault := done.exception()) is not None]
    if faults:
        raise next((fault for fault in faults if not isinstance(fault, threading.BrokenBarrierError)), faults[0])
    found = [done.result() for done in visits]
    for visitor, seen in enumerate(found):
        assert [page.text for page in seen[:TURNS]] == [text_of(visitor, turn) for turn in range(TURNS)]
        assert seen == visit_alone(open_page, visitor), f"visitor {visitor}"
    assert len({page.percent for seen in found for page in seen[:TURNS]}) == VISITORS * TURNS, "nobody saw the same"
    assert max(levels[3:]) - levels[2] < ALLOWED, levels
