"""Optional curves while training: ``tracker=tensorboard``; off by default, and then not even imported."""

from pathlib import Path

from spectral_repro.config.cell import Cell
from spectral_repro.runner.experiment import Watcher
from spectral_repro.training.protocol import Progress


def tensorboard(results_dir: Path, cell: Cell) -> Watcher:
    """Validation accuracy by epoch, one run per realization, in ``<results_dir>/tensorboard/<data>/<slug>/<seed>``."""
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
