"""``<results_dir>/LEADERBOARD.md``: every method that has rows, at fixed budgets and fixed sparsities (SPEC 9)."""

import contextlib
import dataclasses
import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.errors import UserError
from spectral_repro.figures import curves
from spectral_repro.figures.controls import ALLOCATIONS
from spectral_repro.figures.select import ENOUGH
from spectral_repro.figures.style import WAYS, label_of
from spectral_repro.report.conditions import above
from spectral_repro.report.tables import accuracy_interval, markdown
from spectral_repro.results.commands import commands_of
from spectral_repro.results.frame import guessing
from spectral_repro.results.rates import TUNING_SEEDS
from spectral_repro.results.statistics import Estimate, difference, mean

#: Trained parameters (SPEC 9): of Spectral at N2 = 500, of S-QR at 100 and 500 on MNIST, and one between.
BUDGETS = (2_304, 6_209, 30_000, 127_609)
SPARSITIES = (0.9, 0.95, 0.98, 0.99)
#: Where there is no command, how to find what is known.
_LOOK = "spectral-repro --config-of {}"
#: Keys that a command needs that leaves the rest to the defaults.
_TOLD = {"data", "method", "n2", "hidden_layers", "hidden", "sparsity", "masking", "masking.allocation"}
_TOLD |= {"method.p", "method.core", "method.rank", "method.multiple", "method.basis", "+method.bias"}
#: Options of methods that make another network and have no column.
_VARIANTS = {"+method.bias=false": "no bias", "method.basis=gaussian": "Gaussian U and V"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One cell: its way (method, and how it is silenced), its accuracies by seed, and what they cost."""

    way: str
    accuracies: dict[int, float]
    validation: float
    trained: int
    rho: float
    config_hash: str
    data: str
    size: str
    classes: int
    #: Optimizer, learning rate and activation.
    training: str = ""
    #: Weights that are not silenced.
    links: int = 0
    #: What else tells the network from others of its way, for instance ``, p = 0.2``.
    options: str = ""

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


def entries(frame: pd.DataFrame, commands: Mapping[str, str] | None = None) -> list[Entry]:
    """The cells of full-length rows that have enough realizations.

    ``commands``, by ``config_hash``, tell what the rows do not have columns for.
    """
    found, commands = [], commands or {}
    for key, rows in full_length(frame).groupby("config_hash"):
        if len(rows) >= ENOUGH:
            first = rows.iloc[0]
            found.append(
                Entry(
                    way=way_of(first) + _variant(commands.get(str(key), "")),
                    accuracies=curves.accuracies(rows),
                    validation=float(rows["validation_accuracy"].mean()),
                    trained=int(first["trained_parameters"]),
                    rho=float(first["rho"]),
                    config_hash=str(key),
                    data=str(first["data"]),
                    size="–".join(map(str, [first["n1"], *json.loads(first["hidden"]), first["n_out"]])),
                    classes=int(first["n_out"]),
                    training=f"{first['optimizer']} {first['lr']:g}, {first['activation']}",
                    links=links(first),
                    options=_options(first),
                )
            )
    return found


def way_of(row: pd.Series) -> str:
    """For instance ``S-QR``, ``S-QR, all of R``, ``direct, RigL, last layer dense``."""
    parts = [label_of(row["method"])] + ["all of R"] * (row["core"] == "full")
    if row["sparsity"]:
        masking, allocation = row["masking"], row["allocation"]
        parts += [WAYS.get(masking, (masking,))[0]] * (pd.notna(masking) and masking != "cutoff")
        parts += [ALLOCATIONS.get(allocation, allocation)] * (pd.notna(allocation) and allocation != "uniform")
    return ", ".join(parts)


def _variant(command: str) -> str:
    return "".join(f", {name}" for option, name in _VARIANTS.items() if option in command.split())


def links(row: pd.Series) -> int:
    """How many weights of a network are not silenced."""
    widths = [int(row["n1"]), *json.loads(row["hidden"]), int(row["n_out"])]
    entries = [a * b for a, b in pairwise(widths)]
    dense = entries.pop() if row["allocation"] == "dense_output" else 0
    parts = [sum(entries)] if row["allocation"] == "global" else entries
    return dense + sum(n - min(round(row["sparsity"] * n), n - 1) for n in parts)


def _options(row: pd.Series) -> str:
    named = {key: row[key] for key in ("p", "rank", "multiple") if pd.notna(row[key])}
    return "".join(f", {key} = {value:g}" for key, value in named.items() if (key, value) != ("p", 1))


def best_of_each(candidates: Iterable[Entry]) -> list[Entry]:
    """Of each way and training the cell with the best validation accuracy, best test mean first.

    The test images decide nothing; other rates, optimizers and activations are entries of their own.
    """
    best: dict[tuple[str, str], Entry] = {}
    for entry in candidates:
        key = entry.way, entry.training
        if key not in best or entry.validation > best[key].validation:
            best[key] = entry
    return sorted(best.values(), key=lambda e: (-e.estimate.value, e.way, e.training))


def grouped(ordered: Sequence[Entry]) -> list[int]:
    """The group of each: a new one begins where the interval of the difference to the group's first excludes zero."""
    groups: list[int] = []
    first = None
    for entry in ordered:
        if first is None or above(difference(first.accuracies, entry.accuracies), 0):
            first = entry
            groups.append((groups[-1] if groups else 0) + 1)
        else:
            groups.append(groups[-1])
    return groups


def at_budget(found: Sequence[Entry], cells: Collection[str], data: str, budget: int) -> list[Entry]:
    """Of these cells those of a data set that train at most so many parameters, the best of each way."""
    return best_of_each(e for e in found if e.data == data and e.trained <= budget and e.config_hash in cells)


def build(frame: pd.DataFrame, results_dir: Path) -> str:
    """The leaderboard as Markdown."""
    commands = commands_of(results_dir)
    found = entries(frame, commands)
    sparsity = frame.groupby("config_hash")["sparsity"].first().to_dict() if len(frame) else {}
    dense = {key for key, s in sparsity.items() if s == 0}
    parts = [
        "# Leaderboard\n\n"
        "Written by `make report` from the rows in `results/runs`; nothing here is edited by hand. Full-length "
        f"networks, at least {ENOUGH} realizations. Of each method and training (optimizer, learning rate and "
        "activation; the paper trains dense and sparse networks differently) the cell with the best validation "
        "accuracy that fits; ordered by mean test accuracy, with 95 % Student intervals. A group begins with an entry "
        "that is worse than the first of the group before: the 95 % interval of their difference, paired where they "
        "share seeds, excludes zero; other two of neighbouring groups may not be separated. At chance: networks "
        "that do no better than guessing. Sparse networks have a table for each network at the sparsities "
        f"{', '.join(f'{s:g}' for s in SPARSITIES)}; links are the weights that are left, of which there are more "
        "where the last layer stays dense. A method of one's own enters with its rows. Commands leave out what is the "
        "default; `spectral-repro --config-of` with the name of the rows prints every value."
    ]
    for data in sorted({e.data for e in found}):
        parts.append(f"## {data}")
        tables = [(f"At most {b:,} trained parameters, dense", at_budget(found, dense, data, b)) for b in BUDGETS]
        for s in SPARSITIES:
            mine = [e for e in found if e.data == data and sparsity[e.config_hash] == s]
            for size in sorted({e.size for e in mine}, key=lambda size: (size.count("–"), size)):
                tables.append((f"Sparsity {s:g}, {size}", best_of_each(e for e in mine if e.size == size)))
        parts += [f"### {title}\n\n{_table(ordered, results_dir, commands)}" for title, ordered in tables if ordered]
    return "\n\n".join(parts) + "\n"


def _table(ordered: Sequence[Entry], results_dir: Path, commands: Mapping[str, str]) -> str:
    lines = []
    for group, e in zip(grouped(ordered), ordered, strict=True):
        counts = f"{e.estimate.n}", f"{e.at_chance or ''}", f"{e.trained:,}", f"{e.rho:.4f}", f"{e.links:,}"
        command = _shortest(commands[e.config_hash], e) if e.config_hash in commands else _LOOK.format(e.config_hash)
        line = (f"{group}", e.way, e.size + e.options, e.training, accuracy_interval(e.estimate), *counts)
        lines.append((*line, _link(results_dir, e), f"`{command}`"))
    header = ("group", "method", "network", "training", "accuracy", "n", "at chance", "trained", "ρ", "links")
    return markdown((*header, "rows", "command"), lines)


def _link(results_dir: Path, entry: Entry) -> str:
    """The file of the rows, from ``results_dir`` on."""
    path = next((results_dir / "runs" / entry.data).glob(f"*{entry.config_hash}.csv"), None)
    return f"[{entry.config_hash}]({path.relative_to(results_dir).as_posix()})" if path else entry.config_hash


def _shortest(command: str, entry: Entry) -> str:
    """The command without what is the default today, if it makes the same cell; else all of it."""
    words = shlex.split(command)
    given = dict(word.partition("=")[::2] for word in words[1:])
    told = {
        "hidden_layers": "1",
        "sparsity": "0.0",
        "method.p": "1.0",
        "method.core": "triangular",
        "method.basis": "orthogonal",
    }
    short = [f"{k}={v}" for k, v in given.items() if k in _TOLD and told.get(k) != v]
    for more in ([], ["protocol=sparse"], [f"trainer.lr={given.get('trainer.lr')}"]):
        with contextlib.suppress(UserError):
            if read_config(plain_composer()((*short, *more)))[0].config_hash == entry.config_hash:
                return shlex.join(["spectral-repro", *short, *more])
    return command
