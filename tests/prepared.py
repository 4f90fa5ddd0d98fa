"""Runs a module as a program, in a process forked from one that has already imported the heavy packages."""

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

_context = multiprocessing.get_context("forkserver")  # one for all that this process forks, launchers included
_context.set_forkserver_preload(
    [
        __name__,
        "pandas",
        "spectral_repro.runner.plugins",
        "spectral_repro.runner.preload",
        "spectral_repro.runner.sweep",
    ]
)


def start() -> None:
    """Starts what is forked from, with one thread: the number is read when torch is imported."""
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):
        multiprocessing.forkserver.ensure_running()


def run(
    module: str, arguments: list[str], cwd: Path, environment: dict[str, str], timeout: float = 120
) -> subprocess.CompletedProcess:
    """``python -m module arguments…`` in the folder ``cwd``, to its end.

    Raises:
        subprocess.TimeoutExpired: if it takes longer than ``timeout`` seconds; it is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _context.Process(target=_program, args=(module, arguments, cwd, environment, out, err))
        start()
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([module, *arguments], timeout, out.read_text(), err.read_text())
        return subprocess.CompletedProcess([module, *arguments], process.exitcode, out.read_text(), err.read_text())


def _program(module: str, arguments: list[str], cwd: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = [module, *arguments]
    sys.path.insert(0, str(cwd))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
