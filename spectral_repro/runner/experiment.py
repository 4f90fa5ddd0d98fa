"""One cell from configuration to rows: see what is missing, load the images, train, write."""

import dataclasses
import functools
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from spectral_repro import data
from spectral_repro.config.cell import Cell
from spectral_repro.config.keys import Run
from spectral_repro.files import require_writable
from spectral_repro.results import provenance
from spectral_repro.results.degrees import add_degrees, degree_file
from spectral_repro.results.rows import Row, add_rows, keep_config, row_file
from spectral_repro.results.weights import save_network, weights_file
from spectral_repro.runner.batch import train_batch
from spectral_repro.runner.checkpoint import Checkpoint, checkpoint_file, remove_finished, resumable_batches
from spectral_repro.runner.claim import claim_file, claimed, holder_of
from spectral_repro.runner.devices import choose_device, realizations_that_fit
from spectral_repro.runner.outcome import make_rows, say_what_failed
from spectral_repro.runner.plan import missing_seeds
from spectral_repro.runner.task import Task, check_digest, known_digest, prepare
from spectral_repro.training.network import direct_parameters
from spectral_repro.training.products import find_products, use_products
from spectral_repro.training.protocol import Progress


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of a cell: its rows (the wanted seeds only), their file, how many were trained now.

    ``holder`` is who is training it instead, if it was left to that process.
    """

    rows: list[Row]
    path: str
    trained: int
    holder: str | None = None

    def __float__(self) -> float:
        """The mean validation accuracy: what a sweeper that looks for the best cell may see, and tests may not."""
        return fmean(row.validation_accuracy for row in self.rows)


#: Called before each batch with its seeds; returns what watches the epochs.
Watcher = Callable[[Sequence[int]], Callable[[Progress], None]]
#: Called after each batch with its rows, which are written then.
Finish = Callable[[Sequence[Row]], None]


def run_cell(cell: Cell, options: Run, watcher: Watcher, finish: Finish = lambda rows: None) -> Report:
    """Trains the missing realizations of ``cell`` and writes their rows, batch by batch.

    A cell that another process is training is waited for, or left (``claimed=skip``).

    Raises:
        UserError: if the device, the data or a folder cannot be used, before anything is trained.
    """
    path = row_file(options.results_dir, cell)
    require_writable(options.results_dir, "results_dir")
    device = choose_device(options.device)
    seeds, rows = _missing(cell, options)
    if seeds:
        use_products(device, cell.precision)
        task = prepare(cell, options, device, rows)
    elif digest := data.identify(cell.data, options.data_dir, needed=False):
        check_digest(cell, digest, known_digest(rows, path))
    told, trained = False, 0
    if not seeds:
        tidy(cell, options)
    while seeds:
        with claimed(claim_file(options.results_dir, cell)) as holder:
            if holder is None:
                rows, trained = _train(task, options, watcher, finish)
                break
        if options.claimed == "skip":
            return Report([row for row in rows if row.seed in options.seeds], str(path), 0, holder)
        if not told:
            warnings.warn(f"{cell.slug}: {holder} is training this cell; waiting for it", stacklevel=2)
        told = True
        time.sleep(1)
        seeds, rows = _missing(cell, options)
    return Report([row for row in rows if row.seed in options.seeds], str(path), trained)


def tidy(cell: Cell, options: Run) -> None:
    """Drops what a killed process left of a cell that is finished, unless another one trains it."""
    if holder_of(claim_file(options.results_dir, cell)) is None:
        remove_finished(options.results_dir, cell, options.seeds)


def _missing(cell: Cell, options: Run) -> tuple[list[int], list[Row]]:
    seeds, rows, warning = missing_seeds(cell, options)
    if warning:
        warnings.warn(warning, stacklevel=2)
    return seeds, rows


def _train(task: Task, options: Run, watcher: Watcher, finish: Finish) -> tuple[list[Row], int]:
    """Trains what is missing now that the cell is ours; the rows of its file, and how many were trained."""
    cell, path = task.cell, row_file(options.results_dir, task.cell)
    seeds, rows = _missing(cell, options)
    keep_config(path, cell)
    remove_finished(options.results_dir, cell, set(options.seeds) - set(seeds))
    keep = functools.partial(_keep_weights, task, options.results_dir) if options.weights else None
    follow = options.tracker != "none"
    waiting = batches(task, options, seeds)
    while waiting:
        batch = waiting.pop(0)
        checkpoint = make_checkpoint(task, options, batch)
        try:
            trained = train_batch(task, batch, watcher(batch), checkpoint, keep, follow)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            warnings.warn(
                f"{cell.slug}: {len(batch)} networks need more memory than there is; {half} now", stacklevel=2
            )
            checkpoint.remove()
            torch.cuda.empty_cache()
            waiting = [part for other in (batch, *waiting) for part in _chunks(other, half)]
            continue
        if options.degrees:
            add_degrees(degree_file(options.results_dir, cell), trained.outcomes)
        made = make_rows(task, trained)
        rows = add_rows(path, made)
        checkpoint.remove()
        say_what_failed(task, trained.outcomes)
        finish(made)
    return rows, len(seeds)


def _keep_weights(task: Task, results_dir: Path, seed: int, state: dict[str, Tensor]) -> None:
    save_network(weights_file(results_dir, task.cell, seed), task.cell, task.sizes, state)


def batches(task: Task, options: Run, seeds: Sequence[int]) -> list[list[int]]:
    """What to train together: batches that were cut off in training first, as they were, then the rest by size."""
    size = options.trainer.realizations_per_batch
    if size == "auto":
        size = realizations_that_fit(direct_parameters(task.sizes), task.device)
    resumed = resumable_batches(options.results_dir, task.cell, seeds)
    rest = [seed for seed in seeds if not any(seed in batch for batch in resumed)]
    return [*resumed, *_chunks(rest, size)]


def _chunks(seeds: list[int], size: int) -> list[list[int]]:
    return [seeds[start : start + size] for start in range(0, len(seeds), size)]


def make_checkpoint(task: Task, options: Run, batch: Sequence[int]) -> Checkpoint:
    """Where the state of ``batch`` is kept while it trains, and what must be the same for it to be of use."""
    identity = {
        "config_hash": task.cell.config_hash,
        "data_digest": task.dataset.digest,
        "code_version": provenance.code_version(),
        "torch_version": str(torch.__version__),  # a class of torch's own, which is not plain data
        "products": find_products(task.device, task.cell.precision).name,
        "device": task.device.type,
        "weights": str(options.weights),  # of those that have stopped the state has none
    }
    path = checkpoint_file(options.results_dir, task.cell, batch)
    return Checkpoint(path, identity, 60 * options.checkpoint_minutes)
