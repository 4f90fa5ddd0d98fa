"""Where panels, head and foot of a figure stand, in the size of its print."""

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Width of a column and of a page of Phys. Rev. E, in inches.
COLUMN, PAGE = 3.4, 7.0
#: Letters of the foot that fit an inch.
_LETTERS = 19
#: Letters of the labels that fit beside each other in a column.
_LABELS = 45


def grid(figure: Figure, layout: Sequence[Sequence[str]], width: float, heights: Sequence[float]) -> dict[str, Axes]:
    """Axes by the names in ``layout``; ``heights`` of the rows in inches."""
    figure.set_size_inches(width, sum(heights) + 1.2)
    rows: Any = [list(row) for row in layout]
    return figure.subplot_mosaic(rows, height_ratios=list(heights))


def write_head(figure: Figure, title: str) -> None:
    """One legend for all panels, outside of them, below the title; each label once."""
    drawn: dict[str, Any] = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            drawn.setdefault(label, handle)
    if len(drawn) <= 4:
        fits = figure.get_figwidth() > COLUMN or sum(map(len, drawn)) < _LABELS
        columns = max(len(drawn), 1) if fits else 2
    else:
        columns = 5 if figure.get_figwidth() > COLUMN else 3
    where: dict[str, Any] = {"loc": "outside upper center", "ncols": columns, "title": title, "title_fontsize": 8}
    figure.legend(list(drawn.values()), list(drawn), **where)


def write_foot(figure: Figure, text: str) -> None:
    """A caption, broken to the width of the figure."""
    wide = int(_LETTERS * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(text, wide), x=0.01, ha="left", fontsize=6.5)
