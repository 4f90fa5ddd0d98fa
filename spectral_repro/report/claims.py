"""The paper's claims (SPEC 5), judged from rows alone; no verdict is written by hand."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import curves
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.report.conditions import Holds, above, all_, any_, not_, within
from spectral_repro.report.hubs import Degrees
from spectral_repro.report.tables import interval
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.statistics import Measured, average

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
NOT_RUN, NOT_JUDGED = "not yet run", "not judged"

#: Fewest realizations of a cell that a verdict may rest on: as many as a figure at full length needs.
LEAST_N = ENOUGH
#: From what part of direct's accuracy on S-QR counts as equal to it, and S-QR(p) as near.
EQUAL, NEAR = 0.98, 0.95

#: The panels of a figure with the cells of some methods only: a claim does not wait for others.
Choose = Callable[[str, tuple[str, ...]], list[Panel]]


@dataclasses.dataclass(frozen=True)
class Claim:
    """What the paper says, and what we take for it."""

    number: int
    said: str
    rule: str
    #: Methods whose networks decide it.
    methods: tuple[str, ...]


CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            1,
            "Spectral reaches about 90 % of direct on MNIST, with ρ below one per cent for N2 ≥ 500",
            "relative accuracy, mean over N2 ≥ 100, in 0.875 to 0.945; ρ < 0.01 for N2 ≥ 500",
            ("direct", "spectral"),
        ),
        Claim(
            2,
            "The modified Spectral beats the original by a few per cent",
            "gain in relative accuracy, mean over N2, in 0.01 to 0.1",
            ("direct", "spectral", "spectral_original"),
        ),
        Claim(
            3,
            "S-SVD lies above Spectral and below direct",
            "both on average over N2, and at every N2 (contradicted by one only beyond chance, Bonferroni)",
            ("direct", "spectral", "ssvd"),
        ),
        Claim(
            4,
            "S-QR is practically equal to direct, with fewer parameters",
            f"relative accuracy, mean over N2 ≥ 100, above {EQUAL}; ρ < 1 everywhere",
            ("direct", "sqr"),
        ),
        Claim(
            5,
            "Best accuracy of direct: MNIST 98 %, Fashion-MNIST 90 %, CIFAR-10 52 %",
            "highest mean over N2 within 0.01 of it",
            ("direct",),
        ),
        Claim(
            6,
            "S-QR(p) is near direct already at p well below 1, and exceeds S-SVD",
            f"at some 0 < p ≤ 0.5 (Bonferroni): relative accuracy above {NEAR} and above that of S-SVD",
            ("direct", "sqr", "ssvd"),
        ),
        Claim(
            7,
            "At high sparsity S-QR loses less accuracy than direct",
            "loss from s = 0 to the highest s of the grid",
            ("direct", "sqr"),
        ),
        Claim(
            8,
            "In sparse S-QR networks a few hubs emerge in the intermediate layer, which collect from the input",
            "share of in-links that the 5 % most connected hidden nodes hold above that of direct, among all nodes "
            "and among those with any input",
            ("direct", "sqr"),
        ),
    )
}

#: What the paper's captions give as the best accuracy of direct.
BEST_DIRECT = {"fig01": 0.98, "fig04": 0.90, "fig05": 0.52}
WITH_SSVD = ("fig01", "fig04", "fig05", "fig09")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim in one figure: what was measured (95 % intervals), the verdict, the runs."""

    claim: Claim
    figure: str
    measured: str
    verdict: str
    runs: str

    @property
    def number(self) -> int:
        return self.claim.number


#: Whether the claim holds in a panel and what was measured; None where there are too few networks.
_Judge = Callable[[Panel], tuple[Holds, str] | None]


def judge(choose: Choose, degrees: pd.DataFrame) -> list[Verdict]:
    """All claims, in order.

    Args:
        choose: panels by name of the figure, with the cells of these methods.
        degrees: of the hubs' panel, from :func:`spectral_repro.figures.command.load_degrees`.
    """
    judges: list[tuple[int, str, _Judge]] = [
        (1, "fig01", _spectral_near_ninety),
        (2, "fig03", _modified_beats_original),
        *((3, name, _ssvd_between) for name in WITH_SSVD),
        *((4, name, _sqr_equals_direct) for name in WITH_SSVD),
        *((5, name, functools.partial(_best_direct, said=said)) for name, said in BEST_DIRECT.items()),
        *((6, name, _partial_sqr) for name in ("fig06", "fig07", "fig08")),
        *((7, name, _sparse_loses_less) for name in ("fig02", "fig10")),
        (8, "hubs", functools.partial(_hubs, degrees=Degrees(degrees))),
    ]
    return [
        _verdict(CLAIMS[number], figure, panel, judge_panel)
        for number, figure, judge_panel in judges
        for panel in choose(figure, CLAIMS[number].methods)
    ]


def _verdict(claim: Claim, figure: str, panel: Panel, judge_panel: _Judge) -> Verdict:
    """Applies ``judge_panel`` if every cell has been run.

    Networks of ``profile=quick`` are cut off early in training, which a claim of the paper cannot be judged from.
    """
    result = judge_panel(panel) if panel.least >= LEAST_N else None
    if result is None:
        return Verdict(claim, figure, f"{panel.found} of {panel.wanted} networks", NOT_RUN, panel.caption)
    holds, measured = result
    verdict = UNDECIDED if holds is None else REPRODUCED if holds else NOT_REPRODUCED
    return Verdict(claim, figure, measured, NOT_JUDGED if panel.profile == "quick" else verdict, panel.caption)


def _by(frame: pd.DataFrame, method: str, x: str = "n2") -> dict[float, Measured]:
    mine = frame[frame["method"] == method]
    return {at: curves.measured(rows) for at, rows in mine.groupby(x)}


def relative_by_size(frame: pd.DataFrame, method: str, least_n2: int = 0) -> dict[int, Measured]:
    """For each size the accuracy of ``method`` relative to direct (SPEC 4): the points of the figure's curve.

    Without those at which networks of direct have collapsed, of which some would decide the mean.
    """
    mine, direct = _by(frame, method), _by(frame, "direct")
    sizes = [n2 for n2 in mine if n2 in direct and n2 >= least_n2]
    return {n2: mine[n2] / direct[n2] for n2 in sizes if n2 not in collapsed_sizes(frame)}


def _left_out(frame: pd.DataFrame) -> str:
    """What a mean over N2 says of the sizes that are not in it."""
    said = [f"N2 = {n2} ({count} of direct at chance)" for n2, count in collapsed_sizes(frame).items()]
    return f"; left out: {', '.join(said)}" if said else ""


def _listed(values: Iterable[float], none: str) -> str:
    return ", ".join(f"{value:g}" for value in values) or none


def _spectral_near_ninety(panel: Panel):
    frame = panel.frame
    sizes = relative_by_size(frame, "spectral", least_n2=100)
    wide = frame[(frame["method"] == "spectral") & (frame["n2"] >= 500)]
    if not sizes or not len(wide):
        return None
    q, rho = average(list(sizes.values())), wide["rho"].max()
    low, high = (chosen(sizes, key=lambda n2: sizes[n2].value) for chosen in (min, max))
    measured = (
        f"relative accuracy, mean over N2 ≥ 100: {interval(q)}, from {sizes[low].value:.3f} (N2 = {low}) to "
        f"{sizes[high].value:.3f} (N2 = {high}); largest ρ for N2 ≥ 500: {rho:.4f}"
    )
    measured += _left_out(frame)
    return all_(within(q, 0.875, 0.945), bool(rho < 0.01)), measured


def _modified_beats_original(panel: Panel):
    frame = panel.frame
    new, old = (relative_by_size(frame, method) for method in ("spectral", "spectral_original"))
    if not new or new.keys() != old.keys():
        return None
    gain = average([new[n2] - old[n2] for n2 in new])
    return within(gain, 0.01, 0.1), f"gain in relative accuracy, mean over N2: {interval(gain)}{_left_out(frame)}"


def _ssvd_between(panel: Panel):
    frame = panel.frame
    lower, curve = (relative_by_size(frame, method) for method in ("spectral", "ssvd"))
    if not curve or curve.keys() != lower.keys():
        return None
    gaps = {n2: curve[n2] - lower[n2] for n2 in curve}
    gap, q = average(list(gaps.values())), average(list(curve.values()))
    out = {n2: [gaps[n2].value > 0, curve[n2].value < 1] for n2 in curve}
    out = [n2 for n2, holds in out.items() if not all(holds)]
    confidence = 1 - 0.05 / (2 * len(curve))
    beyond = [
        n2 for n2 in out if above(gaps[n2], 0, confidence) is False or not_(above(curve[n2], 1, confidence)) is False
    ]
    everywhere = False if beyond else None if out else True
    measured = (
        f"relative accuracy, mean over N2: S-SVD {interval(q)}, S-SVD − Spectral {interval(gap)}; between the two at "
        f"{len(curve) - len(out)} of {len(curve)} sizes"
    )
    if out:
        measured += f"; not at N2 = {_listed(out, '')} (beyond chance: {_listed(beyond, 'none')})"
    measured += _left_out(frame)
    return all_(above(gap, 0), not_(above(q, 1)), everywhere), measured


def _sqr_equals_direct(panel: Panel):
    frame = panel.frame
    sizes, rho = relative_by_size(frame, "sqr"), frame.loc[frame["method"] == "sqr", "rho"]
    wide = [e for n2, e in sizes.items() if n2 >= 100]
    if not wide:
        return None
    q, worst = average(wide), min(sizes, key=lambda n2: sizes[n2].value)
    below = [n2 for n2, e in sizes.items() if above(e, EQUAL) is False]
    measured = (
        f"relative accuracy, mean over N2 ≥ 100: {interval(q)}; lowest of all: {interval(sizes[worst])} at "
        f"N2 = {worst}; below {EQUAL} (interval): N2 = {_listed(below, 'none')}; "
        f"largest ρ of the trained sizes {rho.max():.3f}"
    )
    measured += _left_out(frame)
    return all_(above(q, EQUAL), bool(rho.max() < 1)), measured


def _best_direct(panel: Panel, said: float):
    sizes = _by(panel.frame, "direct")
    if not sizes:
        return None
    n2 = max(sizes, key=lambda at: sizes[at].value)
    measured = f"{panel.label}: best {interval(sizes[n2], '.4f')} at N2 = {n2}, {said:.0%} in the paper"
    return within(sizes[n2], said - 0.01, said + 0.01), measured


def _partial_sqr(panel: Panel):
    frame = panel.frame
    direct, ssvd = (list(_by(frame, method).values()) for method in ("direct", "ssvd"))
    sqr = {p: e for p, e in _by(frame, "sqr", "p").items() if 0 < p <= 0.5}
    if not sqr or len(direct) != 1 or len(ssvd) != 1:
        return None
    relative = {p: e / direct[0] for p, e in sqr.items()}
    gaps = {p: e - ssvd[0] / direct[0] for p, e in relative.items()}
    sure = 1 - 0.05 / len(sqr)
    holds = {p: all_(above(relative[p], NEAR, sure), above(gaps[p], 0, sure)) for p in sqr}
    each = "; ".join(f"p = {p:g}: {interval(relative[p])}, S-QR − S-SVD {interval(gaps[p])}" for p in sqr)
    where = [p for p in sqr if holds[p]]
    measured = f"relative accuracy at {each}. Holds at " + (f"p = {_listed(where, '')}" if where else "no p")
    return any_(*holds.values()), measured


def _sparse_loses_less(panel: Panel):
    top, loss = panel.frame["sparsity"].max(), {}
    for method in ("direct", "sqr"):
        curve = _by(panel.frame, method, "sparsity")
        if top < 0.9 or not curve.keys() >= {0, top}:
            return None
        loss[method] = curve[0] - curve[top]
    less = loss["direct"] - loss["sqr"]
    each = {method: interval(e) for method, e in loss.items()}
    measured = (
        f"{panel.label}, s = {top:g}: direct loses {each['direct']}, S-QR {each['sqr']}; difference {interval(less)}"
    )
    return above(less, 0), measured


def _hubs(panel: Panel, degrees: Degrees):
    shares = {(m, kind): degrees.measured(m, kind) for m in ("direct", "sqr") for kind in ("in", "live", "out")}
    if min(e.n for e in shares.values()) < LEAST_N:
        return None
    more, live = (shares["sqr", kind] - shares["direct", kind] for kind in ("in", "live"))
    each = {key: interval(e) for key, e in shares.items()}
    alive = {m: f"{degrees.live_share(m):.1%}" for m in ("direct", "sqr")}
    measured = (
        f"s = {panel.cells[0].sparsity:g}, links held by the 5 % most connected hidden nodes, in-links: S-QR "
        f"{each['sqr', 'in']}, direct {each['direct', 'in']}, difference {interval(more)}; among nodes with any input "
        f"(S-QR {alive['sqr']} of all, direct {alive['direct']}): S-QR {each['sqr', 'live']}, direct "
        f"{each['direct', 'live']}, difference {interval(live)}; most in-links of a node: S-QR {degrees.most('sqr')}, "
        f"direct {degrees.most('direct')}; out-links: S-QR {each['sqr', 'out']}, direct {each['direct', 'out']}"
    )
    return all_(above(more, 0), above(live, 0)), measured


def overall(verdicts: Sequence[Verdict]) -> str:
    """One verdict on a claim over all its figures, of which it says how many were judged."""
    found = [v.verdict for v in verdicts]
    judged = [v for v in found if v not in (NOT_RUN, NOT_JUDGED)]
    if not judged:
        return NOT_JUDGED if NOT_JUDGED in found else NOT_RUN
    if len(set(judged)) == 1:
        said = judged[0]
    elif REPRODUCED in judged:
        said = "reproduced in part"
    else:
        said = NOT_REPRODUCED
    return said if len(judged) == len(found) else f"{said} so far ({len(judged)} of {len(found)} judged)"


def tally(verdicts: Iterable[Verdict]) -> str:
    """For instance ``7 reproduced, 3 not reproduced, 2 not yet run``."""
    found: Mapping[str, int] = collections.Counter(v.verdict for v in verdicts)
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
