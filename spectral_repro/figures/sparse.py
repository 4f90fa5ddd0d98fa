"""Panels of Figs. 2 and 10: accuracy against sparsity."""

from matplotlib.axes import Axes

from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import Series, draw_series, say_missing
from spectral_repro.figures.scales import scale_sparsity
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of, style_of

_TICKS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)


def sparse_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    """One data set."""
    ax.set_title(panel.label)
    if say_missing(ax, panel):
        return
    frame = panel.frame
    scale_sparsity(ax, frame["sparsity"], _TICKS)
    for side, method in zip((-1, 1), spec.methods, strict=True):
        curve = curves.accuracy_curve(frame, method, "sparsity")
        networks = curves.networks(frame, method, "sparsity")
        draw_series(ax, Series(curve, networks, style_of(method), label_of(method), method), side)
    ax.set(xlabel="sparsity s (equal steps of log(1 − s))", ylabel="accuracy")
    ax.locator_params(axis="y", nbins=5)
