"""What differs from the paper, in sentences whose numbers are computed from the rows."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import claims
from spectral_repro.report.tables import collapsed, interval
from spectral_repro.results.statistics import difference


def discuss(panels: Mapping[str, list[Panel]], verdicts: Sequence[claims.Verdict], findings: Panel) -> str:
    """A paragraph per subject, of which there is something to say."""
    parts = [
        _disagreements(verdicts),
        _small_networks(panels),
        _published_code(findings),
        _collapses(panels),
        _quick(panels),
    ]
    said = [text for text in parts if text]
    return "## What differs from the paper\n\n" + ("\n\n".join(said) or "Nothing that the rows at hand would show.")


def _disagreements(verdicts: Sequence[claims.Verdict]) -> str:
    parts = []
    for verdict, head in (
        (claims.NOT_REPRODUCED, "Not reproduced: the intervals exclude what was claimed."),
        (claims.UNDECIDED, "Undecided: the intervals hold both what was claimed and its contrary."),
    ):
        said = [
            f"- claim {v.number}, {FIGURES[v.figure].short}: {v.measured}" for v in verdicts if v.verdict == verdict
        ]
        parts += ["\n".join([head, "", *said])] if said else []
    return "\n\n".join(parts)


def _full_length(panels: Mapping[str, list[Panel]]) -> Iterator[tuple[str, Panel]]:
    for name, group in panels.items():
        yield from ((name, p) for p in group if p.profile == "paper" and p.least >= claims.LEAST_N)


def _small_networks(panels: Mapping[str, list[Panel]]) -> str:
    """How S-QR's distance from direct depends on N2."""
    said = []
    for name, panel in _full_length(panels):
        if FIGURES[name].kind != catalogue.RELATIVE or "sqr" not in FIGURES[name].methods:
            continue
        curve = {n2: e.value for n2, e in sorted(claims.relative_by_size(panel.frame, "sqr").items())}
        if not curve:
            continue
        near = [n2 for n2 in curve if all(curve[other] > claims.EQUAL for other in curve if other >= n2)]
        low = min(curve, key=curve.get)
        since = (
            f"above {claims.EQUAL} from N2 = {near[0]} on" if near else f"not above {claims.EQUAL} at the largest N2"
        )
        said.append(f"- {FIGURES[name].short}: {curve[low]:.3f} at N2 = {low}, {since}")
    if not said:
        return ""
    return "\n".join(
        ["S-QR relative to direct, at its lowest and where it comes near, in figures at full length:", "", *said]
    )


def _published_code(panel: Panel) -> str:
    """What the published code's variants, where the text says otherwise, change."""
    said = []
    for method, option, theirs, ours, what in (
        ("sqr", "core", "full", "triangular", "training all of R instead of its upper triangle"),
        ("ssvd", "basis", "gaussian", "orthogonal", "Gaussian U and V instead of orthogonal ones"),
    ):
        gains = []
        for n2 in sorted({cell.n2 for cell in panel.cells}):
            cells = [c for c in panel.cells if c.method == method and c.n2 == n2]
            hashes = {c.method_options[option]: c.config_hash for c in cells}
            values = {k: curves.accuracies(panel.frame[panel.frame["config_hash"] == h]) for k, h in hashes.items()}
            gain = difference(values.get(theirs, {}), values.get(ours, {}))
            if gain.n >= claims.LEAST_N:
                gains.append(f"{interval(gain, '+.4f')} at N2 = {n2}")
        if gains:
            said.append(f"- {what} changes {label_of(method)} by {', '.join(gains)}")
    return "\n".join(["Where the published code differs from the text, accuracy on MNIST:", "", *said]) if said else ""


def _collapses(panels: Mapping[str, list[Panel]]) -> str:
    """Which averages are over networks that do no better than guessing."""
    said = []
    for name, group in panels.items():
        for panel in group:
            for method, rows in panel.frame.groupby("method"):
                if count := collapsed(rows):
                    where = f"{FIGURES[name].short}, {panel.label}"
                    said.append(f"{where}: {count} of {len(rows)} of {label_of(method)}{_sizes(rows)}")
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
    names = [FIGURES[name].short for name, group in panels.items() if any(p.profile == "quick" for p in group)]
    if not names:
        return ""
    return f"{', '.join(names)} show networks that were stopped after a few epochs, from which nothing follows."
