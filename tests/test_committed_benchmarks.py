"""The benchmark results that come with the project: readable, complete, and what the README says of them."""

from __future__ import annotations

import shlex
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from n3core.baselines.learners import LEARNERS
from n3core.baselines.registry import METHODS
from n3core.benchmark.bases import hash_base, open_base
from n3core.benchmark.files import read_results
from n3core.results.benchmark import BenchmarkResults
from tests.project_scripts import load_script

PROJECT = Path(__file__).resolve().parents[1]
FILES = sorted((PROJECT / "assets" / "benchmarks").glob("*.json"))


@pytest.fixture(params=FILES, ids=[path.stem for path in FILES])
def results(request: pytest.FixtureRequest) -> BenchmarkResults:
    return read_results(request.param)


def test_the_readme_holds_the_tables_of_the_committed_files() -> None:
    script = load_script("measure_benchmark")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert script.with_tables(readme) == readme
    commands = {script.command_of(path.stem): read_results(path).setting.command for path in FILES}
    assert all(shlex.split(told) == shlex.split(kept) for told, kept in commands.items())


def test_they_are_of_an_earlier_base_as_page_and_readme_say(results: BenchmarkResults) -> None:
    """Measured anew on the shipped base, they need no such words."""
    assert results.setting.base_hash != hash_base(open_base())


def test_every_system_was_run_with_three_seeds_and_the_same_number_of_trials(results: BenchmarkResults) -> None:
    if not results.continual:
        assert {*results.methods, *results.unavailable} == set(METHODS)
        assert {len(results.runs_of(method)) for method in results.methods} == {3}
        assert {run.trials for run in results.runs} == {3}


def test_every_continual_learner_was_run_with_three_seeds_both_ways(results: BenchmarkResults) -> None:
    if not results.runs:
        counts = Counter((part.learner, part.normalised) for part in results.continual)
        assert set(counts) == set(product(LEARNERS, (False, True))) and set(counts.values()) == {3}
