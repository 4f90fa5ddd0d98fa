"""Accuracy, loss and rate by epoch, one file per cell (``tracker=csv``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from spectral_repro.config.cell import Cell
from spectral_repro.files import extend_table, read_table


class Point(NamedTuple):
    """Of one epoch: accuracy on the validation part, mean cross-entropy of the epoch's steps in nats, rate."""

    validation_accuracy: float
    training_loss: float
    lr: float


CURVE_COLUMNS = ("seed", "epoch", *Point._fields)
_TYPES = (int, int, float, float, float)


def curve_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/curves/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "curves" / cell.data["name"] / f"{cell.slug}.csv"


def read_curves(path: Path) -> dict[tuple[int, int], Point]:
    """Points by seed and epoch; nothing if there is no such file, or if it is damaged."""
    return {(seed, epoch): Point(*point) for seed, epoch, *point in read_table(path, CURVE_COLUMNS, _TYPES)}


def add_curve(path: Path, epoch: int, numbers: Mapping[int, Mapping[str, float]]) -> None:
    """Enters the points of one epoch by seed; a seed's later epochs are of an earlier training, and go."""
    points = [(seed, epoch, *Point(**named)) for seed, named in numbers.items()]
    extend_table(path, CURVE_COLUMNS, _TYPES, lambda line: line[0] not in numbers or line[1] < epoch, points)
