"""How each claim is judged in one panel: whether it holds, and what was measured."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from spectral_repro.claims import (
    A_FEW_PER_CENT,
    ABOUT_NINETY,
    BEST_DIRECT,
    EQUAL,
    LEAST_N2,
    NEAR_BEST,
    SPARSE,
    SUBSTANTIAL,
)
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.report import cost
from spectral_repro.report.conditions import Holds, above, all_, any_, not_, within
from spectral_repro.report.formats import accuracy_interval, interval, listed
from spectral_repro.report.hubs import Hubs
from spectral_repro.report.measures import by, relative_by_size, shares
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.statistics import Measured, average, difference


class Finding(NamedTuple):
    """Whether a claim holds in a panel, in a few words what was measured, and all of it.

    ``in_part``: what holds is only the first part of the claim. ``reason``: why it was not judged.
    """

    holds: Holds
    short: str
    more: str = ""
    in_part: bool = False
    reason: str = ""


#: None where there are too few networks.
Judge = Callable[[Panel], Finding | None]


def _left_out(frame: pd.DataFrame) -> str:
    """What a mean over N2 says of the sizes that are not in it."""
    said = [f"N2 = {n2} ({count} of direct at chance)" for n2, count in collapsed_sizes(frame).items()]
    return f"; left out: {', '.join(said)}" if said else ""


def spectral_near_ninety(panel: Panel) -> Finding | None:
    """Claim 1."""
    sizes = relative_by_size(panel.frame, "spectral", LEAST_N2)
    if not sizes:
        return None
    q = average(list(sizes.values()))
    ends = " to ".join(f"{sizes[n2].value:.3f} (N2 = {n2})" for n2 in (min(sizes), max(sizes)))
    return Finding(within(q, *ABOUT_NINETY), interval(q), f"from {ends}{_left_out(panel.frame)}")


def few_per_cent_more(panel: Panel) -> Finding | None:
    """Claim 2a."""
    found = spectral_gain(panel)
    return found and Finding(within(found[0], *A_FEW_PER_CENT), *_said_gains(*found))


def substantially_more(panel: Panel) -> Finding | None:
    """Claim 2b."""
    found = spectral_gain(panel)
    return found and Finding(above(found[0], SUBSTANTIAL), *_said_gains(*found))


def spectral_gain(panel: Panel) -> tuple[Measured, dict[int, Measured]] | None:
    """Spectral less the original, relative to direct: the mean over N2, and each."""
    dense = panel.frame[panel.frame["sparsity"] == 0]
    new, old = (relative_by_size(dense, method) for method in ("spectral", "spectral_original"))
    if not new or new.keys() != old.keys():
        return None
    gains = {n2: new[n2] - old[n2] for n2 in new}
    return average(list(gains.values())), gains


def _said_gains(mean: Measured, gains: dict[int, Measured]) -> tuple[str, str]:
    return interval(mean, "+.4f"), ", ".join(f"{interval(e, '+.4f')} at N2 = {n2}" for n2, e in gains.items())


def ssvd_between(panel: Panel) -> Finding | None:
    """Claim 3."""
    lower, curve = (relative_by_size(panel.frame, method) for method in ("spectral", "ssvd"))
    if not curve or curve.keys() != lower.keys():
        return None
    gaps = {n2: curve[n2] - lower[n2] for n2 in curve}
    mean, q = average(list(gaps.values())), average(list(curve.values()))
    out = [n2 for n2 in curve if not (gaps[n2].value > 0 and curve[n2].value < 1)]
    sure = 1 - 0.05 / (2 * len(curve))
    beyond = [n2 for n2 in out if above(gaps[n2], 0, sure) is False or not_(above(curve[n2], 1, sure)) is False]
    more = f"between the two at {len(curve) - len(out)} of {len(curve)} sizes"
    more += f"; not at N2 = {listed(out)} (beyond chance: {listed(beyond)})" if out else ""
    holds = all_(above(mean, 0), not_(above(q, 1)), not beyond)
    return Finding(holds, f"{interval(q)}; {interval(mean, '+.3f')}", more + _left_out(panel.frame))


def sqr_equals_direct(panel: Panel) -> Finding | None:
    """Claim 4."""
    frame = panel.frame
    sizes, rho = relative_by_size(frame, "sqr"), frame.loc[frame["method"] == "sqr", "rho"]
    wide = [e for n2, e in sizes.items() if n2 >= LEAST_N2]
    if not wide:
        return None
    q, worst = average(wide), min(sizes, key=lambda n2: sizes[n2].value)
    below = [n2 for n2, e in sizes.items() if above(e, EQUAL) is False]
    more = (
        f"lowest of all: {interval(sizes[worst])} at N2 = {worst}; below {EQUAL} (interval): N2 = {listed(below)}; "
        f"largest ρ {rho.max():.3f}{_left_out(frame)}"
    )
    return Finding(all_(above(q, EQUAL), bool(rho.max() < 1)), interval(q), more)


def best_direct(panel: Panel, figure: str) -> Finding | None:
    """Claim 5."""
    sizes, said = by(panel.frame, "direct"), BEST_DIRECT[figure]
    if not sizes:
        return None
    n2 = max(sizes, key=lambda at: sizes[at].value)
    holds = within(sizes[n2], said - NEAR_BEST, said + NEAR_BEST)
    return Finding(holds, f"{accuracy_interval(sizes[n2])} at N2 = {n2}", f"{said:.0%} in the paper")


def partial_sqr(panel: Panel) -> Finding | None:
    """Claim 6."""
    found = shares(panel)
    if found is None:
        return None
    sure = 1 - 0.05 / len(found.positive)
    higher = {p: above(found.gaps[p], 0, sure) for p in found.positive}
    near = {p: above(found.relative[p], EQUAL, sure) for p in found.positive}
    each = (
        f"p = {p:g}: {interval(found.relative[p], confidence=sure)}, S-QR − S-SVD "
        f"{interval(found.gaps[p], '+.3f', sure)}"
        for p in found.positive
    )
    first, second = any_(*higher.values()), any_(*near.values())
    short = f"above S-SVD {_from(higher)}, above {EQUAL} {_from(near)}"
    more = f"{100 * sure:.3g} % intervals, relative to direct: {'; '.join(each)}"
    return Finding(all_(first, second), short, more, in_part=first is True and second is False)


def _from(holds: dict[float, Holds]) -> str:
    """``from p = 0.1 on`` where it holds at all larger ones, too."""
    where = [p for p, there in holds.items() if there]
    if where and where == [p for p in holds if p >= where[0]]:
        return f"from p = {where[0]:g} on"
    return f"at p = {listed(where)}" if where else "at no p"


def sparse_loses_less(panel: Panel) -> Finding | None:
    """Claim 7."""
    top, loss = panel.frame["sparsity"].max(), {}
    for method in ("direct", "sqr"):
        curve = by(panel.frame, method, "sparsity")
        if top < SPARSE or not curve.keys() >= {0, top}:
            return None
        loss[method] = {s: curve[0] - e for s, e in curve.items() if s >= SPARSE}
    less = {s: e - loss["sqr"][s] for s, e in loss["direct"].items() if s in loss["sqr"]}
    others = [f"{interval(e, '+.3f')} at s = {s:g}" for s, e in sorted(less.items()) if s < top]
    more = f"direct loses {interval(loss['direct'][top])}, S-QR {interval(loss['sqr'][top])}"
    more += f"; the difference is {', '.join(others)}" if others else ""
    return Finding(above(less[top], 0), f"{interval(less[top], '+.3f')} at s = {top:g}", more)


def hubs_collect(panel: Panel, results_dir: Path) -> Finding | None:
    """Claim 8."""
    hubs = Hubs.read(results_dir, [panel])
    held = {(m, kind): hubs.measured(m, kind) for m in ("direct", "sqr") for kind in ("in", "live", "out")}
    if min(e.n for e in held.values()) < ENOUGH:
        return None
    more, live = (held["sqr", kind] - held["direct", kind] for kind in ("in", "live"))

    def pair(kind: str) -> str:
        return f"S-QR {interval(held['sqr', kind])}, direct {interval(held['direct', kind])}"

    alive = {m: f"{hubs.live_share(m):.1%}" for m in ("direct", "sqr")}
    said = (
        f"s = {panel.cells[0].sparsity:g}; in-links: {pair('in')}; among nodes with any input (S-QR {alive['sqr']} of "
        f"all, direct {alive['direct']}): {pair('live')}; most in-links of a node: S-QR {hubs.most('sqr')}, direct "
        f"{hubs.most('direct')}; out-links: {pair('out')}"
    )
    short = f"{interval(more, '+.3f')}; among nodes with any input {interval(live, '+.3f')}"
    return Finding(all_(above(more, 0), above(live, 0)), short, said)


def costs_less(panel: Panel, results_dir: Path) -> Finding | None:
    """Claim 9."""
    others: list[str] = []
    comparable: list[str] = []
    less: list[Holds] = []
    for cell in {cell.method: cell for cell in panel.cells if cell.method != "direct"}.values():
        sizes = relative_by_size(panel.frame, cell.method, LEAST_N2)
        seconds = list(cost.relative_seconds(panel, cell.method, results_dir).values())
        counts = [r for n2, r in cost.relative_multiply_adds(panel, cell.method).items() if n2 >= LEAST_N2]
        if not sizes or not counts:
            return None
        if not seconds:
            return Finding(None, "", reason="no machine was measured")
        accurate = above(average(list(sizes.values())), EQUAL)
        less.append(all_(accurate, _below_one(seconds), _below_one(counts)))
        said = f"{cell.method_label} takes {_span(seconds)} times the seconds, {_span(counts)} the multiply-adds"
        (others if accurate is False else comparable).append(said)
    short = "; ".join(comparable) or f"no method is above {EQUAL} of direct"
    return Finding(any_(*less), short, f"{'; '.join(others)} (ranges over N2 and machines)")


def _span(ratios: list[float]) -> str:
    return f"{min(ratios):.1f}–{max(ratios):.1f}"


def _below_one(ratios: list[float]) -> Holds:
    return True if max(ratios) < 1 else False if min(ratios) > 1 else None


class NarrowLead(NamedTuple):
    """What Spectral of ``budget`` parameters is above direct of ``n2`` hidden nodes, which trains ``trained``."""

    lead: Measured
    budget: int
    trained: int
    n2: int


def spectral_lead(panel: Panel) -> NarrowLead | None:
    """At 500 hidden nodes of Spectral, over the widest direct network that trains at most as many parameters."""
    frame = panel.frame
    mine = frame[(frame["method"] == "spectral") & (frame["n2"] == 500)]
    direct = frame[frame["method"] == "direct"]
    if not len(mine):
        return None
    budget = int(mine["trained_parameters"].iloc[0])
    fitting = direct[direct["trained_parameters"] <= budget]
    if not len(fitting):
        return None
    n2 = fitting["n2"].max()
    other = fitting[fitting["n2"] == n2]
    lead = difference(*(dict(zip(f["seed"], f["test_accuracy"], strict=True)) for f in (mine, other)))
    return NarrowLead(lead, budget, int(other["trained_parameters"].iloc[0]), int(n2))


def spectral_beats_narrow_direct(panel: Panel) -> Finding | None:
    """Claim 10."""
    found = spectral_lead(panel)
    if found is None:
        return None
    more = f"at {found.budget:,} against {found.trained:,} (N2 = {found.n2}) parameters"
    return Finding(above(found.lead, 0), interval(found.lead, "+.3f"), more)
