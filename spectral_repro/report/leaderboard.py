"""``LEADERBOARD.md``: every method that has rows, at fixed budgets and fixed sparsities, one kind of rates a table."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from spectral_repro.figures.select import ENOUGH
from spectral_repro.report.entries import BUDGETS, Entry, best_of_each
from spectral_repro.report.formats import accuracy_interval, interval, markdown
from spectral_repro.report.render import render
from spectral_repro.report.trace import length
from spectral_repro.results.statistics import difference

SPARSITIES = (0.9, 0.95, 0.98, 0.99)
#: Lines of a comparison that the page shows, fewer if it would grow beyond :data:`LARGEST` bytes; all are in
#: ``tables/leaderboard.csv``.
SHOWN, LARGEST = 5, 20_000
#: Which rows a kind of rates has: at a rate that is both, they are of both kinds.
KINDS = {"published": ("published", "both"), "tuned": ("tuned", "both"), "other": ("other",)}


class Comparison(NamedTuple):
    """Entries that compete, best mean first: on one data set, at one kind of rates."""

    data: str
    rates: str
    #: ``dense`` or ``sparse``, and of what the entries have the same: at most so many parameters, or a sparsity.
    kind: str
    what: str
    ordered: Sequence[Entry]


def comparisons(found: Sequence[Entry]) -> Iterator[Comparison]:
    """Of each way to train the cell of the best validation accuracy that fits; sparse ones by network."""
    for data in sorted({e.data for e in found}):
        for rates, kinds in KINDS.items():
            mine = [e for e in found if e.data == data and e.rates in kinds]
            dense = [e for e in mine if not e.sparsity]
            for budget in BUDGETS:
                yield Comparison(data, rates, "dense", f"{budget:,}", best_of_each(_fitting(dense, budget)))
            for network in sorted({e.network for e in mine if e.sparsity}, key=lambda n: (n.count("–"), n)):
                for s in SPARSITIES:
                    alike = [e for e in mine if (e.network, e.sparsity) == (network, s)]
                    if any(e.rates == rates for e in alike):  # or the published table has all of them
                        yield Comparison(data, rates, "sparse", f"{network}, {s:g}", best_of_each(alike))


def _fitting(found: Sequence[Entry], budget: int) -> list[Entry]:
    return [e for e in found if e.trained <= budget]


def build(found: Sequence[Entry], frame: pd.DataFrame) -> str:
    """The leaderboard as Markdown; ``frame`` has all rows, whose hashes are told apart."""
    digits = length(frame)
    for shown in range(SHOWN, 1, -1):
        text = render(
            "leaderboard.md.j2", tables=_tables(found, shown, digits), shown=shown, enough=ENOUGH, usual=_USUAL
        )
        if len(text.encode()) <= LARGEST:
            break
    return text


def _tables(found: Sequence[Entry], shown: int, digits: int) -> dict[str, str]:
    """By title one for each data set, kind of network and kind of rates."""
    made: dict[tuple[str, str, str], list[Sequence[str]]] = {}
    for c in comparisons(found):
        if c.ordered:
            made.setdefault((c.data, c.kind, c.rates), []).extend(_lines(c, shown, digits))
    return {
        f"{data}, {kind} networks, {rates} rates": markdown(_HEADERS[kind], lines)
        for (data, kind, rates), lines in made.items()
    }


_HEADERS = {
    "dense": ("at most", "method", "hidden", "accuracy, then differences", "trained", "adds", "rows"),
    "sparse": ("hidden, s", "method", "accuracy, then differences", "links", "adds", "rows"),
}


def _lines(c: Comparison, shown: int, digits: int) -> Iterator[Sequence[str]]:
    """The best of a comparison, the first with its accuracy, others with what they are below it."""
    first = c.ordered[0]
    for e in c.ordered[:shown]:
        gap = difference(e.accuracies, first.accuracies)
        lead = accuracy_interval(e.estimate) if e is first else interval(gap, "+.3f")
        lead += f" (n = {e.estimate.n})" * (e.estimate.n != 10) + f" ({e.at_chance} at chance)" * bool(e.at_chance)
        method = e.way + f" ({e.training})" * (e.training != _USUAL[c.kind])
        what, adds = f"**{c.what}**" * (e is first), f"{e.adds / 1e6:.0f}" if e.adds else ""
        if c.kind == "dense":
            yield what, method, e.network + e.options, lead, f"{e.trained:,}", adds, e.config_hash[:digits]
        else:
            yield what, method + e.options, lead, f"{e.links:,}", adds, e.config_hash[:digits]


#: Optimizer and activation that need not be said.
_USUAL = {"dense": "Adamax, relu", "sparse": "Adam, tanh"}


def whole_table(found: Sequence[Entry]) -> pd.DataFrame:
    """All lines: ``difference`` is to the first of the comparison, ``low`` to ``high`` its 95 % interval."""
    lines = []
    for c in comparisons(found):
        for rank, e in enumerate(c.ordered, start=1):
            gap = difference(e.accuracies, c.ordered[0].accuracies)
            low, high = gap.interval()
            lines.append(
                {
                    **{"data": c.data, "rates": c.rates, "kind": c.kind, "compared": c.what, "rank": rank},
                    **{"method": e.way, "hidden": e.network, "options": e.options.removeprefix(", ")},
                    **{"training": e.training, "accuracy": e.estimate.value, "sd": e.estimate.spread},
                    **{"n": e.estimate.n, "at_chance": e.at_chance, "difference": gap.value},
                    **({"low": low, "high": high} if rank > 1 else {"low": None, "high": None}),
                    **{"trained": e.trained, "links": e.links, "multiply_adds": e.adds, "config_hash": e.config_hash},
                }
            )
    return pd.DataFrame(lines)
