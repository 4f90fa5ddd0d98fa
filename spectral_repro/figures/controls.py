"""Panels of the ways to silence weights (SPEC 9): accuracy against the number of links that are left."""

import pandas as pd
from matplotlib.axes import Axes

from spectral_repro.config.cell import Cell
from spectral_repro.figures import curves
from spectral_repro.figures.marks import Series, draw_series, say_missing
from spectral_repro.figures.scales import scale_log
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import WAYS, way_of
from spectral_repro.results.frame import links_left

ALLOCATIONS = {"uniform": "all layers alike", "dense_output": "last layer dense"}
_TICKS = (1000, 2000, 4000, 10_000, 20_000, 40_000, 100_000, 200_000, 400_000)


def ways(panel: Panel, allocation: str) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by method and masking, direct first."""
    mine = panel.frame[panel.frame["allocation"].fillna("uniform") == allocation]
    found = dict(list(mine.groupby(["method", mine["masking"].fillna("cutoff")])))
    order = [("direct", masking) for masking in WAYS]
    return {key: found[key] for key in sorted(found, key=lambda k: order.index(k) if k in order else len(order))}


def links(cell: Cell) -> int:
    """Weights of a sparse network that are not zero."""
    shape = cell.data["shape"]
    return links_left((shape["n1"], *cell.widths, shape["classes"]), cell.sparsity, cell.masking_names[1])


def ways_panel(ax: Axes, panel: Panel, allocation: str, filled: bool = True) -> None:
    """One data set, one allocation of the links to the layers."""
    ax.set_title(f"{ALLOCATIONS[allocation]}{'' if filled else ', tuned'}")
    found = ways(panel, allocation)
    if say_missing(ax, panel, rows=found.values()):
        return
    count = {cell.config_hash: links(cell) for cell in panel.cells}
    scale_log(ax, list(count.values()), _TICKS)
    for (method, masking), rows in found.items():
        rows = rows.assign(links=rows["config_hash"].map(count))
        label, style = way_of(method, masking)
        gid = f"{method} {masking}" + " tuned" * (not filled)
        curve = curves.accuracy_curve(rows, method, "links")
        draw_series(ax, Series(curve, curves.networks(rows, method, "links"), style, label, gid, filled))
    ax.set(xlabel="links (weights not zero)", ylabel=f"accuracy, {panel.label}")
