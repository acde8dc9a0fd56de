"""Figures of a benchmark draw the numbers of the file: means, intervals, seeds, chance, curves and learners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from n3core.figures.benchmark import accuracy_bars
from n3core.figures.benchmark_curves import continual_curves, seen_unseen_curves, thin
from n3core.figures.benchmark_print import draw_accuracies, draw_continual, draw_seen_unseen
from n3core.figures.benchmark_style import style_of
from n3core.figures.export import to_png, to_svg
from n3core.results.benchmark import BenchmarkResults
from n3core.results.benchmark_summary import summarise, summarise_continual

BenchmarkMaker = Callable[..., BenchmarkResults]


@pytest.fixture
def results(make_benchmark: BenchmarkMaker) -> BenchmarkResults:
    return make_benchmark()


def traces(figure: go.Figure, kind: str) -> dict[str, go.Scatter | go.Bar]:
    return {trace.name: trace for trace in figure.data if trace.type == kind}


def test_rows_are_means_over_seeds_in_the_order_of_the_file(results: BenchmarkResults) -> None:
    rows = summarise(results)
    assert [row.method for row in rows] == list(results.methods)
    for row in rows:
        runs = results.runs_of(row.method)
        assert row.accuracies == tuple(run.accuracy for run in runs) and row.seeds == (0, 1, 2)
        assert row.accuracy == pytest.approx(np.mean([run.accuracy for run in results.runs_of(row.method)]))
        assert row.interval.low < row.accuracy < row.interval.high
        assert row.spread == pytest.approx(np.ptp(row.accuracies)) and row.spread > 0
        assert row.generalized is not None
        areas = [run.generalized.ausuc for run in runs]
        assert row.generalized.middle.ausuc == np.median(areas)
        assert row.generalized.ausuc == pytest.approx(np.mean(areas))


def test_the_curve_of_two_seeds_is_one_of_them(make_benchmark: BenchmarkMaker) -> None:
    results = make_benchmark(seeds=2)
    for row in summarise(results):
        areas = [run.generalized.ausuc for run in results.runs_of(row.method)]
        assert row.generalized.middle.ausuc == min(areas)


def test_systems_without_controls_or_both_kinds_of_classes_have_none(make_benchmark: BenchmarkMaker) -> None:
    results = make_benchmark(generalized=False, continual=False)
    results = replace(results, runs=tuple(replace(run, controls=None) for run in results.runs))
    assert all(row.generalized is None and row.controls is None for row in summarise(results))
    assert not summarise_continual(results)
    assert not seen_unseen_curves(results).data
    assert "texts shuffled" not in {trace.name for trace in accuracy_bars(results).data}


def test_learners_are_averaged_over_seeds(results: BenchmarkResults) -> None:
    twice = replace(
        results,
        continual=(
            *results.continual,
            *(replace(one, harmonic=tuple(h + 10 for h in one.harmonic), forgetting=0.3) for one in results.continual),
        ),
    )
    for once, both in zip(summarise_continual(results), summarise_continual(twice), strict=True):
        assert (once.learner, once.normalised, once.seeds) == (both.learner, both.normalised, both.seeds - 1)
        np.testing.assert_allclose(np.array(both.harmonic) - once.harmonic, 5)
        assert both.mean_harmonic == pytest.approx(once.mean_harmonic + 5) and both.forgetting == pytest.approx(0.2)


def test_bars_stand_from_best_to_worst_with_interval_seeds_and_chance(results: BenchmarkResults) -> None:
    figure = accuracy_bars(results, {"n3": "N3 <all>"})
    bars = traces(figure, "bar")
    assert set(bars) == {"N3 and its variants", "other systems"}
    assert {bar.width for bar in bars.values()} == {0.7}
    values = {place: x for bar in bars.values() for place, x in zip(bar.y, bar.x, strict=True)}
    ordered = [values[place] for place in sorted(values)]
    assert ordered == sorted(ordered, reverse=True) and len(ordered) == len(results.methods)
    assert len(figure.layout.yaxis.ticktext) == len(ordered) and "N3 &lt;all&gt;" in figure.layout.yaxis.ticktext
    ends, again, key = ((line.x, line.y) for line in figure.data if line.name == "95 % interval")
    assert ends == again and key == ((None,), (None,))
    for place, accuracy in enumerate(ordered):
        low, high, gap = ends[0][3 * place : 3 * place + 3]
        assert gap is None and ends[1][3 * place : 3 * place + 2] == (place, place)
        assert (low, high) == (pytest.approx(accuracy - 2.5), pytest.approx(accuracy + 2.0))
    dots = traces(figure, "scatter")
    assert sorted(dots["one seed"].x) == sorted(run.accuracy for run in results.runs)
    assert list(dots["texts shuffled"].x) == pytest.approx([11.0] * len(results.methods))
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == results.setting.chance == 10
    assert "%" in figure.layout.xaxis.title.text and figure.layout.title.text
    farthest = max(run.accuracy for run in results.runs)
    assert figure.layout.xaxis.range[0] == 0 and figure.layout.xaxis.range[1] > farthest


def test_every_system_has_one_curve_its_area_and_the_point_of_the_chosen_gamma(results: BenchmarkResults) -> None:
    figure = seen_unseen_curves(results)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    for row, line, mark in zip(summarise(results), lines, marks, strict=True):
        assert f"AUSUC {row.generalized.ausuc:.3f}" in line.name and row.method in line.name
        assert (mark.x[0], mark.y[0]) == (row.generalized.middle.unseen, row.generalized.middle.seen)
        np.testing.assert_allclose(np.stack([line.x, line.y], 1), row.generalized.middle.curve)
        assert not mark.showlegend and mark.marker.color == line.line.color


def test_a_system_keeps_its_colour_when_others_are_left_out(results: BenchmarkResults) -> None:
    whole = {trace.legendgroup: trace.line.color for trace in seen_unseen_curves(results).data if trace.mode == "lines"}
    (line, _) = seen_unseen_curves(results, methods=["eszsl"]).data
    assert line.name.startswith("eszsl") and line.line.color == whole[line.legendgroup]
    assert len(set(whole.values())) == len(whole)
    assert len({style_of(place)[:2] for place in range(21)}) == 21


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    curve = [(float(number), 100.0 - number) for number in range(5000)]
    thinned = thin(curve)
    assert len(thinned) == 400 and tuple(thinned[0]) == curve[0] and tuple(thinned[-1]) == curve[-1]
    assert thin(curve[:7]).tolist() == [list(point) for point in curve[:7]]


def test_class_normalization_is_solid_and_plain_is_dashed(results: BenchmarkResults) -> None:
    figure = continual_curves(results)
    drawn = [trace for trace in figure.data if trace.x != (None,)]
    for row, trace in zip(summarise_continual(results), drawn, strict=True):
        assert trace.line.dash == ("solid" if row.normalised else "dash") and trace.name == row.learner
        assert tuple(trace.y) == row.harmonic and list(trace.x) == list(range(1, len(row.harmonic) + 1))
    by_learner = {trace.legendgroup: {other.line.color for other in drawn if other.legendgroup == trace.legendgroup}
                  for trace in drawn}  # fmt: skip
    assert all(len(colours) == 1 for colours in by_learner.values())
    assert len(set.union(*by_learner.values())) == len(by_learner)
    assert sum(bool(trace.showlegend) for trace in drawn) == len(by_learner)


@pytest.mark.parametrize("draw", [draw_accuracies, draw_seen_unseen, draw_continual])
def test_the_printed_figures_say_the_same_and_hold_hostile_names(
    draw: Callable, make_benchmark: BenchmarkMaker
) -> None:
    evil = "<script>alert(1)</script>$x_"
    results = make_benchmark((evil, "n3"))
    results = replace(results, continual=tuple(replace(one, learner=evil) for one in results.continual))
    text = to_svg(draw(results)).decode()
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text
    assert to_png(draw(results), dots=40).startswith(b"\x89PNG")
    for figure in (accuracy_bars(results), seen_unseen_curves(results), continual_curves(results)):
        assert "<script" not in figure.to_json()
