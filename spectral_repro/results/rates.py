"""Which learning rate of each method is best, from the rows of ``experiment=rates`` (SPEC 9)."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from spectral_repro.config.cell import Cell
from spectral_repro.config.files import conf_file
from spectral_repro.config.jobs import cells_of
from spectral_repro.config.read import learning_rate
from spectral_repro.config.tuned import rates_file, read_rates, way
from spectral_repro.files import write_atomically
from spectral_repro.results.rows import Row
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
    groups: dict[tuple[str, str, str, str | None], list[tuple[Cell, range]]] = {}
    for cell, seeds in _cells(set(frame.loc[frame["seed"] >= TUNING_SEEDS, "data"]), profile):
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


def _cells(tried: set[str], profile: str) -> list[tuple[Cell, range]]:
    """Those of the experiment; for data without rows those of data that was tried in its place (``data.lr_as``)."""
    cells = list(cells_of("rates", profile))
    planned = {cell.data["name"] for cell, _ in cells}
    for other in sorted(tried - planned):
        like = conf_file("data", other).get("lr_as")
        if like in planned - tried:
            ways = {_way(cell) for cell, _ in cells if cell.data["name"] == like}
            cells += [(cell, seeds) for cell, seeds in cells_of("rates", profile, other) if _way(cell) in ways]
    return cells


def _way(cell: Cell) -> tuple[str, str | None]:
    return cell.method, cell.masking_names[0]


def without_tuning(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the networks that a rate was tuned on, of cells that have others."""
    first = frame.groupby("config_hash")["seed"].transform("min")
    return frame[(frame["seed"] < TUNING_SEEDS) | (first >= TUNING_SEEDS)]


def rates_of(rows: Iterable[Row], results_dir: Path) -> dict[str, str]:
    """By ``config_hash``, which learning rate a cell has.

    ``published``: that of the paper's code for this method and data set, or ours where it has none; ``tuned``: the one
    that validation prefers, as ``rates=tuned`` uses it; ``both``: these are one; ``other``: any other.
    """
    tuned, cells = read_rates(results_dir), {row.config_hash: row for row in rows}
    found = {}
    for config_hash, row in cells.items():
        protocol, data = _protocol_of(row), conf_file("data", row.data)
        names = [row.data, *filter(None, [data.get("lr_as")])]
        method = conf_file("method", row.method).get("protocols", {}).get(protocol, {})
        of_data, name = tuned.get(protocol or "", {}), way(row.method, row.masking, protocol)
        kinds = {
            "published": bool(method) and learning_rate(row.method, method, data) == row.lr,
            "tuned": next((of_data[n][name] for n in names if name in of_data.get(n, {})), None) == row.lr,
        }
        fit = [kind for kind, fits in kinds.items() if fits]
        found[config_hash] = "both" if len(fit) == 2 else fit[0] if fit else "other"
    return found


def _protocol_of(row: Row) -> str | None:
    """The protocol of ``conf/config.yaml`` that the row was trained by, whatever its epochs and rate; or None."""

    def fits(protocol: Mapping[str, Any]) -> bool:
        return all(getattr(row, k) == v for k, v in protocol.items() if k != "max_epochs")

    return next((name for name, p in conf_file("", "config")["protocols"].items() if fits(p)), None)


def write_rates(frame: pd.DataFrame, results_dir: Path) -> None:
    """Keeps the best rates of all methods whose rows are complete, if there are any."""
    rates: dict[str, dict[str, dict[str, float]]] = {}
    for t in tunings(frame):
        if t.complete:
            rates.setdefault(t.protocol, {}).setdefault(t.data, {})[way(t.method, t.masking, t.protocol)] = t.best
    if rates:
        text = "# Learning rates chosen by validation accuracy (experiment=rates), used by rates=tuned.\n"
        write_atomically(rates_file(results_dir), (text + yaml.safe_dump(rates)).encode())
