"""How unevenly links are spread over hidden nodes, from histograms of degrees (claim 8)."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.claims import TOP
from spectral_repro.config.cell import Cell
from spectral_repro.figures.select import Panel
from spectral_repro.results.degrees import DEGREE_COLUMNS, degree_file, read_degrees, share_without
from spectral_repro.results.statistics import Measured


def kind_of(cell: Cell) -> str:
    """``direct`` and ``sqr`` as the paper has them; others with what they differ by: ``sqr full``."""
    masking = cell.masking_names[0]
    parts = [cell.method, *([masking] if masking not in (None, "cutoff") else [])]
    return " ".join(parts + ["full"] * (cell.method_options.get("core") == "full"))


@dataclasses.dataclass(frozen=True)
class Hubs:
    """Histograms of the hidden nodes' degrees: ``kind, seed, layer, direction, degree, count``."""

    frame: pd.DataFrame

    @classmethod
    def read(cls, results_dir: Path, panels: Sequence[Panel]) -> "Hubs":
        """Those of the networks of some panels that were kept."""
        lines = []
        for panel in panels:
            for cell in panel.cells:
                seeds = set(panel.frame.loc[panel.frame["config_hash"] == cell.config_hash, "seed"])
                lines += [
                    (kind_of(cell), *line) for line in read_degrees(degree_file(results_dir, cell)) if line[0] in seeds
                ]
        return cls(pd.DataFrame(lines, columns=["kind", *DEGREE_COLUMNS]))

    def _of(self, kind: str, direction: str) -> pd.DataFrame:
        return self.frame[(self.frame["kind"] == kind) & (self.frame["direction"] == direction)]

    def measured(self, kind: str, links: str) -> Measured:
        """:func:`top_share` of in-links (``in``; ``live``: among nodes that have any) or of out-links (``out``)."""
        mine = self._of(kind, "out" if links == "out" else "in")
        mine = mine[mine["degree"] > 0] if links == "live" else mine
        return Measured.of((kind, links), {seed: top_share(rows) for seed, rows in mine.groupby("seed")})

    def live_share(self, kind: str) -> float:
        """Share of the nodes that have any input."""
        return 1 - share_without(self._of(kind, "in"))

    def most(self, kind: str) -> int:
        """The highest in-degree of all realizations."""
        return int(self._of(kind, "in")["degree"].max())


def top_share(histogram: pd.DataFrame, share: float = TOP) -> float:
    """Share of all links that the ``share`` most connected nodes hold, from rows ``degree, count`` of one network."""
    ordered = histogram.sort_values("degree", ascending=False)
    left, held = share * ordered["count"].sum(), 0.0  # a part of a node counts as that part
    for degree, count in zip(ordered["degree"], ordered["count"], strict=True):
        taken = min(left, count)
        held, left = held + taken * degree, left - taken
    total = (ordered["degree"] * ordered["count"]).sum()
    return held / total if total else math.nan
