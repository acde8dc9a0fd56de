"""Results of a benchmark as json, and back from files that nobody vouches for.

Owns the format; a record is read by its type annotations, field by field. Knows no system and no table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from n3core.documents import parse_document, read_document
from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.results.benchmark import BenchmarkResults, ContinualScores, MethodRun
from n3core.text_checks import kind_of

__all__ = ["decode", "encode", "parse_results", "read_record", "read_results", "write_record", "write_results"]

Record = TypeVar("Record")

_NUMBER = (int, float)
_KINDS = {_NUMBER: "number", int: "whole number", bool: "truth value", str: "text", list: "list", dict: "mapping"}
_LONGEST_TEXT = 4000  # characters


def write_results(path: Path | str, results: BenchmarkResults) -> None:
    """Write a results file that `read_results` reads, whole or not at all.

    Raises:
        InputError: a value that the format does not have; the disk is full or the folder cannot be written.
    """
    _check(results, str(path))
    write_record(Path(path), results)


def read_results(path: Path | str) -> BenchmarkResults:
    """Read a results file.

    Raises:
        InputError: missing, no json, or not what `write_results` writes.
    """
    return _check(decode(BenchmarkResults, read_document(Path(path)), str(path)), str(path))


def parse_results(data: bytes, name: str) -> BenchmarkResults:
    """As `read_results`, from uploaded bytes and the upload's file name."""
    return _check(decode(BenchmarkResults, parse_document(data, name), name), name)


def write_record(path: Path, record: Any) -> None:
    """Write one dataclass of this format, whole or not at all.

    Raises:
        InputError: a value that the format does not have; the disk is full or the folder cannot be written.
    """
    values = encode(record)
    decode(type(record), values, str(path))
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1)
    except (TypeError, ValueError) as error:  # in settings, whose values have no type
        raise InputError(f"cannot write {path} ({error}); give numbers, truth values, texts and lists") from None
    write_atomically(path, text.encode())


def read_record(kind: type[Record], path: Path) -> Record:
    """Read one dataclass of this format.

    Raises:
        InputError: missing, no json, or not such a record.
    """
    return decode(kind, read_document(path), str(path))


def encode(value: Any) -> Any:
    """A dataclass, or what is in one, as json values: dicts, lists, and Python's numbers for numpy's."""
    if is_dataclass(value):
        return {part.name: encode(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def decode(kind: Any, value: Any, where: str) -> Any:
    """Build a value of an annotated type from json values.

    Args:
        kind: a dataclass, or int, float, str, bool, None, Any, a union, a tuple or a mapping of such.
        value: what json gave.
        where: its place, for errors.

    Returns:
        The value; lists become tuples where the type says so.

    Raises:
        InputError: a field that is missing, unknown, of another type, or no finite number.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _decode_record(kind, value, where)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        (other,) = (part for part in arguments if part is not NoneType)
        return decode(other, value, where)
    if origin is tuple:
        values = _expect(list, value, where)
        kinds = [arguments[0]] * len(values) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(values):
            raise InputError(f"{where} has {len(values)} values instead of {len(kinds)}; restore the file")
        return tuple(
            decode(part, item, f"{where}[{k}]") for k, (part, item) in enumerate(zip(kinds, values, strict=True))
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        pairs = _expect(dict, value, where)
        return {_text(key, where): decode(arguments[1], item, f"{where}: {key[:80]!r}") for key, item in pairs.items()}
    if kind is float:
        number = _expect(_NUMBER, value, where)
        try:
            number = float(number)
        except OverflowError:  # json knows whole numbers of any length
            number = math.inf
        if not math.isfinite(number):
            raise InputError(f"{where} is {number}; it must be a finite number")
        return number
    if kind is str:
        return _text(value, where)
    return value if kind is Any else _expect(kind, value, where)


def _decode_record(kind: Any, value: Any, where: str) -> Any:
    pairs = _expect(dict, value, where)
    hints = _hints(kind)
    needed = [part.name for part in fields(kind) if part.default is MISSING and part.default_factory is MISSING]
    missing = [name for name in needed if name not in pairs]
    if missing:
        raise InputError(f"{where} lacks {missing[0]!r}; it is no benchmark result, or of another version")
    unknown = [name for name in pairs if name not in hints]
    if unknown:
        raise InputError(f"{where} has the unknown field {unknown[0][:80]!r}; it is of another version")
    return kind(**{name: decode(hints[name], item, f"{where}: {name}") for name, item in pairs.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _expect(kind: Any, value: Any, where: str) -> Any:
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        given = "text" if isinstance(value, str) else kind_of(value)
        raise InputError(f"{where} is a {given} instead of a {_KINDS[kind]}; restore the file")
    return value


def _text(value: Any, where: str) -> str:
    text = _expect(str, value, where)
    if len(text) > _LONGEST_TEXT:
        raise InputError(f"{where} has a text of {len(text):,} characters; at most {_LONGEST_TEXT:,} belong there")
    return text


def _check(results: BenchmarkResults, where: str) -> BenchmarkResults:
    """What types do not tell: percentages, shares, and the classes of a run are those of the setting."""
    setting = results.setting
    if len(setting.unseen) < 2:
        raise InputError(f"{where} has {len(setting.unseen)} unseen class(es); at least 2 make a result")
    for run in results.runs:
        _check_run(run, setting.unseen, f"{where}: {run.method}")
    for scores in results.continual:
        _check_continual(scores, f"{where}: {scores.learner}")
    return results


def _check_run(run: MethodRun, unseen: tuple[str, ...], where: str) -> None:
    percent = [run.accuracy, run.interval.low, run.interval.high, *run.class_accuracies.values()]
    if run.controls is not None:
        percent += [run.controls.shuffled, run.controls.name_only, run.controls.empty]
    if run.permutations is not None:
        percent += run.permutations.values
        if not run.permutations.values:
            raise InputError(f"{where} has no permutations; leave the field null")
    if run.generalized is not None:
        found = run.generalized
        percent += [found.unseen, found.seen, found.uncalibrated_unseen, found.uncalibrated_seen]
        percent += [value for pair in found.curve for value in pair]
        _check_range([found.ausuc], 1, f"{where}: AUSUC")
    _check_range(percent, 100, f"{where}: a percentage")
    _check_range([run.fit_seconds, run.predict_seconds], math.inf, f"{where}: seconds")
    if set(run.class_accuracies) != set(unseen):
        raise InputError(f"{where} has accuracies of other classes than the unseen ones of the setting")


def _check_continual(scores: ContinualScores, where: str) -> None:
    tasks = len(scores.joint)
    lengths = {len(scores.unseen), len(scores.harmonic), len(scores.auc)}
    if tasks < 2 or len(scores.seen) != tasks or lengths != {tasks - 1}:
        raise InputError(f"{where} has series that do not fit {tasks} tasks; restore the file")
    _check_range([*scores.seen, *scores.unseen, *scores.harmonic, *scores.joint], 100, f"{where}: a percentage")
    _check_range(list(scores.auc), 1, f"{where}: an area")
    _check_range([abs(scores.forgetting)], 1, f"{where}: forgetting")  # below 0 where later tasks help earlier ones


def _check_range(values: list[float], most: float, where: str) -> None:
    for value in values:
        if not -1e-6 <= value <= most + 1e-6:  # sums of shares may round past the end
            raise InputError(f"{where} is {value:g}; it must lie between 0 and {most:g}")
