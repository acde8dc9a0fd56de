"""Figures that the papers report, as data: on other data, other base networks and other texts than a run here.

Owns these numbers, each with its paper; tables show them beside those of a run, never among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ABLATIONS", "CONTINUAL", "PUBLISHED", "Published", "published_of"]

_N3 = "Jin et al. 2020 (N3)"
_CN = "Skorokhodov and Elhoseiny 2021 (Class Normalization)"
_ATTENDED = "Li and Wang (attended features)"


@dataclass(frozen=True)
class Published:
    """One reported figure.

    method: name of the system in the registry.
    data: dataset and split.
    measure: "accuracy" of unseen classes or "H", percent.
    value: as printed.
    source: the paper that reports it.
    """

    method: str
    data: str
    measure: str
    value: float
    source: str


_COLUMNS = ("CUB SS", "CUB PS", "AWA2 SS", "AWA2 PS", "NAB SS", "NAB PS", "FS SS", "FS PS")
_UNSEEN_ACCURACY: Mapping[str, tuple[float, ...]] = {  # N3, table 2
    "n3": (17.6, 9.5, 34.0, 37.5, 14.1, 20.7, 16.4, 17.6),
    "pdcnn-fc": (6.1, 6.1, 12.8, 18.4, 6.7, 7.4, 13.1, 11.9),
    "pdcnn-fc-conv": (7.5, 6.5, 22.6, 17.2, 8.9, 5.6, 7.7, 13.6),
    "megazsl": (2.9, 1.8, 14.0, 10.4, 2.8, 3.7, 10.3, 12.3),
}
_SUPER_CATEGORIES: Mapping[str, tuple[float, float]] = {"n3": (11.9, 11.1), "eszsl": (7.4, 6.3)}  # CUB SCE, NAB SCE
_HARMONIC: Mapping[str, Mapping[str, float]] = {  # poster: GZSL results
    "mlp": {"SUN": 35.3, "CUB": 46.7, "AwA1": 62.8, "AwA2": 62.1},
    "mlp-cn": {"SUN": 43.1, "CUB": 50.3, "AwA1": 67.8, "AwA2": 67.6},
}
_ATTENDED_FIGURES: Mapping[str, Mapping[str, float]] = {
    "accuracy": {"AwA1": 69.5, "AwA2": 70.4, "CUB": 59.4, "SUN": 59.6},
    "H": {"AwA1": 67.2, "AwA2": 68.5, "CUB": 48.3, "SUN": 31.2},
}

PUBLISHED: tuple[Published, ...] = (
    *(
        Published(method, data, "accuracy", value, _N3)
        for method, values in _UNSEEN_ACCURACY.items()
        for data, value in zip(_COLUMNS, values, strict=True)
    ),
    *(
        Published(method, data, "accuracy", value, _N3)
        for method, values in _SUPER_CATEGORIES.items()
        for data, value in zip(("CUB SCE", "NAB SCE"), values, strict=True)
    ),
    *(
        Published(method, data, "H", value, _CN)
        for method, values in _HARMONIC.items()
        for data, value in values.items()
    ),
    *(
        Published("attended", data, measure, value, _ATTENDED)
        for measure, values in _ATTENDED_FIGURES.items()
        for data, value in values.items()
    ),
)

# Continual learning on CUB in 10 tasks, by the same paper: learner, normalised -> mAUC, mH, mJA percent, forgetting.
CONTINUAL: Mapping[tuple[str, bool], tuple[float, float, float, float]] = {
    ("ewc-online", False): (11.6, 18.0, 25.4, 0.08),
    ("ewc-online", True): (14.1, 23.3, 28.6, 0.04),
    ("mas-online", False): (11.4, 17.7, 25.1, 0.08),
    ("mas-online", True): (14.0, 23.8, 28.5, 0.05),
    ("a-gem", False): (10.4, 17.3, 23.6, 0.16),
    ("a-gem", True): (13.8, 23.8, 28.2, 0.06),
    ("sequential", False): (9.7, 17.2, 22.6, 0.17),
    ("sequential", True): (13.5, 23.0, 27.9, 0.05),
    ("multi-task", False): (23.4, 24.3, 39.6, 0.00),
    ("multi-task", True): (26.5, 30.0, 42.6, 0.01),
}

# Ablations of N3 on CUB SS: kind -> value as `n3 ablate` names it -> unseen accuracy, percent.
ABLATIONS: Mapping[str, Mapping[str, float]] = {
    "base": {"googlenet": 21.3, "resnet18": 17.6, "squeezenet1_1": 17.7},
    "text": {"contextual": 17.6},
    "scale": {
        "0.999-0.001": 16.2,
        "0.99-0.01": 18.5,
        "0.9-0.1": 16.2,
        "0.5-0.5": 6.2,
        "0.1-0.9": 2.1,
        "0.01-0.99": 2.3,
    },
    "layers": {"all": 17.6},
}


def published_of(method: str) -> tuple[Published, ...]:
    """What the papers report of one system; empty where they are silent."""
    return tuple(figure for figure in PUBLISHED if figure.method == method)
