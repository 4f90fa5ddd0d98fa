"""How unevenly links are spread over hidden nodes, from histograms of degrees (claim 8)."""

import dataclasses
import math

import pandas as pd

from spectral_repro.results.degrees import share_without
from spectral_repro.results.statistics import Measured


@dataclasses.dataclass(frozen=True)
class Degrees:
    """Histograms of the hidden nodes' degrees: ``method, seed, layer, direction, degree, count``."""

    frame: pd.DataFrame

    def _of(self, method: str, direction: str) -> pd.DataFrame:
        return self.frame[(self.frame["method"] == method) & (self.frame["direction"] == direction)]

    def measured(self, method: str, kind: str) -> Measured:
        """:func:`top_share` of in-links (``in``; ``live``: among nodes that have any) or of out-links (``out``)."""
        mine = self._of(method, "out" if kind == "out" else "in")
        mine = mine[mine["degree"] > 0] if kind == "live" else mine
        return Measured.of((method, kind), {seed: top_share(rows) for seed, rows in mine.groupby("seed")})

    def live_share(self, method: str) -> float:
        """Share of the nodes that have any input."""
        return 1 - share_without(self._of(method, "in"))

    def most(self, method: str) -> int:
        """The highest in-degree of all realizations."""
        return int(self._of(method, "in")["degree"].max())


def top_share(histogram: pd.DataFrame, share: float = 0.05) -> float:
    """Share of all links that the ``share`` most connected nodes hold, from rows ``degree, count`` of one network."""
    ordered = histogram.sort_values("degree", ascending=False)
    left, held = share * ordered["count"].sum(), 0.0  # a part of a node counts as that part
    for degree, count in zip(ordered["degree"], ordered["count"], strict=True):
        taken = min(left, count)
        held, left = held + taken * degree, left - taken
    total = (ordered["degree"] * ordered["count"]).sum()
    return held / total if total else math.nan
