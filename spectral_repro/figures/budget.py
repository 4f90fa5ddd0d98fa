"""Panels of the same number of parameters spent otherwise (SPEC 9)."""

import itertools
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import GREY, Series, beside, draw_dots, say_missing
from spectral_repro.figures.scales import scale_log
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import PARTIAL, label_of, style_of
from spectral_repro.results.statistics import mean

#: Distance of symbols that would cover each other, as a share of the axis.
_BESIDE = 0.018
_TICKS = (1000, 10_000, 100_000, 1_000_000)


def budget_points(panel: Panel) -> pd.DataFrame:
    """One line per cell: ``method, partial, trained, value, spread, n, cell``, ascending in the trained parameters.

    ``partial``: of R only a share p below 1 is trained.
    """
    lines = []
    for key, rows in panel.frame.groupby("config_hash"):
        first, e = rows.iloc[0], mean(curves.accuracies(rows))
        partial = bool(first["p"] < 1)  # of methods without p it is none
        lines.append((first["method"], partial, int(first["trained_parameters"]), e.value, e.spread, e.n, key))
    points = pd.DataFrame(lines, columns=["method", "partial", "trained", "value", "spread", "n", "cell"])
    return points.sort_values(["trained", "value", "method"]).reset_index(drop=True)


def pareto_front(points: pd.DataFrame) -> pd.DataFrame:
    """The points that no other with as few or fewer trained parameters exceeds."""
    best = points.sort_values(["trained", "value"], ascending=[True, False])
    return best[best["value"] > best["value"].cummax().shift(fill_value=float("-inf"))]


def budget_panel(ax: Axes, spec: FigureSpec, panel: Panel, filled: bool = True) -> None:
    """One data set: every cell a symbol without a line, and the Pareto front."""
    ax.set_title("rates of the paper's code, ours where it has none" if filled else "tuned rates")
    if say_missing(ax, panel):
        return
    points = budget_points(panel)
    scale_log(ax, points["trained"], _TICKS)
    shared = points.groupby("trained")["method"].agg(lambda methods: sorted(set(methods), key=spec.methods.index))
    for method, partial in itertools.product(spec.methods, (False, True)):
        mine = points[(points["method"] == method) & (points["partial"] == partial)]
        if len(mine):
            shift = [_BESIDE * (shared[t].index(method) - (len(shared[t]) - 1) / 2) for t in mine["trained"]]
            mine = mine.assign(x=beside(ax, mine["trained"], shift))
            rows = panel.frame.assign(x=panel.frame["config_hash"].map(mine.set_index("cell")["x"]))
            style = (PARTIAL if partial else style_of(method))._replace(line="")
            label, gid = (
                label_of(method) + "(p), p < 1" * partial,
                method + " partial" * partial + " tuned" * (not filled),
            )
            curve = mine[["x", "value", "spread", "n"]]
            series = Series(curve, curves.networks(rows, method, "x"), style, label, gid, filled)
            draw_dots(ax, series)
            ax.plot(curve["x"], curve["value"], label=label, gid=gid, zorder=3, **series.drawn)
    front = pareto_front(points)
    looks: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "label": "Pareto front", "gid": "front", "zorder": 1}
    ax.step(front["trained"], front["value"], where="post", **looks)
    ax.set(xlabel="trained parameters", ylabel=f"accuracy, {panel.label}")
