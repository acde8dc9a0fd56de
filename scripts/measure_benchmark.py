"""Compare every system on five sets and the continual learners on one; write assets/benchmarks and README.md.

    N3_DATA=path/to/datasets python scripts/measure_benchmark.py [SET...]

Each set is one `n3 benchmark` into runs/bench/SET, which goes on from where it stands; a finished one is only read. The
tables of README.md, between the `<!-- benchmark -->` marks, are made of all files in assets/benchmarks.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from n3core.baselines.registry import METHODS
from n3core.benchmark.files import read_results
from n3core.results.benchmark_summary import MethodSummary, summarise, summarise_continual

_ROOT = Path(__file__).resolve().parent.parent
_COMMITTED = _ROOT / "assets" / "benchmarks"
_OPTIONS = "--methods all --setting conventional,generalized --seeds 3 --trials 3"
_CONTINUAL = "birds-continual"
_CONTINUAL_OPTIONS = "--data fieldbook-birds --setting continual --tasks 10 --seeds 3 --trials 5"
_SETS = {
    "flowers": ("flowers", "--data fieldbook-flowers --split varieties"),
    "birds": ("birds", "--data fieldbook-birds --split varieties"),
    "tiny-imagenet": ("Tiny ImageNet", "--data tiny-imagenet --images-per-class 60"),
    "grocery-ss": ("Grocery SS", "--data grocery --split SS"),
    "grocery-sce": ("Grocery SCE", "--data grocery --split SCE"),
}
_FILE = f"{_CONTINUAL}.json"
_FIGURES = (("mean_harmonic", 1, 1), ("mean_auc", 100, 1), ("mean_joint", 1, 1), ("forgetting", 1, 3))  # scale, digits
_COLUMNS = (
    "learner", "mH % plain", "mH % CN", "mAUC % plain", "mAUC % CN", "mJA % plain", "mJA % CN", "forgetting plain",
    "forgetting CN",
)  # fmt: skip


def command_of(name: str) -> str:
    """The command that measures a set."""
    options = _CONTINUAL_OPTIONS if name == _CONTINUAL else f"{_SETS[name][1]} {_OPTIONS}"
    return f"n3 benchmark {options} --out runs/bench/{name}"


def tabulate() -> str:
    """Accuracy of the unseen classes and H, one row per system and one column per committed set."""
    found = {name: read_results(path) for name in _SETS if (path := _COMMITTED / f"{name}.json").is_file()}
    rows = {name: {row.method: row for row in summarise(results)} for name, results in found.items()}
    titles = [_SETS[name][0] for name in found]
    classes = [f"{len(part.setting.seen)} / {len(part.setting.unseen)}" for part in found.values()]
    chance = [f"{100 / len(part.setting.unseen):.1f}" for part in found.values()]
    lines = [_line("accuracy of the unseen classes, %", *titles), "|---" * (len(titles) + 1) + "|"]
    lines += [_line("*seen / unseen classes*", *classes), _line("*chance*", *chance)]
    lines += [_line(METHODS[m].title, *(_accuracy(part.get(m)) for part in rows.values())) for m in METHODS]
    lines += ["", _line("H of seen and unseen classes together, %", *titles), "|---" * (len(titles) + 1) + "|"]
    lines += [_line(METHODS[m].title, *(_harmonic(part.get(m)) for part in rows.values())) for m in METHODS]
    return "\n".join(lines)


def tabulate_continual() -> str:
    """Mean over the seeds, one row per learner, without and with Class Normalization."""
    rows = {(row.learner, row.normalised): row for row in summarise_continual(read_results(_COMMITTED / _FILE))}
    lines = [_line(*_COLUMNS), "|---" * len(_COLUMNS) + "|"]
    for learner in dict.fromkeys(learner for learner, _ in rows):
        pair = [rows[learner, normalised] for normalised in (False, True)]
        cells = [f"{scale * getattr(row, name):.{digits}f}" for name, scale, digits in _FIGURES for row in pair]
        lines.append(_line(learner, *cells))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _accuracy(row: MethodSummary | None) -> str:
    return "-" if row is None else f"{row.accuracy:.1f} ({min(row.accuracies):.1f} to {max(row.accuracies):.1f})"


def _harmonic(row: MethodSummary | None) -> str:
    return "-" if row is None or row.generalized is None else f"{row.generalized.harmonic_mean:.1f}"


def main() -> None:
    """Run what is left of the named sets, or of all, and write files and tables."""
    _COMMITTED.mkdir(exist_ok=True)
    for name in sys.argv[1:] or (*_SETS, _CONTINUAL):
        subprocess.run([sys.executable, "-m", "n3core", *shlex.split(command_of(name))[1:]], cwd=_ROOT, check=True)
        for suffix in ("json", "md"):
            shutil.copyfile(_ROOT / "runs" / "bench" / name / f"results.{suffix}", _COMMITTED / f"{name}.{suffix}")
    readme = _ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text: str) -> str:
    """The README with the tables of the committed files between its marks."""
    for mark, table in (("benchmark", tabulate()), ("continual", tabulate_continual())):
        block = f"<!-- {mark} -->\n{table}\n<!-- /{mark} -->"
        text = re.sub(f"<!-- {mark} -->.*?<!-- /{mark} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    main()
