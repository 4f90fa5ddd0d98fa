"""Do the paper's rules stop a method while it still gains? (experiment=curves)"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.figures import curves
from spectral_repro.figures.learning import stopped_rows
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.figures.style import way_of
from spectral_repro.report.formats import interval, markdown
from spectral_repro.results.statistics import Measured, difference


class Stop(NamedTuple):
    """Of one cell on one data set: mean epochs under the paper's rule, and what all epochs add to the accuracy."""

    label: str
    way: str
    epochs: float
    gain: Measured


def stops(frame: pd.DataFrame, panels: Sequence[Panel]) -> list[Stop]:
    """Of the cells of which enough networks were trained in both ways, paired by seed; all rows are in ``frame``."""
    found = []
    for panel in panels:
        for cell in panel.cells if panel.profile == "paper" else ():
            rows = panel.frame[panel.frame["config_hash"] == cell.config_hash]
            early = stopped_rows(frame, cell)
            early = early[early["seed"].isin(rows["seed"])]
            if len(early) >= ENOUGH:
                gain = difference(curves.accuracies(rows), curves.accuracies(early))
                found.append(Stop(panel.label, _way(cell), early["epochs"].mean(), gain))
    return found


def networks(found: Sequence[Stop]) -> str:
    """``n = 3``, or ``n = 3 to 10``."""
    least, most = (extreme(s.gain.n for s in found) for extreme in (min, max))
    return f"n = {least}" + f" to {most}" * (most > least)


def _way(cell: Cell) -> str:
    return way_of(cell.method, cell.masking_names[0])[0] + f", s = {cell.sparsity:g}" * bool(cell.sparsity)


def table(found: Sequence[Stop]) -> str:
    """One line a method, two columns a data set."""
    data, ways = (list(dict.fromkeys(values)) for values in zip(*((s.label, s.way) for s in found), strict=True))
    cells = {(s.way, s.label): (f"{s.epochs:.0f}", interval(s.gain, "+.4f")) for s in found}
    header = [f"{label}: {what}" for label in data for what in ("epochs", "gain")]
    lines = [(way, *(text for label in data for text in cells.get((way, label), ("", "")))) for way in ways]
    return markdown(("method", *header), lines)
