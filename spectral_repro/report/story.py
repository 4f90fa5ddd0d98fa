"""What came out, in plain sentences whose every number is computed from rows: for the report, and for the README."""

import textwrap
from typing import Any

import pandas as pd

from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import budgets, cost, sparse
from spectral_repro.report.entries import full_length
from spectral_repro.report.judges import spectral_gain, spectral_lead
from spectral_repro.report.measures import relative_by_size
from spectral_repro.report.panels import RATES, Rows
from spectral_repro.report.render import render
from spectral_repro.results.statistics import Measured, difference

#: The size of which the story speaks.
SIZE = 500


def story(frame: pd.DataFrame) -> str:
    """The story, in Markdown without a title; of what has no rows there is no sentence."""
    return tell(Rows(frame))


def tell(rows: Rows) -> str:
    """The same, of rows whose figures may have been chosen already."""
    text = render("story.md.j2", **numbers(rows)).strip().replace(" %", "\N{NO-BREAK SPACE}%")
    lines = (textwrap.fill(paragraph, 118, break_on_hyphens=False) for paragraph in text.split("\n\n"))
    return "\n\n".join(lines).replace("\N{NO-BREAK SPACE}", " ") + "\n"


def numbers(rows: Rows) -> dict[str, Any]:
    """All that the story says; None, or nothing, where there are no rows."""
    mnist = _one(rows, "fig01")
    controls = {rates: sparse.places(rows.panels("control_sparse", rates)) for rates in RATES}
    spent = {rates: budgets.leads(rows.entries, rows.panels("control_budget", rates)) for rates in RATES}
    return {
        "networks": len(full_length(rows.frame)),
        "size": SIZE,
        "parts": {m: _at_size(mnist, m) for m in ("spectral", "sqr")},
        "narrow": _narrow(_one(rows, "control_budget")),
        "fashion": {rates: _ratio(_one(rows, "fig04", rates), "sqr") for rates in RATES},
        "improved": _improved(_one(rows, "fig03")),
        "sparse": {rates: _sparse(found) if found else None for rates, found in controls.items()},
        "hashed": {rates: _hashed(lines) if lines else None for rates, lines in spent.items()},
        "epoch": [r for (_, n2), r in cost.epoch_seconds(rows.results_dir, "sqr").items() if n2 == SIZE],
        "cifar": _ratio(_one(rows, "fig05"), "sqr"),
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


def _ratio(panel: Panel | None, method: str) -> float | None:
    found = _at_size(panel, method)
    return found and found[1]


def _narrow(panel: Panel | None) -> float | None:
    """Claim 10 on the first data set."""
    found = spectral_lead(panel) if panel else None
    return found and found.lead.value


def _improved(panel: Panel | None) -> float | None:
    """Claim 2b."""
    found = spectral_gain(panel) if panel else None
    return found and found[0].value


def _sparse(found: list[sparse.Place]) -> dict[str, Measured | sparse.Count | float | None]:
    """S-QR's leads at the highest sparsity, on MNIST with all layers alike, and with the last one dense; the count."""
    leads = sparse.at_highest(found)
    mnist, fashion = (leads.get(label, {}) for label in ("MNIST", "Fashion-MNIST"))
    return {
        "top": max(p.sparsity for p in found),
        "lead": mnist.get("uniform"),
        "dense": mnist.get("dense_output"),
        "fashion": fashion.get("dense_output"),
        "returning": sparse.counts(found).get(sparse.RETURNING),
    }


def _hashed(lines: list[budgets.Lead]) -> sparse.Count:
    """In how many budgets hashed weights are above S-QR, and S-QR above them, by intervals."""
    pairs = [{e.way: e.accuracies for e in line.ordered} for line in lines]
    hashed, sqr = label_of("hashed"), label_of("sqr")
    return sparse.count([difference(p[hashed], p[sqr]) for p in pairs if hashed in p and sqr in p])
