"""``results/tables``: the networks of every figure, one line a cell."""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.figures.select import AXES, Panel, value_on
from spectral_repro.report.cost import links, multiply_adds
from spectral_repro.results.frame import collapsed, far_below


def cells_table(panels: Sequence[Panel]) -> pd.DataFrame:
    """Accuracy (mean, standard deviation, median), n, counts, cost and epochs of every cell that has rows.

    ``at_chance`` networks are no better than guessing, ``far_below`` lie far below the others of their cell.
    """
    lines = [line for panel in panels for line in _lines(panel)]
    table = pd.DataFrame(lines)
    return table.dropna(axis="columns", how="all") if len(table) else table


def _lines(panel: Panel) -> list[dict[str, object]]:
    cells = {key: rows for key, rows in panel.frame.groupby("config_hash")}
    lines = []
    for cell in panel.cells:
        if cell.config_hash not in cells:
            continue
        rows = cells[cell.config_hash]
        first, accuracy, epochs = rows.iloc[0], rows["test_accuracy"], rows["epochs"]
        lines.append(
            {
                **{"data": panel.data, "method": cell.method, "hidden_layers": cell.hidden_layers},
                **{axis: value_on(cell, axis) for axis in AXES},
                **{"lr": cell.trainer["lr"], "accuracy": accuracy.mean(), "sd": accuracy.std(), "n": len(rows)},
                **{"median": accuracy.median(), "at_chance": collapsed(rows), "far_below": int(far_below(rows).sum())},
                **{"trained": first["trained_parameters"], "rho": first["rho"], "links": links(first)},
                **{"multiply_adds": multiply_adds(first), "epochs": epochs.mean()},
                **{"epochs_least": epochs.min(), "epochs_most": epochs.max(), "config_hash": cell.config_hash},
            }
        )
    return lines


def to_csv(table: pd.DataFrame) -> bytes:
    """The same bytes for the same numbers."""
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
