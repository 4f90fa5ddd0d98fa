"""The rooms of the package: each imports only from those below it, and Hydra has its place."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "spectral_repro"
#: From top to bottom; a room may import those after it.
ROOMS = ("cli", "bench", "page", "report", "figures", "runner", "results", "data", "config", "training", "layers")
#: Below all of them; ``layers`` and ``training`` do without even these.
GROUND = ("files", "errors", "terminal", "version", "claims")
#: What may look into any room, as it is asked to.
DOORS = ("__init__", "__main__")
#: What only the rooms named may import.
HYDRA = {"cli", "runner", "config"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Absolute names of all that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("spectral_repro.")}


def test_every_file_has_its_room():
    assert {room(path) for path in FILES} == {*ROOMS, *GROUND, *DOORS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path):
    here, names = room(path), ours(path)
    if here in DOORS:
        return
    if here in GROUND:
        assert names <= set(GROUND)
        return
    below = set(ROOMS[ROOMS.index(here) :]) | set(GROUND)
    if here == "training":
        below = {"training", "layers"}
    if here == "layers":
        below = {"layers"}
    assert names <= below
    if here not in HYDRA:
        assert not {n for n in imported(path) if n.split(".")[0] in ("hydra", "hydra_plugins", "omegaconf")}
    if here in ("figures", "report") and path.name != "cost.py":  # which counts multiply-adds by the trainer's model
        assert "training" not in names


def test_the_layers_import_torch_and_nothing_else_of_weight():
    program = "import sys, spectral_repro.layers; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split())
    assert "torch" in loaded
    assert not loaded & {"hydra", "omegaconf", "pydantic", "pandas", "matplotlib", "scipy", "torchvision", "mlxtend"}


def test_tests_mirror_the_rooms():
    folders = {p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert folders == set(ROOMS) - {"cli"}


def test_the_top_level_is_that_of_the_design():
    tracked = {p.name for p in ROOT.iterdir() if p.is_dir() and any(p.rglob("*.py"))} - {".venv", "build"}
    assert {"spectral_repro", "scripts", "tests"} <= tracked
    assert not (ROOT / "hydra_plugins").exists()
