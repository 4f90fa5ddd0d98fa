"""Degrees of the hidden nodes of sparse networks (claim 8), one file per cell beside its rows."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.files import extend_table, read_table
from spectral_repro.training.protocol import Outcome


def degree_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/degrees/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "degrees" / cell.data["name"] / f"{cell.slug}.csv"


#: Columns of a file of degrees: ``count`` nodes of hidden layer ``layer`` have ``degree`` links ``direction``.
DEGREE_COLUMNS = ("seed", "layer", "direction", "degree", "count")
_TYPES = (int, int, str, int, int)


def read_degrees(path: Path) -> list[tuple[int, int, str, int, int]]:
    """The rows of a file of degrees; none if there is no such file, or if it is damaged."""
    return read_table(path, DEGREE_COLUMNS, _TYPES)


def share_without(histogram: pd.DataFrame) -> float:
    """Share of the nodes that have no links, from columns ``degree, count``."""
    return histogram.loc[histogram["degree"] == 0, "count"].sum() / histogram["count"].sum()


def add_degrees(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Merges the degree histograms of ``outcomes`` into ``path``, by seed."""
    histogram = []
    for outcome in outcomes:
        for layer, pair in enumerate(outcome.degrees, start=1):
            for direction, degrees in zip(("in", "out"), pair, strict=True):
                values, counts = degrees.unique(return_counts=True)
                histogram += [
                    (outcome.seed, layer, direction, v, c)
                    for v, c in zip(values.tolist(), counts.tolist(), strict=True)
                ]
    seeds = {line[0] for line in histogram}
    extend_table(path, DEGREE_COLUMNS, _TYPES, lambda line: line[0] not in seeds, histogram)
