"""How unevenly links are spread over hidden nodes, and over which (claim 8)."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.claims import TOP
from spectral_repro.figures.hubs import degrees_of
from spectral_repro.figures.select import Panel
from spectral_repro.results.statistics import Measured


@dataclasses.dataclass(frozen=True)
class Hubs:
    """Degrees of the hidden nodes: ``kind, seed, layer, node, direction, degree``."""

    frame: pd.DataFrame

    @classmethod
    def read(cls, results_dir: Path, panels: Sequence[Panel]) -> "Hubs":
        """Those of the networks of some panels that were kept."""
        return cls(degrees_of(results_dir, panels))

    def _of(self, kind: str, direction: str) -> pd.DataFrame:
        return self.frame[(self.frame["kind"] == kind) & (self.frame["direction"] == direction)]

    def measured(self, kind: str, links: str) -> Measured:
        """:func:`top_share` of in-links (``in``; ``live``: among nodes that have any) or of out-links (``out``)."""
        mine = self._of(kind, "out" if links == "out" else "in")
        mine = mine[mine["degree"] > 0] if links == "live" else mine
        return Measured.of((kind, links), {seed: top_share(rows["degree"]) for seed, rows in mine.groupby("seed")})

    def place(self, kind: str) -> Measured:
        """:func:`top_place` of in-links."""
        mine = self._of(kind, "in")
        return Measured.of(
            (kind, "place"), {s: top_place(r.set_index("node")["degree"]) for s, r in mine.groupby("seed")}
        )

    def live_share(self, kind: str) -> float:
        """Share of the nodes that have any input."""
        return float((self._of(kind, "in")["degree"] > 0).mean())

    def most(self, kind: str) -> int:
        """The highest in-degree of all realizations."""
        return int(self._of(kind, "in")["degree"].max())


def top_share(degrees: pd.Series, share: float = TOP) -> float:
    """Share of all links that the ``share`` most connected nodes of one network hold; a part of a node counts so."""
    ordered = degrees.sort_values(ascending=False).to_numpy()
    whole, part = divmod(share * len(ordered), 1)
    held = ordered[: int(whole)].sum() + (part * ordered[int(whole)] if part else 0)
    return held / ordered.sum() if ordered.sum() else math.nan


def top_place(degrees: pd.Series, share: float = TOP) -> float:
    """Where the ``share`` most connected nodes lie among all, by index: 0 first, 1 last, about 0.5 if at random.

    Args:
        degrees: by index of the node, from 0.
    """
    top = degrees.sort_values(ascending=False, kind="stable").index[: max(1, round(share * len(degrees)))]
    return float(top.to_numpy().mean() / (len(degrees) - 1))
