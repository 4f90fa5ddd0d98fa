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
        "hydra_plugins.spectral_repro",
        "spectral_repro.runner.processes",
        "spectral_repro.runner.sweep",
    ]
)


def start() -> None:
    """Starts what is forked from, with one thread: the number is read when torch is imported."""
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):
        multiprocessing.forkserver.ensure_running()


class Program:
    """``python -m module arguments…`` in the folder ``cwd``: as ``subprocess.Popen``, so far as tests need it."""

    def __init__(self, module: str, arguments: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self.arguments = [module, *arguments]
        self.folder = tempfile.TemporaryDirectory()
        printed = [Path(self.folder.name, name) for name in ("out", "err")]
        self.process = _context.Process(target=_program, args=(module, arguments, cwd, environment, *printed))
        start()
        self.process.start()

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """What it has printed by its end.

        Raises:
            subprocess.TimeoutExpired: if that takes longer than ``timeout`` seconds; it is killed.
        """
        self.process.join(timeout)
        late = self.returncode is None
        if late:
            self.process.kill()
            self.process.join()
        with self.folder as folder:
            out, err = (Path(folder, name).read_text() for name in ("out", "err"))
        if late:
            raise subprocess.TimeoutExpired(self.arguments, timeout, out, err)
        return out, err


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
