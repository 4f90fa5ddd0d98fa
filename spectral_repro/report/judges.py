"""How each claim is judged: whether it holds in a panel, and what was measured there."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from spectral_repro.figures import curves
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.report.conditions import Holds, above, all_, any_, not_, within
from spectral_repro.report.hubs import Degrees
from spectral_repro.report.tables import accuracy_interval, interval
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.statistics import Measured, average

#: From what part of direct's accuracy on S-QR counts as equal to it, and S-QR(p) as near.
EQUAL, NEAR = 0.98, 0.95
#: What counts as about 90 % of it.
ABOUT_NINETY = 0.875, 0.945
#: And as a few per cent more.
A_FEW_PER_CENT = 0.01, 0.1

#: Whether the claim holds in a panel and what was measured; None where there are too few networks.
Judge = Callable[[Panel], tuple[Holds, str] | None]


def _by(frame: pd.DataFrame, method: str, x: str = "n2") -> dict[Any, Measured]:
    mine = frame[frame["method"] == method]
    return {at: curves.measured(rows) for at, rows in mine.groupby(x)}


def relative_by_size(frame: pd.DataFrame, method: str, least_n2: int = 0) -> dict[int, Measured]:
    """For each size the accuracy of ``method`` relative to direct (SPEC 4): the points of the figure's curve.

    Without those at which networks of direct have collapsed, of which some would decide the mean.
    """
    mine, direct = _by(frame, method), _by(frame, "direct")
    lost = collapsed_sizes(frame)
    return {n2: mine[n2] / direct[n2] for n2 in mine if n2 in direct and n2 >= least_n2 and n2 not in lost}


def _left_out(frame: pd.DataFrame) -> str:
    """What a mean over N2 says of the sizes that are not in it."""
    said = [f"N2 = {n2} ({count} of direct at chance)" for n2, count in collapsed_sizes(frame).items()]
    return f"; left out: {', '.join(said)}" if said else ""


def _listed(values: Iterable[float], none: str) -> str:
    return ", ".join(f"{value:g}" for value in values) or none


def spectral_near_ninety(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 1."""
    frame = panel.frame
    sizes = relative_by_size(frame, "spectral", least_n2=100)
    wide = frame[(frame["method"] == "spectral") & (frame["n2"] >= 500)]
    if not sizes or not len(wide):
        return None
    q, rho = average(list(sizes.values())), wide["rho"].max()
    low, high = (chosen(sizes, key=lambda n2: sizes[n2].value) for chosen in (min, max))
    large = [e for n2, e in sizes.items() if n2 >= 500]
    measured = (
        f"relative accuracy, mean over N2 ≥ 100: {interval(q)}, from {sizes[low].value:.3f} (N2 = {low}) to "
        f"{sizes[high].value:.3f} (N2 = {high}){f', over N2 ≥ 500: {interval(average(large))}' if large else ''}; "
        f"largest ρ for N2 ≥ 500: {rho:.4f}"
    )
    measured += _left_out(frame)
    return all_(within(q, *ABOUT_NINETY), bool(rho < 0.01)), measured


def modified_beats_original(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 2."""
    frame = panel.frame
    new, old = (relative_by_size(frame, method) for method in ("spectral", "spectral_original"))
    if not new or new.keys() != old.keys():
        return None
    gain = average([new[n2] - old[n2] for n2 in new])
    return within(gain, *A_FEW_PER_CENT), f"gain in relative accuracy, mean over N2: {interval(gain)}{_left_out(frame)}"


def ssvd_between(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 3."""
    frame = panel.frame
    lower, curve = (relative_by_size(frame, method) for method in ("spectral", "ssvd"))
    if not curve or curve.keys() != lower.keys():
        return None
    gaps = {n2: curve[n2] - lower[n2] for n2 in curve}
    gap, q = average(list(gaps.values())), average(list(curve.values()))
    out = [n2 for n2 in curve if not (gaps[n2].value > 0 and curve[n2].value < 1)]
    confidence = 1 - 0.05 / (2 * len(curve))
    beyond = [
        n2 for n2 in out if above(gaps[n2], 0, confidence) is False or not_(above(curve[n2], 1, confidence)) is False
    ]
    measured = (
        f"relative accuracy, mean over N2: S-SVD {interval(q)}, S-SVD − Spectral {interval(gap)}; between the two at "
        f"{len(curve) - len(out)} of {len(curve)} sizes"
    )
    if out:
        measured += f"; not at N2 = {_listed(out, '')} (beyond chance: {_listed(beyond, 'none')})"
    measured += _left_out(frame)
    return all_(above(gap, 0), not_(above(q, 1)), not beyond), measured


def sqr_equals_direct(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 4."""
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


def best_direct(panel: Panel, said: float) -> tuple[Holds, str] | None:
    """Claim 5; ``said`` is what the paper gives as the best accuracy of direct."""
    sizes = _by(panel.frame, "direct")
    if not sizes:
        return None
    n2 = max(sizes, key=lambda at: sizes[at].value)
    measured = f"{panel.label}: best {accuracy_interval(sizes[n2])} at N2 = {n2}, {said:.0%} in the paper"
    return within(sizes[n2], said - 0.01, said + 0.01), measured


@dataclasses.dataclass(frozen=True)
class Shares:
    """S-QR(p) relative to direct by 0 < p ≤ 0.5, what it is above S-SVD there, and S-SVD relative to direct.

    ``at_zero`` is what it is above S-SVD at p = 0, where both train the same number of parameters; None without rows.
    """

    relative: dict[float, Measured]
    gaps: dict[float, Measured]
    ssvd: Measured
    at_zero: Measured | None


def shares(panel: Panel) -> Shares | None:
    """Of a panel of Figs. 6 to 8; None where rows are missing."""
    frame = panel.frame
    direct, ssvd = (list(_by(frame, method).values()) for method in ("direct", "ssvd"))
    sqr = {p: e for p, e in _by(frame, "sqr", "p").items() if p <= 0.5}
    if not any(sqr) or len(direct) != 1 or len(ssvd) != 1:
        return None
    level = ssvd[0] / direct[0]
    relative = {p: e / direct[0] for p, e in sqr.items()}
    gaps = {p: e - level for p, e in relative.items()}
    relative.pop(0, None)
    return Shares(relative, gaps, level, at_zero=gaps.pop(0, None))


def partial_sqr(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 6."""
    found = shares(panel)
    if found is None:
        return None
    relative, gaps = found.relative, found.gaps
    sure = 1 - 0.05 / len(gaps)
    holds = {p: all_(above(relative[p], NEAR, sure), above(gaps[p], 0, sure)) for p in gaps}
    each = "; ".join(
        f"p = {p:g}: {interval(relative[p], confidence=sure)}, S-QR − S-SVD {interval(gaps[p], confidence=sure)}"
        for p in gaps
    )
    where = [p for p in gaps if holds[p]]
    measured = f"relative accuracy ({100 * sure:.3g} % intervals) at {each}. Holds at "
    measured += f"p = {_listed(where, '')}" if where else "no p"
    return any_(*holds.values()), measured


def sparse_loses_less(panel: Panel) -> tuple[Holds, str] | None:
    """Claim 7."""
    top, loss = panel.frame["sparsity"].max(), {}
    for method in ("direct", "sqr"):
        curve = _by(panel.frame, method, "sparsity")
        if top < 0.9 or not curve.keys() >= {0, top}:
            return None
        loss[method] = {s: curve[0] - e for s, e in curve.items() if s >= 0.9}
    less = {s: e - loss["sqr"][s] for s, e in loss["direct"].items() if s in loss["sqr"]}
    each = {method: interval(at[top]) for method, at in loss.items()}
    measured = (
        f"{panel.label}, s = {top:g}: direct loses {each['direct']}, S-QR {each['sqr']}; difference "
        f"{interval(less[top])}"
    )
    if others := [f"{interval(e)} at s = {s:g}" for s, e in sorted(less.items()) if s < top]:
        measured += f", and {', '.join(others)}"
    return above(less[top], 0), measured


def hubs_collect(panel: Panel, degrees: Degrees) -> tuple[Holds, str] | None:
    """Claim 8."""
    shares = {(m, kind): degrees.measured(m, kind) for m in ("direct", "sqr") for kind in ("in", "live", "out")}
    if min(e.n for e in shares.values()) < ENOUGH:
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
