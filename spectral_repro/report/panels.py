"""The panels of figures that the report reads, each chosen once."""

import dataclasses
import functools
from pathlib import Path

import pandas as pd

from spectral_repro.figures.catalogue import ALL, FIGURES, RELATIVE, FigureSpec
from spectral_repro.figures.select import Panel, choose_panels
from spectral_repro.report.entries import Entry, entries

RATES = ("published", "tuned")
#: Rows on MNIST that have no figure: the published code's variants, and the original Spectral.
FINDINGS = FigureSpec("findings", RELATIVE, ("mnist",), (), "784–N2–10", "MNIST, no figure")


@dataclasses.dataclass(frozen=True)
class Rows:
    """All rows of a results folder, and the panels and entries that are made of them.

    ``profile`` is the one that figures show; None: the paper's where it is complete.
    """

    frame: pd.DataFrame
    profile: str | None = None

    @property
    def results_dir(self) -> Path:
        return Path(self.frame.attrs.get("results_dir", "results"))

    @functools.cached_property
    def _chosen(self) -> dict[tuple[str, tuple[str, ...]], list[Panel]]:
        return {}

    def panels(self, figure: str, rates: str = "published", methods: tuple[str, ...] = ()) -> list[Panel]:
        """Of a figure at one kind of rates, with the cells of these methods; none where there is no such figure."""
        spec = spec_of(figure, rates)
        key = (spec.name if spec else "", methods)
        if key not in self._chosen:
            self._chosen[key] = choose_panels(self.frame, spec, self.profile, methods) if spec else []
        return self._chosen[key]

    def whole(self, figure: str, rates: str = "published", methods: tuple[str, ...] = ()) -> list[Panel]:
        """Those of networks that were trained to their end, of every cell of these methods enough."""
        return [p for p in self.panels(figure, rates, methods) if p.profile == "paper" and p.ready == 1]

    @functools.cached_property
    def entries(self) -> list[Entry]:
        """The cells of full-length rows."""
        return entries(self.frame)


def spec_of(figure: str, rates: str = "published") -> FigureSpec | None:
    """The figure of a name at one kind of rates, if there is one."""
    if figure == "findings":
        return FINDINGS if rates == "published" else None
    return ALL.get(figure if rates == "published" else f"{figure}_tuned")


def short_of(figure: str) -> str:
    """What a paper's figure is called in a text."""
    return FIGURES[figure].short if figure in FIGURES else ALL[figure].short if figure in ALL else FINDINGS.short
