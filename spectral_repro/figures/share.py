"""The panel of Figs. 6 to 8: accuracy relative to direct against p, with the level of S-SVD."""

import pandas as pd
from matplotlib.axes import Axes

from spectral_repro.claims import thresholds
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import Series, draw_levels, draw_series, say_missing
from spectral_repro.figures.scales import mark, scale_share
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import PARTIAL, label_of, style_of
from spectral_repro.results.statistics import mean

#: S-SVD has no p: its networks stand right of p = 1.
_BEYOND = 1.7


def share_panel(ax: Axes, spec: FigureSpec, panels: list[Panel]) -> None:
    """S-QR(p) and S-SVD at published rates, and, if there is a second panel, at tuned ones."""
    if say_missing(ax, panels[0], relative=True):
        return
    shares = sorted(panels[0].frame["p"].dropna().unique())
    scale_share(ax, [*shares, _BEYOND])
    mark(ax, shares)
    for k, panel in enumerate(panels):
        side = (-1, 1)[k] if len(panels) > 1 else 0
        for series in (_level(panel.frame, filled=k == 0), _points(panel.frame, filled=k == 0)):
            if len(series.curve):
                draw_series(ax, series, side)
    direct = [mean(curves.accuracies(p.frame[p.frame["method"] == "direct"])).value for p in panels]
    said = "direct: " + ", tuned: ".join(dict.fromkeys(f"{value:.4f}" for value in direct))
    if len(panels) > 1:
        ax.set_title("filled: rates of the paper's code; open: tuned rates")
    ax.set(xlabel="p, trained share of the off-diagonal entries of R", ylabel="accuracy / accuracy of direct")
    draw_levels(ax, [*thresholds(spec.name), (1.0, said)])


def _points(frame: pd.DataFrame, filled: bool) -> Series:
    curve, dots = curves.relative_curve(frame, "sqr", "p"), curves.networks(frame, "sqr", "p", relative=True)
    return Series(curve, dots, PARTIAL, f"{label_of('sqr')}(p)", "sqr" if filled else "sqr tuned", filled)


def _level(frame: pd.DataFrame, filled: bool) -> Series:
    level = curves.reference_line(frame, "ssvd")
    curve = curves.table({0.0: level, _BEYOND: level})
    dots = curves.networks(frame, "ssvd", "n2", relative=True).assign(x=_BEYOND)
    return Series(curve, dots, style_of("ssvd"), label_of("ssvd"), "ssvd" if filled else "ssvd tuned", filled)
