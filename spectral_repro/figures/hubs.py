"""Panels of the hubs (claim 8): how many links the hidden nodes have, in and out."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import say_missing
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of, style_of
from spectral_repro.results.degrees import share_without


def degree_panel(ax: Axes, spec: FigureSpec, panel: Panel, degrees: pd.DataFrame, direction: str) -> None:
    """Share of nodes with at least d links ``direction`` (``in`` or ``out``), each network a thin line.

    Args:
        degrees: histograms ``method, seed, layer, direction, degree, count``.
    """
    if not len(degrees):
        say_missing(ax, panel, rows=[])
        return
    without = []
    for method in spec.methods:
        mine = degrees[(degrees["method"] == method) & (degrees["direction"] == direction)]
        if len(mine):
            without.append(f"{label_of(method)} {share_without(mine):.1%}".replace("%", " %"))
            style = style_of(method)
            looks: dict[str, Any] = {"color": style.color, "drawstyle": "steps-pre"}
            for _, network in mine.groupby("seed"):
                ax.plot(*degree_survival(network), gid=f"{method} networks", linewidth=0.4, alpha=0.4, **looks)
            line: dict[str, Any] = {"linestyle": "--" if method == "sqr" else "-", "linewidth": 1.3}
            ax.plot(*degree_survival(mine), label=label_of(method), gid=method, **looks, **line)
    ax.set(yscale="log", xlabel=f"{direction}-degree d of a hidden node", ylabel="share of nodes with ≥ d links")
    if direction == "in":
        ax.set(xscale="symlog", xlabel=f"{ax.get_xlabel()} (log from 1)")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(0, degrees.loc[degrees["direction"] == direction, "degree"].max() * 1.05)
    ax.set_title(f"nodes without any {direction}put: {', '.join(without)}")


def degree_survival(histogram: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and the share of nodes that have at least so many links, over all realizations."""
    counts = histogram.groupby("degree")["count"].sum().sort_index()
    return counts.index.to_numpy(), counts[::-1].cumsum()[::-1].to_numpy() / counts.sum()
