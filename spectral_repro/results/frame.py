"""Rows as a table."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

from spectral_repro.results.epochs import CURVE_COLUMNS, Point, read_curves
from spectral_repro.results.rows import COLUMNS, Row, values_of

#: A network is taken for collapsed if it is right at most this much more often than by guessing among equal classes.
_GUESSING = 0.05
#: A network is taken for far below others of its cell from this difference of accuracies on.
FAR = 0.05


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table with the columns of :class:`Row`."""
    return pd.DataFrame(map(values_of, rows), columns=list(COLUMNS))


def by_epoch(frame: pd.DataFrame, results_dir: Path) -> pd.DataFrame:
    """One line per epoch of each network that ``tracker=csv`` followed.

    It has the columns of its row, ``validation_accuracy`` and ``lr`` being those of the epoch, and ``epoch`` and
    ``training_loss``.
    """
    files = {path.stem.rpartition("-")[2]: path for path in (results_dir / "curves").glob("*/*.csv")}
    parts = []
    for config_hash, rows in frame.groupby("config_hash"):
        if config_hash in files:
            points = [(*at, *point) for at, point in read_curves(files[config_hash]).items()]
            points = pd.DataFrame(points, columns=list(CURVE_COLUMNS))
            parts.append(rows.drop(columns=list(Point._fields), errors="ignore").merge(points, on="seed"))
    return pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0].assign(epoch=0, training_loss=0.0)


def widths_of(row: pd.Series) -> list[int]:
    """``N_1, …, N_ℓ`` of the network of a row."""
    return [int(row["n1"]), *json.loads(row["hidden"]), int(row["n_out"])]


def links_left(widths: Sequence[int], sparsity: float, allocation: str | None) -> int:
    """How many weights of a network ``N_1, …, N_ℓ`` are not silenced; never none of a layer, or of all together."""
    entries = [a * b for a, b in pairwise(widths)]
    dense = entries.pop() if allocation == "dense_output" else 0
    parts = [sum(entries)] if allocation == "global" else entries
    return dense + sum(n - min(round(sparsity * n), n - 1) for n in parts)


def guessing(classes: int | pd.Series) -> float | pd.Series:
    """Accuracies below this are no better than guessing: 0.15 for ten classes."""
    return 1 / classes + _GUESSING


def collapsed(rows: pd.DataFrame) -> int:
    """How many of the networks are no better than guessing."""
    return int((rows["test_accuracy"] < guessing(rows["n_out"])).sum())


def collapsed_sizes(frame: pd.DataFrame) -> dict[int, str]:
    """The sizes N2 at which networks of direct have collapsed, and how many: ``3 of 10``."""
    direct = dict(list(frame[frame["method"] == "direct"].groupby("n2")))
    return {n2: f"{collapsed(rows)} of {len(rows)}" for n2, rows in direct.items() if collapsed(rows)}


def diverged(rows: pd.DataFrame) -> int:
    """How many of the networks have weights that are not finite."""
    return int((rows["diverged"] == True).sum())  # noqa: E712 (None where it is not known)


def far_below(rows: pd.DataFrame) -> pd.Series:
    """Which networks of one cell are no collapse, and yet far below its others.

    That is more than :data:`FAR` and five median absolute deviations below the median.
    """
    accuracies = rows["test_accuracy"]
    below = accuracies.median() - accuracies
    return (below > max(FAR, 5 * below.abs().median())) & (accuracies >= guessing(rows["n_out"]))
