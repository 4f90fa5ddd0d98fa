"""Which averages are over networks that do no better than guessing, or that lie far below others of their cell."""

from collections.abc import Mapping, Sequence

import pandas as pd

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import AXES, Panel, value_on, written
from spectral_repro.figures.style import label_of
from spectral_repro.results.frame import FAR, collapsed, far_below


def collapses(panels: Mapping[str, Sequence[Panel]]) -> str:
    """Networks of the figures' cells that do no better than guessing, and at which points of the axis."""
    said = []
    for name, group in panels.items():
        for panel in group:
            for method, rows in panel.frame.groupby("method"):
                if count := collapsed(rows):
                    where = f"{ALL[name].short}, {panel.label}"
                    said.append(f"{where}: {count} of {len(rows)} of {label_of(method)} ({_where(panel, rows)})")
    if not said:
        return ""
    return (
        "Networks that do no better than guessing (test accuracy below 0.15 of ten classes) are counted in the "
        "averages of their cell, and ratios to them mean little: claims about means over N2 leave such sizes out and "
        f"name them, and the tables below have medians beside the means. {'; '.join(said)}."
    )


def _where(panel: Panel, rows: pd.DataFrame) -> str:
    """At which points of the panel's axis: ``N2 = 20, 50``, or of a sparse figure ``s = 0.99``."""
    axis = next((a for a in ("n2", "sparsity", "p") if panel.frame[a].nunique() > 1), "n2")
    points = sorted(at for at, mine in rows.groupby(axis) if collapsed(mine))
    return f"{AXES[axis]} = {', '.join(f'{at:g}' for at in points)}"


def lagging(panels: Mapping[str, Sequence[Panel]]) -> str:
    """Full-length networks, better than guessing, that pull the mean of their cell down and widen its interval."""
    said: dict[str, str] = {}  # a cell of several figures is named in the first
    for name, group in panels.items():
        for panel in (p for p in group if p.profile == "paper"):
            axes = [a for a in AXES if len({value_on(cell, a) for cell in panel.cells} - {None}) > 1]
            for cell in panel.cells:
                rows = panel.frame[panel.frame["config_hash"] == cell.config_hash]
                low = sorted(rows.loc[far_below(rows), "test_accuracy"])
                if low and cell.config_hash not in said:
                    at = [f"{AXES[a]} = {written(v)}" for a in axes if (v := value_on(cell, a)) is not None]
                    place = ", ".join([panel.label, cell.method_label, *at])
                    each, median = ", ".join(f"{a:.4f}" for a in low), rows["test_accuracy"].median()
                    said[cell.config_hash] = (
                        f"- {ALL[name].short}, {place}: {len(low)} of {len(rows)} ({each}; median of the cell "
                        f"{median:.4f})"
                    )
    if not said:
        return ""
    head = (
        f"Networks far below the others of their cell (more than {FAR} and five median absolute deviations below its "
        "median, and better than guessing), which pull its mean down and widen its interval:"
    )
    return "\n".join([head, "", *said.values()])
