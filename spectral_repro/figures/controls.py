"""The figures beyond the paper (SPEC 9): ways to silence weights, and the same number of parameters spent otherwise."""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.draw import plot_styled, say_missing, stamp_preliminary, write_foot
from spectral_repro.figures.scales import scale_accuracy, scale_sparsity
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import BUDGET_STYLES, SETTINGS, SPARSE_STYLES, WAYS, Style, label_of, style_of
from spectral_repro.results.statistics import mean

ALLOCATIONS = {"uniform": "all layers alike", "dense_output": "last layer dense"}
#: Half the distance of markers that would cover each other, as a factor.
_BESIDE = 1.03


def draw_control(spec: FigureSpec, panels: Sequence[Panel]) -> Figure:
    """One row per data set; for the ways to silence weights one column per allocation."""
    ways = spec.kind == catalogue.WAYS
    with matplotlib.rc_context(SETTINGS):
        columns = len(ALLOCATIONS) if ways else 1
        figure = Figure(figsize=(4.0 * columns + 2.0 * (not ways), 1.1 + 3.0 * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), columns, squeeze=False)
        for row, panel in zip(axes, panels, strict=True):
            for ax, allocation in zip(row, ALLOCATIONS, strict=False):
                _ways(ax, panel, allocation) if ways else _budget(ax, spec, panel)
                stamp_preliminary(ax, panel)
        drawn = dict(pair[::-1] for ax in figure.axes for pair in zip(*ax.get_legend_handles_labels(), strict=True))
        if ways and drawn:  # matplotlib would lay a title of the figure over its legend
            title = {"title": spec.title, "title_fontsize": 11, "fontsize": 8}
            figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=5, **title)
        else:
            figure.suptitle(spec.title, fontsize=11)
        what = (
            "bands: ± 1 standard deviation; gradual and RigL train longer (epochs in the report)"
            if ways
            else "bars: ± 1 standard deviation, side by side at equal numbers"
        )
        axis = "axis of accuracy: equal steps of log(1 − accuracy)"
        rates = "tuned" if spec.rates == "tuned" else "the paper's, ours for what it has not"
        write_foot(figure, panels, f"Network {spec.network}; learning rates: {rates}; {what}; {axis}")
    return figure


def way_of(method: str, masking: str) -> tuple[str, Style]:
    """Label and style of a method that is silenced in one of several ways."""
    if method != "direct":
        return label_of(method), style_of(method, SPARSE_STYLES)
    name, style = WAYS.get(masking, (masking, style_of(masking)))
    return f"direct ({name})", style


def ways(panel: Panel, allocation: str) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by method and masking, direct first."""
    mine = panel.frame[panel.frame["allocation"].fillna("uniform") == allocation]
    found = dict(list(mine.groupby(["method", mine["masking"].fillna("cutoff")])))
    order = [("direct", masking) for masking in WAYS]
    return {key: found[key] for key in sorted(found, key=lambda k: order.index(k) if k in order else len(order))}


def _ways(ax: Axes, panel: Panel, allocation: str) -> None:
    ax.set_title(f"{panel.label}, {ALLOCATIONS[allocation]}", fontsize=9, loc="left")
    found = ways(panel, allocation)
    if say_missing(ax, panel, rows=found.values()):
        return
    for (method, masking), rows in found.items():
        label, style = way_of(method, masking)
        plot_styled(ax, curves.accuracy_curve(rows, method, "sparsity"), style, label, f"{method} {masking}")
    scale_sparsity(ax, [0.9, 0.95, 0.98, 0.99])
    ax.set(xlabel="sparsity (equal steps of log(1 − s))")
    scale_accuracy(ax)


def budget_points(panel: Panel) -> pd.DataFrame:
    """One line per cell: ``method, partial, trained, value, spread, n``, ascending in the number of trained parameters.

    ``partial``: of R only a share p below 1 is trained.
    """
    lines = []
    for _, rows in panel.frame.groupby("config_hash"):
        first, e = rows.iloc[0], mean(curves.accuracies(rows))
        partial = bool(first["p"] < 1)  # of methods without p it is none
        lines.append((first["method"], partial, int(first["trained_parameters"]), e.value, e.spread, e.n))
    points = pd.DataFrame(lines, columns=["method", "partial", "trained", "value", "spread", "n"])
    return points.sort_values(["trained", "value", "method"]).reset_index(drop=True)


def pareto_front(points: pd.DataFrame) -> pd.DataFrame:
    """The points that no other with as few or fewer trained parameters exceeds."""
    best = points.sort_values(["trained", "value"], ascending=[True, False])
    return best[best["value"] > best["value"].cummax().shift(fill_value=float("-inf"))]


def _budget(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel):
        return
    points = budget_points(panel)
    shared = points.groupby("trained")["method"].agg(lambda methods: sorted(set(methods), key=spec.methods.index))
    for method, partial in itertools.product(spec.methods, (False, True)):
        mine = points[(points["method"] == method) & (points["partial"] == partial)]
        if len(mine):
            style = style_of(method, BUDGET_STYLES)
            bars: dict[str, Any] = {"yerr": mine["spread"].fillna(0.0), "linestyle": "", "elinewidth": 0.8}
            beside = [_BESIDE ** (2 * shared[t].index(method) - len(shared[t]) + 1) for t in mine["trained"]]
            drawn: dict[str, Any] = {"color": style.color, "marker": style.marker}
            drawn |= {"markerfacecolor": "white"} if partial else {}
            label = label_of(method) + "(p), p < 1" * partial
            ax.errorbar(mine["trained"] * beside, mine["value"], label=label, **drawn, **bars)
    front = pareto_front(points)
    ax.step(
        front["trained"], front["value"], where="post", color="0.5", linewidth=0.8, label="Pareto front", gid="front"
    )
    ax.set(xscale="log", xlabel="trained parameters")
    scale_accuracy(ax)
    ax.set_title(panel.label, fontsize=9, loc="left")
    ax.legend(loc="lower right", fontsize=7, ncols=2)
