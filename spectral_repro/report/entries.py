"""The cells that leaderboard and budgets compare: full-length rows, one entry a cell."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

from spectral_repro.config.compose import plain_composer
from spectral_repro.figures import curves
from spectral_repro.figures.controls import ALLOCATIONS
from spectral_repro.figures.select import ENOUGH
from spectral_repro.figures.style import WAYS, label_of
from spectral_repro.report.cost import links, multiply_adds
from spectral_repro.results.frame import guessing, widths_of
from spectral_repro.results.rates import TUNING_SEEDS
from spectral_repro.results.statistics import Estimate, mean

#: Trained parameters (SPEC 9): of Spectral at N2 = 500, of S-QR at 100 and 500 on MNIST, and one between.
BUDGETS = (2_304, 6_209, 30_000, 127_609)
#: Options of methods that make another network and have no column.
_VARIANTS = {"bias=false": "no bias", "basis=gaussian": "Gaussian U and V"}
#: Columns of options that a name says.
_SAID = ("p", "rank", "multiple")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One cell: its way (method, and how it is silenced), its accuracies by seed, and what it costs.

    ``network`` are its widths, ``adds`` the multiply-adds of a step, ``links`` the weights that are not silenced.
    """

    way: str
    options: str
    network: str
    data: str
    sparsity: float
    rates: str
    training: str
    accuracies: Mapping[int, float]
    validation: float
    trained: int
    adds: float | None
    links: int
    classes: int
    config_hash: str

    @property
    def estimate(self) -> Estimate:
        return mean(self.accuracies)

    @property
    def at_chance(self) -> int:
        """How many of the networks are no better than guessing."""
        return sum(a < guessing(self.classes) for a in self.accuracies.values())


def full_length(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of networks that had as many epochs as the paper's protocols give, on seeds that no rate was tuned on.

    Those that could not stop early, as the paper's may, are not among them.
    """
    protocols = plain_composer().whole([])["protocols"]
    epochs = max(protocols[name]["max_epochs"] for name in ("dense", "sparse"))
    stopping = frame["patience"] < frame["max_epochs"]
    return frame[(frame["max_epochs"] >= epochs) & stopping & (frame["seed"] < TUNING_SEEDS)]


def entries(frame: pd.DataFrame) -> list[Entry]:
    """The cells of full-length rows that have enough realizations."""
    cells = full_length(frame).groupby("config_hash")
    return [_entry(str(key), rows) for key, rows in cells if len(rows) >= ENOUGH]


def _entry(key: str, rows: pd.DataFrame) -> Entry:
    first = rows.iloc[0]
    return Entry(
        way=way_in_words(first),
        options="".join(f", {k} = {first[k]:g}" for k in _SAID if pd.notna(first[k]) and (k, first[k]) != ("p", 1)),
        network="–".join(map(str, widths_of(first)[1:-1])) or "none",
        data=str(first["data"]),
        sparsity=float(first["sparsity"]),
        rates=str(first.get("rates", "published")),
        training=f"{first['optimizer'].capitalize()}, {first['activation']}",
        accuracies=curves.accuracies(rows),
        validation=float(rows["validation_accuracy"].mean()),
        trained=int(first["trained_parameters"]),
        adds=multiply_adds(first),
        links=links(first),
        classes=int(first["n_out"]),
        config_hash=key,
    )


def way_in_words(row: pd.Series) -> str:
    """For instance ``S-QR``, ``S-QR, all of R``, ``direct, RigL, last layer dense``."""
    parts = [label_of(row["method"])] + ["all of R"] * (row["core"] == "full")
    options = str(row.get("options", "")).lower().split()
    parts += [name for option, name in _VARIANTS.items() if option in options]
    if row["sparsity"]:
        masking, allocation = row["masking"], row["allocation"]
        parts += [WAYS.get(masking, (masking,))[0]] * (pd.notna(masking) and masking != "cutoff")
        parts += [ALLOCATIONS.get(allocation, allocation)] * (pd.notna(allocation) and allocation != "uniform")
    return ", ".join(parts)


def best_of_each(candidates: Iterable[Entry]) -> list[Entry]:
    """Of each way and training the cell with the best validation accuracy, best test mean first.

    The test images decide nothing.
    """
    best: dict[tuple[str, str], Entry] = {}
    for entry in candidates:
        key = entry.way, entry.training
        if key not in best or entry.validation > best[key].validation:
            best[key] = entry
    return sorted(best.values(), key=lambda e: (-e.estimate.value, e.way, e.training))


def at_budget(found: Sequence[Entry], cells: Collection[str], data: str, budget: int) -> list[Entry]:
    """Of these cells those of a data set that train at most so many parameters, the best of each way."""
    return best_of_each(e for e in found if e.data == data and e.trained <= budget and e.config_hash in cells)
