"""The figures of a benchmark: accuracy as bars, seen against unseen classes, learners in a sequence of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from n3core.figures.benchmark import accuracy_bars, by_accuracy
from n3core.figures.benchmark_curves import continual_curves, seen_unseen_curves
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import summarise, summarise_continual
from pages.components.adaptation import chart_config
from pages.components.plain import literal
from pages.components.resources_benchmarks import published_continual

if TYPE_CHECKING:  # matplotlib loads with the first file
    from matplotlib.figure import Figure

__all__ = ["show_accuracy", "show_continual", "show_seen_unseen"]

_SHOWN = 7  # systems drawn at first; more lines than colours are hard to tell apart


def show_accuracy(results: BenchmarkResults, titles: Mapping[str, str]) -> None:
    """Show the accuracies as bars.

    Args:
        results: at least one run.
        titles: name of a system -> what to call it.
    """
    st.plotly_chart(
        accuracy_bars(results, titles),
        key="benchmark_bars",
        config=chart_config("benchmark-accuracy"),
        alt="Bars of the accuracy on the unseen classes, best first: "
        + ", ".join(f"{titles.get(row.method, row.method)} {row.accuracy:.1f}" for row in by_accuracy(results))
        + f"; chance {results.setting.chance:.1f} percent",
    )
    st.caption(
        "Bars are means over the seeds, lines the 95 % interval from resampling pictures, circles the seeds. "
        "Crosses: the same system with every class described by another one's text; what reads falls to chance."
    )
    _show_files("benchmark-accuracy", lambda: _print("draw_accuracies", results, titles))


def show_seen_unseen(results: BenchmarkResults, titles: Mapping[str, str]) -> None:
    """Show the seen-unseen curves; the arguments are those of `show_accuracy`."""
    rows = [row for row in summarise(results) if row.generalized is not None]
    names = [row.method for row in rows]
    best = sorted(rows, key=lambda row: -row.generalized.ausuc if row.generalized else 0.0)[:_SHOWN]
    default = [row.method for row in rows if row in best]
    chosen = st.multiselect(
        "Systems",
        names,
        default=default,
        format_func=lambda name: titles.get(name, name),
        key=f"benchmark_systems {','.join(names)}",
        persist_state="session",
        placeholder="Choose systems to draw",
    )
    if not chosen:
        st.info("Choose at least one system.", icon=":material/show_chart:")
        return
    areas = {row.method: row.generalized.ausuc for row in rows if row.generalized}
    st.plotly_chart(
        seen_unseen_curves(results, titles, methods=chosen),
        key="benchmark_seen_unseen",
        config=chart_config("benchmark-seen-unseen"),
        alt="Accuracy of seen classes over that of unseen ones, one line a system; areas: "
        + ", ".join(f"{titles.get(name, name)} {areas[name]:.3f}" for name in chosen),
    )
    st.caption(
        "Adding a constant gamma to the scores of all unseen classes trades seen for unseen pictures; the area under "
        "the line (AUSUC) sums up every choice. Marks: the gamma chosen on the validation classes and held-out "
        "pictures of the seen ones. Of several seeds the line is that of the median area; the area in the legend is "
        "the mean."
    )
    _show_files("benchmark-seen-unseen", lambda: _print("draw_seen_unseen", results, titles, methods=chosen))


def show_continual(results: BenchmarkResults) -> None:
    """Show the continual learners: H after each task, and what each comes to."""
    rows = summarise_continual(results)
    best = max(rows, key=lambda row: row.mean_harmonic)
    kind = "with Class Normalization" if best.normalised else "without Class Normalization"
    st.plotly_chart(
        continual_curves(results),
        key="benchmark_continual",
        config=chart_config("benchmark-continual"),
        alt=f"Harmonic mean of seen and unseen classes after each task, one line a learner; best on average is "
        f"{best.learner} {kind}, {best.mean_harmonic:.1f} percent",
    )
    st.markdown(f"Best on average: **{literal(best.learner)}** {kind}, mH {best.mean_harmonic:.1f} %.")
    table = pd.DataFrame(
        {
            "Learner": [row.learner for row in rows],
            "Class Normalization": [row.normalised for row in rows],
            "mH": [row.mean_harmonic for row in rows],
            "mAUC": [100 * row.mean_auc for row in rows],
            "mJA": [row.mean_joint for row in rows],
            "Forgetting": [row.forgetting for row in rows],
            "Seeds": [row.seeds for row in rows],
            "Published, other data": [published_continual(row.learner, row.normalised) for row in rows],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "mH": st.column_config.NumberColumn(format="%.1f %%", help="Mean over tasks of H"),
            "mAUC": st.column_config.NumberColumn(
                format="%.1f %%", help="Mean over tasks of the area under the seen-unseen curve, of the whole square"
            ),
            "mJA": st.column_config.NumberColumn(
                format="%.1f %%", help="Mean over tasks of the accuracy over all classes"
            ),
            "Forgetting": st.column_config.NumberColumn(
                format="%.3f", help="Best accuracy of a task minus the last one, mean over tasks, at most 1"
            ),
        },
        alt="Every continual learner with and without Class Normalization: mH, mAUC, mJA and forgetting",
    )
    _show_files("benchmark-continual", lambda: _print("draw_continual", results))


def _print(name: str, *arguments: object, **options: object) -> Callable[[], Figure]:
    """Call a function of the module that draws for print."""
    from n3core.figures import benchmark_print  # with matplotlib, which nothing else here needs

    return getattr(benchmark_print, name)(*arguments, **options)


def _show_files(name: str, make: Callable[[], Callable[[], Figure]]) -> None:
    """Buttons that save the figure for print; it is drawn when asked for."""

    def draw(kind: str) -> bytes:
        from n3core.figures import export

        return export.to_png(make()) if kind == "png" else export.to_svg(make())

    with st.container(horizontal=True):
        for kind, mime in (("png", "image/png"), ("svg", "image/svg+xml")):
            st.download_button(
                f"Figure ({kind.upper()})",
                lambda kind=kind: draw(kind),
                file_name=f"{name}.{kind}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"{name} {kind}",
            )
