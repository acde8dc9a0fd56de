"""One results file: what it comes to, its views, and the settings that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from n3core.figures.benchmark import by_accuracy
from n3core.figures.benchmark_style import OURS
from n3core.results.benchmark import BenchmarkResults
from pages.components import benchmarks_curves, benchmarks_table
from pages.components.plain import literal
from pages.components.resources_benchmarks import SystemNote, systems

__all__ = ["ATTENTION", "show", "show_views"]

_TABLE, _ACCURACY, _BOTH, _CONTINUAL = "Table", "Accuracy", "Seen and unseen", "Continual"
ATTENTION = "Attention"
_VIEW = "benchmark_view"


def show_views(results: BenchmarkResults | None) -> str:
    """Let the user choose among the views that a file has something for; `ATTENTION` is the one that needs no file."""
    views = [_TABLE, _ACCURACY, _BOTH, _CONTINUAL, ATTENTION]
    if results is not None:
        alone = bool(results.runs or results.unavailable)
        there = (
            (_TABLE, alone),
            (_ACCURACY, bool(results.runs)),
            (_BOTH, any(run.generalized for run in results.runs)),
            (_CONTINUAL, bool(results.continual)),
        )
        views = [*(view for view, known in there if known), ATTENTION]
    if st.session_state.get(_VIEW) not in views:
        st.session_state[_VIEW] = views[0]
    return st.segmented_control(
        "View",
        views,
        required=True,
        key=_VIEW,
        bind="query-params",
        label_visibility="collapsed",
    )


def show(results: BenchmarkResults, view: str) -> None:
    """Show one view of a results file and, beneath, its settings.

    Args:
        results: the file.
        view: as `show_views` returns it.
    """
    notes = systems()
    titles = {name: note.title for name, note in notes.items()}
    _show_setting(results)
    if view == _CONTINUAL:
        benchmarks_curves.show_continual(results)
    elif not results.runs:
        st.info("No system of this file has a number.", icon=":material/search_off:")
        if results.unavailable:
            benchmarks_table.show(results, notes)
    elif view == _TABLE:
        _show_gist(results, notes)
        benchmarks_table.show(results, notes)
    elif view == _ACCURACY:
        benchmarks_curves.show_accuracy(results, titles)
    else:
        benchmarks_curves.show_seen_unseen(results, titles)
    _show_settings(results)


def _show_setting(results: BenchmarkResults) -> None:
    setting = results.setting
    named = setting.dataset.endswith(f":{setting.split}")
    st.header(literal(setting.dataset if named else f"{setting.dataset}, split {setting.split}"), anchor=False)
    st.caption(
        f"{len(setting.seen)} seen, {len(setting.validation)} validation and {len(setting.unseen)} unseen classes; "
        f"{setting.train_images:,} pictures to fit on, {setting.test_images:,} to judge by; "
        f"base network {literal(setting.base)}, texts read by {literal(setting.text)}."
    )


def _show_gist(results: BenchmarkResults, notes: Mapping[str, SystemNote]) -> None:
    setting = results.setting
    rows = [row for row in by_accuracy(results) if row.method not in notes or notes[row.method].fitted]
    ours = next((row for row in rows if row.method.startswith(OURS)), None)
    other = next((row for row in rows if not row.method.startswith(OURS)), None)
    grid = st.grid(3, min_column_width=150, border=True)
    for label, row in (("Best N3 trained here", ours), ("Best of the others", other)):
        grid.metric(
            label,
            f"{row.accuracy:.1f} %" if row else "-",
            literal(notes[row.method].title if row.method in notes else row.method) if row else None,
            delta_color="off",
            delta_arrow="off",
            help="Accuracy on the unseen classes, mean over classes and seeds; of systems fitted to the seen classes",
        )
    grid.metric("Chance", f"{setting.chance:.1f} %", f"{len(setting.unseen)} classes", delta_color="off",
                delta_arrow="off", help="Accuracy of guessing among the unseen classes")  # fmt: skip


def _show_settings(results: BenchmarkResults) -> None:
    setting = results.setting
    with st.expander("Settings and versions", icon=":material/settings:"):
        st.markdown(
            "The command that made this file; without `--base` it takes the network of today's default checkpoint"
        )
        st.code(setting.command, language=None, wrap_lines=True)
        st.markdown("Hashes and versions")
        lines = [
            f"split    {setting.split}  {setting.split_hash}",
            f"base     {setting.base}  {setting.base_hash}",
            f"texts    {setting.text}",
            *(f"{name}  {version}" for name, version in setting.versions.items()),
        ]
        st.code("\n".join(lines), language=None, wrap_lines=True)
        for title, names in (
            ("Unseen classes", setting.unseen),
            ("Validation classes", setting.validation),
            ("Seen classes", setting.seen),
        ):
            if names:
                st.markdown(f"**{title}**: {literal(', '.join(names))}")
        st.markdown("Settings of every system")
        chosen = {
            method: [{"seed": run.seed, "trials": run.trials, **run.settings} for run in results.runs_of(method)]
            for method in results.methods
        }
        st.code(
            "\n".join(f"{method}: {json.dumps(runs, ensure_ascii=False)}" for method, runs in chosen.items()),
            language=None,
            wrap_lines=True,
        )
