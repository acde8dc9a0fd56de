"""Random search over the settings of one system, the same number of trials for every system (paper section 4).

Owns the study on disk; is told how to score settings, and so can see nothing but the score. Trial 0 are the system's
defaults; every later one is drawn by a generator of its own, so that an interrupted study goes on as if it had not
been interrupted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from n3core.baselines.base import Settings, Trial
from n3core.errors import InputError

__all__ = ["Searchable", "Tuned", "tune"]

_INDEX, _SETTINGS, _REASON = "index", "settings", "reason"


class Searchable(Protocol):
    """What a search must know of a system; see `MethodEntry`."""

    @property
    def name(self) -> str: ...
    @property
    def default(self) -> Settings: ...
    @property
    def suggest(self) -> Callable[[Trial], Settings]: ...


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    settings: the best, or the defaults where nothing was tried.
    score: theirs on the validation classes, percent; None where nothing was tried.
    trials: how many settings were tried.
    """

    settings: dict[str, Any]
    score: float | None
    trials: int


def tune(
    entry: Searchable,
    trials: int,
    storage: Path,
    measure: Callable[[Settings], float],
    *,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> Tuned:
    """Search, going on from where the study on disk stands.

    Args:
        entry: the system.
        trials: settings to try, the defaults included; 0 takes the defaults as they are.
        storage: SQLite file of all studies of a run.
        measure: settings -> what to maximise on the validation classes, percent; InputError where they cannot be
            fitted, such as a loss that is no number.
        seed: of the draws.
        tell: hears one line a trial.

    Returns:
        The best settings; of equal ones the first.

    Raises:
        InputError: the study cannot be read, or no settings could be fitted.
    """
    if trials == 0:
        return Tuned(dict(entry.default), None, 0)
    study = _open_study(entry.name, storage)
    for index in range(trials):
        done = _finished(study)
        if index in done:
            continue
        study.sampler = RandomSampler(int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
        trial = study.ask()
        trial.set_user_attr(_INDEX, index)
        settings = {**entry.default, **(entry.suggest(trial) if index else {})}
        trial.set_user_attr(_SETTINGS, json.dumps(settings))
        same = [old.value for old in done.values() if old.user_attrs[_SETTINGS] == json.dumps(settings)]
        try:
            found = same[0] if same and same[0] is not None else measure(settings)
        except InputError as error:
            trial.set_user_attr(_REASON, str(error))
            study.tell(trial, state=TrialState.FAIL)
            tell(f"{entry.name}: settings {index + 1} of {trials} cannot be fitted ({error})")
            continue
        study.tell(trial, found)
        tell(f"{entry.name}: settings {index + 1} of {trials}: {found:.1f} % on the validation classes")
    return _best(entry, _finished(study), trials)


def _best(entry: Searchable, done: dict[int, FrozenTrial], trials: int) -> Tuned:
    scored = [done[index] for index in range(trials) if done[index].state == TrialState.COMPLETE]
    if not scored:
        raise InputError(f"{entry.name}: none of {trials} settings could be fitted; {done[0].user_attrs[_REASON]}")
    best = max(scored, key=lambda trial: (trial.value, -trial.user_attrs[_INDEX]))
    return Tuned(json.loads(best.user_attrs[_SETTINGS]), best.value, trials)


def _finished(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Trials by index; one that was interrupted has neither a value nor a reason, and is tried again."""
    return {
        trial.user_attrs[_INDEX]: trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == TrialState.COMPLETE or _REASON in trial.user_attrs
    }


def _open_study(name: str, storage: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage.parent.mkdir(parents=True, exist_ok=True)
        where = re.sub("[%?]", lambda mark: f"%{ord(mark[0]):x}", str(storage.resolve()))  # as an address has it
        return optuna.create_study(
            storage=f"sqlite:///{where}", study_name=name, direction="maximize", load_if_exists=True
        )
    except (SQLAlchemyError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"the studies in {storage} cannot be read ({reason}); move the file away") from None
