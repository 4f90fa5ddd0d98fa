"""Several processes on this machine train cells; one that dies ends its cell only.

They are forked from a process that has imported torch and nothing more, so that a cell begins in a tenth of a second.
"""

import collections
import io
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from tqdm import tqdm

from spectral_repro.config.cell import Cell
from spectral_repro.config.keys import Run
from spectral_repro.config.messages import one_line
from spectral_repro.errors import UserError
from spectral_repro.runner.devices import cores, share_of_devices

#: What became of a job: its place in the sweep and what it returned, or the exception that ended it.
JobOutcome = tuple[int, Any]
#: Seconds that an interrupted process has to note what it was doing.
_GRACE = 5.0
#: What every cell needs, imported once; torchvision is one more, if the images have taken it to be told apart.
_IMPORTED = ("spectral_repro.runner.job", "spectral_repro.runner.processes")
#: Exit code of a process whose end is not known, as the one that it was forked from has died.
_UNKNOWN = 255


def stream(jobs: Sequence[tuple[Cell, Run]], at_once: int) -> Iterator[JobOutcome]:
    """Runs so many jobs at a time; yields outcomes in the order in which jobs end."""
    at_once = min(at_once, len(jobs))
    waiting, free = collections.deque(enumerate(jobs)), list(range(at_once))
    running: dict[int, _Worker] = {}
    context = _context()
    try:
        while waiting or running:
            while waiting and free:
                i, (cell, options) = waiting.popleft()
                slot = free.pop(0)
                try:
                    running[i] = _Worker(context, cell, _share(options, slot, at_once), slot)
                except (OSError, EOFError) as error:  # no process, or no memory for one
                    free.append(slot)
                    yield i, error
            multiprocessing.connection.wait([a for w in running.values() for a in w.awaited], timeout=1)
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


def _share(options: Run, slot: int, at_once: int) -> Run:
    """A share of the machine, where the user has not said which."""
    threads = options.threads
    if threads == "auto" and "OMP_NUM_THREADS" not in os.environ:
        threads = max(1, cores() // at_once)
    return options.model_copy(update={"threads": threads, "device": share_of_devices(options.device, slot)})


def _context() -> multiprocessing.context.BaseContext:
    """Starts the process that others are forked from; where there can be none, processes begin from nothing."""
    spawn = multiprocessing.get_context("spawn")
    if sys.platform == "darwin":  # Apple's libraries do not survive a fork
        return spawn
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED, *({"torchvision.datasets"} & sys.modules.keys())])
    heeds = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is for the sweep, which ends the others
    safe = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"  # a file of the user's in this folder is no module of Python's
    try:
        multiprocessing.forkserver.ensure_running()
        return context
    except OSError:  # for instance a long TMPDIR, in which a socket has no place
        return spawn
    finally:
        signal.signal(signal.SIGINT, heeds)
        os.environ.pop("PYTHONSAFEPATH") if safe is None else os.environ.update(PYTHONSAFEPATH=safe)


class _Worker:
    """A process that runs one job, what it prints and what it returns."""

    def __init__(self, context: Any, cell: Cell, options: Run, slot: int) -> None:
        self.slot, self.result, self.open = slot, None, True
        self.told, telling = context.Pipe(duplex=False)
        interruptible = signal.getsignal(signal.SIGINT) != signal.SIG_IGN  # as of a shell's background job
        self.process = context.Process(target=work, args=(cell, options, telling, interruptible), daemon=True)
        with _no_main_module():
            self.process.start()
        telling.close()

    @property
    def awaited(self) -> list[Any]:
        """What is worth a look as soon as it is ready."""
        return [self.process.sentinel, *[self.told] * self.open]

    def look(self) -> None:
        """Passes on the lines that came, epochs and warnings, and takes the result."""
        try:
            while self.open and self.told.poll():
                is_line, told = self.told.recv()
                if is_line:
                    tqdm.write(told)
                    sys.stdout.flush()
                else:
                    self.result = told
        except Exception:  # it died, perhaps while it told something
            self.open = False

    def outcome(self) -> Any:
        """What the job returned, or the exception that ended it."""
        self.look()
        self.told.close()
        if self.result is not None:
            return self.result
        self.process.join()
        code = self.process.exitcode
        if code == _UNKNOWN:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)  # its place is given to another
        names = {s.value: f" ({s.name})" for s in signal.Signals}
        how = f"signal {-code}{names.get(-code, '')}" if code < 0 else f"exit code {code}"
        return UserError(f"its process died: {how}")


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keeps a new process from importing the program that has started the sweep, which may have no guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def work(cell: Cell, options: Run, telling: Connection, interruptible: bool) -> None:
    """Runs a cell in a process of its own, and tells its lines, and its report or its error."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt if interruptible else signal.SIG_IGN)
    sys.stdout = sys.stderr = _Lines(telling)
    threading.Thread(target=_end_with_sweep, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a process that is killed leaves behind
    try:
        from spectral_repro.runner.job import run_in_sweep

        outcome: object = run_in_sweep(cell, options)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        outcome = UserError(one_line(error))  # others need not survive the way
    telling.send((False, outcome))


class _Lines(io.TextIOBase):
    """Stands for the output of a process: each line is told to the sweep, which knows where its bar is."""

    def __init__(self, telling: Connection) -> None:
        self.telling, self.begun, self.lock = telling, "", threading.RLock()

    def write(self, text: str) -> int:
        with self.lock:
            *lines, self.begun = (self.begun + text).split("\n")
            for line in filter(None, lines):
                self.telling.send((True, line))
        return len(text)


def _interrupt(*_: Any) -> None:
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, signal.SIG_IGN)  # the terminal's comes to all, and the sweep sends one as well
    raise KeyboardInterrupt


def _end_with_sweep() -> None:
    """Ends this process with the sweep's, however that ended; rows and checkpoints are written whole or not at all."""
    if sweep := multiprocessing.parent_process():
        sweep.join()
        os._exit(143)
