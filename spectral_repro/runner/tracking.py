"""What tells a tracker the epochs and the rows of a cell (``tracker=csv``, ``tensorboard``, …); off by default."""

import contextlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spectral_repro.config.cell import Cell
from spectral_repro.errors import interrupted
from spectral_repro.results.epochs import Point
from spectral_repro.results.rows import Row
from spectral_repro.runner.trackers import TRACKERS, Tracker
from spectral_repro.terminal import counted
from spectral_repro.training.protocol import Progress


class Tracking:
    """Tells a tracker of kind ``kind`` what becomes of a cell. What it fails to take does not end the training.

    A batch of which it did not take an epoch is followed no further; each of its results is told nevertheless.
    """

    def __init__(self, kind: str, results_dir: Path, cell: Cell) -> None:
        self.kind, self.results_dir, self.cell = kind, results_dir, cell
        self.tracker: Tracker | None = None
        self.failures: set[str] = set()

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, *_: object) -> None:
        if self.tracker:
            with contextlib.suppress(Exception):
                self.tracker.close()

    def follow(self, seeds: Sequence[int]) -> Callable[[Progress], None]:
        """A batch of these seeds is about to train; what tells the tracker its epochs."""
        takes = self.kind != "none" and self._takes(lambda: self._begin(seeds))

        def watch(progress: Progress) -> None:
            nonlocal takes
            takes = takes and self._takes(lambda: _log(self.tracker, progress))

        return watch

    def finish(self, rows: Sequence[Row]) -> None:
        """Tells the tracker the rows of a batch, which are written now."""
        if tracker := self.tracker:
            for row in rows:
                self._takes(lambda row=row: tracker.result(row))  # type: ignore[misc]

    def _begin(self, seeds: Sequence[int]) -> None:
        self.tracker = self.tracker or TRACKERS[self.kind](self.results_dir, self.cell)
        self.tracker.begin(seeds)

    def _takes(self, tell: Callable[[], Any]) -> bool:
        """Whether the tracker takes what it is told; a warning says what it says instead."""
        try:
            tell()
            return True
        except Exception as error:
            if interrupted(error):
                raise KeyboardInterrupt from error
            what = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if what not in self.failures:
                warnings.warn(f"tracker={self.kind}: {what}; training goes on without it", stacklevel=2)
            self.failures.add(what)
            return False


def _log(tracker: Tracker | None, progress: Progress) -> None:
    assert tracker
    numbers, vectors = {}, {}
    for seed, detail in progress.details.items():
        accuracy = progress.validation_accuracy[seed]
        numbers[seed] = Point(accuracy, detail.training_loss, detail.lr)._asdict()
        vectors[seed] = {name: v[v.isfinite()] for name, v in detail.vectors.items() if v.isfinite().any()}
    tracker.log(progress.epoch, numbers, vectors)
    for seed in numbers.keys() - progress.running_seeds:
        tracker.end(seed)


def nothing_new(kind: str, realizations: int) -> str:
    """What to say where a tracker was wanted of realizations that are finished."""
    was, has, them = ("was", "has", "it") if realizations == 1 else ("were", "have", "them")
    what = f"{counted(realizations, 'realization')} {was} finished already and {has} no new curves"
    return f"tracker={kind}: {what}; overwrite=true trains {them} again"
