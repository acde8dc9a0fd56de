"""The command `n3 describe fetch`: descriptions of classes from Wikipedia, with their sources beside them.

Owns options and the two files; texts come from `n3core.wikipedia`. No other command asks Wikipedia for anything.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from n3core.cli_options import Json, print_json, show_progress, warn
from n3core.documents import check_suffix, dump_document, read_document
from n3core.errors import InputError
from n3core.files import cache_folder, write_atomically
from n3core.text_checks import check_name, check_names

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_LANGUAGE = re.compile(r"[a-z]{2,12}(-[a-z]{2,12}){0,3}")
_FALLBACKS = ("none", "lead")


@app.callback()
def _describe() -> None:
    """Descriptions of classes from elsewhere."""


@app.command()
def fetch(
    out: Annotated[Path, typer.Option(help="Descriptions file to write (json, yaml, csv).")],
    classes: Annotated[Path | None, typer.Option(help="File that names the classes: one a line, or a list.")] = None,
    data: Annotated[str | None, typer.Option(help="Dataset whose classes to describe, instead of a file.")] = None,
    titles: Annotated[Path | None, typer.Option(help="File that maps class names to page titles.")] = None,
    language: Annotated[str, typer.Option(help="Which Wikipedia: en, de, fr...")] = "en",
    section: Annotated[
        list[str] | None, typer.Option(help="Heading to take (Description); several: the first that a page has.")
    ] = None,
    fallback: Annotated[str, typer.Option(help="Without such a section: none, or lead (the first lines).")] = "none",
    endpoint: Annotated[str | None, typer.Option(help="Address of another wiki's api.php.")] = None,
    contact: Annotated[
        str, typer.Option(envvar="N3_CONTACT", help="Your e-mail or web address, told to the wiki as it asks for.")
    ] = "",
    delay: Annotated[float, typer.Option(help="Seconds between requests.", min=0, max=3600)] = 1.0,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read pages again that were read before.")] = False,
    as_json: Json = False,
) -> None:
    """Collect descriptions of classes from Wikipedia.

    Takes the section "Description" of each class's page; the same command goes on after a break.
    """
    started = time.monotonic()
    suffix = check_suffix(out)
    sources_file = out.with_name(f"{out.stem}.sources.json")
    _keep_edits(out, sources_file)
    if fallback not in _FALLBACKS:
        raise InputError(f"fallback {fallback[:40]!r} is unknown; use one of {', '.join(_FALLBACKS)}")
    if endpoint is None and not _LANGUAGE.fullmatch(language):
        raise InputError(f"language {language[:40]!r} is no code of a Wikipedia; use one such as en, de or fr")
    names = _names(classes, data)
    given = _titles(titles)
    sections = tuple(section or ("Description",))

    from n3core.wikipedia.client import MediaWiki, Politeness
    from n3core.wikipedia.collect import collect_descriptions, list_sources
    from n3core.wikipedia.pages import PageReader

    address = endpoint or f"https://{language}.wikipedia.org/w/api.php"
    wiki = MediaWiki(address, contact=contact, politeness=Politeness(delay=delay))
    if not contact:
        warn("no --contact given: wikis ask for an e-mail or web address, and may refuse requests without one")
    with show_progress() as progress:
        bar = progress.add_task("read pages", total=len(names))
        collection = collect_descriptions(
            PageReader(wiki, cache_folder() / "wikipedia", refresh=refresh),
            names,
            titles=given,
            sections=sections,
            fallback="lead" if fallback == "lead" else "none",
            progress=lambda done: progress.update(bar, completed=done),
        )
    for name, reason in collection.none.items():
        warn(f"{name}: {reason}")
    for note in collection.notes:
        warn(note)
    if not collection.found:
        raise InputError(f"none of the {len(names):,} classes has a description on {wiki.host}; nothing was written")
    texts = {name: found.text for name, found in collection.found.items()}
    rows = [["name", "description"], *([name, text] for name, text in texts.items())]
    content = dump_document(rows if suffix in (".csv", ".tsv") else texts, suffix).encode()
    record = {"descriptions": out.name, "sha256": hashlib.sha256(content).hexdigest()}
    sources = {**record, "endpoint": wiki.endpoint, "sections": list(sections), **list_sources(collection)}
    write_atomically(out, content)
    write_atomically(sources_file, dump_document(sources, ".json").encode())
    licences = sorted({found.page.licence for found in collection.found.values()})
    if as_json:
        print_json({
            "out": str(out), "sources": str(sources_file), "endpoint": wiki.endpoint, "sections": list(sections),
            "classes": len(names), "found": len(texts), "none": dict(collection.none), "notes": list(collection.notes),
            "licences": licences, "requests": wiki.requests, "seconds": round(time.monotonic() - started, 2),
        })  # fmt: skip
        return
    typer.echo(f"{out}: descriptions of {len(texts):,} of {len(names):,} classes, in {wiki.requests:,} requests")
    typer.echo(f"{sources_file}: their pages, revisions and licence ({'; '.join(licences)})")


def _names(classes: Path | None, data: str | None) -> tuple[str, ...]:
    if (classes is None) == (data is None):
        raise InputError("name the classes with either --classes FILE or --data NAME")
    if classes is not None:
        from n3core.selection import read_class_names

        names, where = tuple(check_name(name) for name in read_class_names(classes)), str(classes)
    else:
        from n3core.datasets.registry import open_dataset

        dataset = open_dataset(str(data), undescribed=True)
        names, where = tuple(info.name for info in dataset.classes), dataset.name
    if len(names) > 1:  # a single class is as good as many here
        check_names(names, where)
    return names


def _titles(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    document = read_document(path)
    if isinstance(document, Mapping):
        pairs = list(document.items())
    elif isinstance(document, list) and all(isinstance(row, list) and len(row) == 2 for row in document):
        pairs = document
    else:
        raise InputError(f"{path} must map class names to page titles")
    titles: dict[str, str] = {}
    for given, title in pairs:
        name = check_name(given)
        if name in titles:
            raise InputError(f"{path} has {name[:80]!r} twice; keep one of the two")
        titles[name] = check_name(title)
    return titles


def _keep_edits(out: Path, sources_file: Path) -> None:
    """Refuse to write over a file that this command has not written, or that was changed since.

    Raises:
        InputError: there is such a file.
    """
    if not out.exists():
        return
    try:
        record: Any = json.loads(sources_file.read_bytes())
        same = record["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise InputError(f"{out} holds texts that are not as this command wrote them; move it or choose another --out")
