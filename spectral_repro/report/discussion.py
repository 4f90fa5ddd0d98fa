"""What differs from the paper, in sentences whose numbers are computed from the rows."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import AXES, ENOUGH, Panel, value_on
from spectral_repro.figures.style import label_of
from spectral_repro.report import claims, judges
from spectral_repro.report.conditions import above
from spectral_repro.report.tables import interval
from spectral_repro.report.ways import last_layer, returning
from spectral_repro.results.frame import collapsed
from spectral_repro.results.statistics import Measured, difference


def discuss(
    panels: Mapping[str, list[Panel]],
    verdicts: Sequence[claims.Verdict],
    findings: Panel,
    ways_to_silence: Sequence[Panel] = (),
) -> str:
    """A paragraph per subject, of which there is something to say.

    ``findings`` has the published code's variants, ``ways_to_silence`` are the panels of ``control_sparse``.
    """
    parts = [
        _disagreements(verdicts),
        _small_networks(panels),
        _two_protocols(panels),
        returning(ways_to_silence),
        last_layer(ways_to_silence),
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
        (claims.UNDECIDED, "Undecided: the intervals neither show what was claimed nor exclude it."),
    ):
        said = [
            f"- claim {v.number}, {FIGURES[v.figure].short}: {v.measured}" for v in verdicts if v.verdict == verdict
        ]
        parts.append(_listed(head, said))
    return "\n\n".join(filter(None, parts))


def _listed(head: str, said: Sequence[str]) -> str:
    """What is said, below its head; nothing of nothing."""
    return "\n".join([head, "", *said]) if said else ""


def _full_length(panels: Mapping[str, list[Panel]]) -> Iterator[tuple[str, Panel]]:
    for name, group in panels.items():
        yield from ((name, p) for p in group if p.profile == "paper" and p.ready == 1)


def _small_networks(panels: Mapping[str, list[Panel]]) -> str:
    """How S-QR's distance from direct depends on N2."""
    said = []
    for name, panel in _full_length(panels):
        if FIGURES[name].kind != catalogue.RELATIVE or "sqr" not in FIGURES[name].methods:
            continue
        sizes = judges.relative_by_size(panel.frame, "sqr")
        curve = {n2: e.value for n2, e in sorted(sizes.items())}
        if not curve:
            continue
        near = [n2 for n2 in curve if all(curve[other] > judges.EQUAL for other in curve if other >= n2)]
        low = min(curve, key=curve.get)
        since = (
            f"above {judges.EQUAL} from N2 = {near[0]} on" if near else f"not above {judges.EQUAL} at the largest N2"
        )
        said.append(f"- {FIGURES[name].short}: {interval(sizes[low])} at N2 = {low}, {since}{_below_ssvd(panel)}")
    head = (
        "S-QR relative to direct, at its lowest, and from where on its mean comes near (which an interval need not "
        "show), in figures at full length, without sizes at which networks of direct have collapsed:"
    )
    return _listed(head, said)


def _below_ssvd(panel: Panel) -> str:
    """At which sizes S-QR lies below S-SVD, which it does nowhere in the paper's figures."""
    sqr, ssvd = (judges.relative_by_size(panel.frame, method) for method in ("sqr", "ssvd"))
    gaps = {n2: sqr[n2] - ssvd[n2] for n2 in sorted(sqr.keys() & ssvd.keys())}
    below = [f"{interval(e)} at N2 = {n2}" for n2, e in gaps.items() if above(e, 0) is False]
    return f"; below S-SVD, S-QR − S-SVD {', '.join(below)}" if below else ""


def _two_protocols(panels: Mapping[str, list[Panel]]) -> str:
    """S-QR beside direct as the dense figures train them, and as the sparse ones do without sparsity."""
    whole, said = list(_full_length(panels)), []
    for name, panel in whole:
        if FIGURES[name].kind != catalogue.SPARSE:
            continue
        n2, layers = panel.cells[0].n2, panel.cells[0].hidden_layers
        sparse = judges.relative_by_size(panel.frame[panel.frame["sparsity"] == 0], "sqr")
        for other, dense in whole:
            alike = dense.data == panel.data and dense.cells[0].hidden_layers == layers
            if FIGURES[other].kind != catalogue.RELATIVE or not alike:
                continue
            sizes = judges.relative_by_size(dense.frame, "sqr")
            if n2 in sizes and n2 in sparse:
                where = f"{panel.label}, N2 = {n2}, hidden layers: {layers}"
                here = f"{interval(sizes[n2])} in {FIGURES[other].short}"
                said.append(f"- {where}: {here}, {interval(sparse[n2])} in {FIGURES[name].short} at s = 0")
    head = (
        "S-QR relative to direct under the two protocols of the paper: of the dense figures, and of the sparse ones, "
        "which differ in optimizer, activation, start values, validation images and patience:"
    )
    return _listed(head, said)


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
    head = "Where the published code differs from the text, accuracy on MNIST (each interval is of one comparison):"
    return _listed(head, said)


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
        "Networks that do no better than guessing (test accuracy below 0.15 of ten classes) are counted in the "
        "averages of their cell, and ratios to them mean little: claims about means over N2 leave such sizes out and "
        f"name them, and the tables below have medians beside the means. {'; '.join(said)}."
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
