"""The short table at the end of a run."""

from collections.abc import Sequence
from statistics import fmean, stdev

from spectral_repro.cell import Cell
from spectral_repro.results import Row


def print_table(cells: Sequence[tuple[Cell, Sequence[Row]]]) -> None:
    """One line per cell: method, data, N2, accuracy mean ± standard deviation, n, ρ, seconds."""
    header = ["method", "data", "N2", "s", "p", "accuracy", "n", "rho", "epochs", "s/net"]
    lines = [header, *(_line(cell, rows) for cell, rows in cells if rows)]
    for optional in ("p", "s"):  # columns that say nothing are left out
        at = lines[0].index(optional)
        if all(line[at] in ("", "0", optional) for line in lines):
            lines = [line[:at] + line[at + 1 :] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def _line(cell: Cell, rows: Sequence[Row]) -> list[str]:
    accuracies = [row.test_accuracy for row in rows]
    spread = f" ± {stdev(accuracies):.4f}" if len(rows) > 1 else ""
    size = f"{cell.n2}" if cell.hidden_layers == 1 else f"{cell.n2} x{cell.hidden_layers}"
    method = cell.method_label + (" (full R)" if rows[0].core == "full" else "")
    p = "" if rows[0].p in (None, 1.0) else f"{rows[0].p:g}"
    return [
        method,
        rows[0].data,
        size,
        f"{cell.sparsity:g}",
        p,
        f"{fmean(accuracies):.4f}{spread}",
        f"{len(rows)}",
        f"{fmean(row.rho for row in rows):.4g}",
        f"{fmean(row.epochs for row in rows):.1f}",
        f"{fmean(row.seconds for row in rows):.2f}",
    ]
