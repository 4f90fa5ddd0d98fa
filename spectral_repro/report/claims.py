"""The paper's claims (SPEC 5), judged from rows alone; no verdict is written by hand."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from spectral_repro.figures.catalogue import TUNED
from spectral_repro.figures.select import Panel
from spectral_repro.report import judges
from spectral_repro.report.hubs import Degrees
from spectral_repro.report.judges import A_FEW_PER_CENT, ABOUT_NINETY, EQUAL, NEAR, Judge

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
NOT_RUN, NOT_JUDGED = "not yet run", "not judged"

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
            f"relative accuracy, mean over N2 ≥ 100, in {ABOUT_NINETY[0]} to {ABOUT_NINETY[1]}; ρ < 0.01 for N2 ≥ 500",
            ("direct", "spectral"),
        ),
        Claim(
            2,
            "The modified Spectral beats the original by a few per cent",
            f"gain in relative accuracy, mean over N2, in {A_FEW_PER_CENT[0]} to {A_FEW_PER_CENT[1]}",
            ("direct", "spectral", "spectral_original"),
        ),
        Claim(
            3,
            "S-SVD lies above Spectral and below direct",
            "both on average over N2, and at no N2 the contrary beyond chance (Bonferroni)",
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
            "highest mean over N2 within 0.01 of it (the interval is of that cell, chosen as the best)",
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
            "loss from s = 0 to the highest s of the grid; other s are shown",
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

#: Claims that rows alone decide, by number, each with its figures.
_ASKED: tuple[tuple[int, str, Judge], ...] = (
    (1, "fig01", judges.spectral_near_ninety),
    (2, "fig03", judges.modified_beats_original),
    *((3, name, judges.ssvd_between) for name in WITH_SSVD),
    *((4, name, judges.sqr_equals_direct) for name in WITH_SSVD),
    *((5, name, functools.partial(judges.best_direct, said=said)) for name, said in BEST_DIRECT.items()),
    *((6, name, judges.partial_sqr) for name in ("fig06", "fig07", "fig08")),
    *((7, name, judges.sparse_loses_less) for name in ("fig02", "fig10")),
)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim in one figure: what was measured (95 % intervals), the verdict, the runs."""

    claim: Claim
    figure: str
    data: str
    measured: str
    verdict: str
    runs: str

    @property
    def number(self) -> int:
        return self.claim.number

    @property
    def judged(self) -> bool:
        """Whether there were networks at full length to judge it from, whatever came out."""
        return self.verdict not in (NOT_RUN, NOT_JUDGED)


def judge(choose: Choose, degrees: pd.DataFrame) -> list[Verdict]:
    """All claims, in order.

    Args:
        choose: panels by name of the figure, with the cells of these methods.
        degrees: of the hubs' panel, from :func:`spectral_repro.figures.command.load_degrees`.
    """
    hubs: tuple[int, str, Judge] = (8, "hubs", functools.partial(judges.hubs_collect, degrees=Degrees(degrees)))
    return [
        _verdict(CLAIMS[number], figure, panel, judge_panel)
        for number, figure, judge_panel in (*_ASKED, hubs)
        for panel in choose(figure, CLAIMS[number].methods)
    ]


def judge_tuned(choose: Choose) -> list[Verdict]:
    """What the verdicts would be at tuned rates, on the figures that have such rows; ``figure`` is the paper's name.

    Without those on networks whose rates are the published ones, which are the same networks.
    """
    found = []
    for number, figure, judge_panel in _ASKED:
        if f"{figure}_tuned" not in TUNED:
            continue
        methods = CLAIMS[number].methods
        published = {cell.config_hash for panel in choose(figure, methods) for cell in panel.cells}
        for panel in choose(f"{figure}_tuned", methods):
            if not {cell.config_hash for cell in panel.cells} <= published:
                found.append(_verdict(CLAIMS[number], figure, panel, judge_panel))
    return found


def _verdict(claim: Claim, figure: str, panel: Panel, judge_panel: Judge) -> Verdict:
    """Applies ``judge_panel`` if every cell has been run.

    Networks of ``profile=quick`` are cut off early in training, which a claim of the paper cannot be judged from.
    """
    result = judge_panel(panel) if panel.ready == 1 else None
    if result is None:
        return Verdict(claim, figure, panel.data, f"{panel.found} of {panel.wanted} networks", NOT_RUN, panel.caption)
    holds, measured = result
    verdict = UNDECIDED if holds is None else REPRODUCED if holds else NOT_REPRODUCED
    return Verdict(
        claim, figure, panel.data, measured, NOT_JUDGED if panel.profile == "quick" else verdict, panel.caption
    )


def overall(verdicts: Sequence[Verdict]) -> str:
    """One verdict on a claim over all its figures, of which it says how many were judged."""
    found = [v.verdict for v in verdicts]
    judged = [v.verdict for v in verdicts if v.judged]
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
