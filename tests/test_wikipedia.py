"""Descriptions from a wiki: a local server that answers as MediaWiki does, faults and all."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import Result
from typer.testing import CliRunner

from n3core.cli import app
from n3core.descriptions import load_descriptions
from n3core.errors import InputError
from n3core.wikipedia.client import MediaWiki, Politeness
from n3core.wikipedia.collect import collect_descriptions, titles_of
from n3core.wikipedia.pages import PageReader
from n3core.wikipedia.sections import find_lead, find_section, list_headings, plain_text

LILY = """The fire lily is a plant.


== Taxonomy ==
Named in 1753.


== Description ==
A bulb with <b>orange</b> petals &amp; brown spots.[2][a]
It is known as ( ; ) fire\u200b lily.


=== Leaves ===
The leaves are narrow, < 2 cm wide.


== Distribution ==
Alps."""
PAGES = {
    "Lilium bulbiferum": LILY,
    "Gentian": "A blue flower.\n\n== Appearance ==\nDeep blue trumpets.\n\n== Uses ==\nBitters.",
    "Rue": "A herb.\n\n== Description ==\n\n== Uses ==\nCooking.",
    "Black footed albatross": "A bird.\n\n== Description ==\nSooty brown, with black feet.",
    "Daisy": "A flower.\n\n== description ==\nWhite rays, yellow disc.",
    "Mercury": "Mercury may refer to:\n\n== Science ==\nA planet",
}
REDIRECTS = {
    "Fire lily": {"to": "Lilium bulbiferum"},
    "Orange lily": {"to": "Lilium bulbiferum"},
    "Snowdrop": {"to": "Daisy", "tofragment": "Similar plants"},
}


@dataclass
class Wiki:
    """What the server knows and has seen. `faults` are taken one a request, first to last."""

    endpoint: str = ""
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    together: int = 0
    most_together: int = 0
    extracts: bool = True

    def answer(self, title: str) -> dict[str, Any]:
        query: dict[str, Any] = {
            "rightsinfo": {
                "url": "https://creativecommons.org/licenses/by-sa/4.0/deed.en",
                "text": "Creative Commons Attribution-Share Alike 4.0",
            }
        }
        if title.casefold().startswith("de:"):
            return {"batchcomplete": True, "query": {**query, "interwiki": [{"title": title, "iw": "de"}]}}
        clean = " ".join(title.replace("_", " ").split())
        clean = clean[:1].upper() + clean[1:]
        if clean != title:
            query["normalized"] = [{"fromencoded": False, "from": title, "to": clean}]
        if clean in REDIRECTS:
            query["redirects"] = [{"from": clean, **REDIRECTS[clean]}]
            clean = REDIRECTS[clean]["to"]
        space = {"Talk": 1, "File": 6}.get(clean.partition(":")[0], 0)
        page: dict[str, Any] = {"ns": space, "title": clean}
        if clean in PAGES:
            number = sorted(PAGES).index(clean) + 1
            page |= {"pageid": number, "lastrevid": 1000 + number, "fullurl": f"https://wiki.test/wiki/{clean}"}
            if self.extracts:
                page["extract"] = PAGES[clean]
            if "may refer to" in PAGES[clean]:
                page["pageprops"] = {"disambiguation": ""}
        elif not space:
            page["missing"] = True
        return {"batchcomplete": True, "query": {**query, "pages": [page]}}


class _Handler(BaseHTTPRequestHandler):
    wiki: Wiki
    lock = threading.Lock()

    def do_GET(self) -> None:
        wiki = self.wiki
        with self.lock:
            wiki.together += 1
            wiki.most_together = max(wiki.most_together, wiki.together)
            wiki.times.append(time.monotonic())
            wiki.agents.add(self.headers["User-Agent"])
            fault = wiki.faults.pop(0) if wiki.faults else ""
        self._answer(fault)

    def _leave(self) -> None:
        """Count this request as done; before its last bytes, since the client may ask again once it has them."""
        with self.lock:
            self.wiki.together -= 1

    def _answer(self, fault: str) -> None:
        parameters = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        wanted = {"action": "query", "format": "json", "formatversion": "2", "explaintext": "1", "redirects": "1"}
        if any(parameters.get(key) != value for key, value in wanted.items()) or "extracts" not in parameters["prop"]:
            return self._send({"error": {"code": "badparameters", "info": "not what this wiki understands"}})
        if int(parameters["maxlag"]) > 5 or self.path.startswith("/closed"):
            return self._send({}, status=403)
        title = parameters["titles"]
        self.wiki.asked.append(title)
        if fault.startswith("429"):
            return self._send({}, status=429, headers={"Retry-After": fault.partition(" ")[2]})
        if fault == "maxlag":
            error = {"code": "maxlag", "info": "Waiting for a database: 7 seconds lagged", "lag": 7}
            return self._send({"error": error}, headers={"Retry-After": "1"})
        if fault == "hang up":
            self._leave()
            return self.connection.close()
        return self._send(self.wiki.answer(title), cut=fault == "cut", html=fault == "html")

    def _send(
        self, value: Any, *, status: int = 200, headers: dict[str, str] | None = None, cut: bool = False,
        html: bool = False,
    ) -> None:  # fmt: skip
        body = b"<html>log in to the hotel's network</html>" if html else json.dumps(value).encode()
        zipped = "gzip" in self.headers.get("Accept-Encoding", "") and not html
        body = gzip.compress(body) if zipped else body
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self._leave()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def wiki() -> Iterator[Wiki]:
    known = Wiki()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"wiki": known}))
    known.endpoint = f"http://127.0.0.1:{server.server_port}/w/api.php"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


Reader = Callable[..., PageReader]


@pytest.fixture
def open_reader(wiki: Wiki, tmp_path: Path) -> Reader:
    """Return `open_reader(**politeness)`: a reader with a short breath and a cache that stays."""

    def open_it(**pace: Any) -> PageReader:
        politeness = Politeness(**({"delay": 0.0, "backoff": 0.01, "busy": 0.02} | pace))
        return PageReader(MediaWiki(wiki.endpoint, politeness=politeness), tmp_path / "pages")

    return open_it


def run(wiki: Wiki, tmp_path: Path, names: list[str], *options: str, out: str = "texts.json") -> Result:
    (tmp_path / "names.json").write_text(json.dumps(names))
    return CliRunner().invoke(
        app,
        ["describe", "fetch", "--classes", str(tmp_path / "names.json"), "--out", str(tmp_path / out), "--endpoint",
         wiki.endpoint, "--delay", "0", "--contact", "me@example.org", *options],
    )  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("N3_CONTACT", raising=False)


def test_the_section_comes_without_marks_tags_and_sub_headings() -> None:
    text = find_section(LILY, "DESCRIPTION")
    assert text == (
        "A bulb with orange petals & brown spots.\nIt is known as fire lily.\nThe leaves are narrow, < 2 cm wide."
    )
    assert find_section(LILY, "Leaves") == "The leaves are narrow, < 2 cm wide.", "a sub-section ends at its parent's"
    assert find_section(LILY, "Uses") is None and find_section(PAGES["Rue"], "Description") == ""
    assert find_lead(LILY) == "The fire lily is a plant." and find_lead("No heading.") == "No heading."
    assert list_headings(LILY) == ("Taxonomy", "Description", "Leaves", "Distribution")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<script>alert(1)</script>Red<br>petals", "Red\npetals"),
        ("&lt;img src=x onerror=alert(1)&gt;blue", "blue"),
        ("a\u202eb\x00c  d\n\n\ne", "abc d\ne"),
        ("x < y & z > w; 3 <5", "x < y & z > w; 3 <5"),
        ("<style>p { color: red }</style>", ""),
    ],
)
def test_markup_that_is_left_over_goes(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_titles_of_class_names() -> None:
    assert titles_of("fire lily") == ("Fire lily",)
    assert titles_of("001.Black_footed_Albatross") == ("Black footed Albatross", "Black footed albatross")
    assert titles_of("3.5 inch disk") == ("3.5 inch disk",)
    assert titles_of("fly-agaric") == ("Fly-agaric", "Fly agaric")
    assert titles_of("grizzly+bear") == ("Grizzly+bear", "Grizzly bear")
    assert titles_of("C++") == ("C++",)


def test_every_kind_of_page_is_told_apart(wiki: Wiki, open_reader: Reader) -> None:
    names = [
        "fire lily", "Black_Footed_Albatross", "daisy", "gentian", "rue", "mercury", "snowdrop", "unicorn", "a|b",
        "Talk:Daisy", "de:Enzian",
    ]  # fmt: skip
    done: list[int] = []
    found = collect_descriptions(open_reader(), names, progress=done.append)
    assert list(found.found) == ["fire lily", "Black_Footed_Albatross", "daisy"]
    assert set(found.found) | set(found.none) == set(names) and done == list(range(1, len(names) + 1))
    page = found.found["fire lily"].page
    assert (page.title, page.revision) == ("Lilium bulbiferum", 1000 + sorted(PAGES).index("Lilium bulbiferum") + 1)
    assert page.permalink == f"{wiki.endpoint.removesuffix('api.php')}index.php?oldid={page.revision}"
    assert "no section “Description”; it has Appearance, Uses" in found.none["gentian"]
    assert "no running text" in found.none["rue"]
    assert "several meanings" in found.none["mercury"]
    assert "leads to a part of the page “Daisy”" in found.none["snowdrop"]
    assert "no page “Unicorn”" in found.none["unicorn"]
    assert all("no title of an article" in found.none[name] for name in ("a|b", "Talk:Daisy", "de:Enzian"))
    assert not any("|" in title for title in wiki.asked), "that would be two titles"
    assert wiki.most_together == 1


def test_headings_in_order_of_preference_and_the_lead_on_request(open_reader: Reader) -> None:
    reader = open_reader()
    names = ["daisy", "gentian", "rue"]
    found = collect_descriptions(reader, names, sections=("Appearance", "Description")).found
    assert {name: text.section for name, text in found.items()} == {"daisy": "Description", "gentian": "Appearance"}
    found = collect_descriptions(reader, names, fallback="lead").found
    assert found["gentian"].text == "A blue flower." and found["daisy"].text == "White rays, yellow disc."
    assert found["rue"].section == "(lead)"


def test_titles_name_the_page_of_a_class(open_reader: Reader) -> None:
    found = collect_descriptions(open_reader(), ["mercury", "x|y"], titles={"mercury": "Daisy", "x|y": "Fire lily"})
    assert [text.page.title for text in found.found.values()] == ["Daisy", "Lilium bulbiferum"]
    with pytest.raises(InputError, match="'venus', which is not in the list"):
        collect_descriptions(open_reader(), ["mercury"], titles={"venus": "Daisy"})


def test_two_classes_on_one_page_are_told(open_reader: Reader) -> None:
    found = collect_descriptions(open_reader(), ["fire lily", "orange lily", "daisy"])
    assert found.notes == ("fire lily and orange lily have the same text: all lead to the page “Lilium bulbiferum”",)


def test_pages_are_asked_for_once(wiki: Wiki, open_reader: Reader, tmp_path: Path) -> None:
    names = ["fire lily", "unicorn", "gentian"]
    first = collect_descriptions(open_reader(), names)
    assert len(wiki.asked) == 3, "one request a page"
    again = collect_descriptions(open_reader(), names, sections=("Appearance",))
    assert len(wiki.asked) == 3 and set(again.found) == {"gentian"}, "another section needs no request"
    for path in (tmp_path / "pages").iterdir():
        path.write_text(path.read_text()[:40])
    assert collect_descriptions(open_reader(), names).found.keys() == first.found.keys()
    assert len(wiki.asked) == 6, "spoilt files are no pages"
    fresh = PageReader(MediaWiki(wiki.endpoint, politeness=Politeness(delay=0)), tmp_path / "pages", refresh=True)
    collect_descriptions(fresh, names)
    assert len(wiki.asked) == 9


def test_what_the_wiki_asks_for_is_waited(wiki: Wiki, open_reader: Reader) -> None:
    wiki.faults = ["429 1", "maxlag"]
    assert open_reader().read("Daisy").revision
    assert wiki.asked == ["Daisy"] * 3
    gaps = [later - earlier for earlier, later in zip(wiki.times, wiki.times[1:], strict=False)]
    assert min(gaps) >= 1, "Retry-After: 1"


def test_a_wiki_that_asks_for_an_hour_is_left_alone(wiki: Wiki, open_reader: Reader) -> None:
    wiki.faults = ["429 3600"]
    with pytest.raises(InputError, match=r"asks to wait 3,600 s .*429.*run the same command again"):
        open_reader().read("Daisy")
    wiki.faults = ["429 Fri, 31 Dec 2999 23:59:59 GMT"]
    with pytest.raises(InputError, match="asks to wait"):
        open_reader().read("Daisy")
    assert wiki.asked == ["Daisy"] * 2


def test_requests_keep_their_distance(wiki: Wiki, open_reader: Reader) -> None:
    collect_descriptions(open_reader(delay=0.3), ["daisy", "rue", "unicorn"])
    assert all(later - earlier >= 0.3 for earlier, later in zip(wiki.times, wiki.times[1:], strict=False))
    assert len(wiki.times) == 3


@pytest.mark.parametrize("fault", ["cut", "hang up", "html", "429 0"])
def test_a_broken_answer_is_asked_for_again(fault: str, wiki: Wiki, open_reader: Reader) -> None:
    wiki.faults = [fault, fault]
    assert "White rays" in open_reader().read("Daisy").text
    assert wiki.asked == ["Daisy"] * 3


def test_a_break_midway_loses_nothing(wiki: Wiki, tmp_path: Path, open_reader: Reader) -> None:
    names = ["fire lily", "daisy", "gentian"]
    wiki.faults = ["", *["hang up"] * 3]
    with pytest.raises(InputError, match="did not answer in 3 attempts"):
        collect_descriptions(open_reader(attempts=3), names)
    assert wiki.asked == ["Fire lily", *["Daisy"] * 3]
    wiki.asked.clear()
    assert set(collect_descriptions(open_reader(), names).found) == {"fire lily", "daisy"}
    assert wiki.asked == ["Daisy", "Gentian"], "what was read before is not asked for again"


def test_endpoints_that_are_no_wiki(wiki: Wiki, open_reader: Reader, tmp_path: Path) -> None:
    for wrong in (
        "file:///etc/passwd",
        "ftp://x/api.php",
        "wikipedia",
        "http://",
        "https://x/api.php?a=b",
        "http://[x",
    ):
        with pytest.raises(InputError, match="no address"):
            MediaWiki(wrong)
    with pytest.raises(InputError, match="brackets"):
        MediaWiki(wiki.endpoint, contact="me\r\nCookie: x")
    closed = MediaWiki(wiki.endpoint.replace("/w/", "/closed/"), politeness=Politeness(delay=0))
    with pytest.raises(InputError, match=r"HTTP 403.*--contact"):
        PageReader(closed, tmp_path).read("Daisy")
    wiki.extracts = False
    with pytest.raises(InputError, match="lacks the extension TextExtracts"):
        open_reader().read("Daisy")
    with pytest.raises(InputError, match=r"refuses the request \(badparameters"):
        MediaWiki(wiki.endpoint).ask({"action": "query", "prop": "info"})


def test_the_command_writes_texts_and_their_sources(wiki: Wiki, tmp_path: Path) -> None:
    names = ["fire lily", "daisy", "unicorn"]
    result = run(wiki, tmp_path, names, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["classes"], told["found"], told["requests"]) == (3, 2, 3)
    assert "no page" in told["none"]["unicorn"] and "warning: unicorn: no page" in result.stderr
    texts = load_descriptions(tmp_path / "texts.json")
    assert list(texts) == ["fire lily", "daisy"] and texts["daisy"] == "White rays, yellow disc."
    sources = json.loads((tmp_path / "texts.sources.json").read_text())
    lily = sources["classes"]["fire lily"]
    assert (lily["asked"], lily["title"], lily["section"]) == ("Fire lily", "Lilium bulbiferum", "Description")
    assert lily["licence"] == "Creative Commons Attribution-Share Alike 4.0" and "oldid=" in lily["permalink"]
    assert lily["url"].startswith("https://wiki.test/") and lily["fetched"].endswith("+00:00")
    assert sources["none"] == told["none"]
    (agent,) = wiki.agents
    assert agent.startswith("n3-studio/") and "(me@example.org)" in agent


@pytest.mark.parametrize("out", ["texts.csv", "texts.yaml"])
def test_other_formats_hold_the_same_texts(out: str, wiki: Wiki, tmp_path: Path) -> None:
    assert run(wiki, tmp_path, ["fire lily", "daisy"], out=out).exit_code == 0
    assert load_descriptions(tmp_path / out)["fire lily"] == find_section(LILY, "Description")


def test_the_command_again_asks_nothing_and_keeps_edits(wiki: Wiki, tmp_path: Path) -> None:
    assert run(wiki, tmp_path, ["fire lily", "gentian"]).exit_code == 0
    result = run(wiki, tmp_path, ["fire lily", "gentian"], "--section", "Description", "--section", "Appearance")
    assert result.exit_code == 0 and len(wiki.asked) == 2 and "2 of 2 classes, in 0 requests" in result.stdout
    (tmp_path / "texts.json").write_text('{"fire lily": "By hand.", "gentian": "By hand, too."}')
    result = run(wiki, tmp_path, ["fire lily", "gentian"])
    assert result.exit_code == 2 and "texts.json holds texts that are not as this command wrote them" in result.stderr
    assert "By hand" in (tmp_path / "texts.json").read_text()


def test_the_classes_of_a_dataset(wiki: Wiki, tmp_path: Path, image_folder: Path) -> None:
    arguments = ["--data", str(image_folder), "--out", str(tmp_path / "a.json"), "--endpoint", wiki.endpoint]
    result = CliRunner().invoke(app, ["describe", "fetch", *arguments, "--delay", "0"])
    assert result.exit_code == 2 and not (tmp_path / "a.json").exists()
    assert wiki.asked == ["Blue", "Green", "Grey", "Red"]
    assert result.stderr.splitlines()[0].startswith("warning: no --contact")
    assert "none of the 4 classes has a description on 127.0.0.1" in result.stderr.splitlines()[-1]
    (tmp_path / "bare").mkdir()
    for name in ("daisy", "fire lily"):
        shutil.copytree(image_folder / "red", tmp_path / "bare" / name)
    arguments[1] = str(tmp_path / "bare")
    result = CliRunner().invoke(app, ["describe", "fetch", *arguments, "--delay", "0"])
    assert result.exit_code == 0 and "fire lily" in load_descriptions(tmp_path / "a.json"), "a text needs no other text"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fallback", "guess"], "fallback 'guess'"),
        (["--data", "fieldbook-flowers"], "either --classes FILE or --data NAME"),
        (["--endpoint", "gopher://x"], "no address of a wiki"),
        (["--endpoint", "http://127.0.0.1:99999/api.php"], "no address of a wiki"),
        (["--delay", "inf"], "not 'inf'"),
        (["--titles", "nowhere.json"], "no file nowhere.json"),
        (["--contact", "ü"], "contact"),
    ],
)
def test_bad_options_are_one_line_each(options: list[str], words: str, wiki: Wiki, tmp_path: Path) -> None:
    result = run(wiki, tmp_path, ["daisy", "rue"], *options)
    assert result.exit_code == 2 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1 and words in result.stderr
    assert not wiki.asked and not (tmp_path / "texts.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[["daisy", "Daisy"], ["daisy", "Rose"]]', "'daisy' twice"),
        ('[[["daisy"], "Daisy"]]', "is a list"),
        ('[["daisy", ["Daisy"]]]', "is a list"),
        ('["daisy"]', "must map class names"),
    ],
)
def test_bad_titles_are_one_line_each(content: str, words: str, wiki: Wiki, tmp_path: Path) -> None:
    (tmp_path / "titles.json").write_text(content)
    result = run(wiki, tmp_path, ["daisy", "rue"], "--titles", str(tmp_path / "titles.json"))
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and words in result.stderr
    assert not wiki.asked


def test_bad_lists_are_one_line_each(wiki: Wiki, tmp_path: Path) -> None:
    assert "twice" in run(wiki, tmp_path, ["daisy", "daisy"]).stderr
    assert "names no class" in run(wiki, tmp_path, []).stderr
    assert ".txt" in run(wiki, tmp_path, ["daisy"], out="texts.txt").stderr
    arguments = ["--classes", "names.txt", "--out", str(tmp_path / "a.json"), "--language", "../x"]
    result = CliRunner().invoke(app, ["describe", "fetch", *arguments])
    assert result.exit_code == 2 and "no code of a Wikipedia" in result.stderr
    assert not wiki.asked
