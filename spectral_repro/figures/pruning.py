"""Accuracy against the share of hidden nodes that were removed (Ref. 16 of the paper, and what it lacks)."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_repro.config.cell import Cell
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.draw import plot_styled, say_missing, stamp_preliminary, write_foot
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import SETTINGS, Style
from spectral_repro.results.statistics import mean

#: Ways to a smaller network, and how they are said and drawn.
WAYS = {
    "post": ("Spectral, by |λ|, after λ and φ", Style("#1f5fbf", "^", "-")),
    "pre": ("Spectral, by |λ|, before φ; retrained", Style("#d62728", "D", "--")),
    "connectivity": ("direct, by Σ|w|", Style("0.45", "s", ":")),
    "connectivity retrained": ("direct, by Σ|w|; retrained", Style("black", "o", "-.")),
    "narrow": ("direct, narrow from the start", Style("#808000", "p", "-")),
}

#: Number of hidden layers and activation.
Place = tuple[int, str]
#: By share of removed nodes and seed.
Accuracies = dict[float, Mapping[int, float]]


def ways_of(cell: Cell, full: int) -> list[str]:
    """The curves that a cell is a point of; ``full`` is the hidden layers' width before pruning."""
    if cell.method != "direct":
        pre = ["pre"] if cell.pruning else []  # whole, it is not trained to its end
        return ["post"] if cell.method_options["train_eigenvectors"] else pre
    if cell.pruning:
        return ["connectivity retrained" if cell.pruning["epochs"] else "connectivity"]
    return ["narrow"] if cell.n2 != full else ["connectivity", "narrow"]


def by_place(panel: Panel) -> dict[Place, dict[str, Accuracies]]:
    """By network and way, what was measured."""
    full = max(cell.n2 for cell in panel.cells)
    found: dict[Place, dict[str, Accuracies]] = {}
    rows_of = dict(list(panel.frame.groupby("config_hash")))
    for cell in panel.cells:
        if cell.config_hash in rows_of:
            share = cell.pruning.get("share", 1 - cell.n2 / full)
            ways = found.setdefault((cell.hidden_layers, cell.trainer["activation"]), {})
            for way in ways_of(cell, full):
                ways.setdefault(way, {})[round(share, 6)] = curves.accuracies(rows_of[cell.config_hash])
    return dict(sorted(found.items()))


def draw_pruning(spec: FigureSpec, panels: Sequence[Panel]) -> Figure:
    """One row per data set, one column per network that has rows."""
    found = [by_place(panel) for panel in panels]
    places = sorted({place for one in found for place in one}) or [(1, "tanh")]
    with matplotlib.rc_context(SETTINGS):
        size = (max(6.0, 4.2 * len(places)), 1.1 + 3.2 * len(panels))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(panels), len(places), squeeze=False)
        for row, panel, one in zip(axes, panels, found, strict=True):
            for ax, place in zip(row, places, strict=True):
                _panel(ax, panel, place, one.get(place, {}))
        figure.suptitle(spec.title, fontsize=11)
        write_foot(figure, panels, f"Network {spec.network}; bands: ± 1 standard deviation")
    return figure


def _panel(ax: Axes, panel: Panel, place: Place, ways: Mapping[str, Accuracies]) -> None:
    if say_missing(ax, panel):
        return
    for way, (label, style) in WAYS.items():
        if way in ways:
            points = {share: mean(accuracies) for share, accuracies in ways[way].items()}
            plot_styled(ax, curves.table(points), style, label, way)
    if ways:
        ax.legend(loc="lower left", fontsize=7)
    ax.set(xlabel="share of hidden nodes removed", ylabel="accuracy")
    layers = f"{place[0]} hidden layer{'s' * (place[0] > 1)}"
    ax.set_title(f"{panel.label}, {layers}, {place[1]}", fontsize=9, loc="left")
    stamp_preliminary(ax, panel)
