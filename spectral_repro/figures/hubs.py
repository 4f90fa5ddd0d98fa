"""Panels of the hubs (claim 8): how many links the hidden nodes have, in and out, and which nodes have most."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spectral_repro.config.cell import Cell
from spectral_repro.figures.marks import say_missing
from spectral_repro.figures.panel import Panel
from spectral_repro.figures.style import Style, label_of, style_of, way_of
from spectral_repro.results.degrees import by_direction, degree_file, read_degrees

#: Nodes beside each other whose degrees are averaged.
_BESIDE = 20
#: Kinds of network that are compared, as :func:`kind_of` calls them.
KINDS: dict[str, tuple[str, Style]] = {
    "direct": way_of("direct", None),
    "direct straight_through": way_of("direct", "straight_through"),
    "sqr": way_of("sqr", None),
    "sqr full": (f"{label_of('sqr')}, all of R", style_of("sqr")._replace(line=":")),
}


def kind_of(cell: Cell) -> str:
    """``direct`` and ``sqr`` as the paper has them; others with what they differ by: ``sqr full``."""
    masking = cell.masking_names[0]
    parts = [cell.method, *([masking] if masking not in (None, "cutoff") else [])]
    return " ".join(parts + ["full"] * (cell.method_options.get("core") == "full"))


def degrees_of(results_dir: Path, panels: Iterable[Panel]) -> pd.DataFrame:
    """Degrees of the networks of some panels: ``kind, seed, layer, node, direction, degree``."""
    parts = []
    for panel in panels:
        for cell in panel.cells:
            seeds = set(panel.frame.loc[panel.frame["config_hash"] == cell.config_hash, "seed"])
            lines = [line for line in read_degrees(degree_file(results_dir, cell)) if line[0] in seeds]
            parts.append(by_direction(lines).assign(kind=kind_of(cell)))
    return pd.concat(parts, ignore_index=True) if parts else by_direction([]).assign(kind="")


def degree_panel(ax: Axes, panel: Panel, degrees: pd.DataFrame, direction: str) -> None:
    """Share of nodes with at least d links ``direction`` (``in`` or ``out``), each network a thin line.

    Args:
        degrees: as :func:`degrees_of` has them.
    """
    if not len(degrees):
        say_missing(ax, panel, rows=[])
        return
    degrees = degrees[degrees["direction"] == direction]
    for kind, mine in _by_kind(degrees):
        label, style = KINDS[kind]
        looks: dict[str, Any] = {"color": style.color, "drawstyle": "steps-pre"}
        for _, network in mine.groupby("seed"):
            ax.plot(*degree_survival(network), gid=f"{kind} networks", linewidth=0.3, alpha=0.3, **looks)
        ax.plot(*degree_survival(mine), label=label, gid=kind, linestyle=style.line, linewidth=1.3, **looks)
    ax.set(yscale="log", xlabel=f"{direction}-degree d of a hidden node", ylabel="share of nodes with ≥ d links")
    if direction == "in":
        ax.set(xscale="symlog", xlabel=f"{ax.get_xlabel()} (log from 1)")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(0, degrees["degree"].max() * 1.05)


def index_panel(ax: Axes, panel: Panel, degrees: pd.DataFrame) -> None:
    """In-degree against the index of the node in its layer: means over networks, and over nodes beside each other."""
    if not len(degrees):
        say_missing(ax, panel, rows=[])
        return
    for kind, mine in _by_kind(degrees[degrees["direction"] == "in"]):
        mean = mine.groupby(mine["node"] // _BESIDE)["degree"].mean()
        style = KINDS[kind][1]
        ax.plot((mean.index + 0.5) * _BESIDE, mean, color=style.color, linestyle=style.line, gid=f"{kind} index")
    ax.set(xlabel=f"index i of the hidden node, {_BESIDE} together", ylabel="mean in-degree", ylim=(0, None))
    ax.set_xlim(0, degrees["node"].max() + 1)


def _by_kind(degrees: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    groups = dict(list(degrees.groupby("kind")))
    return ((kind, groups[kind]) for kind in KINDS if kind in groups)


def degree_survival(nodes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and the share of nodes that have at least so many links, over all networks."""
    counts = nodes["degree"].value_counts().sort_index()
    return counts.index.to_numpy(), counts[::-1].cumsum()[::-1].to_numpy() / counts.sum()
