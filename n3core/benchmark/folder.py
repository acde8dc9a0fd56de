"""The folder of a run: what it is of, one file per finished piece, the studies, and the results so far.

Owns the names of the files and the refusal to mix two runs; knows no system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from n3core.benchmark.files import read_record, write_record, write_results
from n3core.documents import read_document
from n3core.errors import InputError
from n3core.files import write_atomically
from n3core.results.benchmark import BenchmarkResults, ContinualScores, MethodRun

__all__ = ["RunFolder"]

_IDENTITY, _PIECES, _CONTINUAL = "identity.json", "pieces", "continual"


class RunFolder:
    """Reads and writes the pieces of a run.

    Args:
        path: the folder; made where it does not exist.
        identity: what the run is of; see `Bench.identity`.

    Raises:
        InputError: the folder holds a run of something else, or cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path = path
        file = path / _IDENTITY
        if not file.exists():
            write_atomically(file, json.dumps(dict(identity), indent=1, ensure_ascii=False).encode())
            return
        known = read_document(file)
        if not isinstance(known, dict):
            raise InputError(f"{file} is not what `n3 benchmark` writes; choose another --out")
        for key, value in identity.items():
            if known.get(key) != value:
                raise InputError(
                    f"{path} holds a run with another {key} ({known.get(key)!r} instead of {value!r}); "
                    "choose another --out"
                )

    @property
    def studies(self) -> Path:
        """SQLite file of the searches."""
        return self.path / "studies.sqlite"

    def find(self, method: str, seed: int) -> MethodRun | None:
        """The run of a system and seed, if it is finished."""
        file = self._piece(method, seed)
        return read_record(MethodRun, file) if file.is_file() else None

    def add(self, run: MethodRun) -> None:
        """Keep a finished run."""
        write_record(self._piece(run.method, run.seed), run)

    def runs(self, order: Sequence[str] = ()) -> tuple[MethodRun, ...]:
        """Every finished run; systems of `order` first, in that order, then by seed."""
        found = [read_record(MethodRun, file) for file in sorted((self.path / _PIECES).glob("*.json"))]
        place = {name: index for index, name in enumerate(order)}
        return tuple(sorted(found, key=lambda run: (place.get(run.method, len(place)), run.method, run.seed)))

    def find_continual(self, name: str) -> ContinualScores | None:
        """The scores of a continual learner, if it is finished; `name` tells learner, network and seed apart."""
        file = self.path / _CONTINUAL / f"{name}.json"
        return read_record(ContinualScores, file) if file.is_file() else None

    def add_continual(self, name: str, scores: ContinualScores) -> None:
        """Keep the scores of a continual learner."""
        write_record(self.path / _CONTINUAL / f"{name}.json", scores)

    def continual(self, order: Sequence[str] = ()) -> tuple[ContinualScores, ...]:
        """Every finished continual learner; those of `order` first, the plain one before the normalised."""
        found = [read_record(ContinualScores, file) for file in sorted((self.path / _CONTINUAL).glob("*.json"))]
        place = {name: index for index, name in enumerate(order)}
        return tuple(sorted(found, key=lambda scores: (place.get(scores.learner, len(place)), scores.normalised)))

    def write(self, results: BenchmarkResults, table: str) -> None:
        """Write results.json and results.md."""
        write_results(self.path / "results.json", results)
        write_atomically(self.path / "results.md", table.encode())

    def _piece(self, method: str, seed: int) -> Path:
        return self.path / _PIECES / f"{method}-{seed}.json"
