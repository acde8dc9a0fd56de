"""Descriptions of classes from Wikipedia: the section "Description" of each class's article.

Owns which article stands for a class, which part of it describes the class, and the record of where a text comes from;
pages come from a reader. Paper section 4.1: "extract section content under 'Description' to be used as
object class descriptions". Where the paper is silent: sub-sections ("Leaves", "Flowers") belong to their section, and
nothing is guessed. A class whose title is missing, ambiguous or a redirect into a part of another page has no text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from n3core.errors import InputError
from n3core.text_checks import check_name, check_text
from n3core.wikipedia.pages import PageReader, WikiPage
from n3core.wikipedia.sections import find_lead, find_section, list_headings

__all__ = ["CHANGES", "Collection", "Fallback", "FoundText", "collect_descriptions", "list_sources", "titles_of"]

Fallback = Literal["none", "lead"]

CHANGES = "One section of the page; sub-headings, reference marks and left-over markup are taken out."
_LEAD = "(lead)"
_NUMBERED = re.compile(r"^\d+\.\s*(?=[^\W\d])")  # "001.Black_footed_Albatross"
_JOINTS = re.compile(r"(?<=[^\W\d])[+-](?=[^\W\d])")  # "fly-agaric", "grizzly+bear"
_NEVER_IN_TITLES = frozenset("#<>[]{}|")
_MOST_HEADINGS = 12  # in a message


@dataclass(frozen=True)
class FoundText:
    """The text of a class, the heading that it stood under and its page."""

    text: str
    section: str
    page: WikiPage


@dataclass(frozen=True)
class Collection:
    """What was found for a list of classes.

    found: class name -> text, in the order of the list.
    none: class name -> why it has no text and what to do.
    notes: one line for each thing to look at among the texts.
    """

    found: Mapping[str, FoundText]
    none: Mapping[str, str]
    notes: tuple[str, ...]


def collect_descriptions(
    pages: PageReader,
    names: Sequence[str],
    *,
    titles: Mapping[str, str] | None = None,
    sections: Sequence[str] = ("Description",),
    fallback: Fallback = "none",
    progress: Callable[[int], None] | None = None,
) -> Collection:
    """Collect one text for each class.

    Args:
        pages: reads them.
        names: the classes.
        titles: class name -> title of its page, for classes whose name is not that title.
        sections: headings to look for, the first one that a page has.
        fallback: "lead" takes the text above the first heading where a page has none of the sections.
        progress: called with the number of classes done.

    Returns:
        The texts and the classes without one.

    Raises:
        InputError: the wiki cannot be read, or `titles` names a class that is not in the list.
    """
    given = dict(titles or {})
    if strange := [name for name in given if name not in names]:
        raise InputError(f"the titles name the class {strange[0][:80]!r}, which is not in the list; correct its name")
    found: dict[str, FoundText] = {}
    none: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        page = _find_page(pages, (given[name],) if name in given else titles_of(name))
        taken = _take(page, name, sections, fallback)
        if isinstance(taken, FoundText):
            found[name] = taken
        else:
            none[name] = taken
        if progress is not None:
            progress(number)
    return Collection(found, none, _notes(found))


def titles_of(name: str) -> tuple[str, ...]:
    """The titles that a class name may stand for: itself and, for titles in capitals, itself in sentence case.

    The same follows with spaces for the hyphens and pluses between letters, by which folders join words.

    Args:
        name: such as "fire lily" or "001.Black_footed_Albatross".

    Returns:
        One to four titles, without the number of a list and without underscores.
    """
    plain = " ".join(_NUMBERED.sub("", check_name(name)).replace("_", " ").split()) or name
    titles = (form[:1].upper() + form[1:] for form in (plain, _JOINTS.sub(" ", plain)))
    return tuple(dict.fromkeys(case for title in titles for case in (title, title[:1] + title[1:].lower())))


def list_sources(collection: Collection) -> dict[str, Any]:
    """The record that stands beside the descriptions: page, revision, address and licence of every text."""
    return {
        "changes": CHANGES,
        "classes": {
            name: {
                "asked": text.page.asked,
                "title": text.page.title,
                "section": text.section,
                "revision": text.page.revision,
                "url": text.page.url,
                "permalink": text.page.permalink,
                "licence": text.page.licence,
                "licence_url": text.page.licence_url,
                "fetched": text.page.fetched,
            }
            for name, text in collection.found.items()
        },
        "none": dict(collection.none),
    }


def _find_page(pages: PageReader, titles: Sequence[str]) -> WikiPage:
    page = WikiPage("", titles[0], titles[0], "elsewhere")
    for title in titles:
        if not set(title) & _NEVER_IN_TITLES:
            page = pages.read(title)
            if page.kind != "missing":
                break
    return page


def _take(page: WikiPage, name: str, sections: Sequence[str], fallback: Fallback) -> FoundText | str:
    """The text of a class from its page, or why there is none."""
    title = f"“{page.title}”"
    another = "name its page with --titles"
    if page.kind == "missing":
        return f"no page {title}; {another}"
    if page.kind == "elsewhere":
        return f"{title} is no title of an article; {another}"
    if page.kind == "disambiguation":
        return f"{title} lists several meanings; {another}"
    if page.redirect_part:
        return f"“{page.asked}” leads to a part of the page {title}, “{page.redirect_part}”; {another}"
    candidates = [(section, find_section(page.text, section)) for section in sections]
    if fallback == "lead":
        candidates.append((_LEAD, find_lead(page.text)))
    for section, text in candidates:
        if text:
            try:
                return FoundText(check_text(text, name), section, page)
            except InputError as error:
                return f"the page {title}: {error}"
    wanted = " or ".join(f"“{section}”" for section in sections)
    if any(text is not None for _, text in candidates):
        return f"the page {title} has no running text under {wanted}"
    headings = list_headings(page.text)
    has = ", ".join(headings[:_MOST_HEADINGS]) + (", ..." if len(headings) > _MOST_HEADINGS else "")
    return f"the page {title} has no section {wanted}; it has {has or 'no sections'}"


def _notes(found: Mapping[str, FoundText]) -> tuple[str, ...]:
    owners: dict[str, list[str]] = {}
    for name, text in found.items():
        owners.setdefault(text.page.title, []).append(name)
    return tuple(
        f"{' and '.join(names)} have the same text: all lead to the page “{title}”"
        for title, names in owners.items()
        if len(names) > 1
    )
