"""Panels of learning curves: what a network reaches by epoch, and where the paper's rule would stop it."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from spectral_repro.config.cell import Cell
from spectral_repro.config.files import conf_file
from spectral_repro.figures.panel import Panel
from spectral_repro.figures.scales import end_with, mark
from spectral_repro.figures.style import STYLES, WAYS, way_of
from spectral_repro.results.frame import by_epoch

_TICKS = (1, 2, 5, 10, 20, 50, 90)


def stopped(cell: Cell) -> Cell:
    """The same cell as the paper's protocol stops it."""
    protocol = conf_file("", "config")["protocols"]["sparse" if cell.sparsity else "dense"]
    return dataclasses.replace(cell, trainer={**cell.trainer, "patience": protocol["patience"]})


def stopped_rows(frame: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of :func:`stopped`."""
    return frame[frame["config_hash"] == stopped(cell).config_hash]


def followed(frame: pd.DataFrame, panels: Iterable[Panel], results_dir: Path) -> pd.DataFrame:
    """The networks of some panels by epoch, as :func:`by_epoch` has them, and ``stops``.

    That is the mean number of epochs of the cell's networks among all rows of ``frame`` that the paper's rule stopped.
    """
    panels = list(panels)
    points = by_epoch(pd.concat([panel.frame for panel in panels]), results_dir)
    stops = {cell.config_hash: stopped_rows(frame, cell)["epochs"].mean() for panel in panels for cell in panel.cells}
    return points.assign(stops=points["config_hash"].map(stops))


def learning_panel(ax: Axes, points: pd.DataFrame) -> None:
    """One data set under one protocol: means over networks thick, each network thin.

    Args:
        points: as :func:`followed` has them, without those of other panels.
    """
    ax.set_xscale("log")
    end_with(ax, [1, points["epoch"].max()])
    mark(ax, [tick for tick in _TICKS if tick <= points["epoch"].max()])
    for (method, masking), mine in by_way(points).items():
        label, style = way_of(method, masking)
        looks: dict[str, Any] = {"color": style.color, "linestyle": style.line}
        for _, network in mine.groupby("seed"):
            ax.plot(network["epoch"], network["validation_accuracy"], color=style.color, linewidth=0.3, alpha=0.3)
        mean = mine.groupby("epoch")["validation_accuracy"].mean()
        stops = mine["stops"].iloc[0]
        at = [mean.index.get_indexer([stops], method="nearest")[0]] if pd.notna(stops) else []
        gid = f"{method} {masking}".strip()
        ax.plot(mean.index, mean, label=label, gid=gid, marker=style.marker, markevery=at, markersize=4.5, **looks)


def by_way(points: pd.DataFrame) -> Mapping[tuple[str, str], pd.DataFrame]:
    """By method and masking, which is empty for dense networks; in the order of all legends."""
    found = dict(list(points.groupby(["method", points["masking"].fillna("")])))
    order = [(method, masking) for method in STYLES for masking in ("", *WAYS)]
    return {key: found[key] for key in order if key in found}
