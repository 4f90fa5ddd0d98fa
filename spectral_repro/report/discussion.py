"""What differs from the paper, in sentences whose numbers are computed from the rows."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from spectral_repro.figures import catalogue
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import Panel
from spectral_repro.report import claims, judges
from spectral_repro.report.conditions import above
from spectral_repro.report.findings import original, variants
from spectral_repro.report.stragglers import collapses, lagging
from spectral_repro.report.tables import interval
from spectral_repro.report.tuned_claims import other_verdicts
from spectral_repro.report.ways import last_layer, returning
from spectral_repro.results.statistics import average


def discuss(
    panels: Mapping[str, list[Panel]],
    verdicts: Sequence[claims.Verdict],
    findings: Panel,
    controls: Mapping[str, Sequence[Panel]] = MappingProxyType({}),
    tuned: Sequence[claims.Verdict] = (),
) -> str:
    """A paragraph per subject, of which there is something to say.

    ``findings`` has the published code's variants; ``controls`` are the panels of the figures beyond the paper,
    ``tuned`` the verdicts at tuned rates.
    """
    ways_to_silence = [controls.get(name, ()) for name in ("control_sparse", "control_sparse_tuned")]
    parts = [
        _disagreements(verdicts),
        other_verdicts(verdicts, tuned),
        _more_than_ninety(panels),
        original(findings),
        _small_networks(panels),
        _small_shares(panels),
        _two_protocols(panels),
        returning(*ways_to_silence),
        last_layer(*ways_to_silence),
        variants(findings),
        collapses(panels),
        lagging({**panels, **controls}),
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


def _more_than_ninety(panels: Mapping[str, list[Panel]]) -> str:
    """Claim 1 in the range of N2 of which its other half speaks, where ρ is below one per cent."""
    for name, panel in _full_length(panels):
        sizes = judges.relative_by_size(panel.frame, "spectral", least_n2=500) if name == "fig01" else {}
        if sizes and above(q := average(list(sizes.values())), judges.ABOUT_NINETY[1]):
            return (
                f"Claim 1 is judged by the mean over N2 ≥ 100. Over N2 ≥ 500, where ρ is below one per cent, Spectral "
                f"reaches {interval(q)} of direct, more than the paper's 90 %: judged by these alone, the claim would "
                "not be reproduced."
            )
    return ""


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
        low = min(curve, key=curve.__getitem__)
        since = (
            f"above {judges.EQUAL} from N2 = {near[0]} on" if near else f"not above {judges.EQUAL} at the largest N2"
        )
        said.append(f"- {FIGURES[name].short}: {interval(sizes[low])} at N2 = {low}, {since}{_below_ssvd(panel)}")
    head = (
        f"S-QR relative to direct in figures at full length: the lowest ratio, and the smallest N2 from which on all "
        f"ratios are above {judges.EQUAL} (their values, whatever their intervals), without sizes at which networks of "
        "direct have collapsed:"
    )
    return _listed(head, said)


def _below_ssvd(panel: Panel) -> str:
    """At which sizes S-QR lies below S-SVD, which it does nowhere in the paper's figures."""
    sqr, ssvd = (judges.relative_by_size(panel.frame, method) for method in ("sqr", "ssvd"))
    gaps = {n2: sqr[n2] - ssvd[n2] for n2 in sorted(sqr.keys() & ssvd.keys())}
    below = [f"{interval(e)} at N2 = {n2}" for n2, e in gaps.items() if above(e, 0) is False]
    return f"; below S-SVD, S-QR − S-SVD {', '.join(below)}" if below else ""


def _small_shares(panels: Mapping[str, list[Panel]]) -> str:
    """Claim 6 at the smallest p, 0 included: where S-QR(p) is below S-SVD, and where S-SVD is “near” direct, too."""
    said = []
    for name, panel in _full_length(panels):
        if found := judges.shares(panel) if FIGURES[name].kind == catalogue.TRAINED_SHARE else None:
            gaps = found.gaps if found.at_zero is None else {0: found.at_zero, **found.gaps}
            below = [f"{interval(e)} at p = {p:g}" for p, e in gaps.items() if above(e, 0) is False]
            near = f"; S-SVD itself is at {interval(found.ssvd)}" * (above(found.ssvd, judges.NEAR) is True)
            if below or near:
                lies = f"S-QR − S-SVD {', '.join(below)}" if below else "S-QR below S-SVD at no p"
                said.append(f"- {FIGURES[name].short}: {lies}{near}")
    head = (
        f"S-QR(p) against S-SVD, relative to direct, at p ≤ 0.5 (at p = 0 both train the same number of parameters): "
        f"where the interval, each of one comparison, has S-QR(p) below, and where S-SVD is above {judges.NEAR}, which "
        f"claim 6 takes for near (claim 4 asks for {judges.EQUAL}):"
    )
    return _listed(head, said)


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
