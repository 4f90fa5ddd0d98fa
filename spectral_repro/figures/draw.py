"""Draws a figure from its panels; nothing here reads a file of rows."""

from collections.abc import Sequence

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_repro.figures import catalogue
from spectral_repro.figures.budget import budget_panel
from spectral_repro.figures.captions import caption
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.controls import ALLOCATIONS, ways_panel
from spectral_repro.figures.hubs import degree_panel, index_panel
from spectral_repro.figures.layout import COLUMN, PAGE, grid, write_foot, write_head
from spectral_repro.figures.learning import learning_panel
from spectral_repro.figures.marks import say_missing, stamp_preliminary
from spectral_repro.figures.relative import direct_panel, gain_panel, ratio_panel, rho_panel
from spectral_repro.figures.scales import scale_accuracy
from spectral_repro.figures.select import Panel
from spectral_repro.figures.share import share_panel
from spectral_repro.figures.sparse import sparse_panel
from spectral_repro.figures.style import SETTINGS


def draw_figure(
    spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel] = (), beside: pd.DataFrame | None = None
) -> Figure:
    """The figure ``spec`` in the size of its print, a legend above it and a caption at its foot.

    Args:
        tuned: its panels at tuned rates, if there are any.
        beside: what lies beside the rows, of hubs as :func:`spectral_repro.figures.hubs.degrees_of` has it, of
            learning curves as :func:`spectral_repro.figures.learning.followed`.
    """
    draw = {
        catalogue.RELATIVE: _relative,
        catalogue.SPARSE: _stacked,
        catalogue.TRAINED_SHARE: _share,
        catalogue.WAYS: _ways,
        catalogue.BUDGET: _budget,
    }
    draw_beside = {catalogue.DEGREES: _degrees, catalogue.LEARNING: _learning}
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(layout="constrained")
        if spec.kind in draw:
            draw[spec.kind](figure, spec, panels, tuned)
        else:
            draw_beside[spec.kind](figure, panels, pd.DataFrame() if beside is None else beside)
        write_head(figure, spec.heading([panel.label for panel in panels]))
        write_foot(figure, caption(spec, panels, tuned))
    return figure


def _relative(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    panel, last = panels[0], "rho" if spec.with_rho else "gain"
    if tuned:
        axes = grid(figure, [["ratio", "tuned", "direct"], ["ratio", "tuned", last]], PAGE, [1.5, 1.5])
        axes["tuned"].sharey(axes["ratio"])
        ratio_panel(axes["ratio"], spec, panel, title="rates of the paper's code (filled)")
        ratio_panel(axes["tuned"], spec, tuned[0], title="tuned rates (open)", filled=False)
        axes["tuned"].set_ylabel("")
    else:
        order = ["direct", "rho"] if spec.with_rho else ["gain", "direct"]
        axes = grid(figure, [["ratio"], *([name] for name in order)], COLUMN, [2.2, 1.3, 1.3])
        ratio_panel(axes["ratio"], spec, panel)
    direct_panel(axes["direct"], spec, [panel, *tuned])
    (rho_panel if spec.with_rho else gain_panel)(axes[last], spec, panel)
    for ax in axes.values():
        stamp_preliminary(ax, panel)


def _stacked(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    axes = grid(figure, [[panel.data] for panel in panels], COLUMN, [1.7] * len(panels))
    for ax, panel in zip(axes.values(), panels, strict=True):
        sparse_panel(ax, spec, panel)
        stamp_preliminary(ax, panel)
        ax.set_xlabel(ax.get_xlabel() if panel is panels[-1] else "")


def _share(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    (ax,) = grid(figure, [["share"]], COLUMN, [2.3]).values()
    share_panel(ax, spec, [*panels, *tuned])
    stamp_preliminary(ax, panels[0])


def _columns(panels: Sequence[Panel], tuned: Sequence[Panel], *parts: str) -> list[list[str]]:
    """A row per data set; each of ``parts`` at published rates, then at tuned ones."""
    kinds = [f"{part} {rates}" for rates in ["published", "tuned"][: 1 + bool(tuned)] for part in parts]
    return [[f"{panel.data} {kind}" for kind in kinds] for panel in panels]


def _ways(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    layout = _columns(panels, tuned, *ALLOCATIONS)
    axes = grid(figure, layout, PAGE, [2.4] * len(panels))
    for panel, filled in [*((p, True) for p in panels), *((p, False) for p in tuned)]:
        for allocation in ALLOCATIONS:
            ax = axes[f"{panel.data} {allocation} {'published' if filled else 'tuned'}"]
            ways_panel(ax, panel, allocation, filled)
            stamp_preliminary(ax, panel)
    _one_scale(axes, layout)


def _budget(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    layout = _columns(panels, tuned, "budget")
    axes = grid(figure, layout, PAGE, [2.5] * len(panels))
    for panel, filled in [*((p, True) for p in panels), *((p, False) for p in tuned)]:
        ax = axes[f"{panel.data} budget {'published' if filled else 'tuned'}"]
        budget_panel(ax, spec, panel, filled)
        stamp_preliminary(ax, panel)
    _one_scale(axes, layout)


def _one_scale(axes: dict[str, Axes], layout: Sequence[Sequence[str]]) -> None:
    """The same axis of accuracy in all panels of a row."""
    for row in layout:
        if drawn := [axes[name] for name in row if axes[name].get_lines()]:
            scale_accuracy(*drawn)
        for name in row[1:]:
            axes[name].set(ylabel="", yticklabels=[])
        if row is not layout[-1]:
            for name in row:
                axes[name].set_xlabel("")


def _learning(figure: Figure, panels: Sequence[Panel], points: pd.DataFrame) -> None:
    kinds = ("dense", "sparse")
    axes = grid(figure, [[f"{panel.data} {kind}" for kind in kinds] for panel in panels], PAGE, [2.3] * len(panels))
    for panel in panels:
        sparsity = max(cell.sparsity for cell in panel.cells)
        for kind in kinds:
            ax, mine = axes[f"{panel.data} {kind}"], points
            if len(points):
                mine = points[(points["data"] == panel.data) & ((points["sparsity"] > 0) == (kind == "sparse"))]
            ax.set_title(f"{panel.label}, {'dense' if kind == 'dense' else f's = {sparsity:g}'}")
            if not say_missing(ax, panel, rows=mine):
                learning_panel(ax, mine)
                scale_accuracy(ax)
                ax.set_xlabel("epoch" if panel is panels[-1] else "")
                ax.set_ylabel("accuracy on validation images" if kind == "dense" else "")
            stamp_preliminary(ax, panel)


def _degrees(figure: Figure, panels: Sequence[Panel], degrees: pd.DataFrame) -> None:
    panel = panels[0]
    axes = grid(figure, [["in"], ["out"], ["index"]], COLUMN, [1.8, 1.8, 1.8])
    for direction in ("in", "out"):
        degree_panel(axes[direction], panel, degrees, direction)
    index_panel(axes["index"], panel, degrees)
    for ax in axes.values():
        stamp_preliminary(ax, panel)
