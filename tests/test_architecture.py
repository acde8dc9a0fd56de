"""The rooms of the house: imports run downward only, the core knows no screen, pages hold no science."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
CORE = PROJECT / "n3core"

# A module may reach, directly or through others, only modules of its own floor and of the floors listed before it.
# Every module stands on one; figures and Wikipedia are as high as their users, out of the reach of the science.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("n3core.errors", "n3core.process", "n3core.devices", "n3core.known_checkpoints", "n3core.versions"),
    (
        "n3core.files",
        "n3core.config",
        "n3core.metrics",
        "n3core.indices",
        "n3core.results",
        "n3core.text_checks",
        "n3core.csv_rows",
        "n3core.documents",
        "n3core.class_entries",
        "n3core.descriptions",
        "n3core.pasted",
    ),
    (
        "n3core.backbone",
        "n3core.class_norm",
        "n3core.tensor_files",
        "n3core.token_states",
        "n3core.text_encoder",
        "n3core.datasets",
    ),
    ("n3core.pixels", "n3core.selection", "n3core.likenesses"),
    ("n3core.hypernetwork",),
    ("n3core.model",),
    ("n3core.explain", "n3core.evaluate", "n3core.generalized"),
    (
        "n3core.checkpoint",
        "n3core.training",
        "n3core.pretrain",
        "n3core.train",
        "n3core.feature_training",
        "n3core.episodes",
        "n3core.recipes",
        "n3core.engine",
    ),
    ("n3core.baselines",),
    ("n3core.benchmark", "n3core.reporting", "n3core.figures", "n3core.wikipedia"),
    ("n3core.cli_options", "n3core.cli_training", "n3core.cli_explain", "n3core.cli_benchmark", "n3core.cli_fetch"),
    ("n3core.cli", "n3core.__main__"),
)

# module or package -> what it must never reach
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "n3core.engine": ("n3core.train", "n3core.pretrain", "n3core.training", "n3core.recipes"),
    "n3core.evaluate": ("n3core.model", "n3core.engine", "n3core.checkpoint", "n3core.train", "n3core.hypernetwork"),
    "n3core.explain": ("n3core.engine", "n3core.checkpoint", "n3core.train", "n3core.datasets"),
    "n3core.datasets": ("n3core.backbone", "n3core.text_encoder", "n3core.model", "n3core.engine"),
    "n3core.train": ("n3core.engine", "n3core.pretrain"),
    "n3core.pretrain": ("n3core.text_encoder", "n3core.model"),
    "n3core.pixels": ("n3core.backbone", "n3core.text_encoder", "n3core.model"),
    "n3core.likenesses": ("n3core.pixels", "n3core.backbone", "n3core.text_encoder", "n3core.model"),
    "n3core.hypernetwork": ("n3core.datasets", "n3core.text_encoder"),
    "n3core.model": ("n3core.datasets", "n3core.text_encoder"),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for path in sorted(CORE.rglob("*.py"))}
PAGES = {name_of(path): path for path in [PROJECT / "app.py", *sorted((PROJECT / "pages").rglob("*.py"))]}


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, anywhere in it, as dotted names ("a.b" for `from a import b` too)."""
    found = set()
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@cache
def reached_by(module: str) -> frozenset[str]:
    """Every module of n3core that importing `module` and calling all its functions could import."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for found in imports_of(SOURCES[waiting.pop()]):
            if found in SOURCES and found not in seen and found != "n3core":
                seen.add(found)
                waiting.append(found)
    return frozenset(seen)


def test_the_reader_of_imports_sees_what_is_there() -> None:
    assert {"n3core.hypernetwork", "torch.nn"} <= imports_of(CORE / "model.py")
    assert "n3core.config" in reached_by("n3core.checkpoint")
    assert len(SOURCES) > 15


@pytest.mark.parametrize("module", [name for name in SOURCES if name != "n3core"])
def test_imports_run_downward(module: str) -> None:
    floors = [number for number, floor in enumerate(FLOORS) if any(within(module, member) for member in floor)]
    assert len(floors) == 1, f"{module} stands on {len(floors)} floors; name it on one of FLOORS"
    higher = [member for floor in FLOORS[floors[0] + 1 :] for member in floor]
    breaches = {found for found in reached_by(module) for upper in higher if within(found, upper)}
    assert not breaches, f"{module} reaches up to {sorted(breaches)}"


def test_the_package_itself_imports_nothing() -> None:
    program = "import sys, n3core; print([name for name in sys.modules if name.startswith(('n3core.', 'torch'))])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert found.stdout.strip() == "[]", "every module runs it first"


def test_the_package_names_its_way_in() -> None:
    import n3core
    from n3core.engine import Engine

    assert n3core.Engine is Engine and all(getattr(n3core, name) for name in n3core.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        n3core.Motor  # noqa: B018


@pytest.mark.parametrize("module", SOURCES)
def test_forbidden_rooms_stay_shut(module: str) -> None:
    closed = [room for owner, rooms in FORBIDDEN.items() if within(module, owner) for room in rooms]
    breaches = {found for found in reached_by(module) for room in closed if within(found, room)}
    assert not breaches, f"{module} reaches {sorted(breaches)}"


@pytest.mark.parametrize("module", SOURCES)
def test_no_import_cycles(module: str) -> None:
    assert module not in reached_by(module)


@pytest.mark.parametrize("module", SOURCES)
def test_core_knows_no_screen(module: str) -> None:
    imported = {name.partition(".")[0] for name in imports_of(SOURCES[module])}
    assert not imported & {"streamlit", "pages", "app"}
    if not within(module, "n3core.figures"):
        assert not imported & {"plotly", "matplotlib", "altair"}, "plotting belongs to n3core.figures"


@pytest.mark.parametrize("module", [name for name in SOURCES if within(name, "n3core.figures")])
def test_figures_import_results_only(module: str) -> None:
    core = {name for name in reached_by(module) if not within(name, "n3core.figures")}
    assert all(within(name, "n3core.results") or name in ("n3core.errors", "n3core.metrics") for name in core), core


@pytest.mark.parametrize("module", PAGES)
def test_pages_hold_no_science(module: str) -> None:
    imported = imports_of(PAGES[module])
    assert not {name.partition(".")[0] for name in imported} & {"torch", "torchvision", "transformers", "safetensors"}
    assert not [name for name in imported if within(name, "n3core.train") or within(name, "n3core.pretrain")]


@pytest.mark.parametrize("module", PAGES)
def test_no_page_imports_another(module: str) -> None:
    others = {name for name in imports_of(PAGES[module]) if within(name, "pages") and name != "pages"}
    assert all(within(name, "pages.components") for name in others)


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_pickled(module: str) -> None:
    assert not {"pickle", "joblib", "dill", "cloudpickle"} & {n.partition(".")[0] for n in imports_of(SOURCES[module])}
    text = SOURCES[module].read_text(encoding="utf-8")
    assert not re.search(r"\btorch\.(load|save)\(|allow_pickle", text)


@pytest.mark.parametrize("module", {**SOURCES, **PAGES})
def test_modules_introduce_themselves(module: str) -> None:
    path = {**SOURCES, **PAGES}[module]
    assert path.stem not in {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{module} has no docstring"


def test_importing_the_core_imports_no_screen() -> None:
    names = [name for name in SOURCES if name != "n3core.__main__"]
    program = (
        f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        "print(sorted({'streamlit', 'altair'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
