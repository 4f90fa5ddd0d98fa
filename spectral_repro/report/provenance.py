"""What made the rows, and whether it can be seen in the accuracies."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from spectral_repro.figures.select import ENOUGH
from spectral_repro.results.statistics import Measured, difference

COLUMNS = ("device", "precision", "products", "torch_version", "code_version")


def made_by(frame: pd.DataFrame) -> pd.DataFrame:
    """Networks and hours of training by device, products and versions."""
    known = frame.fillna({"products": "not noted"})
    groups = known.groupby(list(COLUMNS), as_index=False)
    return groups.agg(networks=("seed", "size"), hours=("seconds", lambda s: s.sum() / 3600))


def kind_of(frame: pd.DataFrame) -> pd.Series:
    """``cpu`` or ``cuda`` of each row."""
    return frame["device"].str.split(" ").str[0]


class Comparison(NamedTuple):
    """What networks of the second kind of device are above those of the first, in standard deviations of one."""

    first: str
    second: str
    cells: int
    seeds: tuple[int, int]
    gap: Measured


def between_devices(frame: pd.DataFrame) -> Iterator[Comparison]:
    """Whether networks differ by the kind of device, in standard deviations of their cell, averaged by seed.

    Networks of one seed share split and order of batches in all cells, so that seeds are what varies by itself.
    Those of less than half of the cells are left out, as their averages vary more.
    """
    kinds = kind_of(frame)
    for first, second in combinations(sorted(set(kinds)), 2):
        parts = []
        for _, cell in frame.groupby("config_hash"):
            mine = cell[kinds[cell.index].isin((first, second))]
            counts, spread = kinds[mine.index].value_counts(), mine["test_accuracy"].std()
            if len(counts) == 2 and counts.min() >= ENOUGH and spread:
                residual = (mine["test_accuracy"] - mine["test_accuracy"].mean()) / spread
                parts.append(pd.DataFrame({"kind": kinds[mine.index], "seed": mine["seed"], "residual": residual}))
        if not parts:
            continue
        by_seed = pd.concat(parts).groupby(["kind", "seed"])["residual"]
        means = by_seed.mean()[2 * by_seed.size() >= len(parts)]
        if set(means.index.get_level_values("kind")) == {first, second}:
            gap = difference(means[second].to_dict(), means[first].to_dict())
            yield Comparison(first, second, len(parts), (len(means[first]), len(means[second])), gap)
