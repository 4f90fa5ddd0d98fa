"""The short tables of what a run will train, and at its end of what came out."""

from collections.abc import Sequence
from statistics import fmean, stdev

from spectral_repro.config.cell import Cell
from spectral_repro.results.rows import Row
from spectral_repro.runner.estimate import readable


def print_table(cells: Sequence[tuple[Cell, Sequence[Row]]]) -> None:
    """One line per cell: method, data, N2, accuracy mean ± standard deviation, n, ρ, seconds."""
    header = ["method", "data", "N2", "s", "p", "accuracy", "n", "rho", "epochs", "s/net"]
    variants = _variants([cell for cell, _ in cells])
    _print([header, *(_line(cell, rows, variants[cell.config_hash]) for cell, rows in cells if rows)])


def print_plan(cells: Sequence[tuple[Cell, int, int, float | None]]) -> None:
    """One line per cell: what tells it from the others, networks done and missing, the time these take if known."""
    variants = _variants([cell for cell, *_ in cells])
    lines = [["method", "data", "N2", "s", "p", "done", "missing", "time"]]
    for cell, done, missing, seconds in cells:
        time = "" if seconds is None or not missing else readable(seconds)
        lines.append([*_names(cell, variants[cell.config_hash]), f"{done}", f"{missing}", time])
    _print(lines)


def _print(lines: list[list[str]]) -> None:
    for optional, usual in (("p", "1"), ("s", "0")):  # columns that say nothing are left out
        at = lines[0].index(optional)
        if all(line[at] in ("", usual, optional) for line in lines):
            lines = [line[:at] + line[at + 1 :] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def _variants(cells: Sequence[Cell]) -> dict[str, str]:
    """By hash, what tells a cell from others of its method that the columns do not: ``basis=gaussian lr=0.01``."""
    settings = {
        c.config_hash: {
            **c.method_options,
            **c.trainer,
            "precision": c.precision,
            "masking": c.masking_names[0],
            "allocation": c.masking_names[1],
        }
        for c in cells
    }
    shown = {}
    for cell in cells:
        mine = settings[cell.config_hash]
        others = [settings[c.config_hash] for c in cells if _place(c) == _place(cell)]
        differ = [k for k in mine if any(o.get(k) != mine[k] for o in others)]
        shown[cell.config_hash] = "".join(f" {k}={mine[k]}" for k in differ)
    return shown


def _place(cell: Cell) -> tuple:
    """What the columns say of a cell."""
    return cell.method, cell.data["name"], cell.widths, cell.sparsity, cell.method_options.get("p")


def _names(cell: Cell, variant: str) -> list[str]:
    size = f"{cell.n2}" if cell.hidden_layers == 1 else f"{cell.n2} x{cell.hidden_layers}"
    size = "-".join(map(str, cell.hidden)) or size
    p = cell.method_options.get("p")
    shown = "" if p is None else f"{p:g}" if isinstance(p, int | float) else str(p)
    return [cell.method_label + variant, cell.data["name"], size, f"{cell.sparsity:g}", shown]


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
