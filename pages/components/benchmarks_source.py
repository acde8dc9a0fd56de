"""Which results file is shown: one that comes with the project, or one that the user opens. Owns the opened file."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from n3core.results.benchmark import BenchmarkResults
from pages.components.plain import literal
from pages.components.resources_benchmarks import MAX_BYTES, committed_files, parse_file, read_file

__all__ = ["show", "show_empty"]

_COMMAND = "n3 benchmark --data fieldbook-flowers --setting conventional,generalized,continual --out runs/flowers"
_EARLIER = (
    "Measured at 64 pixels, on an earlier base network than the studio's models have. The row *N3, shipped checkpoint* "
    "is an earlier model, too: the figures of those that ship today stand in the README."
)
_FILE, _OWN = "benchmark_file", "uploaded"  # the select box; its choice that stands for the opened file
_HELD, _PROBLEM, _BOX = "benchmark_held", "benchmark_problem", "benchmark_box"


def show() -> BenchmarkResults | None:
    """Let the user choose a file.

    Returns:
        Its results, or None (and, for a file that cannot be read, a message) where there are none.
    """
    files = committed_files()
    held: tuple[str, bytes] | None = st.session_state.get(_HELD)
    options = [*files, *([_OWN] if held else [])]
    chosen = None
    if options:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if st.session_state.get(_FILE) not in options:
                st.session_state[_FILE] = next((name for name in files if read_file(files[name]).runs), options[0])
            chosen = st.selectbox(
                "Results file",
                options,
                format_func=lambda name: held[0] if held and name == _OWN else name,
                key=_FILE,
                persist_state="session",
                bind="query-params",
                width=320,
            )
            with st.popover("Open a file", icon=":material/upload_file:"):
                _show_box()
    else:
        _show_box()
    if problem := st.session_state.get(_PROBLEM):
        st.error(literal(problem), icon=":material/error:")
    if chosen is None:
        return None
    try:
        if held and chosen == _OWN:
            return parse_file(*held)
        st.caption(_EARLIER)
        return read_file(files[chosen])
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def show_empty() -> None:
    """Say how to come by a results file."""
    st.info(
        "No results are open. Drop the results.json of a run into the box above, or make one: this command fits every "
        "system on the same pictures and texts. Given again, it goes on where it was interrupted.",
        icon=":material/leaderboard:",
    )
    st.code(_COMMAND, language="bash")


def _show_box() -> None:
    box = st.session_state.setdefault(_BOX, 0)
    key = f"{_BOX} {box}"
    st.file_uploader(
        "A results file (json)",
        type=["json"],
        max_upload_size=MAX_BYTES // 1_000_000,
        key=key,
        on_change=_take,
        args=(key,),
        help="What `n3 benchmark` writes. It is kept for this session only.",
    )


def _take(key: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    content = file.getvalue()
    try:
        parse_file(file.name, content)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        st.session_state.pop(_PROBLEM, None)
        st.session_state[_HELD] = (file.name, content)
        st.session_state[_FILE] = _OWN
    st.session_state[_BOX] += 1  # an empty box: the file itself need not be held any longer
