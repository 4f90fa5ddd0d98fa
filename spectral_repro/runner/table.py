"""The short tables of what a run will train, and at its end of what came out."""

from collections.abc import Sequence
from statistics import fmean, stdev

from spectral_repro.config.cell import Cell, variants
from spectral_repro.results.rows import Row
from spectral_repro.runner.estimate import readable


def print_table(cells: Sequence[tuple[Cell, Sequence[Row]]]) -> None:
    """One line per cell: method, data, N2, accuracy mean ± standard deviation, n, ρ, seconds."""
    header = ["method", "data", "N2", "s", "p", "accuracy", "n", "rho", "epochs", "s/net"]
    told = variants([cell for cell, _ in cells])
    _print([header, *(_line(cell, rows, v) for (cell, rows), v in zip(cells, told, strict=True) if rows)])


def print_plan(cells: Sequence[tuple[Cell, int, int, float | None]]) -> None:
    """One line per cell: what tells it from the others, networks wanted, of these missing, their time if known."""
    lines = [["method", "data", "N2", "s", "p", "done", "missing", "time"]]
    for (cell, wanted, missing, seconds), v in zip(cells, variants([cell for cell, *_ in cells]), strict=True):
        time = "" if seconds is None or not missing else readable(seconds)
        lines.append([*_names(cell, v), f"{wanted - missing}", f"{missing}", time])
    _print(lines)


def _print(lines: list[list[str]]) -> None:
    for optional, usual in (("p", "1"), ("s", "0")):  # columns that say nothing are left out
        at = lines[0].index(optional)
        if all(line[at] in ("", usual, optional) for line in lines):
            lines = [line[:at] + line[at + 1 :] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def _names(cell: Cell, variant: str) -> list[str]:
    p = cell.method_options.get("p", "")
    shown = f"{p:g}" if isinstance(p, int | float) else str(p)
    return [f"{cell.method_label} {variant}".strip(), cell.data["name"], cell.size, f"{cell.sparsity:g}", shown]


def _line(cell: Cell, rows: Sequence[Row], variant: str) -> list[str]:
    accuracies = [row.test_accuracy for row in rows]
    spread = f" ± {stdev(accuracies):.4f}" if len(rows) > 1 else ""
    return [
        *_names(cell, variant),
        f"{fmean(accuracies):.4f}{spread}",
        f"{len(rows)}",
        f"{fmean(row.rho for row in rows):.4g}",
        f"{fmean(row.epochs for row in rows):.1f}",
        f"{fmean(row.seconds for row in rows):.2f}",
    ]
