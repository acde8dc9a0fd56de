"""Pages of a wiki as plain text, each asked for only once.

Owns what is asked about a page and the cache on disk; knows no class and no section. One request tells all of a page:
`prop=extracts` gives its text without markup, tables and references (extension TextExtracts, which every Wikipedia has,
and which the paper's python package reads, too), `info` its revision, `pageprops` whether it only lists meanings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.wikipedia.client import MediaWiki

__all__ = ["PageKind", "PageReader", "WikiPage"]

PageKind = Literal["article", "missing", "disambiguation", "elsewhere"]

_QUESTION = {
    "action": "query", "redirects": "1", "prop": "extracts|info|pageprops", "explaintext": "1",
    "exsectionformat": "wiki", "exlimit": "1", "inprop": "url", "ppprop": "disambiguation", "meta": "siteinfo",
    "siprop": "rightsinfo",
}  # fmt: skip
_WIKIPEDIA_LICENCE = ("Creative Commons Attribution-ShareAlike 4.0", "https://creativecommons.org/licenses/by-sa/4.0/")


@dataclass(frozen=True)
class WikiPage:
    """What a wiki has under a title.

    asked: the title that was asked for.
    title: of the page that answers to it, behind redirects.
    kind: "elsewhere" is a page of another wiki or no article at all, such as a talk page.
    url: of the page as it is now.
    permalink: of the revision that `text` comes from.
    redirect_part: the section that a redirect pointed to, empty for a whole page.
    text: plain, headings as == Title ==; empty unless there is an article.
    licence, licence_url: of the wiki's texts, as the wiki states it.
    fetched: when, ISO 8601 in UTC.
    """

    endpoint: str
    asked: str
    title: str
    kind: PageKind
    url: str = ""
    revision: int = 0
    permalink: str = ""
    redirect_part: str = ""
    text: str = ""
    licence: str = ""
    licence_url: str = ""
    fetched: str = ""


class PageReader:
    """Reads pages from the cache or else from the wiki.

    Args:
        wiki: where pages are asked for.
        cache: folder that keeps every page that was read; a page in it is not asked for again.
        refresh: ask again all the same.
    """

    def __init__(self, wiki: MediaWiki, cache: Path, *, refresh: bool = False) -> None:
        self._wiki = wiki
        self._cache = cache
        self._refresh = refresh

    def read(self, title: str) -> WikiPage:
        """Read a page from the cache or else from the wiki.

        Args:
            title: of an article; a redirect is followed.

        Returns:
            The page, whatever its kind.

        Raises:
            InputError: the wiki cannot be reached, or does not answer as MediaWiki with TextExtracts does. Pages that
                were read before are kept.
        """
        key = hashlib.sha256(f"{self._wiki.endpoint}\n{title}".encode()).hexdigest()[:32]
        path = self._cache / f"{key}.json"
        known = None if self._refresh else self._recall(path, title)
        if known is not None:
            return known
        answer = self._wiki.ask(_QUESTION | {"titles": title})
        try:
            page = self._page(title, answer)
        except InputError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise InputError(
                f"{self._wiki.endpoint} does not answer as MediaWiki's api.php does; check the address"
            ) from None
        write_atomically(path, json.dumps(asdict(page), ensure_ascii=False, indent=1).encode())
        return page

    def _recall(self, path: Path, title: str) -> WikiPage | None:
        try:
            page = WikiPage(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None  # absent, or spoilt by something else than this program
        return page if (page.endpoint, page.asked) == (self._wiki.endpoint, title) else None

    def _page(self, asked: str, answer: Mapping[str, Any]) -> WikiPage:
        query = answer["query"]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if query.get("interwiki"):
            return WikiPage(self._wiki.endpoint, asked, query["interwiki"][0]["title"], "elsewhere", fetched=now)
        page = query["pages"][0]
        title = str(page.get("title", asked))
        if page.get("missing") or page.get("invalid"):
            return WikiPage(self._wiki.endpoint, asked, title, "missing", fetched=now)
        if page["ns"] != 0:
            return WikiPage(self._wiki.endpoint, asked, title, "elsewhere", fetched=now)
        disambiguation = "disambiguation" in page.get("pageprops", {})
        if "extract" not in page and not disambiguation:
            raise InputError(f"{self._wiki.endpoint} gives no plain text: its wiki lacks the extension TextExtracts")
        rights = query.get("rightsinfo", {})
        licence, licence_url = str(rights.get("text") or ""), str(rights.get("url") or "")
        if not licence and not licence_url and self._wiki.host.endswith(".wikipedia.org"):
            licence, licence_url = _WIKIPEDIA_LICENCE
        revision = int(page["lastrevid"])
        return WikiPage(
            self._wiki.endpoint,
            asked,
            title,
            "disambiguation" if disambiguation else "article",
            url=str(page.get("canonicalurl") or page.get("fullurl") or ""),
            revision=revision,
            permalink=f"{self._wiki.endpoint.removesuffix('api.php')}index.php?oldid={revision}",
            redirect_part=str(query["redirects"][-1].get("tofragment", "")) if query.get("redirects") else "",
            text="" if disambiguation else str(page["extract"]),
            licence=licence or "not stated by the wiki",
            licence_url=licence_url,
            fetched=now,
        )
