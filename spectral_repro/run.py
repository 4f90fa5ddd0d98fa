"""One job of the command line: a cell with its progress bar and its table."""

import warnings
from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from tqdm import tqdm

from spectral_repro.config import read_config
from spectral_repro.experiment import Report, Watcher, run_cell
from spectral_repro.protocol import Progress
from spectral_repro.table import print_table


def run_job(config: Mapping[str, Any]) -> Report:
    """Runs one cell; a single run prints its table, a job of a sweep leaves that to the sweep."""
    alone = OmegaConf.is_missing(HydraConfig.get().job, "num")
    cell, options = read_config(config)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tqdm.write(f"spectral-repro: {message}")
        report = run_cell(cell, options, epoch_bar(cell.method_label, cell.trainer["max_epochs"], 0 if alone else 1))
    if alone:
        if not report.trained:
            print("all realizations were finished already (overwrite=true trains them again)")
        print_table([(cell, report.rows)])
        print(f"rows: {report.path}")
    return report


def epoch_bar(label: str, max_epochs: int, position: int) -> Watcher:
    """A bar over the epochs of a batch of realizations: validation accuracy, realizations running, time left."""

    def watcher(seeds):
        bar = tqdm(total=len(seeds) * max_epochs, desc=label, unit="ep", disable=None, leave=False, position=position)

        def watch(progress: Progress) -> None:
            bar.set_postfix_str(
                f"epoch {progress.epoch}, val {progress.validation_accuracy:.4f}, running {progress.running}"
            )
            bar.update(progress.running + progress.stopped * (1 + max_epochs - progress.epoch))
            if not progress.running:
                bar.close()

        return watch

    return watcher
