"""One job of the command line: a cell with its progress bar, its line in the log and its table."""

import contextlib
import datetime
import os
import socket
import time
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from tqdm import tqdm

from spectral_repro.config.cell import Cell
from spectral_repro.config.keys import Run
from spectral_repro.config.messages import one_line
from spectral_repro.config.read import read_config, require_packages
from spectral_repro.errors import ConfigError
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device, share_of_threads
from spectral_repro.runner.experiment import Report, run_cell
from spectral_repro.runner.memory import keep_freed_memory
from spectral_repro.runner.progress import epoch_bar
from spectral_repro.runner.table import print_table
from spectral_repro.runner.tracker import nothing_new, track
from spectral_repro.training.products import find_products
from spectral_repro.training.protocol import Progress


def run_job(config: Mapping[str, Any], number: int | None = None) -> Report:
    """Runs one cell; a single run prints its table, a job of a sweep leaves that to the sweep.

    Args:
        config: a composed configuration, in plain containers.
        number: of the job in its sweep; None for a single run.
    """
    alone = number is None
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tqdm.write(f"spectral-repro: {message}")
        cell, options, report = train(config, alone)
    if alone and report.holder:
        print(f"{report.holder} is training {report.path}; nothing was done (claimed=skip)")
    elif alone:
        if not report.trained and options.tracker != "none":
            print(nothing_new(options.tracker, len(report.rows)))
        elif not report.trained:
            print("all realizations were finished already (overwrite=true trains them again)")
        print_table([(cell, report.rows)])
        print(f"rows: {report.path}")
    return report


def train(config: Mapping[str, Any], alone: bool = True) -> tuple[Cell, Run, Report]:
    """Checks a composed configuration and runs its cell; what was to be run, how, and what came of it.

    Raises:
        UserError: if anything cannot be used, before training begins.
    """
    cell, options = read_config(config)
    require_packages(options)
    if options.plan:
        raise ConfigError("plan", True, "is of a sweep by hydra/sweeper=resuming, the default")
    keep_freed_memory()
    if threads := share_of_threads(options.threads):
        torch.set_num_threads(threads)
    started = time.perf_counter()
    watchers, finish = [epoch_bar(cell, 0 if alone else 1)], lambda rows: None
    try:
        with contextlib.ExitStack() as trackers:
            if options.tracker != "none":
                tracking = trackers.enter_context(track(options.tracker, options.results_dir, cell))
                watchers, finish = [*watchers, tracking.watcher], tracking.finish
            report = run_cell(cell, options, lambda seeds: _all([w(seeds) for w in watchers]), finish)
    except BaseException as error:
        what = f"failed: {one_line(error)}" if isinstance(error, Exception) else "interrupted"
        _log(cell, options, what, started)
        raise
    if report.trained:
        _log(cell, options, f"{report.trained} networks trained -> {report.path}", started)
    return cell, options, report


def _log(cell: Cell, options: Run, what: str, started: float) -> None:
    """One line in ``<results_dir>/cells.log``: when, where, which cell, how long, what came out; best effort."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    seconds = time.perf_counter() - started
    with contextlib.suppress(Exception):
        chosen = choose_device(options.device)
        products = find_products(chosen, cell.precision).name
        where = f"{socket.gethostname()}:{os.getpid()} {provenance.device_name(chosen)} {products}"
        line = f"{now}  {where}  {cell.data['name']}/{cell.slug}  {seconds:.1f} s  {what}\n"
        file = os.open(options.results_dir / "cells.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)


def _all(watches: list):
    def watch(progress: Progress) -> None:
        for each in watches:
            each(progress)

    return watch
