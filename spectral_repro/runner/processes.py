"""A launcher of several processes on this machine; one that dies ends its cell only.

They are forked from a process that has imported torch and nothing more, so that a cell begins in a tenth of a second.
"""

import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher
from tqdm import tqdm

from spectral_repro.config.compose import Job
from spectral_repro.config.messages import one_line
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.runner.devices import cores, share_of_devices

#: What became of a job: its place in the sweep and what it returned, or the exception that ended it.
JobOutcome = tuple[int, Any]
#: Seconds that an interrupted process has to note what it was doing.
_GRACE = 5.0


class ProcessesLauncher(Launcher):
    """Several processes on this machine, each with its share of the cores and one GPU if there are several.

    Args:
        processes: how many at a time; null: one for each GPU, or else one for two cores, at least two.
        folder: of what they print; the files of those that died stay.
    """

    def __init__(self, processes: int | None = None, folder: str = "jobs") -> None:
        self.processes, self.folder = processes, Path(folder)

    def setup(self, **_: Any) -> None: ...

    def launch(self, job_overrides, initial_job_idx):
        raise ConfigError("hydra/launcher", "processes", "needs hydra/sweeper=resuming")

    @property
    def at_once(self) -> int:
        """How many cells run at the same time."""
        return self.processes or _processes_that_fit()

    def stream(
        self, jobs: Sequence[Sequence[str]], compose: Callable[[Job], Mapping[str, Any]]
    ) -> Iterator[JobOutcome]:
        """Runs at most ``processes`` jobs at a time; yields outcomes in the order in which jobs end."""
        at_once = self.at_once
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting, running, free = iter(enumerate(jobs)), {}, list(range(at_once))
        try:
            while True:
                for i, job in itertools.islice(waiting, len(free)):
                    slot = free.pop(0)
                    running[i] = _Worker(i, _share(compose(tuple(job)), slot, at_once), self.folder, slot)
                if not running:
                    return
                multiprocessing.connection.wait([w.awaited for w in running.values()], timeout=0.1)
                for worker in running.values():
                    worker.look()
                for i, worker in [(i, w) for i, w in running.items() if not w.process.is_alive()]:
                    del running[i]
                    free.append(worker.slot)
                    yield i, worker.outcome()
        finally:
            for worker in running.values():
                worker.process.terminate()
            for worker in running.values():
                worker.process.join(_GRACE)
                worker.process.kill()
                worker.log.unlink(missing_ok=True)
            with suppress(OSError):
                os.rmdir(self.folder)


def _processes_that_fit() -> int:
    import torch

    gpus = torch.cuda.device_count()
    return gpus if gpus > 1 else max(2, cores() // 2)


def _share(config: Mapping[str, Any], slot: int, at_once: int) -> dict[str, Any]:
    """The configuration with a share of the machine, where the user has not said which."""
    threads = config["threads"]
    if threads == "auto" and "OMP_NUM_THREADS" not in os.environ:
        threads = max(1, cores() // at_once)
    return {**config, "threads": threads, "device": share_of_devices(config["device"], slot)}


class _Worker:
    """A process that runs one job; what it prints goes into a file and is passed on from there."""

    def __init__(self, number: int, config: Mapping[str, Any], folder: Path, slot: int) -> None:
        # forked processes do not survive Apple's libraries
        context = multiprocessing.get_context("spawn" if sys.platform == "darwin" else "forkserver")
        context.set_forkserver_preload([__name__, "spectral_repro.runner.job", "torchvision"])
        self.log, self.slot, self.read, self.result = folder / f"{number}.log", slot, 0, None
        self.results, sending = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(config, number, self.log, sending))
        self.process.start()
        sending.close()

    @property
    def awaited(self) -> Any:
        """What is ready next: the result, and then the end of the process."""
        return self.results if self.result is None else self.process.sentinel

    def look(self) -> None:
        """Takes the result, which may be longer than a pipe, and prints the lines that came: epochs and warnings."""
        with suppress(EOFError):
            if self.result is None and self.results.poll():
                self.result = self.results.recv()
        with suppress(OSError), open(self.log, "rb") as file:
            file.seek(self.read)
            whole, end, _ = file.read().rpartition(b"\n")
            self.read += len(whole) + len(end)
            for line in filter(None, whole.decode(errors="replace").splitlines()):
                tqdm.write(line)
                sys.stdout.flush()

    def outcome(self) -> Any:
        """What the job returned, or the exception that ended it; the log is kept if the fault is not the user's."""
        self.look()
        if self.result is None:
            self.process.join()
            code = self.process.exitcode
            how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
            return RuntimeError(f"its process died: {how} (see {self.log})")
        if not isinstance(self.result, RuntimeError):
            self.log.unlink(missing_ok=True)
        return self.result


def work(config: Mapping[str, Any], number: int, log: Path, results: multiprocessing.connection.Connection) -> None:
    """Runs a job in a process of its own, and sends its report or its error."""
    with open(log, "wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
            stream.reconfigure(line_buffering=True)
    threading.Thread(target=_end_with_sweep, daemon=True).start()
    for ends in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(ends) != signal.SIG_IGN:  # as of a shell's background job
            signal.signal(ends, _interrupt)
    from spectral_repro.runner.job import run_job

    try:
        outcome = run_job(config, number)
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        outcome = UserError(str(error))  # those with arguments of their own do not travel
    except Exception as error:
        traceback.print_exc()
        outcome = RuntimeError(f"{one_line(error)} (see {log})")
    results.send(outcome)


def _interrupt(*_: Any) -> None:
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, signal.SIG_IGN)  # the terminal's comes to all, and the sweep sends one as well
    raise KeyboardInterrupt


def _end_with_sweep() -> None:
    """Ends this process with the sweep's, however that ended; rows and checkpoints are written whole or not at all."""
    multiprocessing.parent_process().join()
    os._exit(143)
