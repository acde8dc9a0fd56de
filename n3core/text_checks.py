"""What a valid class name, description and set of class names is. Knows no file and no dataset.

Names and texts come from strangers: they are checked here, once, before anything else sees them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from n3core.errors import InputError

__all__ = [
    "MAX_CHARACTERS",
    "MAX_CLASSES",
    "MAX_NAME_CHARACTERS",
    "MAX_WORDS",
    "check_name",
    "check_names",
    "check_text",
    "first_control",
    "kind_of",
    "list_number",
    "loose_keys",
    "match_key",
]

MAX_CHARACTERS = 100_000
MAX_WORDS = 20_000
MAX_NAME_CHARACTERS = 200
MAX_CLASSES = 10_000
_NO_TEXT = ("nan", "n/a", "#n/a", "null")  # what tables and programs write where there is nothing
_LINE_BREAKS = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]")
# The number of a list before a name, as in "001.Black_footed_Albatross": marked as one, so not that of "3 Series".
_INDEX = re.compile(r"^(?:\((\d+)\)|\[(\d+)\]|(\d+)[.):]|(0\d+)(?=[\s-]))[.\s-]*(?=[^\d.\s-])")
_SPACES = re.compile(r"(?P<digits>(?<=\d)[\s_-]+(?=\d))|[\s_]+|(?<!-)-+(?=\w)|(?<!\S)-+(?=\s)")
_PLUS = re.compile(r"(?<=[^\W\d])\+(?=[^\W\d])")
_MARKS = r"[.,;:!?\"\u201c\u201d\u201e()\[\]{}&/\u2026\u2010-\u2014\u00ae\u2122]"
_PUNCTUATION = re.compile(rf"(?<!\d){_MARKS}+|{_MARKS}+(?!\d)")
_APOSTROPHES = re.compile(r"['\u2018\u2019\u02bc`]")
_POSSESSIVE = re.compile(_APOSTROPHES.pattern + r"s\b")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # no lone surrogate is valid UTF-8


def match_key(key: str) -> str:
    """The form in which names are compared: no case, spaces, underscores or hyphens; one Unicode form.

    Two numbers stay two ("1-12" is not "11-2"), and a hyphen that ends a word stays ("A-" is not "A").

    Args:
        key: a class id or name.

    Returns:
        The folded key; the stripped, case-folded key where nothing else would be left.
    """
    key = unicodedata.normalize("NFC", key.casefold()).strip()
    return _SPACES.sub(lambda found: " " if found["digits"] else "", key) or key


def loose_keys(key: str) -> tuple[str, str]:
    """Weaker forms of a key, for the spellings of published class lists and of encyclopedias.

    Both drop the number of a list ("001."; see `list_number`), punctuation and a plus between letters ("grizzly+bear").
    The first keeps the s of a possessive ("colt's foot" is "colts foot"), the second drops it too, as CUB does
    ("Brandt's Cormorant" is "Brandt_Cormorant"). Nothing else is folded: a plural or a misspelling stays another name,
    and so do "C" and "C#", "A+" and "A-", "12.5" and "125".

    Args:
        key: a class id or name.

    Returns:
        The two folded keys; `match_key` where nothing else would be left.
    """
    plain = unicodedata.normalize("NFC", (_visible(key) or key).casefold().replace("_", " ").strip())
    plain = _PLUS.sub("", _INDEX.sub("", plain))
    kept, dropped = _APOSTROPHES.sub("", plain), _POSSESSIVE.sub("", plain)
    first, second = (_PUNCTUATION.sub("", match_key(text)) or match_key(key) for text in (kept, dropped))
    return first, second


def list_number(key: str) -> str:
    """The number of a list before a name: "1" of "001.Crow", "01_crow" and "(1) crow"; empty if there is none.

    A number that belongs to the name is none: "3 Series", "14-spot ladybird", "3.5 inch disk".
    """
    found = _INDEX.match(key.replace("_", " ").strip())
    return next(filter(None, found.groups())).lstrip("0") or "0" if found else ""


def check_name(name: Any) -> str:
    """Check a class name.

    Args:
        name: what a file or a widget gave.

    Returns:
        The name, stripped and in Unicode's composed form.

    Raises:
        InputError: not a string, empty, longer than `MAX_NAME_CHARACTERS` or with control characters.
    """
    if not isinstance(name, str):
        raise InputError(f"class name {str(name)[:40]!r} is a {kind_of(name)}; put it in quotes")
    name = unicodedata.normalize("NFC", name.strip())
    if not _visible(name):
        raise InputError("a class has an empty name; give it one")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InputError(f"class name {name[:40]!r}... has {len(name):,} characters; use at most {MAX_NAME_CHARACTERS}")
    if byte := re.search("[\udc80-\udcff]", name):  # as Python reads the name of a file that is not UTF-8
        raise InputError(
            f"class name {name[:80]!r} is not UTF-8 (byte 0x{ord(byte[0]) - 0xDC00:02x} at position {byte.start()}); "
            "rename it"
        )
    if control := first_control(name):
        raise InputError(f"class name {name[:80]!r} has the control character {control}; remove it")
    return name


def check_text(text: Any, name: str) -> str:
    """Check the description of a class.

    Args:
        text: what a file or a widget gave.
        name: the class, for errors.

    Returns:
        The text, stripped.

    Raises:
        InputError: not a string, empty (as "N/A" is), above `MAX_CHARACTERS` or `MAX_WORDS`, or binary.
    """
    if not isinstance(text, str):
        raise InputError(f"the description of {name[:80]!r} is a {kind_of(text)}; it must be a text in quotes")
    text = text.strip()
    if not _visible(text):
        raise InputError(f"the description of {name[:80]!r} is empty; write one")
    if text.casefold() in _NO_TEXT:
        raise InputError(f"the description of {name[:80]!r} is {text!r}, which stands for none; write one")
    if len(text) > MAX_CHARACTERS:
        length = f"{len(text):,} characters"
        raise InputError(f"the description of {name[:80]!r} has {length}; use at most {MAX_CHARACTERS:,}")
    words = len(text.split())
    if words > MAX_WORDS:
        raise InputError(f"the description of {name[:80]!r} has {words:,} words; use at most {MAX_WORDS:,}")
    if control := first_control(_LINE_BREAKS.sub(" ", text)):
        raise InputError(f"the description of {name[:80]!r} has the control character {control}; replace it by text")
    return text


def check_names(names: Sequence[str], where: str) -> None:
    """Check the class names of a task or dataset as a set.

    Args:
        names: names that passed `check_name`.
        where: the file or task, for errors.

    Raises:
        InputError: fewer than 2 or more than `MAX_CLASSES`, or two that differ at most in case,
            spaces, hyphens and characters that nobody sees.
    """
    seen: dict[str, str] = {}
    for name in names:
        # Weaker than match_key: "1-1" and "11" may stand side by side.
        spaced = unicodedata.normalize("NFC", _visible(name).casefold()).replace("_", " ").replace("-", " ")
        key = " ".join(spaced.split()) or name
        if key in seen:
            same = "twice" if seen[key] == name else f"and {seen[key]!r}, which count as the same name"
            raise InputError(f"{where} has the class {name!r} {same}; rename or remove one")
        seen[key] = name
    if len(names) < 2:
        has = f"only the class {names[0]!r}" if names else "no class"
        raise InputError(f"{where} has {has}; a classifier needs at least 2 classes")
    if len(names) > MAX_CLASSES:
        raise InputError(f"{where} has {len(names):,} classes; use at most {MAX_CLASSES:,}")


def _visible(text: str) -> str:
    """A text without the characters that nobody sees; empty where nothing but spaces is left."""
    shown = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return shown if shown.strip() else ""


def first_control(text: str) -> str:
    """The first control character of a text and its place, as "U+0000 at position 3"; empty if there is none."""
    found = _CONTROLS.search(text)
    return f"U+{ord(found[0]):04X} at position {found.start()}" if found else ""


def kind_of(value: Any) -> str:
    """What to call a value of a wrong type in an error."""
    kinds = {dict: "mapping", list: "list", bool: "truth value", int: "number", float: "number", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)
