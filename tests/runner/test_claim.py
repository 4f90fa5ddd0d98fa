"""Claims: one of several trains a cell, and the claim of one that is gone is nobody's."""

import os
import socket
import subprocess
import sys

import pytest
from filelock import FileLock

from spectral_repro.runner import claim
from tests.conftest import fork_cli, run_cli
from tests.test_cli import common, read

ME = f"{socket.gethostname()}:{os.getpid()}"
#: Claims what it is told, says so, and waits to be killed.
HOLDER = """
import pathlib, sys, time
from spectral_repro.runner.claim import claimed
with claimed(pathlib.Path(sys.argv[1])) as holder:
    print(holder, flush=True)
    time.sleep(600)
"""


def test_a_claim_is_held_by_one_and_given_back(tmp_path):
    path = tmp_path / "claims/mnist/cell.json"
    with claim.claimed(path) as first:
        assert first is None
        with claim.claimed(path) as second:
            assert second == ME
        assert claim.holder_of(path)[0] == ME
    assert claim.holder_of(path) is None
    assert list(path.parent.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), claim.claimed(path):
        raise KeyboardInterrupt
    with claim.claimed(path) as again:
        assert again is None


def test_the_claim_of_a_killed_process_is_nobodys(tmp_path):
    path = tmp_path / "cell.json"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "None\n"
    with claim.claimed(path) as holder:
        assert holder == f"{socket.gethostname()}:{process.pid}" == claim.holder_of(path)[0]
    process.kill()
    process.wait()
    process.stdout.close()
    assert path.exists()
    assert claim.holder_of(path) is None
    with claim.claimed(path) as holder:
        assert holder is None


def test_a_torn_note_of_the_holder_is_no_error(tmp_path):
    path = tmp_path / "cell.json"
    with claim.claimed(path):
        path.write_text("torn")
        assert claim.holder_of(path) == ("another process", "an unknown time")


@pytest.mark.parametrize("error", [NotImplementedError("no flock"), OSError(37, "No locks available")])
def test_without_locks_a_cell_is_trained_all_the_same(tmp_path, monkeypatch, error):
    def acquire(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with claim.claimed(tmp_path / "cell.json") as holder:
        assert holder is None


def test_a_folder_that_cannot_be_written_shows_its_claims(tmp_path, monkeypatch):
    path = tmp_path / "cell.json"
    path.write_text('{"host": "there", "process": 7, "since": "2026-01-01"}')

    def acquire(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    assert claim.holder_of(path) == ("there:7", "2026-01-01")


def test_two_sweeps_into_one_folder_train_every_cell_once(images, tmp_path):
    long = {"trainer.max_epochs": 60, "trainer.patience": 999}
    arguments = ["-m", *common(images, method="direct,spectral,ssvd,sqr", **long)]
    sweeps = [fork_cli(*arguments, cwd=tmp_path) for _ in range(2)]
    told = [sweep.communicate(timeout=110) for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], told
    assert len(read(tmp_path)) == 4
    log = (tmp_path / "results/cells.log").read_text().splitlines()
    assert sorted(line.split("/")[1].split("-")[0] for line in log) == ["direct", "spectral", "sqr", "ssvd"], log
    assert not list(tmp_path.glob("results/claims/*/*"))


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
    with claim.claimed(tmp_path / "results/claims" / rows.parent.name / f"{rows.stem}.json"):
        assert run_cli(*arguments, cwd=tmp_path).returncode == 0
    assert left.exists()
    assert run_cli(*arguments, "plan=true", cwd=tmp_path).returncode == 0
    assert left.exists()
    assert run_cli(*arguments, cwd=tmp_path).returncode == 0
    assert (left.exists(), other.exists()) == (False, True)
