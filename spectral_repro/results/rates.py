"""Which learning rate of each method is best, from the rows of ``experiment=rates`` (SPEC 9)."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from spectral_repro.config.jobs import cells_of
from spectral_repro.config.rates import rates_file, way
from spectral_repro.files import write_atomically
from spectral_repro.results.statistics import mean

#: Seeds from which on rates are tuned: nothing of theirs is a result.
TUNING_SEEDS = 1000


@dataclasses.dataclass(frozen=True)
class Tuning:
    """Of one method on one data set: the rows of each rate, the best by validation accuracy, and whether all are there.

    ``validation`` has by rate, ascending, the validation accuracies by seed.
    """

    protocol: str
    data: str
    method: str
    masking: str | None
    sparsity: float
    validation: Mapping[float, Mapping[int, float]]
    complete: bool

    @property
    def best(self) -> float:
        """The rate of the highest mean."""
        return max(self.validation, key=lambda lr: mean(self.validation[lr]).value)


def tunings(frame: pd.DataFrame, profile: str = "paper") -> list[Tuning]:
    """Every method and data set that has rows on the seeds of ``experiment=rates``, which nothing else uses."""
    if not (frame["seed"] >= TUNING_SEEDS).any():
        return []  # the cells need not be composed
    groups: dict[tuple, list] = {}
    for cell, seeds in cells_of("rates", profile):
        protocol = "sparse" if cell.sparsity else "dense"
        groups.setdefault((protocol, cell.data["name"], cell.method, cell.masking_names[0]), []).append((cell, seeds))
    rows_of = dict(list(frame.groupby("config_hash")))
    found = []
    for key, cells in groups.items():
        values, missing = {}, 0
        for cell, seeds in cells:
            rows = rows_of.get(cell.config_hash, frame.iloc[:0])
            mine = rows[rows["seed"] >= TUNING_SEEDS]
            missing += len(set(seeds) - set(mine["seed"]))
            if len(mine):
                values[cell.trainer["lr"]] = dict(zip(mine["seed"], mine["validation_accuracy"], strict=True))
        if values:
            found.append(Tuning(*key, cells[0][0].sparsity, dict(sorted(values.items())), missing == 0))
    return found


def without_tuning(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the networks that a rate was tuned on, of cells that have others."""
    first = frame.groupby("config_hash")["seed"].transform("min")
    return frame[(frame["seed"] < TUNING_SEEDS) | (first >= TUNING_SEEDS)]


def write_rates(frame: pd.DataFrame, results_dir: Path) -> None:
    """Keeps the best rates of all methods whose rows are complete, if there are any."""
    rates: dict[str, dict[str, dict[str, float]]] = {}
    for t in tunings(frame):
        if t.complete:
            rates.setdefault(t.protocol, {}).setdefault(t.data, {})[way(t.method, t.masking)] = t.best
    if rates:
        text = "# Learning rates chosen by validation accuracy (experiment=rates), used by rates=tuned.\n"
        write_atomically(rates_file(results_dir), (text + yaml.safe_dump(rates)).encode())
