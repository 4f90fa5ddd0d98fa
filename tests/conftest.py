"""Fixtures: small synthetic images in folders, and the command line in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from tests import prepared
from tests.synthetic import controls, trained, whole  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parents[1]

# Several workers share the cores: threads that wait for each other's turn take ten times as long.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """The longest test begins first, so that no process of tests waits for it alone."""
    items.sort(key=lambda item: "what_is_committed" not in item.name)


@pytest.fixture(autouse=True)
def _no_surprises(monkeypatch):
    """Tests neither read the user's data nor depend on the order of other tests' random numbers."""
    monkeypatch.delenv("SPECTRAL_REPRO_DATA", raising=False)
    torch.manual_seed(0)


def write_images(root: Path, classes: int = 3, per_class: int = 20, side: int = 6, seed: int = 0) -> Path:
    """``root/{train,test}/<class>/*.png``: noisy images whose brightest row tells the class."""
    generator = np.random.default_rng(seed)
    for part, count in (("train", per_class), ("test", per_class // 2)):
        for label in range(classes):
            folder = root / part / f"class{label}"
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = generator.integers(0, 80, (side, side), dtype=np.uint8)
                pixels[label] += 150
                Image.fromarray(pixels).save(folder / f"{i:03}.png")
    return root


@pytest.fixture
def images(tmp_path) -> Path:
    return write_images(tmp_path / "shapes")


class Sweep(NamedTuple):
    """Arguments of a sweep over two cells of some seconds, and the rows that it makes if nothing disturbs it."""

    arguments: list[str]
    rows: dict[str, list[dict]]


@pytest.fixture(scope="session")
def two_cells(shared_images, tmp_path_factory) -> Sweep:
    from tests.test_cli import common, read

    long = {"trainer.max_epochs": 500, "trainer.patience": 999}
    arguments = ["-m", *common(shared_images, method="direct,sqr", **long)]
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run_cli(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return Sweep(arguments, read(folder))


@pytest.fixture(scope="session")
def shared_images(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "shapes")


def start_cli(*arguments: object, cwd: Path, **environment: str) -> subprocess.Popen:
    """``spectral-repro …`` as a process of its own, with one thread; it heeds SIGINT even if these tests do not."""
    return subprocess.Popen(
        [sys.executable, "-m", "spectral_repro.cli", *map(str, arguments)],
        cwd=cwd,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def fork_cli(*arguments: object, cwd: Path, **environment: str) -> prepared.Program | subprocess.Popen:
    """The same, forked from a process that has imported torch, as starting takes most of the time.

    Unless Python itself is to start differently.
    """
    if sys.platform == "darwin" or any(key.startswith("PYTHON") for key in environment):
        return start_cli(*arguments, cwd=cwd, **environment)
    return prepared.Program("spectral_repro.cli", [str(a) for a in arguments], cwd, _environment(environment))


def run_cli(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Runs ``spectral-repro …`` to its end, in a process of its own."""
    process = fork_cli(*arguments, cwd=cwd, **environment)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(["spectral-repro", *map(str, arguments)], process.returncode, out, err)


def _environment(changes: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "", **changes}
