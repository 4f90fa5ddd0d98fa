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
from spectral_repro.config.read import read_config
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device, share_of_devices, share_of_threads
from spectral_repro.runner.experiment import Report, run_cell
from spectral_repro.runner.memory import keep_freed_memory
from spectral_repro.runner.parent import end_with_parent
from spectral_repro.runner.progress import epoch_bar
from spectral_repro.runner.table import print_table
from spectral_repro.runner.tracker import track
from spectral_repro.training.products import find_products
from spectral_repro.training.protocol import Progress


def run_job(config: Mapping[str, Any], number: int | None = None, beside_others: bool = False) -> Report:
    """Runs one cell; a single run prints its table, a job of a sweep leaves that to the sweep.

    Args:
        config: a composed configuration, in plain containers.
        number: of the job in its sweep; None for a single run.
        beside_others: whether jobs of the sweep run at the same time, in processes of their own.
    """
    alone = number is None
    cell, options = read_config(config)
    if beside_others:
        end_with_parent()
    device = share_of_devices(options.device, number) if beside_others else options.device
    keep_freed_memory()
    if threads := share_of_threads(options.threads):
        torch.set_num_threads(threads)
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: tqdm.write(f"spectral-repro: {message}")
            report = None
            if cell.pruning:  # the networks that are pruned come first
                whole = options.model_copy(update={"weights": True, "overwrite": False})
                report = _watched(cell.unpruned, whole, device, alone)
            if report is None or report.holder is None:
                report = _watched(cell, options, device, alone)
    except BaseException as error:
        what = f"failed: {one_line(error)}" if isinstance(error, Exception) else "interrupted"
        _log(cell, options, device, what, started)
        raise
    if report.trained:
        _log(cell, options, device, f"{report.trained} networks trained -> {report.path}", started)
    if alone:
        if not report.trained:
            print("all realizations were finished already (overwrite=true trains them again)")
        print_table([(cell, report.rows)])
        print(f"rows: {report.path}")
    return report


def _watched(cell: Cell, options: Run, device: str, alone: bool) -> Report:
    """Runs a cell with its bar and its tracker."""
    watchers = [epoch_bar(cell, 0 if alone else 1)]
    if options.tracker != "none":
        watchers.append(track(options.tracker, options.results_dir, cell))
    return run_cell(cell, options, device, lambda seeds: _all([w(seeds) for w in watchers]))


def _log(cell: Cell, options: Run, device: str, what: str, started: float) -> None:
    """One line in ``<results_dir>/cells.log``: when, where, which cell, how long, what came out; best effort."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    seconds = time.perf_counter() - started
    with contextlib.suppress(Exception):
        chosen = choose_device(device)
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
