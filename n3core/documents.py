"""Untrusted text files to plain values and back: size, encoding, syntax, duplicate keys, atomic writes.

Owns json, yaml and csv as formats; knows nothing of what the values mean.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from n3core.csv_rows import parse_rows
from n3core.errors import InputError
from n3core.files import write_atomically

__all__ = [
    "DOCUMENT_SUFFIXES",
    "MAX_FILE_BYTES",
    "check_suffix",
    "dump_document",
    "parse_document",
    "read_document",
    "write_text",
]

MAX_FILE_BYTES = 20_000_000
_MAX_DEPTH = 16
_MAX_VALUES = 100_000  # of a yaml file, and rows of a csv: ten for each of the most classes there may be
_TOO_DEEP = "is nested too deeply; a class name and a text per class are enough"
DOCUMENT_SUFFIXES = (".json", ".yaml", ".yml", ".csv", ".tsv")
# The base loader builds strings, lists and mappings only: no objects, and a class called "no" stays a string.
_YamlLoader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_document(path: Path | str) -> Any:
    """Read a json, yaml or csv file.

    Args:
        path: the file; its suffix names the format.

    Returns:
        Mappings, lists and scalars (yaml scalars are strings, but None for a null in a mapping); for csv a list of
        rows, each a list of strings.

    Raises:
        InputError: missing, larger than `MAX_FILE_BYTES`, not UTF-8, binary, of an unknown suffix or malformed.
    """
    path = Path(path)
    check_suffix(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a json, yaml or csv file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file; name a json, yaml or csv file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no file {path}; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{path} cannot be read ({reason}); check the path and its permissions") from None
    return parse_document(data, path.name)


def parse_document(data: bytes, name: str) -> Any:
    """Parse the bytes of a file or an upload; see `read_document`.

    Args:
        data: the content.
        name: file name, for its suffix and for errors.

    Returns:
        As `read_document`.

    Raises:
        InputError: as `read_document`.
    """
    suffix = check_suffix(Path(name))
    text = _decode(data, name)
    try:
        if suffix == ".json":
            return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, name))
        if suffix in (".csv", ".tsv"):
            marks = {"separators": ("\t",)} if suffix == ".tsv" else {}
            return parse_rows(text, name, most=_MAX_VALUES, **marks)
        return _parse_yaml(text, name)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{name} {_TOO_DEEP}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{name} is not valid json ({error.msg} at {where}); mend that place") from None
    except yaml.MarkedYAMLError as error:
        if "nesting" in str(error.problem):  # libyaml's own limit, which stands before ours
            raise InputError(f"{name} {_TOO_DEEP}") from None
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{name} is not valid yaml ({error.problem}{where}); mend that place") from None
    except csv.Error as error:
        raise InputError(f"{name} is not valid csv ({error}); quote texts with double quotes") from None
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{name} is not valid {suffix[1:]} ({str(error)[:80]}); mend it") from None


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file so that a crash or a full disk leaves the old one as it was.

    Args:
        path: the file to create or replace.
        text: its content.

    Raises:
        InputError: if it cannot be written; nothing is left behind.
    """
    if not path.parent.is_dir():  # a mistyped path is not made
        raise InputError(f"cannot write {path} (No such file or directory); choose another place")
    try:
        write_atomically(path, text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InputError(f"cannot write {path} ({error.reason}); the previous file is untouched") from None


def check_suffix(path: Path) -> str:
    """Return the suffix in lower case.

    Raises:
        InputError: if no reader goes with it.
    """
    suffix = path.suffix.lower()
    if suffix not in DOCUMENT_SUFFIXES:
        raise InputError(f"{path.name or path} has the suffix {suffix!r}; use one of {', '.join(DOCUMENT_SUFFIXES)}")
    return suffix


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{name} has more than {MAX_FILE_BYTES:,} bytes; split or shorten it")
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise InputError(f"{name} is encoded in UTF-32; save it as UTF-8")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{name} is encoded in UTF-16; save it as UTF-8")
    if b"\0" in data:
        raise InputError(f"{name} has a NUL byte at position {data.index(0)}: it is not text; save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"byte 0x{data[error.start]:02x} at position {error.start}"
        raise InputError(f"{name} is not UTF-8 text ({place}); save it as UTF-8") from None


def _unique(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InputError(f"{name} has {twice[:80]!r} twice; keep one of the two")
    return values


def _parse_yaml(text: str, name: str) -> Any:
    # Events first: they cost no recursion, so depth is known before the tree is built.
    depth = values = 0
    for event in yaml.parse(text, Loader=_YamlLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{name} uses the yaml alias *{event.anchor[:40]}; write the text out instead")
        values += isinstance(event, yaml.NodeEvent)
        if values > _MAX_VALUES:
            raise InputError(
                f"{name} has more than {_MAX_VALUES:,} values; a class name and a text per class are enough"
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise RecursionError
    return _build_yaml(yaml.compose(text, Loader=_YamlLoader), name)


def _build_yaml(node: Any, name: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"{name} has a list or mapping as a key at line {key.start_mark.line + 1}; use a name")
        return _unique(
            [(key.value, None if _is_null(value) else _build_yaml(value, name)) for key, value in node.value], name
        )
    if isinstance(node, yaml.SequenceNode):
        return [_build_yaml(value, name) for value in node.value]
    return None if node is None else node.value


def _is_null(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("null", "Null", "NULL", "~")


def dump_document(value: Mapping[str, Any] | list[list[str]], suffix: str) -> str:
    """Serialise for `suffix`: a mapping as json or yaml, rows as csv.

    Args:
        value: the content.
        suffix: one of `DOCUMENT_SUFFIXES`.

    Returns:
        The text of the file.
    """
    if suffix == ".json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if suffix in (".csv", ".tsv"):
        target = io.StringIO(newline="")
        csv.writer(target, delimiter="\t" if suffix == ".tsv" else ",").writerows(value)
        return target.getvalue()
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=118)
