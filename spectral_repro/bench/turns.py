"""Programs that train when they are told to, so that they can be timed in turns.

A program prints ``ready``, then for each line it reads the seconds that one epoch of one network took: 48,000 training
images in batches of 200 and 12,000 of validation. What it trains on is an eighth of that.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType

BATCH, CLASSES, N1 = 200, 10, 784
TRAIN, VALIDATION = 6_000, 1_500
#: Of an epoch.
SHARE = TRAIN / 48_000
REALIZATIONS = 10


def serve(train: Callable[[], object], networks: int) -> None:
    """The program's side; ``train`` is one epoch of so many networks at once."""
    train()
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        train()
        print((time.perf_counter() - started) / SHARE / networks, flush=True)


class Program:
    """A program under measurement, started at once.

    Raises:
        RuntimeError: if it ends before it is told to; with the last line that it wrote.
    """

    def __init__(self, *command: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdin
        assert self.process.stdout
        self.told, self.answers = self.process.stdin, self.process.stdout
        self._answer()

    def seconds(self) -> float:
        """Of an epoch and network."""
        self.told.write("\n")
        self.told.flush()
        return float(self._answer())

    def _answer(self) -> str:
        answer = self.answers.readline()
        if not answer:
            _, errors = self.process.communicate()
            told = errors.strip().splitlines()
            raise RuntimeError(told[-1] if told else f"ended with {self.process.returncode}")
        return answer

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()


class Neighbour:
    """A busy process beside what is measured, for the time of a ``with``."""

    def __enter__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
