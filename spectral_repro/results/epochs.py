"""Accuracy, loss and rate by epoch, one file per cell (``tracker=csv``)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from spectral_repro.config.cell import Cell
from spectral_repro.files import locked, read_table, table_to_extend, write_atomically


class Point(NamedTuple):
    """Of one epoch: accuracy on the validation part, mean cross-entropy of the epoch's steps in nats, rate."""

    validation_accuracy: float
    training_loss: float
    lr: float


CURVE_COLUMNS = ("seed", "epoch", *Point._fields)
_TYPES = (int, int, float, float, float)
_HEADER = ",".join(CURVE_COLUMNS) + "\n"


def curve_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/curves/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "curves" / cell.data["name"] / f"{cell.slug}.csv"


def read_curves(path: Path) -> dict[tuple[int, int], Point]:
    """Points by seed and epoch; nothing if there is no such file, or if it is damaged."""
    return _points(read_table(path, CURVE_COLUMNS, _TYPES))


def _points(lines: Iterable[tuple]) -> dict[tuple[int, int], Point]:
    return {(seed, epoch): Point(*point) for seed, epoch, *point in lines}


def add_curve(path: Path, epoch: int, numbers: Mapping[int, Mapping[str, float]]) -> None:
    """Enters the points of one epoch by seed; a seed's later epochs are of an earlier training, and go."""
    with locked(path.parent):
        known = _points(table_to_extend(path, CURVE_COLUMNS, _TYPES))
        points = {(s, e): p for (s, e), p in known.items() if s not in numbers or e < epoch}
        points |= {(seed, epoch): Point(**named) for seed, named in numbers.items()}
        lines = [",".join(map(repr, (*at, *point))) + "\n" for at, point in sorted(points.items())]
        write_atomically(path, (_HEADER + "".join(lines)).encode())
