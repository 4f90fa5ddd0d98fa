"""What came out, in plain sentences whose every number is computed from rows: for the report, and for the README."""

import textwrap
from typing import Any

import pandas as pd

from spectral_repro.claims import LEAST_N2
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import budgets, cost, sparse
from spectral_repro.report.entries import full_length
from spectral_repro.report.measures import relative_by_size
from spectral_repro.report.panels import RATES, Rows
from spectral_repro.report.render import render
from spectral_repro.results.statistics import Measured, average

#: The size of which the story speaks.
SIZE = 500


def story(frame: pd.DataFrame) -> str:
    """The story, in Markdown without a title; of what has no rows there is no sentence."""
    return tell(Rows(frame))


def tell(rows: Rows) -> str:
    """The same, of rows whose figures may have been chosen already."""
    text = render("story.md.j2", **numbers(rows)).strip()
    return "\n\n".join(textwrap.fill(paragraph, 118, break_on_hyphens=False) for paragraph in text.split("\n\n")) + "\n"


def numbers(rows: Rows) -> dict[str, Any]:
    """All that the story says; None, or nothing, where there are no rows."""
    mnist = _one(rows, "fig01")
    controls = {rates: sparse.places(rows.panels("control_sparse", rates)) for rates in RATES}
    spent = {rates: budgets.leads(rows.entries, rows.panels("control_budget", rates)) for rates in RATES}
    return {
        "networks": len(full_length(rows.frame)),
        "size": SIZE,
        "least": LEAST_N2,
        "parts": {m: _at_size(mnist, m) for m in ("spectral", "sqr")},
        "fashion": {rates: _mean(_one(rows, "fig04", rates), "sqr") for rates in RATES},
        "improved": {"MNIST": _gain(_one(rows, "findings")), "fashion": _gain(_one(rows, "fig03"))},
        "sparse": {rates: _sparse(found) if found else None for rates, found in controls.items()},
        "leaders": {rates: _leaders(lines) if lines else None for rates, lines in spent.items()},
        "epoch": [r for (_, n2), r in cost.epoch_seconds(rows.results_dir, "sqr").items() if n2 == SIZE],
        "cifar": _mean(_one(rows, "fig05"), "sqr"),
    }


def _one(rows: Rows, figure: str, rates: str = "published") -> Panel | None:
    return next(iter(rows.whole(figure, rates)), None)


def _at_size(panel: Panel | None, method: str) -> tuple[float, float] | None:
    """ρ and relative accuracy at :data:`SIZE`."""
    sizes = relative_by_size(panel.frame, method) if panel else {}
    if panel is None or SIZE not in sizes:
        return None
    mine = panel.frame[(panel.frame["method"] == method) & (panel.frame["n2"] == SIZE)]
    return float(mine["rho"].iloc[0]), sizes[SIZE].value


def _mean(panel: Panel | None, method: str) -> float | None:
    sizes = relative_by_size(panel.frame, method, LEAST_N2) if panel else {}
    return average(list(sizes.values())).value if sizes else None


def _gain(panel: Panel | None) -> float | None:
    if panel is None:
        return None
    dense = panel.frame[panel.frame["sparsity"] == 0]
    new, old = (relative_by_size(dense, method) for method in ("spectral", "spectral_original"))
    return average([new[n2] - old[n2] for n2 in new if n2 in old]).value if new.keys() & old.keys() else None


def _sparse(found: list[sparse.Place]) -> dict[str, Any]:
    """S-QR's lead on MNIST at the highest sparsity with all layers alike and with the last one dense; and the count."""
    leads: dict[str, Measured] = sparse.at_highest(found).get("MNIST", {})
    return {
        "top": max(p.sparsity for p in found),
        "lead": leads["uniform"] if leads else None,
        "dense": leads["dense_output"] if leads else None,
        "returning": sparse.counts(found).get(sparse.RETURNING),
    }


def _leaders(lines: list[budgets.Lead]) -> tuple[int, int]:
    """On how many budgets hashed weights are first, and of how many."""
    first = budgets.first_and_near(lines).get(label_of("hashed"), (0, 0))[0]
    return first, len(lines)
