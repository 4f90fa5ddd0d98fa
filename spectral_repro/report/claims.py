"""The paper's claims (SPEC 5), judged from rows alone; no verdict is written by hand."""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import curves
from spectral_repro.figures.select import Panel
from spectral_repro.results.statistics import Estimate, difference, linearised_ratio, mean

REPRODUCED, NOT_REPRODUCED, NOT_RUN, NOT_JUDGED = "reproduced", "not reproduced", "not yet run", "not judged"

#: Fewest realizations that a verdict may rest on.
LEAST_N = 2


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim in one figure: what the paper says, what was measured (95 % intervals), the verdict, the runs."""

    number: int
    claim: str
    figure: str
    measured: str
    verdict: str
    runs: str


def judge(panels: Mapping[str, list[Panel]], degrees: pd.DataFrame) -> list[Verdict]:
    """All claims, in order.

    Args:
        panels: by figure name, from :func:`spectral_repro.figures.select.choose_panels`.
        degrees: of the hubs' panel, from :func:`spectral_repro.figures.command.load_degrees`.
    """
    verdicts = [_spectral_near_ninety(panels["fig01"][0]), _modified_beats_original(panels["fig03"][0])]
    verdicts += [_ssvd_between(name, panels[name][0]) for name in ("fig01", "fig04", "fig05", "fig09")]
    verdicts += [_sqr_equals_direct(name, panels[name][0]) for name in ("fig01", "fig04", "fig05", "fig09")]
    verdicts += [
        _best_direct(name, panels[name][0], said) for name, said in (("fig01", 0.98), ("fig04", 0.90), ("fig05", 0.52))
    ]
    verdicts += [_partial_sqr(name, panels[name][0]) for name in ("fig06", "fig07", "fig08")]
    verdicts += [_sparse_loses_less(name, panel) for name in ("fig02", "fig10") for panel in panels[name]]
    return [*verdicts, _hubs(panels["hubs"][0], degrees)]


def _verdict(
    number: int, claim: str, figure: str, panel: Panel, judge_frame: Callable[[pd.DataFrame], tuple[bool, str] | None]
) -> Verdict:
    """Applies ``judge_frame`` if every cell of the panel has been run; it returns None where that is not enough.

    Networks of ``profile=quick`` are cut off early in training, which a claim of the paper cannot be judged from.
    """
    result = judge_frame(panel.frame) if panel.least >= LEAST_N else None
    if result is None:
        why = f"{panel.found} of {panel.wanted} networks; {panel.command}"
        return Verdict(number, claim, figure, why, NOT_RUN, panel.caption)
    holds, measured = result
    verdict = REPRODUCED if holds else NOT_REPRODUCED
    return Verdict(number, claim, figure, measured, NOT_JUDGED if panel.profile == "quick" else verdict, panel.caption)


def _by_n2(frame: pd.DataFrame, method: str) -> dict[int, dict[int, float]]:
    mine = frame[frame["method"] == method]
    return {n2: curves.accuracies(rows) for n2, rows in mine.groupby("n2")}


def relative_by_size(frame: pd.DataFrame, method: str, least_n2: int = 0) -> dict[int, dict[int, float]]:
    """For each size, by seed: the accuracy of ``method`` relative to direct (SPEC 4), see ``linearised_ratio``."""
    mine, direct = _by_n2(frame, method), _by_n2(frame, "direct")
    return {n2: linearised_ratio(mine[n2], direct[n2]) for n2 in mine if n2 in direct and n2 >= least_n2}


def relative_by_seed(frame: pd.DataFrame, method: str, least_n2: int = 0) -> dict[int, float]:
    """The same, averaged over the sizes: its mean is that of the curve that the figure draws."""
    sizes = list(relative_by_size(frame, method, least_n2).values())
    seeds = set.intersection(*map(set, sizes)) if sizes else set()
    return {s: sum(values[s] for values in sizes) / len(sizes) for s in sorted(seeds)}


def _range(e: Estimate, digits: int = 3) -> str:
    low, high = e.interval()
    return f"{e.value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) else f"{e.value:.3f}"


def _spectral_near_ninety(panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        q = mean(relative_by_seed(frame, "spectral", least_n2=100))
        wide = frame[(frame["method"] == "spectral") & (frame["n2"] >= 500)]
        if q.n < LEAST_N or not len(wide):
            return None
        rho = wide["rho"].max()
        measured = f"relative accuracy, mean over N2 ≥ 100: {_range(q)}; largest ρ for N2 ≥ 500: {rho:.4f}"
        return 0.875 <= q.value <= 0.945 and rho < 0.01, measured

    claim = "Spectral reaches about 90 % of direct on MNIST (0.875 to 0.945 for N2 ≥ 100 counts), ρ < 1 % for N2 ≥ 500"
    return _verdict(1, claim, "fig01", panel, look)


def _modified_beats_original(panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        gain = difference(relative_by_seed(frame, "spectral"), relative_by_seed(frame, "spectral_original"))
        if gain.n < LEAST_N:
            return None
        holds = gain.interval()[0] > 0 and 0.01 <= gain.value <= 0.1
        return holds, f"gain in relative accuracy, mean over N2: {_range(gain)}"

    claim = "The modified Spectral beats the original by a few per cent (by 0.01 to 0.1, and significantly, counts)"
    return _verdict(2, claim, "fig03", panel, look)


def _ssvd_between(name: str, panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        spectral, ssvd = relative_by_seed(frame, "spectral"), relative_by_seed(frame, "ssvd")
        above, q = difference(ssvd, spectral), mean(ssvd)
        if min(above.n, q.n) < LEAST_N:
            return None
        curve = {n2: mean(values).value for n2, values in relative_by_size(frame, "ssvd").items()}
        lower = {n2: mean(values).value for n2, values in relative_by_size(frame, "spectral").items()}
        between = [n2 for n2 in curve if lower.get(n2, math.inf) < curve[n2] < 1]
        measured = (
            f"relative accuracy, mean over N2: S-SVD {_range(q)}, S-SVD − Spectral {_range(above)}; "
            f"between the two at {len(between)} of {len(curve)} sizes"
        )
        return above.interval()[0] > 0 and q.interval()[1] < 1 and len(between) == len(curve), measured

    claim = "S-SVD lies above Spectral and below direct (on average significantly, and at every N2)"
    return _verdict(3, claim, name, panel, look)


def _sqr_equals_direct(name: str, panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        q = mean(relative_by_seed(frame, "sqr", least_n2=100))
        mine = frame[frame["method"] == "sqr"]
        if q.n < LEAST_N or not len(mine):
            return None
        rho = mine["rho"].max()
        worst_n2, worst = min(
            ((n2, mean(values)) for n2, values in relative_by_size(frame, "sqr").items()), key=lambda at: at[1].value
        )
        measured = (
            f"relative accuracy, mean over N2 ≥ 100: {_range(q)}; lowest of all: {_range(worst)} at N2 = {worst_n2}; "
            f"largest ρ {rho:.3f}"
        )
        return q.interval()[0] > 0.98 and rho < 1, measured

    claim = "S-QR is practically equal to direct (above 0.98 of it for N2 ≥ 100 counts), with ρ < 1 everywhere"
    return _verdict(4, claim, name, panel, look)


def _best_direct(name: str, panel: Panel, said: float) -> Verdict:
    def look(frame: pd.DataFrame):
        estimates = {n2: mean(values) for n2, values in _by_n2(frame, "direct").items()}
        if not estimates:
            return None
        n2 = max(estimates, key=lambda at: estimates[at].value)
        return abs(estimates[n2].value - said) < 0.01, f"best: {_range(estimates[n2], 4)} at N2 = {n2}"

    claim = f"Best direct accuracy over the range, {panel.label}: {said:.0%} (within 1 % counts)"
    return _verdict(5, claim, name, panel, look)


def _partial_sqr(name: str, panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        sqr = {p: curves.accuracies(rows) for p, rows in frame[frame["method"] == "sqr"].groupby("p")}
        direct = curves.accuracies(frame[frame["method"] == "direct"])
        ssvd = curves.accuracies(frame[frame["method"] == "ssvd"])
        partial = sorted(p for p in sqr if 0 < p <= 0.5)
        if not partial or min(len(direct), len(ssvd)) < LEAST_N:
            return None
        relative = {p: mean(linearised_ratio(sqr[p], direct)) for p in partial}
        above = {p: difference(sqr[p], ssvd) for p in partial}
        holds = [p for p in partial if relative[p].interval()[0] > 0.95 and above[p].interval()[0] > 0]
        each = "; ".join(f"p = {p:g}: {_range(relative[p])}, S-QR − S-SVD {_range(above[p])}" for p in partial)
        return bool(holds), f"relative accuracy at {each}. Holds at p = {', '.join(f'{p:g}' for p in holds) or 'none'}"

    claim = "S-QR(p) is near direct (above 0.95 of it counts) already at some p ≤ 0.5, and exceeds S-SVD there"
    return _verdict(6, claim, name, panel, look)


def _sparse_loses_less(name: str, panel: Panel) -> Verdict:
    def look(frame: pd.DataFrame):
        top = frame["sparsity"].max()
        loss = {}
        for method in ("direct", "sqr"):
            mine = frame[frame["method"] == method]
            dense = curves.accuracies(mine[mine["sparsity"] == 0])
            sparse = curves.accuracies(mine[mine["sparsity"] == top])
            loss[method] = {s: dense[s] - sparse[s] for s in dense if s in sparse}
        less = difference(loss["direct"], loss["sqr"])
        if top < 0.9 or less.n < LEAST_N:
            return None
        measured = (
            f"{panel.label}, s = {top:g}: direct loses {_range(mean(loss['direct']))}, "
            f"S-QR {_range(mean(loss['sqr']))}; difference {_range(less)}"
        )
        return less.interval()[0] > 0, measured

    claim = f"At high sparsity (the highest of the grid) S-QR loses less accuracy than direct ({panel.label})"
    return _verdict(7, claim, name, panel, look)


def top_share(histogram: pd.DataFrame, share: float = 0.05) -> float:
    """Share of all links that the ``share`` most connected nodes hold, from rows ``degree, count`` of one network."""
    ordered = histogram.sort_values("degree", ascending=False)
    left, held = round(share * ordered["count"].sum()), 0
    for degree, count in zip(ordered["degree"], ordered["count"], strict=True):
        taken = min(left, count)
        held, left = held + taken * degree, left - taken
    total = (ordered["degree"] * ordered["count"]).sum()
    return held / total if total else math.nan


def hub_shares(degrees: pd.DataFrame, method: str, direction: str) -> dict[int, float]:
    """:func:`top_share` by seed."""
    mine = degrees[(degrees["method"] == method) & (degrees["direction"] == direction)]
    return {seed: top_share(rows) for seed, rows in mine.groupby("seed")}


def _hubs(panel: Panel, degrees: pd.DataFrame) -> Verdict:
    def look(frame: pd.DataFrame):
        del frame
        shares = {m: hub_shares(degrees, m, "in") for m in ("direct", "sqr")}
        more = difference(shares["sqr"], shares["direct"])
        if more.n < LEAST_N:
            return None
        out = {m: mean(hub_shares(degrees, m, "out")) for m in ("direct", "sqr")}
        measured = (
            f"links held by the 5 % most connected hidden nodes, in-links: S-QR {_range(mean(shares['sqr']))}, "
            f"direct {_range(mean(shares['direct']))}, difference {_range(more)}; out-links: S-QR "
            f"{_range(out['sqr'])}, direct {_range(out['direct'])}"
        )
        return more.interval()[0] > 0, measured

    claim = "In sparse S-QR networks a few hubs emerge in the intermediate layer, which collect from the input"
    return _verdict(8, claim, "hubs", panel, look)


#: The eight claims, in short.
CLAIMS = {
    1: "Spectral reaches about 90 % of direct, with less than 1 % of its parameters",
    2: "The modified Spectral beats the original by a few per cent",
    3: "S-SVD lies above Spectral and below direct",
    4: "S-QR is practically equal to direct, with fewer parameters",
    5: "Best accuracy of direct: MNIST 98 %, Fashion-MNIST 90 %, CIFAR-10 52 %",
    6: "S-QR(p) is near direct already at p well below 1, and exceeds S-SVD",
    7: "At high sparsity S-QR loses less accuracy than direct",
    8: "In sparse S-QR networks a few hubs emerge in the intermediate layer",
}


def overall(verdicts: Sequence[Verdict]) -> str:
    """One verdict on a claim over all its figures, of which it says how many were judged."""
    found = [v.verdict for v in verdicts]
    judged = [v for v in found if v in (REPRODUCED, NOT_REPRODUCED)]
    if not judged:
        return NOT_JUDGED if NOT_JUDGED in found else NOT_RUN
    holds = judged.count(REPRODUCED)
    text = REPRODUCED if holds == len(judged) else NOT_REPRODUCED if not holds else "reproduced in part"
    return text if len(judged) == len(found) else f"{text} so far ({len(judged)} of {len(found)} judged)"


def tally(verdicts: Iterable[Verdict]) -> str:
    """For instance ``7 reproduced, 3 not reproduced, 2 not yet run``."""
    found = collections.Counter(v.verdict for v in verdicts)
    return ", ".join(f"{count} {text}" for text, count in sorted(found.items()))
