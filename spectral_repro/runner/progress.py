"""How far a cell and a sweep are: bars where there is a terminal, elsewhere a line a minute."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from tqdm import tqdm

from spectral_repro.config.cell import Cell
from spectral_repro.runner.estimate import readable
from spectral_repro.training.protocol import Progress

#: Seconds between two lines.
INTERVAL = 60.0


def _shown() -> bool:
    """Whether a bar can be drawn: on a terminal, and below the cell of a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def epoch_bar(cell: Cell, seeds: Sequence[int], position: int) -> Callable[[Progress], None]:
    """What shows a batch of realizations: epoch, validation accuracy, realizations running; bar or lines."""
    label, most = cell.label, cell.trainer["max_epochs"]
    bar = tqdm(total=len(seeds) * most, desc=label, unit="ep", disable=not _shown(), leave=False, position=position)
    last, told = 0, time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal last, told
        epochs, last = progress.epoch - last, progress.epoch  # more than one: resumed from a checkpoint
        accuracy = sum(progress.validation_accuracy.values()) / len(progress.validation_accuracy)
        state = f"epoch {progress.epoch}, val {accuracy:.4f}, running {progress.running}"
        bar.set_postfix_str(state)
        bar.update(epochs * progress.running + progress.stopped * (epochs + most - progress.epoch))
        if not progress.running:
            bar.close()
        elif not _shown() and time.monotonic() - told >= INTERVAL:
            told = time.monotonic()
            print(f"{label}: {state} of {len(seeds)}, at most {most} epochs", flush=True)

    return watch


class SweepProgress:
    """Of a sweep: cells done and time left; a bar that weighs cells by their cost, or lines.

    Args:
        costs: of each cell, in any unit; None: not known, and taken for a typical one.
        estimate: seconds that all together are expected to take, if known; what has ended corrects it.
    """

    def __init__(self, costs: Sequence[float | None], estimate: float | None) -> None:
        typical = fmean([c for c in costs if c] or [1.0])
        self.costs, self.estimate = [c or typical for c in costs], estimate
        self.cells, self.done, self.started = 0, 0.0, time.monotonic()
        self.last = self.started
        self._over = threading.Event()

    def __enter__(self) -> "SweepProgress":
        form = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(total=sum(self.costs), desc="sweep", disable=not _shown(), position=0, bar_format=form)
        if not _shown():
            threading.Thread(target=self._tell, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.bar.close()

    def ended(self, cell: int) -> None:
        """Counts a cell that has ended, well or not."""
        self.cells, self.done, self.last = self.cells + 1, self.done + self.costs[cell], time.monotonic()
        self.bar.set_postfix_str(f"{self.cells} of {len(self.costs)} cells")
        self.bar.update(self.costs[cell])

    def line(self) -> str:
        """For instance ``12 of 32 cells done, about 18 min left``."""
        text, left = f"{self.cells} of {len(self.costs)} cells done", self._left()
        return f"{text}, about {readable(left)} left" if left > 0 else text

    def _left(self) -> float:
        """Seconds: the estimate, as far as not used up, by how much longer took what has ended.

        A tenth of it as expected is added to what has ended: one small cell says little about the large ones.
        """
        share, took, since = self.done / sum(self.costs), self.last - self.started, time.monotonic() - self.last
        if self.estimate:
            return (1 - share) * (took + 0.1 * self.estimate) / (share + 0.1) - since
        return (1 - share) * took / share - since if share else 0.0

    def _tell(self) -> None:
        while not self._over.wait(INTERVAL):
            print(self.line(), flush=True)
