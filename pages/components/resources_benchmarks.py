"""Results of benchmarks as the page reads them: files that come with the project, files that a person uploads.

A file is checked where it is read; it is kept by the hash of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from n3core.errors import InputError
from n3core.results.benchmark import BenchmarkResults
from pages.components.resources import warm_up

__all__ = [
    "MAX_BYTES",
    "SystemNote",
    "committed_files",
    "markdown_of",
    "parse_file",
    "published_continual",
    "published_figures",
    "read_file",
    "systems",
]

MAX_BYTES = 20_000_000  # a run of all systems with three seeds has less than a tenth
_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "benchmarks"


@dataclass(frozen=True)
class SystemNote:
    """What the registry says of a system: its name for people, its paper, what a reader of its row must know.

    fitted: whether it learned from the seen classes of the run; the best of two groups is sought among those.
    """

    title: str
    source: str
    note: str
    fitted: bool


def committed_files() -> Mapping[str, Path]:
    """Name -> results file, for those that come with the project; empty where there is none."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.json"))}


def read_file(path: Path) -> BenchmarkResults:
    """Read a results file of the project.

    Raises:
        InputError: the file cannot be read, or is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror})") from None
    return parse_file(path.name, content)


def parse_file(name: str, content: bytes) -> BenchmarkResults:
    """Read the bytes of a results file that nobody has checked.

    Args:
        name: of the file, for errors.
        content: at most `MAX_BYTES`.

    Raises:
        InputError: too large, or no results file.
    """
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{name} has {len(content) / 1e6:.0f} MB; a results file of `n3 benchmark` has at most "
            f"{MAX_BYTES / 1e6:.0f} MB"
        )
    return _parsed(content, name, hashlib.sha256(content).hexdigest())


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _parsed(_content: bytes, name: str, digest: str) -> BenchmarkResults:
    from n3core.benchmark.files import parse_results

    return parse_results(_content, name)


@st.cache_resource(show_spinner="Looking up the systems…")
def systems() -> Mapping[str, SystemNote]:
    """Name of a system -> what is known of it. A file may name others."""
    warm_up().join()  # two threads that import transformers at once find it half made
    from n3core.baselines.registry import METHODS

    return {name: SystemNote(entry.title, entry.source, entry.note, entry.fitted) for name, entry in METHODS.items()}


def published_figures(method: str) -> str:
    """What the papers report of a system, on other data, in one line; "" where they are silent."""
    from n3core.benchmark.published import published_of

    figures = published_of(method)
    measures = dict.fromkeys(figure.measure for figure in figures)
    return "; ".join(
        f"{measure} "
        + ", ".join(f"{figure.data} {figure.value:.1f}" for figure in figures if figure.measure == measure)
        for measure in measures
    )


def published_continual(learner: str, normalised: bool) -> str:
    """As `published_figures`, of a continual learner with or without Class Normalization."""
    from n3core.benchmark.published import CONTINUAL

    figures = CONTINUAL.get((learner, normalised))
    return "CUB: mAUC {:.1f} %, mH {:.1f} %, mJA {:.1f} %, forgetting {:.2f}".format(*figures) if figures else ""


def markdown_of(results: BenchmarkResults) -> bytes:
    """All tables of a file as `n3 benchmark` writes them."""
    warm_up().join()
    from n3core.baselines.registry import METHODS
    from n3core.benchmark.run import make_sheets
    from n3core.benchmark.tables import to_markdown

    return to_markdown(results.setting, make_sheets(results, tuple(METHODS.values()))).encode()
