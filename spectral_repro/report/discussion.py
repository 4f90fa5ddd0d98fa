"""What differs from the paper, in sentences whose numbers are computed from the rows."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import claims
from spectral_repro.report.tables import collapsed
from spectral_repro.results.statistics import difference, mean


def discuss(panels: Mapping[str, list[Panel]], verdicts: Sequence[claims.Verdict], findings: Panel) -> str:
    """A paragraph per subject, of which there is something to say."""
    parts = [_disagreements(verdicts), _small_networks(panels), _all_of_r(findings), _collapses(panels), _quick(panels)]
    said = [text for text in parts if text]
    return "## What differs from the paper\n\n" + ("\n\n".join(said) or "Nothing that the rows at hand would show.")


def _title(name: str) -> str:
    return FIGURES[name].title.partition(":")[0]


def _disagreements(verdicts: Sequence[claims.Verdict]) -> str:
    found = [v for v in verdicts if v.verdict == claims.NOT_REPRODUCED]
    if not found:
        return ""
    said = [f"claim {v.number} in {_title(v.figure)} ({v.measured})" for v in found]
    return f"Judged and not reproduced: {'; '.join(said)}."


def _full_length(panels: Mapping[str, list[Panel]]) -> Iterator[tuple[str, Panel]]:
    for name, group in panels.items():
        yield from ((name, p) for p in group if p.profile == "paper" and p.least >= claims.LEAST_N)


def _small_networks(panels: Mapping[str, list[Panel]]) -> str:
    """How S-QR's distance from direct depends on N2."""
    said = []
    for name, panel in _full_length(panels):
        if FIGURES[name].kind != catalogue.RELATIVE or "sqr" not in FIGURES[name].methods:
            continue
        curve = {n2: mean(v).value for n2, v in sorted(claims.relative_by_size(panel.frame, "sqr").items())}
        if not curve:
            continue
        near = [n2 for n2 in curve if all(curve[other] > 0.98 for other in curve if other >= n2)]
        low = min(curve, key=curve.get)
        since = f"above 0.98 from N2 = {near[0]} on" if near else "not above 0.98 at the largest N2"
        said.append(f"{_title(name)}: {curve[low]:.3f} at N2 = {low}, {since}")
    return f"S-QR, relative to direct, at its lowest and where it comes near: {'; '.join(said)}." if said else ""


def _all_of_r(panel: Panel) -> str:
    """What training all of R, as the published code does, adds to the triangle of the text."""
    said = []
    for n2 in sorted({cell.n2 for cell in panel.cells}):
        cells = {c.method_options["core"]: c.config_hash for c in panel.cells if c.method == "sqr" and c.n2 == n2}
        by_core = {k: curves.accuracies(panel.frame[panel.frame["config_hash"] == h]) for k, h in cells.items()}
        full, triangle = by_core.get("full", {}), by_core.get("triangular", {})
        shared = full.keys() & triangle.keys()
        gain = difference({s: full[s] for s in shared}, {s: triangle[s] for s in shared})
        if gain.n >= claims.LEAST_N:
            low, high = gain.interval()
            said.append(f"{gain.value:+.4f} [{low:+.4f}, {high:+.4f}] at N2 = {n2} (n = {gain.n})")
    if not said:
        return ""
    return f"Training all of R instead of its upper triangle changes S-QR's accuracy on MNIST by {', '.join(said)}."


def _collapses(panels: Mapping[str, list[Panel]]) -> str:
    """Which averages are over networks that do no better than guessing."""
    said = []
    for name, group in panels.items():
        for panel in group:
            for method, rows in panel.frame.groupby("method"):
                if count := collapsed(rows):
                    said.append(
                        f"{_title(name)}, {panel.label}: {count} of {len(rows)} of {label_of(method)}{_sizes(rows)}"
                    )
    if not said:
        return ""
    return (
        "Networks that do no better than guessing are counted in all averages, and ratios to them mean little (the "
        f"tables below have medians beside the means): {'; '.join(said)}."
    )


def _sizes(rows: pd.DataFrame) -> str:
    sizes = sorted(n2 for n2, mine in rows.groupby("n2") if collapsed(mine))
    return f" (N2 = {', '.join(map(str, sizes))})"


def _quick(panels: Mapping[str, list[Panel]]) -> str:
    names = [_title(name) for name, group in panels.items() if any(p.profile == "quick" for p in group)]
    if not names:
        return ""
    return f"Nothing can be said yet of {', '.join(names)}: networks stopped after a few epochs are shown there."
