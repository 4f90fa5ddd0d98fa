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


#: Columns of a file of degrees: links into and out of node ``node`` (from 0) of hidden layer ``layer`` (from 1).
DEGREE_COLUMNS = ("seed", "layer", "node", "in", "out")
_TYPES = (int,) * 5


def read_degrees(path: Path) -> list[tuple[int, ...]]:
    """The rows of a file of degrees; none if there is no such file, or if it is damaged."""
    return read_table(path, DEGREE_COLUMNS, _TYPES)


def by_direction(lines: Iterable[tuple[int, ...]]) -> pd.DataFrame:
    """The same as ``seed, layer, node, direction, degree``, with a line for ``in`` and one for ``out``."""
    table = pd.DataFrame(lines, columns=list(DEGREE_COLUMNS))
    return table.melt(["seed", "layer", "node"], ["in", "out"], "direction", "degree")


def add_degrees(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Merges the degrees of ``outcomes`` into ``path``, by seed."""
    lines = [
        (outcome.seed, layer, node, *pair)
        for outcome in outcomes
        for layer, (into, out_of) in enumerate(outcome.degrees, start=1)
        for node, pair in enumerate(zip(into.tolist(), out_of.tolist(), strict=True))
    ]
    seeds = {line[0] for line in lines}
    extend_table(path, DEGREE_COLUMNS, _TYPES, lambda line: line[0] not in seeds, lines)
