"""Optional curves by epoch while training, ``tracker=csv`` or ``tensorboard``; off by default."""

from collections.abc import Callable
from pathlib import Path

from spectral_repro.config.cell import Cell
from spectral_repro.results.curves import add_curve, curve_file
from spectral_repro.runner.experiment import Watcher
from spectral_repro.training.protocol import Progress

#: Makes, for a results folder and a cell, what watches its epochs.
TRACKERS: dict[str, Callable[[Path, Cell], Watcher]] = {}


def tracker(make: Callable[[Path, Cell], Watcher]) -> Callable[[Path, Cell], Watcher]:
    """Enters a tracker under its name."""
    TRACKERS[make.__name__] = make
    return make


@tracker
def csv(results_dir: Path, cell: Cell) -> Watcher:
    """One file per cell, ``<results_dir>/curves/<data>/<slug>.csv``; an epoch that is trained again is written over."""
    path = curve_file(results_dir, cell)

    def watcher(seeds):
        running = set(seeds)

        def watch(progress: Progress) -> None:
            accuracies = {seed: progress.validation_accuracy[seed] for seed in running}
            add_curve(path, progress.epoch, accuracies)
            running.intersection_update(progress.running_seeds)

        return watch

    return watcher


@tracker
def tensorboard(results_dir: Path, cell: Cell) -> Watcher:
    """One run per realization, in ``<results_dir>/tensorboard/<data>/<slug>/<seed>``."""
    from torch.utils.tensorboard import SummaryWriter

    def watcher(seeds):
        folder = results_dir / "tensorboard" / cell.data["name"] / cell.slug
        writers = {seed: SummaryWriter(str(folder / str(seed))) for seed in seeds}
        finished = set()

        def watch(progress: Progress) -> None:
            for seed, writer in writers.items():
                if seed not in finished:
                    writer.add_scalar("validation_accuracy", progress.validation_accuracy[seed], progress.epoch)
            finished.update(progress.validation_accuracy.keys() - progress.running_seeds)
            if not progress.running_seeds:
                for writer in writers.values():
                    writer.close()

        return watch

    return watcher
