"""Draws a figure from its panels; nothing here reads a file of rows."""

import textwrap
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
from spectral_repro.figures.hubs import degree_panel
from spectral_repro.figures.marks import stamp_preliminary
from spectral_repro.figures.relative import direct_panel, gain_panel, ratio_panel, rho_panel
from spectral_repro.figures.scales import scale_accuracy
from spectral_repro.figures.select import Panel
from spectral_repro.figures.share import share_panel
from spectral_repro.figures.sparse import sparse_panel
from spectral_repro.figures.style import SETTINGS

#: Width of a column and of a page of Phys. Rev. E, in inches.
COLUMN, PAGE = 3.4, 7.0
#: Letters of the foot that fit an inch.
_LETTERS = 24


def draw_figure(
    spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel] = (), degrees: Sequence[pd.DataFrame] = ()
) -> Figure:
    """The figure ``spec`` in the size of its print, a legend above it and a caption at its foot.

    Args:
        tuned: its panels at tuned rates, if there are any.
        degrees: for the hubs, one frame of degree histograms per panel
            (``method, seed, layer, direction, degree, count``).
    """
    draw = {
        catalogue.RELATIVE: _relative,
        catalogue.SPARSE: _stacked,
        catalogue.TRAINED_SHARE: _share,
        catalogue.WAYS: _ways,
        catalogue.BUDGET: _budget,
    }
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(layout="constrained")
        if spec.kind == catalogue.DEGREES:
            _degrees(figure, spec, panels[0], degrees[0] if degrees else pd.DataFrame())
        else:
            draw[spec.kind](figure, spec, panels, tuned)
        _legend(figure, spec.heading([panel.label for panel in panels]))
        foot = textwrap.fill(caption(spec, panels, tuned), int(_LETTERS * figure.get_figwidth()))
        figure.supxlabel(foot, x=0.01, ha="left", fontsize=6.5)
    return figure


def _grid(figure: Figure, layout: Sequence[Sequence[str]], width: float, heights: Sequence[float]) -> dict[str, Axes]:
    """Axes by the names in ``layout``; ``heights`` of the rows in inches."""
    figure.set_size_inches(width, sum(heights) + 1.2)
    return figure.subplot_mosaic(layout, height_ratios=list(heights))


def _legend(figure: Figure, title: str) -> None:
    """One legend for all panels, outside of them, below the title; each label once."""
    drawn: dict[str, object] = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            drawn.setdefault(label, handle)
    columns = max(len(drawn), 1) if len(drawn) <= 4 else 5 if figure.get_figwidth() > COLUMN else 3
    figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=columns, title=title, title_fontsize=8)


def _relative(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    panel, last = panels[0], "rho" if spec.with_rho else "gain"
    if tuned:
        axes = _grid(figure, [["ratio", "tuned", "direct"], ["ratio", "tuned", last]], PAGE, [1.5, 1.5])
        ratio_panel(axes["tuned"], spec, tuned[0], filled=False)
        axes["tuned"].sharey(axes["ratio"])
        axes["tuned"].set_title("tuned rates")
        axes["ratio"].set_title("rates of the paper's code")
    else:
        axes = _grid(figure, [["ratio"], ["direct"], [last]], COLUMN, [2.2, 1.2, 1.5])
    ratio_panel(axes["ratio"], spec, panel)
    direct_panel(axes["direct"], spec, [panel, *tuned])
    (rho_panel if spec.with_rho else gain_panel)(axes[last], spec, panel)
    for ax in axes.values():
        stamp_preliminary(ax, panel)


def _stacked(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    axes = _grid(figure, [[panel.data] for panel in panels], COLUMN, [1.7] * len(panels))
    for ax, panel in zip(axes.values(), panels, strict=True):
        sparse_panel(ax, spec, panel)
        stamp_preliminary(ax, panel)


def _share(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    (ax,) = _grid(figure, [["share"]], COLUMN, [2.3]).values()
    share_panel(ax, spec, [*panels, *tuned])
    stamp_preliminary(ax, panels[0])


def _columns(panels: Sequence[Panel], tuned: Sequence[Panel], *parts: str) -> list[list[str]]:
    """A row per data set; each of ``parts`` at published rates, then at tuned ones."""
    kinds = [f"{part} {rates}" for rates in ["published", "tuned"][: 1 + bool(tuned)] for part in parts]
    return [[f"{panel.data} {kind}" for kind in kinds] for panel in panels]


def _ways(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    layout = _columns(panels, tuned, *ALLOCATIONS)
    axes = _grid(figure, layout, PAGE, [2.4] * len(panels))
    for panel, filled in [*((p, True) for p in panels), *((p, False) for p in tuned)]:
        for allocation in ALLOCATIONS:
            ax = axes[f"{panel.data} {allocation} {'published' if filled else 'tuned'}"]
            ways_panel(ax, panel, allocation, filled)
            stamp_preliminary(ax, panel)
    _one_scale(axes, layout)


def _budget(figure: Figure, spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel]) -> None:
    layout = _columns(panels, tuned, "budget")
    axes = _grid(figure, layout, PAGE, [2.5] * len(panels))
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
            drawn[0].set_ylabel("accuracy")


def _degrees(figure: Figure, spec: FigureSpec, panel: Panel, degrees: pd.DataFrame) -> None:
    axes = _grid(figure, [["in"], ["out"]], COLUMN, [1.8, 1.8])
    for direction, ax in axes.items():
        degree_panel(ax, spec, panel, degrees, direction)
        stamp_preliminary(ax, panel)
