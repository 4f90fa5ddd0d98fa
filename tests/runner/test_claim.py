"""Claims: one of several trains a cell, and the claim of one that is gone expires."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spectral_repro.runner import claim
from tests.conftest import fork_cli, run_cli
from tests.test_cli import common, read


def hold(path, host=None, process=None, age=0.0):
    """A claim as another process would have left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": host or socket.gethostname(), "process": process or os.getpid(), "thread": 1}))
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_folder_that_cannot_be_written_shows_its_claims(tmp_path, monkeypatch):
    path = hold(tmp_path / "cell.json")

    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    assert claim.holder_of(path) == f"{socket.gethostname()}:{os.getpid()}"


def test_a_claim_is_held_by_one_and_given_back(tmp_path):
    path = tmp_path / "claims/mnist/cell.json"
    with claim.claimed(path) as first:
        assert first is None
        with claim.claimed(path) as second:
            assert second == f"{socket.gethostname()}:{os.getpid()}"
        assert path.exists()
    assert not path.exists()
    with pytest.raises(KeyboardInterrupt), claim.claimed(path):
        raise KeyboardInterrupt
    assert not path.exists()


def test_claims_expire(tmp_path, gone):
    path = tmp_path / "cell.json"
    for old in (
        lambda: hold(path, process=gone),  # killed, on this host: at once
        lambda: hold(path, host="elsewhere", age=claim.EXPIRY + 5),
        lambda: hold(path, age=claim.EXPIRY + 5),
        lambda: path.write_text("torn"),
    ):
        old()
        with claim.claimed(path) as holder:
            assert holder is None
    for fresh in (lambda: hold(path, host="elsewhere", process=gone), lambda: hold(path, process=os.getppid())):
        fresh()
        with claim.claimed(path) as holder:
            assert holder
        assert path.exists()


def test_the_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "BEAT", 0.01)
    path = tmp_path / "cell.json"
    with claim.claimed(path):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert time.time() - path.stat().st_mtime < 30


def test_a_claim_that_was_taken_over_is_not_given_back_by_the_old_holder(tmp_path):
    path = tmp_path / "cell.json"
    with claim.claimed(path):
        hold(path, host="elsewhere")
    assert json.loads(path.read_text())["host"] == "elsewhere"


def test_two_sweeps_into_one_folder_train_every_cell_once(images, tmp_path):
    long = {"trainer.max_epochs": 60, "trainer.patience": 999}
    arguments = ["-m", *common(images, method="direct,spectral,ssvd,sqr", **long)]
    sweeps = [fork_cli(*arguments, cwd=tmp_path) for _ in range(2)]
    told = [sweep.communicate(timeout=110) for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], told
    assert len(read(tmp_path)) == 4
    log = (tmp_path / "results/cells.log").read_text().splitlines()
    assert sorted(line.split("/")[1].split("-")[0] for line in log) == ["direct", "spectral", "sqr", "ssvd"], log
    assert not list(tmp_path.glob("results/claims/*/*.json"))


@pytest.mark.parametrize("sweep", [(), ("-m",)])
def test_what_a_killed_process_left_of_a_finished_cell_goes(images, tmp_path, sweep):
    """Killed between the rows and the end of their checkpoint; unless another process trains the cell just now."""
    arguments = [*sweep, *common(images)]
    assert run_cli(*arguments, cwd=tmp_path).returncode == 0
    (rows,) = tmp_path.glob("results/runs/*/*.csv")
    folder = tmp_path / "results/checkpoints" / rows.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    left, other = folder / f"{rows.stem}.0-1.pt", folder / f"{rows.stem}.1-2.pt"
    left.touch()
    other.touch()  # of a realization that has no row
    held = hold(tmp_path / "results/claims" / rows.parent.name / f"{rows.stem}.json")
    assert run_cli(*arguments, cwd=tmp_path).returncode == 0
    assert left.exists()
    held.unlink()
    assert run_cli(*arguments, "plan=true", cwd=tmp_path).returncode == 0
    assert left.exists()
    assert run_cli(*arguments, cwd=tmp_path).returncode == 0
    assert (left.exists(), other.exists()) == (False, True)
