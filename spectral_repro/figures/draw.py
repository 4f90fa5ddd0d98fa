"""Draws a figure from its panels; nothing here reads a file of rows."""

import textwrap
from collections.abc import Collection, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.scales import scale_sparsity
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import SETTINGS, SPARSE_STYLES, STYLES, Style, label_of, style_of
from spectral_repro.results.degrees import share_without
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.statistics import mean

WIDTH = 5.2  # inches
#: Letters of the foot that fit an inch.
_LETTERS = 19
#: Across a panel of networks that were stopped after a few epochs.
_STAMP: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 20, "fontsize": 30}
_STAMP |= {"color": "0.5", "alpha": 0.3, "zorder": 5}
#: Sizes at which the smooth line of ρ is counted, besides that of its peak; they are marked at some.
_SIZES = {round(20 * 100 ** (i / 60)) for i in range(61)}
_SIZE_TICKS = (20, 50, 100, 200, 500, 1000, 2000)
#: Relative accuracies that Figs. 6 to 8 show at least.
_SHARE_RANGE = (0.85, 1.02)
_SPARSITIES = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)


def draw_figure(spec: FigureSpec, panels: Sequence[Panel], degrees: Sequence[pd.DataFrame] = ()) -> Figure:
    """The figure ``spec``: its panels below each other, ρ last where the paper has it, a caption at the foot.

    Args:
        degrees: for the hubs, one frame of degree histograms per panel
            (``method, seed, layer, direction, degree, count``).
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, 1.0), layout="constrained")
        heights = [2.6] * (2 if spec.kind == catalogue.DEGREES else len(panels))
        if spec.kind == catalogue.RELATIVE:
            heights = [2.6, 1.3, 2.6] if spec.with_rho else [2.6, 1.3]
        figure.set_size_inches(WIDTH, 1.1 + sum(heights))
        axes = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
        if spec.kind == catalogue.RELATIVE:
            _relative_panel(axes[0], spec, panels[0])
            _direct_panel(axes[1], spec, panels[0])
            if spec.with_rho:
                _rho_panel(axes[2], spec, panels[0])
        elif spec.kind == catalogue.DEGREES:
            _degree_panels(axes, spec, panels[0], degrees[0] if degrees else pd.DataFrame())
        else:
            draw = _sparse_panel if spec.kind == catalogue.SPARSE else _share_panel
            for ax, panel in zip(axes, panels, strict=True):
                draw(ax, spec, panel)
        figure.suptitle(spec.heading([panel.label for panel in panels]), fontsize=11)
        for panel, ax in zip(panels if len(panels) == len(axes) else [*panels] * len(axes), axes, strict=False):
            stamp_preliminary(ax, panel)
        what = {
            catalogue.DEGREES: f"sparsity {panels[0].cells[0].sparsity:g}; all realizations together",
            catalogue.SPARSE: "bands: ± 1 standard deviation",
        }.get(spec.kind, "bands: ± 1 standard deviation, that of a ratio paired where seeds are shared")
        if spec.kind == catalogue.RELATIVE and (lost := collapsed_sizes(panels[0].frame)):
            where = ", ".join(f"{count} at N2 = {n2}" for n2, count in lost.items())
            what += (
                f"; where networks of direct are at chance ({where}) the ratios of all methods are written, not drawn"
            )
        rates = "learning rates: tuned; " * (spec.rates == "tuned")
        write_foot(figure, panels, f"Network {spec.network}; {rates}{what}")
    return figure


def write_foot(figure: Figure, panels: Sequence[Panel], last: str) -> None:
    """The captions of the panels and a last line, broken to the width of the figure."""
    wide = int(_LETTERS * figure.get_figwidth())
    texts = (text.replace(" = ", "\u00a0=\u00a0") for text in (*dict.fromkeys(p.caption for p in panels), last))
    lines = [textwrap.fill(text, wide) for text in texts]  # not broken between a name and its value
    figure.supxlabel("\n".join(lines), fontsize=7)


def stamp_preliminary(ax: Axes, panel: Panel) -> None:
    """Says across a panel that its networks were stopped after a few epochs, if they were."""
    if panel.profile == "quick" and ax.get_lines():
        ax.text(0.5, 0.5, "PRELIMINARY", transform=ax.transAxes, **_STAMP)


def plot_curve(ax: Axes, curve: pd.DataFrame, method: str, sparse: bool = False, label: str | None = None) -> None:
    """One curve with its band of ± one standard deviation; ``curve`` has ``x, value, spread, n``."""
    plot_styled(ax, curve, style_of(method, SPARSE_STYLES if sparse else STYLES), label or label_of(method), method)


def plot_styled(ax: Axes, curve: pd.DataFrame, style: Style, label: str, gid: str) -> None:
    """The same in a style of one's own."""
    drawn: dict[str, Any] = {"color": style.color, "marker": style.marker, "linestyle": style.line}
    ax.plot(curve["x"], curve["value"], label=label, gid=gid, **drawn)
    spread = curve["spread"].fillna(0.0)
    low, high = curve["value"] - spread, curve["value"] + spread
    ax.fill_between(curve["x"], low, high, color=style.color, alpha=0.18, linewidth=0)


def say_missing(ax: Axes, panel: Panel, relative: bool = False, rows: Collection[pd.DataFrame] | None = None) -> bool:
    """Marks a panel without anything to draw, and says which command makes its rows.

    Args:
        relative: nothing can be drawn without direct.
        rows: what is to be drawn, if not all rows of the panel.
    """
    direct = "direct" in set(panel.frame["method"])
    if (panel.found if rows is None else len(rows)) and (direct or not relative):
        return False
    what = f"{panel.label}: no runs {'of direct ' * (relative and bool(panel.found))}yet"
    text = f"{what}\n\n{textwrap.fill(panel.command, 45)}"
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, family="monospace", fontsize=7)
    return True


def _relative_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel, relative=True):
        return
    found, lost = {}, collapsed_sizes(panel.frame)
    for method in spec.methods:
        found[method] = curve = curves.relative_curve(panel.frame, method, "n2")
        plot_curve(ax, curve[~curve["x"].isin(lost)], method)
    ax.axhline(1, color="black", linestyle="--", linewidth=0.8)
    whole = pd.concat(found.values())
    for n2 in lost:  # ratios to networks at chance would press the others together
        there = whole.loc[whole["x"] == n2, "value"]
        said = "all " + " to ".join(dict.fromkeys(f"{value:.2f}" for value in (there.min(), there.max())))
        ax.text(n2, 0.04, said, rotation=90, ha="center", fontsize=7, color="0.4", transform=ax.get_xaxis_transform())
    if _keep_to_points(ax):
        ax.set_title("some bands go on beyond the frame", fontsize=7, loc="right")
    ax.set(xscale="log", xlabel=_size_label(spec), ylabel="accuracy / accuracy of direct")
    _label_sizes(ax, spec, panel)
    # In a row, which fits between curve and frame, on a ground of its own, as the line at 1 goes everywhere.
    ax.legend(loc="best", ncols=len(spec.methods), frameon=True, edgecolor="none", framealpha=0.9, borderpad=0.1)


def _keep_to_points(ax: Axes) -> bool:
    """Lets bands run out of the frame where they are much wider than all points are apart; whether one does."""
    points = np.concatenate([line.get_ydata() for line in ax.get_lines()])
    least, most, (low, high) = np.nanmin(points), np.nanmax(points), ax.get_ylim()
    if room := (most - least) / 4:
        ax.set_ylim(max(low, least - room), min(high, most + room))
    return ax.get_ylim() != (low, high)


def _direct_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel, relative=True):
        return
    plot_curve(ax, curves.accuracy_curve(panel.frame, "direct", "n2"), "direct")
    ax.set(xscale="log", xlabel=_size_label(spec), ylabel="accuracy of direct")
    _label_sizes(ax, spec, panel)


def _rho_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel):
        return
    for method in spec.methods:
        style, points = style_of(method), curves.rho_curve(panel.frame, method)
        ax.plot(points["x"], points["value"], color=style.color, marker=style.marker, linestyle="", gid=method)
        cell = next(cell for cell in panel.cells if cell.method == method)
        sizes = sorted({*_SIZES, min(cell.data["shape"]["n1"], max(_SIZES))})
        ax.plot(sizes, curves.rho_line(cell, sizes), color=style.color, linestyle=style.line, gid=f"{method} counted")
    ax.axhline(1, color="black", linestyle="--", linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel=_size_label(spec), ylabel=r"$\rho$ (trained / direct)")
    _label_sizes(ax, spec, panel)


def _size_label(spec: FigureSpec) -> str:
    return r"$N_2 = N_3$" if spec.network.count("N2") == 2 else r"$N_2$"


def _label_sizes(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    """Alike in all panels below each other, whichever sizes were run; ρ is counted up to the last."""
    last = _SIZE_TICKS[-1] if spec.with_rho else panel.frame["n2"].max()
    ticks = [t for t in _SIZE_TICKS if t <= last]
    ax.set_xlim(ticks[0] / 1.15, last * 1.15)
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.set_xticks([], minor=True)


def _sparse_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel):
        return
    for method in spec.methods:
        plot_curve(ax, curves.accuracy_curve(panel.frame, method, "sparsity"), method, sparse=True)
    scale_sparsity(ax, _SPARSITIES)
    ax.set(xlabel="sparsity (equal steps of log(1 − s))", ylabel="accuracy")
    ax.set_title(panel.label, fontsize=9, loc="left")
    ax.legend(loc="best")


def _share_panel(ax: Axes, spec: FigureSpec, panel: Panel) -> None:
    if say_missing(ax, panel, relative=True):
        return
    plot_curve(ax, curves.relative_curve(panel.frame, "sqr", "p"), "sqr", label=f"{label_of('sqr')}(p)")
    line = curves.reference_line(panel.frame, "ssvd")
    if line.n:
        style = style_of("ssvd")
        spread = 0.0 if np.isnan(line.spread) else line.spread
        drawn: dict[str, Any] = {"color": style.color, "linestyle": style.line, "marker": style.marker}
        ax.plot([0, 1], [line.value] * 2, label=label_of("ssvd"), gid="ssvd", markevery=[0, -1], **drawn)
        ax.axhspan(line.value - spread, line.value + spread, color=style.color, alpha=0.18, linewidth=0)
    ax.axhline(1, color="black", linestyle="--", linewidth=0.8)
    direct = mean(curves.accuracies(panel.frame[panel.frame["method"] == "direct"]))
    ax.set_title(f"direct: {direct.value:.4f} ± {direct.spread:.4f}", fontsize=9, loc="left")
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.5)
    ax.set_xlim(-0.0015, 1.25)
    shares = sorted(panel.frame["p"].dropna().unique())
    ax.set_xticks(shares, [f"{p:g}" for p in shares])
    ax.set_xticks([], minor=True)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, _SHARE_RANGE[0]), max(high, _SHARE_RANGE[1]))  # alike in Figs. 6 to 8
    ax.set(
        xlabel="p, share of trained off-diagonal entries of R (log from 0.01)",
        ylabel="accuracy / accuracy of direct",
    )
    ax.legend(loc="best")


def _degree_panels(axes: Sequence[Axes], spec: FigureSpec, panel: Panel, degrees: pd.DataFrame) -> None:
    for ax, direction in zip(axes, ("in", "out"), strict=True):
        if not len(degrees):
            say_missing(ax, panel)
            continue
        without = []
        for method in spec.methods:
            mine = degrees[(degrees["method"] == method) & (degrees["direction"] == direction)]
            if len(mine):
                without.append(f"{label_of(method)} {share_without(mine):.1%}")
                x, share = degree_survival(mine)
                style = style_of(method, SPARSE_STYLES)
                drawn: dict[str, Any] = {"color": style.color, "linestyle": style.line, "drawstyle": "steps-pre"}
                ax.plot(x, share, label=label_of(method), gid=method, **drawn)
        ax.set(yscale="log", xlabel=f"{direction}-degree of a hidden node, d", ylabel="share of nodes with degree ≥ d")
        if direction == "in":
            ax.set(xscale="symlog", xlabel=f"{ax.get_xlabel()} (log from 1)")
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlim(left=0)
        links = "input" if direction == "in" else "output"
        ax.set_title(f"nodes without any {links}: {', '.join(without)}", fontsize=9, loc="left")
        ax.legend()


def degree_survival(histogram: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and the share of nodes that have at least so many links, over all realizations."""
    counts = histogram.groupby("degree")["count"].sum().sort_index()
    return counts.index.to_numpy(), counts[::-1].cumsum()[::-1].to_numpy() / counts.sum()
