"""What all figures are made of: curves with their networks as dots, thin lines with names, notes across a panel."""

import itertools
import textwrap
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import Style

#: Up to how many networks of a point each is a dot; of more there is a band.
DOTS = 10
#: And up to how many points of a curve.
_POINTS = 40
#: Width that the dots of a point take, as a share of the axis; each seed has its place in it.
_JITTER = 0.03
_GOLDEN = (5**0.5 - 1) / 2
#: Letters inside a panel, in points.
_SMALL = 6
#: Colour of lines that are no data.
GREY = "0.45"
#: Across a panel of networks that were stopped after a few epochs.
_STAMP: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 20, "fontsize": 22}
_STAMP |= {"color": "0.5", "alpha": 0.3, "zorder": 5}


class Series(NamedTuple):
    """One curve: its means ``x, value, spread, n``, the networks ``x, seed, value`` behind them, and its looks.

    ``filled`` symbols are of published rates, open ones of tuned rates.
    """

    curve: pd.DataFrame
    networks: pd.DataFrame
    style: Style
    label: str
    gid: str
    filled: bool = True

    def without(self, lost: Collection[float]) -> "Series":
        """Without the points at ``lost``."""
        curve, networks = (table[~table["x"].isin(lost)] for table in (self.curve, self.networks))
        return self._replace(curve=curve, networks=networks)

    @property
    def drawn(self) -> dict[str, Any]:
        """Colour, marker and line for matplotlib."""
        face = self.style.color if self.filled else "white"
        return {
            "color": self.style.color,
            "marker": self.style.marker,
            "linestyle": self.style.line,
            "markerfacecolor": face,
        }


def draw_series(ax: Axes, series: Series, side: int = 0) -> None:
    """A curve of means and its networks as dots; of more than :data:`DOTS` a point a band of ± 1 standard deviation.

    The axis of ``x`` must have its scale and limits.

    Args:
        side: −1 puts the dots left of the markers, 1 right, 0 on both sides.
    """
    curve = series.curve
    ax.plot(curve["x"], curve["value"], label=series.label, gid=series.gid, zorder=3, **series.drawn)
    if curve["n"].max() > DOTS or len(curve) > _POINTS:
        spread = curve["spread"].fillna(0.0)
        low, high = curve["value"] - spread, curve["value"] + spread
        ax.fill_between(curve["x"], low, high, color=series.style.color, alpha=0.18, linewidth=0)
    else:
        draw_dots(ax, series, side)


def draw_dots(ax: Axes, series: Series, side: int = 0) -> None:
    """Each network of a curve, at the place that its seed has beside the marker."""
    dots = series.networks
    place = (dots["seed"] * _GOLDEN) % 1 - 0.5
    x = beside(ax, dots["x"], _JITTER * (place if side == 0 else side * (0.5 + place.abs())))
    color = series.style.color
    looks: dict[str, Any] = {"color": color, "marker": "o", "markersize": 1.5, "linestyle": "", "alpha": 0.45}
    looks |= {"markeredgewidth": 0} if series.filled else {"markerfacecolor": "none", "markeredgewidth": 0.4}
    ax.plot(x, dots["value"], gid=f"{series.gid} networks", zorder=2, **looks)


def beside(ax: Axes, x: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """``x`` moved by a share ``shift`` of the axis, whatever its scale."""
    scale = ax.xaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_xlim()))
    return scale.inverted().transform(scale.transform(np.asarray(x, dtype=float)) + np.asarray(shift) * (high - low))


def draw_levels(ax: Axes, levels: Sequence[tuple[float, str]]) -> None:
    """Thin grey lines with their names, each in that corner of its line where fewest data are; call it last."""
    for value, name in levels:
        ax.axhline(value, color=GREY, linewidth=0.6, gid=f"level {name}", zorder=1)
    for value, name in levels:
        corners = itertools.product(("left", "right"), ("bottom", "top"))
        side, edge = min(corners, key=lambda corner: _covered(ax, value, name, *corner))
        ax.annotate(
            *(name, (side == "right", value)),
            xycoords=ax.get_yaxis_transform(),
            xytext=(-1 if side == "right" else 1, 1 if edge == "bottom" else -1.5),
            textcoords="offset points",
            ha=side,
            va=edge,
            fontsize=_SMALL,
            color=GREY,
        )


def _covered(ax: Axes, value: float, name: str, side: str, edge: str) -> int:
    """How many dots, and places of a fine grid along the lines, a name would cover; a line above it counts too."""
    to_axes = ax.transData + ax.transAxes.inverted()
    wide, high = (size * 72 / ax.figure.dpi for size in ax.get_window_extent().size)
    length, height = len(name) * 0.5 * _SMALL / wide, 1.5 * _SMALL / high
    left, low = (0.0 if side == "left" else 1 - length), to_axes.transform((1, value))[1] - height * (edge == "top")
    count = 0
    for line in ax.get_lines():
        xy = to_axes.transform(np.asarray(line.get_xydata(), dtype=float))
        if line.get_linestyle() != "None" and len(xy) > 1:
            grid = np.linspace(xy[0, 0], xy[-1, 0], 100)
            xy = np.column_stack([grid, np.interp(grid, xy[:, 0], xy[:, 1])])
        inside = (xy[:, 0] >= left) & (xy[:, 0] <= left + length) & (xy[:, 1] > low) & (xy[:, 1] < low + height)
        count += int(inside.sum()) * (line.get_gid() != f"level {name}")
    return count


def stamp_preliminary(ax: Axes, panel: Panel) -> None:
    """Says across a panel that its networks were stopped after a few epochs, if they were."""
    if panel.profile == "quick" and ax.get_lines():
        ax.text(0.5, 0.5, "PRELIMINARY", transform=ax.transAxes, **_STAMP)


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
    text = f"{what}\n\n{textwrap.fill(panel.command, 30, break_on_hyphens=False)}"
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, family="monospace", fontsize=_SMALL)
    return True
