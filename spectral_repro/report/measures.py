"""What the claims and the story are about, measured in the rows of one panel."""

import dataclasses
from typing import Any

import pandas as pd

from spectral_repro.claims import LARGEST_P
from spectral_repro.figures import curves
from spectral_repro.figures.select import Panel
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.statistics import Measured


def by(frame: pd.DataFrame, method: str, x: str = "n2") -> dict[Any, Measured]:
    """Mean accuracy of a method by column ``x``, one cell each."""
    mine = frame[frame["method"] == method]
    return {at: curves.measured(rows) for at, rows in mine.groupby(x)}


def relative_by_size(frame: pd.DataFrame, method: str, least_n2: int = 0) -> dict[int, Measured]:
    """For each size the accuracy of ``method`` relative to direct (SPEC 4): the points of the figure's curve.

    Without those at which networks of direct have collapsed, of which some would decide the mean.
    """
    mine, direct = by(frame, method), by(frame, "direct")
    lost = collapsed_sizes(frame)
    return {n2: mine[n2] / direct[n2] for n2 in mine if n2 in direct and n2 >= least_n2 and n2 not in lost}


@dataclasses.dataclass(frozen=True)
class Shares:
    """S-QR(p) of Figs. 6 to 8, by p from 0 to :data:`LARGEST_P`, and S-SVD, relative to direct.

    ``gaps`` is what S-QR(p) is above S-SVD. At p = 0 both train the same number of parameters.
    """

    relative: dict[float, Measured]
    gaps: dict[float, Measured]
    ssvd: Measured

    @property
    def positive(self) -> list[float]:
        """The values of p that are above 0."""
        return [p for p in self.gaps if p > 0]


def shares(panel: Panel) -> Shares | None:
    """Of a panel of Figs. 6 to 8; None where rows are missing."""
    direct, ssvd = (list(by(panel.frame, method).values()) for method in ("direct", "ssvd"))
    sqr = {p: e for p, e in by(panel.frame, "sqr", "p").items() if p <= LARGEST_P}
    if not any(sqr) or len(direct) != 1 or len(ssvd) != 1:
        return None
    level = ssvd[0] / direct[0]
    relative = {p: e / direct[0] for p, e in sqr.items()}
    return Shares(relative, {p: e - level for p, e in relative.items()}, level)
