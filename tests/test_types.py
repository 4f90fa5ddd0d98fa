"""What a type checker, and whoever asks ``dir``, is told of the package."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spectral_repro
from tests.conftest import ROOT

PROGRAM = """\
from spectral_repro import load_network, prune
from spectral_repro.layers import QRLinear, SpectralLinear, stack

layer = QRLinear(4, 3)
reveal_type(layer.q)
reveal_type(layer.weight)
reveal_type(layer.bias)
reveal_type(stack([SpectralLinear(4, 3), SpectralLinear(4, 3)]).phi)
network = load_network("x")
reveal_type(network.layers)
reveal_type(network.layers[0].dense_weight())
reveal_type(prune(network, 0.5))
"""
REVEALED = ["Tensor", "Tensor", "Parameter | None", "Tensor", "Sequence[ReparametrizedLinear]", "Tensor", "Network"]


def test_package_tells_its_names_without_importing_torch():
    told = "import spectral_repro, sys; print('torch' in sys.modules, *dir(spectral_repro))"
    output = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout
    torch, *names = output.split()
    assert torch == "False"
    assert set(spectral_repro.__all__) <= set(names)
    assert {"load_network", "prune"} <= set(spectral_repro.__all__)


def test_every_name_of_the_package_is_there():
    for name in spectral_repro.__all__:
        assert getattr(spectral_repro, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = spectral_repro.nothing_of_ours


def test_package_says_that_it_is_typed():
    assert (Path(spectral_repro.__file__).parent / "py.typed").read_bytes() == b""


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_users_program_has_types(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-pretty"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache"), str(program)]  # that of make lint
    checked = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True
    )
    about = [line for line in checked.stdout.splitlines() if line.startswith("program.py")]
    assert [line for line in about if ": note: Revealed type" not in line] == [], checked.stdout + checked.stderr
    revealed = [re.search('"(.*)"', line).group(1) for line in about]
    assert [re.sub(r"[\w.]+\.", "", kind) for kind in revealed] == REVEALED, checked.stdout
