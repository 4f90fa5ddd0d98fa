"""What differs from the paper, in sentences whose numbers are computed from the rows."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import AXES, ENOUGH, Panel, value_on
from spectral_repro.figures.style import label_of
from spectral_repro.report import claims, judges
from spectral_repro.report.tables import interval
from spectral_repro.results.frame import collapsed
from spectral_repro.results.statistics import Measured, difference


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
        yield from ((name, p) for p in group if p.profile == "paper" and p.ready == 1)


def _small_networks(panels: Mapping[str, list[Panel]]) -> str:
    """How S-QR's distance from direct depends on N2."""
    said = []
    for name, panel in _full_length(panels):
        if FIGURES[name].kind != catalogue.RELATIVE or "sqr" not in FIGURES[name].methods:
            continue
        curve = {n2: e.value for n2, e in sorted(judges.relative_by_size(panel.frame, "sqr").items())}
        if not curve:
            continue
        near = [n2 for n2 in curve if all(curve[other] > judges.EQUAL for other in curve if other >= n2)]
        low = min(curve, key=curve.get)
        since = (
            f"above {judges.EQUAL} from N2 = {near[0]} on" if near else f"not above {judges.EQUAL} at the largest N2"
        )
        said.append(f"- {FIGURES[name].short}: {curve[low]:.3f} at N2 = {low}, {since}")
    if not said:
        return ""
    return "\n".join(
        ["S-QR relative to direct, at its lowest and where it comes near, in figures at full length:", "", *said]
    )


def _published_code(panel: Panel) -> str:
    """What the published code's variants, where the text says otherwise, change at full length."""
    if panel.profile != "paper":
        return ""
    said = []
    for method, option, theirs, what in (
        ("sqr", "core", "full", "training all of R instead of its upper triangle"),
        ("ssvd", "basis", "gaussian", "Gaussian U and V instead of orthogonal ones"),
        ("direct", "bias", False, "no bias, as in its sparse comparison,"),
    ):
        if gains := variant_gains(panel, method, option, theirs):
            changes = [f"{interval(gain, '+.4f')} at {where}" for where, gain in gains.items()]
            said.append(f"- {what} changes {label_of(method)} by {', '.join(changes)}")
    return "\n".join(["Where the published code differs from the text, accuracy on MNIST:", "", *said]) if said else ""


def variant_gains(panel: Panel, method: str, option: str, theirs: object) -> dict[str, Measured]:
    """What an option of the published code adds to the accuracy of ours, by place, from the rows of the findings."""
    gains = {}
    for cell in panel.cells:
        if cell.method == method and value_on(cell, option) == theirs:
            place = cell.n2, cell.sparsity
            others = [c for c in panel.cells if c.method == method and (c.n2, c.sparsity) == place and c != cell]
            rows = [panel.frame[panel.frame["config_hash"] == c.config_hash] for c in (cell, *others)]
            gain = difference(*map(curves.accuracies, rows))
            if gain.n >= ENOUGH:
                gains[f"N2 = {cell.n2}" + f", s = {cell.sparsity:g}" * bool(cell.sparsity)] = gain
    return gains


def _collapses(panels: Mapping[str, list[Panel]]) -> str:
    """Which averages are over networks that do no better than guessing."""
    said = []
    for name, group in panels.items():
        for panel in group:
            for method, rows in panel.frame.groupby("method"):
                if count := collapsed(rows):
                    where = f"{FIGURES[name].short}, {panel.label}"
                    said.append(f"{where}: {count} of {len(rows)} of {label_of(method)} ({_where(panel, rows)})")
    if not said:
        return ""
    return (
        "Networks that do no better than guessing are counted in the averages of their cell, and ratios to them mean "
        "little: claims about means over N2 leave such sizes out and name them, and the tables below have medians "
        f"beside the means. {'; '.join(said)}."
    )


def _where(panel: Panel, rows: pd.DataFrame) -> str:
    """At which points of the panel's axis: ``N2 = 20, 50``, or of a sparse figure ``s = 0.99``."""
    axis = next((a for a in ("n2", "sparsity", "p") if panel.frame[a].nunique() > 1), "n2")
    points = sorted(at for at, mine in rows.groupby(axis) if collapsed(mine))
    return f"{AXES[axis]} = {', '.join(f'{at:g}' for at in points)}"


def _quick(panels: Mapping[str, list[Panel]]) -> str:
    names = []
    for name, group in panels.items():
        stopped = [p.label for p in group if p.profile == "quick"]
        if stopped:
            which = "" if len(stopped) == len(group) else f" ({', '.join(stopped)})"
            names.append(FIGURES[name].short + which)
    if not names:
        return ""
    return (
        f"Drawn from networks that were stopped after a few epochs, from which nothing follows: {', '.join(names)}; "
        "verdicts on them, where there are any, are from networks at full length that the figures still wait to show."
    )
