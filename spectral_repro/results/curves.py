"""Validation accuracy by epoch, one file per cell (``tracker=csv``)."""

from collections.abc import Mapping
from pathlib import Path

from spectral_repro.config.cell import Cell
from spectral_repro.files import locked, read_table, write_atomically

CURVE_COLUMNS = ("seed", "epoch", "validation_accuracy")


def curve_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/curves/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "curves" / cell.data["name"] / f"{cell.slug}.csv"


def read_curves(path: Path) -> dict[tuple[int, int], float]:
    """Validation accuracy by seed and epoch; nothing if there is no such file, or if it is damaged."""
    return {(seed, epoch): accuracy for seed, epoch, accuracy in read_table(path, CURVE_COLUMNS, (int, int, float))}


def add_curve(path: Path, epoch: int, accuracies: Mapping[int, float]) -> None:
    """Enters the accuracies of one epoch by seed; a seed's later epochs are of an earlier training, and go."""
    with locked(path.parent):
        points = {(s, e): a for (s, e), a in read_curves(path).items() if s not in accuracies or e < epoch}
        points |= {(seed, epoch): accuracy for seed, accuracy in accuracies.items()}
        lines = [f"{seed},{at},{accuracy!r}\n" for (seed, at), accuracy in sorted(points.items())]
        write_atomically(path, (",".join(CURVE_COLUMNS) + "\n" + "".join(lines)).encode())
