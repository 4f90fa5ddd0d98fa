"""Is it better than spending the same number of trained parameters otherwise? (SPEC 9)"""

from collections.abc import Sequence
from typing import NamedTuple

from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of
from spectral_repro.report.conditions import above
from spectral_repro.report.entries import BUDGETS, Entry, at_budget
from spectral_repro.results.statistics import Measured, difference

#: Trivial methods that a referee asks for first.
TRIVIAL = ("linear", "random_features")


class Lead(NamedTuple):
    """Who leads one budget on one data set; ``gaps`` is what each other way is above the first."""

    panel: Panel
    budget: int
    ordered: Sequence[Entry]
    gaps: dict[str, Measured]

    @property
    def first(self) -> Entry:
        return self.ordered[0]

    @property
    def near(self) -> list[Entry]:
        """Those that their intervals do not separate from the first, which is one of them."""
        return [e for e in self.ordered if e == self.first or above(self.gaps[e.way], 0) is not False]


def leads(found: Sequence[Entry], panels: Sequence[Panel]) -> list[Lead]:
    """Of the cells of ``control_budget``, of each way the size of the best validation accuracy that fits."""
    lines = []
    for panel in panels:
        cells = {cell.config_hash for cell in panel.cells} if panel.profile == "paper" else set()
        for budget in BUDGETS:
            if ordered := at_budget(found, cells, panel.data, budget):
                first, *others = ordered
                gaps = {e.way: difference(e.accuracies, first.accuracies) for e in others}
                lines.append(Lead(panel, budget, ordered, gaps))
    return lines


def first_and_near(lines: Sequence[Lead]) -> dict[str, tuple[int, int]]:
    """By way how often it is first, and how often first or not separated from it."""
    ways = sorted({e.way for line in lines for e in line.near})
    return {
        way: (
            sum(line.first.way == way for line in lines),
            sum(way in (e.way for e in line.near) for line in lines),
        )
        for way in ways
    }


def beside_spectral(found: Sequence[Entry], panel: Panel, methods: Sequence[str]) -> dict[str, Measured | str]:
    """What other methods are above Spectral of 500 hidden nodes with at most as many parameters, by label.

    A text instead of a number says why there is none.
    """
    cells = {cell.config_hash for cell in panel.cells}
    mine = [e for e in found if e.config_hash in cells]
    (spectral,) = (e for e in mine if (e.way, e.network) == (label_of("spectral"), "500"))
    said: dict[str, Measured | str] = {}
    for method in methods:
        label = label_of(method).replace("_", " ")
        fitting = [e for e in at_budget(found, cells, panel.data, spectral.trained) if e.way == label]
        least = min((e.trained for e in mine if e.way == label), default=0)
        if fitting:
            said[label] = difference(fitting[0].accuracies, spectral.accuracies)
        else:
            said[label] = f"trains {least:,} parameters at least" if least else "not run"
    return said
