"""Panels of Figs. 1, 3, 4, 5 and 9: accuracy relative to direct, that of direct, ρ, and the gain over the original."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spectral_repro.claims import BEST_DIRECT, SUBSTANTIAL, thresholds
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import Series, draw_dots, draw_levels, draw_series, say_missing
from spectral_repro.figures.scales import scale_log
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import Style, label_of, style_of
from spectral_repro.results.frame import collapsed_sizes

#: Sizes at which the smooth line of ρ is counted, besides that of its peak; they are marked at some.
_SIZES = {round(20 * 100 ** (i / 30)) for i in range(31)}
#: A difference of two methods has no method's colour.
_GAIN = Style("#404040", "o", "")
_TICKS = (20, 50, 100, 200, 500, 1000, 2000)


def ratio_panel(ax: Axes, spec: FigureSpec, panel: Panel, title: str = "", filled: bool = True) -> None:
    """Accuracy over that of direct, against N2, with the thresholds of the claims on it."""
    ax.set_title(title)
    if say_missing(ax, panel, relative=True):
        return
    frame, lost = panel.frame, collapsed_sizes(panel.frame)
    scale_log(ax, frame["n2"], _TICKS)
    all_of = [_series(frame, method, relative=True, filled=filled) for method in spec.methods]
    for series in all_of:
        draw_series(ax, series.without(lost))
    whole = pd.concat([series.curve for series in all_of])
    for n2 in lost:  # ratios to networks at chance would press the others together
        there = whole.loc[whole["x"] == n2, "value"]
        said = "all " + " to ".join(dict.fromkeys(f"{value:.2f}" for value in (there.min(), there.max())))
        ax.text(n2, 0.04, said, rotation=90, ha="center", color="0.4", transform=ax.get_xaxis_transform())
    ax.set(xlabel=_size(spec), ylabel="accuracy / accuracy of direct")
    _keep_to_means(ax, whole.loc[~whole["x"].isin(lost), "value"])
    draw_levels(ax, [*thresholds(spec.name), *[(1.0, "direct")] * spec.with_rho])


def _keep_to_means(ax: Axes, means: pd.Series) -> None:
    """Lets single networks lie above the frame, and says so, where they would press all others together."""
    most = means.max() + (means.max() - means.min())
    dots = np.concatenate([line.get_ydata() for line in ax.get_lines() if line.get_linestyle() == "None"])
    if len(beyond := dots[dots > most]):
        ax.set_ylim(top=most)
        said = f"{len(beyond)} dots lie above the frame, at {beyond.min():.2f} to {beyond.max():.2f}"
        ax.set_title("\n".join(filter(None, [ax.get_title(loc="left"), said])))


def direct_panel(ax: Axes, spec: FigureSpec, panels: Sequence[Panel]) -> None:
    """Accuracy of direct against N2, at published rates and, if there is a second panel, at tuned ones."""
    if say_missing(ax, panels[0], relative=True):
        return
    scale_log(ax, panels[0].frame["n2"], _TICKS)
    cells = [set(p.frame.loc[p.frame["method"] == "direct", "config_hash"]) for p in panels]
    panels = panels[:1] if len(panels) > 1 and cells[0] == cells[1] else panels  # its published rate is the best one
    for k, panel in enumerate(panels):
        side = (-1, 1)[k] if len(panels) > 1 else 0
        draw_series(ax, _series(panel.frame, "direct", filled=k == 0), side)
    ax.set(xlabel=_size(spec), ylabel="accuracy of direct")
    ax.locator_params(axis="y", nbins=5)
    if best := BEST_DIRECT.get(spec.name):
        draw_levels(ax, [(best, f"claim 5: best {best:.0%}".replace("%", " %"))])


def rho_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    """ρ against N2, counted, with markers where networks were trained."""
    if say_missing(ax, panel):
        return
    scale_log(ax, sorted(_SIZES), _TICKS)
    for method in spec.methods:
        style, points = style_of(method), curves.rho_curve(panel.frame, method)
        ax.plot(points["x"], points["value"], color=style.color, marker=style.marker, linestyle="", gid=method)
        cell = next(cell for cell in panel.cells if cell.method == method)
        sizes = sorted({*_SIZES, min(cell.data["shape"]["n1"], max(_SIZES))})
        ax.plot(sizes, curves.rho_line(cell, sizes), color=style.color, linestyle=style.line, gid=f"{method} counted")
    ax.set(yscale="log", xlabel=_size(spec), ylabel="ρ (trained / direct)")
    ax.locator_params(axis="y", numticks=6)
    draw_levels(ax, [(1.0, "direct")])


def gain_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    """Relative accuracy of the first method less that of the second, with 95 % intervals."""
    if say_missing(ax, panel, relative=True):
        return
    method, other = spec.methods
    gains = curves.gain_curve(panel.frame, method, other)
    scale_log(ax, panel.frame["n2"], _TICKS)
    pair = [curves.networks(panel.frame, name, "n2", relative=True).set_index(["x", "seed"]) for name in spec.methods]
    dots = (pair[0] - pair[1]).dropna().reset_index()
    curve = pd.DataFrame([(n2, e.value, np.nan, e.n) for n2, e in gains.items()], columns=list(curves.COLUMNS))
    series = Series(curve, dots, _GAIN, "", "gain")
    draw_dots(ax, series)
    bars = [(value - low, high - value) for e in gains.values() for value, (low, high) in [(e.value, e.interval())]]
    ax.errorbar(curve["x"], curve["value"], np.nan_to_num(bars, posinf=0).T, capsize=2, **series.drawn)
    ax.set(xlabel=_size(spec), ylabel=f"{label_of(method)} − original")
    draw_levels(ax, [(0.0, "no gain"), (SUBSTANTIAL, "claim 2b: substantial")])


def _series(frame: pd.DataFrame, method: str, relative: bool = False, filled: bool = True) -> Series:
    curve = curves.relative_curve if relative else curves.accuracy_curve
    return Series(
        curve(frame, method, "n2"),
        curves.networks(frame, method, "n2", relative),
        style_of(method),
        label_of(method),
        method if filled else f"{method} tuned",
        filled,
    )


def _size(spec: FigureSpec) -> str:
    return "$N_2 = N_3$" if spec.network.count("N2") == 2 else "$N_2$"
