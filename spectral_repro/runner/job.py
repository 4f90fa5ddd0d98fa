"""One cell from a checked configuration to its rows: :func:`run_cell` is the whole path."""

import contextlib
import dataclasses
import datetime
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from tqdm import tqdm

from spectral_repro import data
from spectral_repro.config.cell import Cell
from spectral_repro.config.keys import Run
from spectral_repro.config.messages import one_line
from spectral_repro.config.read import read_config, require_packages
from spectral_repro.errors import ConfigError
from spectral_repro.files import require_writable
from spectral_repro.results import provenance
from spectral_repro.results.degrees import add_degrees, degree_file
from spectral_repro.results.rows import Row, add_rows, keep_config, row_file
from spectral_repro.runner.batch import make_checkpoint, make_rows, say_what_failed, train_batch
from spectral_repro.runner.checkpoint import remove_finished, resumable_batches
from spectral_repro.runner.claim import claim_file, claimed, holder_of
from spectral_repro.runner.devices import choose_device, realizations_that_fit, share_of_threads
from spectral_repro.runner.memory import keep_freed_memory
from spectral_repro.runner.plan import missing_seeds
from spectral_repro.runner.progress import epoch_bar
from spectral_repro.runner.table import print_table
from spectral_repro.runner.task import Task, check_digest, known_digest, prepare
from spectral_repro.runner.tracking import Tracking, nothing_new
from spectral_repro.terminal import counted
from spectral_repro.training.network import direct_parameters
from spectral_repro.training.products import find_products, use_products


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


def read_job(config: Mapping[str, Any]) -> tuple[Cell, Run]:
    """The cell of a composed configuration in plain containers, and how to run it.

    Raises:
        UserError: if anything in it cannot be used.
    """
    cell, options = read_config(config)
    require_packages(options)
    if options.plan:
        raise ConfigError("plan", True, "is of a sweep by hydra/sweeper=resuming, the default")
    return cell, options


def run_alone(cell: Cell, options: Run) -> Report:
    """Runs a cell that is no part of a sweep, and prints what came out."""
    with warnings_as_lines():
        report = run_cell(cell, options)
    if report.holder:
        print(f"{report.holder} is training {report.path}; nothing was done (claimed=skip)")
        return report
    if not report.trained:
        again = "all realizations were finished already (overwrite=true trains them again)"
        print(again if options.tracker == "none" else nothing_new(options.tracker, len(report.rows)))
    print_table([(cell, report.rows)])
    print(f"rows: {report.path}")
    return report


def run_in_sweep(cell: Cell, options: Run) -> Report:
    """Runs a cell of a sweep, which tells itself what came out."""
    with warnings_as_lines():
        return run_cell(cell, options, position=1)


def run_cell(cell: Cell, options: Run, position: int = 0) -> Report:
    """Trains the missing realizations of ``cell`` and writes their rows, batch by batch.

    A cell that another process is training is waited for, or left (``claimed=skip``).

    Args:
        position: the line of its bar, below that of a sweep.

    Raises:
        UserError: if the device, the data or a folder cannot be used, before anything is trained.
    """
    path = row_file(options.results_dir, cell)

    def report(rows: Sequence[Row], trained: int = 0, holder: str | None = None) -> Report:
        return Report([row for row in rows if row.seed in options.seeds], str(path), trained, holder)

    with _logged(cell, options) as log:
        require_writable(options.results_dir, "results_dir")
        device = choose_device(options.device)
        seeds, rows = missing_seeds(cell, options)
        if not seeds:
            if digest := data.identify(cell.data, options.data_dir, needed=False):
                check_digest(cell, digest, known_digest(rows, path))
            tidy(cell, options)
            return report(rows)
        _use_machine(cell, options, device)
        task = prepare(cell, options, device, rows)
        with claimed(claim_file(options.results_dir, cell), options.claimed == "wait") as holder:
            if holder:
                return report(rows, 0, holder)
            seeds, rows = missing_seeds(cell, options)  # another process may have trained some meanwhile
            if seeds:
                rows = _train(task, options, seeds, position)
                log.append(f"{counted(len(seeds), 'network')} trained -> {path}")
            return report(rows, len(seeds))


def _train(task: Task, options: Run, seeds: Sequence[int], position: int) -> list[Row]:
    """Trains ``seeds`` of a cell that is claimed; the rows that its file then holds."""
    cell, rows = task.cell, []
    path = row_file(options.results_dir, cell)
    keep_config(path, cell)
    remove_finished(options.results_dir, cell, set(options.seeds) - set(seeds))
    waiting = _batches(task, options, seeds)
    with Tracking(options.tracker, options.results_dir, cell) as tracking:
        while waiting:
            batch = waiting.pop(0)
            checkpoint = make_checkpoint(task, options, batch)
            watchers = [epoch_bar(cell, batch, position), tracking.follow(batch)]
            try:
                trained = train_batch(task, options, batch, checkpoint, watchers)
            except torch.OutOfMemoryError:
                half = len(batch) // 2
                if not half:
                    raise
                told = f"{cell.slug}: {len(batch)} networks need more memory than there is; {half} now"
                warnings.warn(told, stacklevel=2)
                checkpoint.remove()
                torch.cuda.empty_cache()
                waiting = [part for some in (batch, *waiting) for part in _chunks(some, half)]
                continue
            if options.degrees:
                add_degrees(degree_file(options.results_dir, cell), trained.outcomes)
            made = make_rows(task, trained)
            rows = add_rows(path, made)
            checkpoint.remove()
            say_what_failed(task, trained.outcomes)
            tracking.finish(made)
    return rows


def _batches(task: Task, options: Run, seeds: Sequence[int]) -> list[list[int]]:
    """What to train together: batches that were cut off in training first, as they were, then the rest by size."""
    size = options.trainer.realizations_per_batch
    if size == "auto":
        size = realizations_that_fit(direct_parameters(task.sizes), task.device)
    resumed = resumable_batches(options.results_dir, task.cell, seeds)
    rest = [seed for seed in seeds if not any(seed in batch for batch in resumed)]
    return [*resumed, *_chunks(rest, size)]


def _chunks(seeds: list[int], size: int) -> list[list[int]]:
    return [seeds[start : start + size] for start in range(0, len(seeds), size)]


def tidy(cell: Cell, options: Run) -> None:
    """Drops what a killed process left of a cell that is finished, unless another one trains it."""
    if holder_of(claim_file(options.results_dir, cell)) is None:
        remove_finished(options.results_dir, cell, options.seeds)


def _use_machine(cell: Cell, options: Run, device: torch.device) -> None:
    keep_freed_memory()
    if threads := share_of_threads(options.threads):
        torch.set_num_threads(threads)
    use_products(device, cell.precision)


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Prints warnings as lines of ours meanwhile, above the bars."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tqdm.write(f"spectral-repro: {message}")
        yield


@contextlib.contextmanager
def _logged(cell: Cell, options: Run) -> Iterator[list[str]]:
    """Writes to ``<results_dir>/cells.log`` how it ended: when, where, which cell, how long, what came out.

    That is what is put into the list, or the error; without either nothing is written.
    """
    log: list[str] = []
    started = time.perf_counter()
    try:
        yield log
    except BaseException as error:
        log.append(f"failed: {one_line(error)}" if isinstance(error, Exception) else "interrupted")
        raise
    finally:
        if log:
            with contextlib.suppress(Exception):  # best effort
                _write_log(cell, options, log[-1], time.perf_counter() - started)


def _write_log(cell: Cell, options: Run, what: str, seconds: float) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    device = choose_device(options.device)
    where = f"{socket.gethostname()}:{os.getpid()} {provenance.device_name(device)}"
    line = f"{now}  {where} {find_products(device, cell.precision).name}  {cell.data['name']}/{cell.slug}"
    with (options.results_dir / "cells.log").open("ab", buffering=0) as file:
        file.write(f"{line}  {seconds:.1f} s  {what}\n".encode())
