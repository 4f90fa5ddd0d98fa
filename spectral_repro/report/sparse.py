"""Is S-QR's lead at high sparsity the spectrum's, or that of silenced weights that return? (SPEC 9)"""

import collections
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from spectral_repro.figures import curves
from spectral_repro.figures.controls import ALLOCATIONS, ways
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.figures.style import WAYS, way_of
from spectral_repro.report.conditions import above
from spectral_repro.report.cost import links
from spectral_repro.results.statistics import Measured, difference

#: A way to train a sparse network: method and masking.
Way = tuple[str, str]
SQR: Way = ("sqr", "cutoff")
CUTOFF: Way = ("direct", "cutoff")
RETURNING: Way = ("direct", "straight_through")
#: Stands for the masking of direct that has the best validation accuracy.
BEST: Way = ("direct", "best")
#: What S-QR is compared with.
RIVALS = (CUTOFF, RETURNING, BEST)


class Place(NamedTuple):
    """One data set, allocation and sparsity, and S-QR's lead there over each rival that has rows."""

    panel: Panel
    allocation: str
    sparsity: float
    links: int
    leads: Mapping[Way, Measured]
    #: Mean epochs of S-QR and of the best of direct, and which that is.
    best: Way | None
    epochs: Mapping[Way, float]


def places(panels: Sequence[Panel]) -> list[Place]:
    """All of the panels of ``control_sparse`` that are trained to their end, by data set, allocation and sparsity."""
    return [place for panel in panels if panel.profile == "paper" for place in _places(panel)]


def _places(panel: Panel) -> Iterator[Place]:
    for allocation in ALLOCATIONS:
        found = ways(panel, allocation)
        for s in sorted({s for rows in found.values() for s in rows["sparsity"]}):
            at = {key: rows[rows["sparsity"] == s] for key, rows in found.items()}
            at = {key: rows for key, rows in at.items() if len(rows) >= ENOUGH}
            if SQR not in at:
                continue
            best = _best(at)
            rivals = {rival: at.get(best if rival == BEST and best else rival) for rival in RIVALS}
            leads = {rival: _lead(at[SQR], rows) for rival, rows in rivals.items() if rows is not None}
            epochs = {key: float(rows["epochs"].mean()) for key, rows in at.items()}
            yield Place(panel, allocation, s, links(at[SQR].iloc[0]), leads, best, epochs)


def _lead(first: pd.DataFrame, second: pd.DataFrame) -> Measured:
    return difference(curves.accuracies(first), curves.accuracies(second))


def _best(at: Mapping[Way, pd.DataFrame]) -> Way | None:
    """The masking of direct with the highest validation accuracy, once all have rows."""
    if not all(("direct", masking) in at for masking in WAYS):
        return None
    return max((k for k in at if k[0] == "direct"), key=lambda k: at[k]["validation_accuracy"].mean())


class Count(NamedTuple):
    """In how many comparisons the first leads, the second leads, and of how many; with a Bonferroni correction, too."""

    first: int
    second: int
    of: int
    sure: tuple[int, int]


def count(leads: Sequence[Measured]) -> Count:
    """By 95 % intervals of each, and of all together."""
    each, sure = ([above(e, 0, c) for e in leads] for c in (0.95, 1 - 0.05 / max(len(leads), 1)))
    return Count(each.count(True), each.count(False), len(leads), (sure.count(True), sure.count(False)))


def counts(found: Sequence[Place]) -> dict[Way, Count]:
    """S-QR against each rival, over all places."""
    return {
        rival: count([p.leads[rival] for p in found if rival in p.leads])
        for rival in RIVALS
        if any(rival in p.leads for p in found)
    }


def at_highest(found: Sequence[Place], rival: Way = CUTOFF) -> dict[str, dict[str, Measured]]:
    """By data set S-QR's lead at its highest sparsity with each allocation, of those that have both."""
    top = {p.panel.label: p.sparsity for p in sorted(found, key=lambda p: p.sparsity)}
    leads: dict[str, dict[str, Measured]] = collections.defaultdict(dict)
    for p in found:
        if p.sparsity == top[p.panel.label] and rival in p.leads:
            leads[p.panel.label][p.allocation] = p.leads[rival]
    return {label: both for label, both in leads.items() if both.keys() >= {"uniform", "dense_output"}}


def training_of_best(found: Sequence[Place]) -> dict[str, tuple[int, float]]:
    """By its name how often a masking is the best of direct, and for how many epochs it then trains."""
    epochs = collections.defaultdict(list)
    for p in found:
        if p.best:
            epochs[said(p.best)].append(p.epochs[p.best])
    return {name: (len(values), sum(values) / len(values)) for name, values in sorted(epochs.items())}


def table(by_rates: Mapping[str, Sequence[Place]]) -> pd.DataFrame:
    """All leads with their 95 % intervals, one line each."""
    lines = []
    for rates, found in by_rates.items():
        for p in found:
            for rival, lead in p.leads.items():
                place = {"data": p.panel.data, "rates": rates, "allocation": p.allocation, "sparsity": p.sparsity}
                low, high = lead.interval()
                gap = {"difference": lead.value, "low": low, "high": high, "n": lead.n}
                lines.append({**place, "links": p.links, "sqr_against": said(rival), **gap})
    return pd.DataFrame(lines)


@functools.cache
def said(way: Way) -> str:
    """A way's name."""
    return "best of direct" if way == BEST else way_of(*way)[0]
