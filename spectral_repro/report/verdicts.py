"""Each claim judged in each of its figures, at the published rates and at those that validation prefers."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spectral_repro.claims import CLAIMS, Claim
from spectral_repro.figures.select import Panel
from spectral_repro.report import judges
from spectral_repro.report.judges import Finding, Judge
from spectral_repro.report.panels import RATES, Rows

REPRODUCED, IN_PART, NOT_REPRODUCED, UNDECIDED = "reproduced", "in part", "not reproduced", "undecided"
NOT_RUN, NOT_JUDGED = "not run", "not judged"

_JUDGES: dict[str, Judge] = {
    "1": judges.spectral_near_ninety,
    "2a": judges.few_per_cent_more,
    "2b": judges.substantially_more,
    "3": judges.ssvd_between,
    "4": judges.sqr_equals_direct,
    "6": judges.partial_sqr,
    "7": judges.sparse_loses_less,
    "10": judges.spectral_beats_narrow_direct,
}
#: Read what lies beside the rows, too: degrees, and how fast machines are.
_FROM_FILES: dict[str, Callable[..., Finding | None]] = {"8": judges.hubs_collect, "9": judges.costs_less}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim in one panel of a figure: what was measured (95 % intervals), the verdict, networks a cell."""

    claim: Claim
    figure: str
    data: str
    label: str
    rates: str
    verdict: str
    short: str
    measured: str
    n: int

    @property
    def judged(self) -> bool:
        """Whether there were networks at full length to judge it from, whatever came out."""
        return self.verdict not in (NOT_RUN, NOT_JUDGED)


def judge(rows: Rows) -> list[Verdict]:
    """All claims, in order; of each figure the panels with the cells of the claim's methods.

    A claim waits for its own methods only. At tuned rates there are verdicts on figures that have such rows.
    """
    return [verdict for claim in CLAIMS.values() for verdict in _judge(rows, claim)]


def _judge(rows: Rows, claim: Claim) -> Iterator[Verdict]:
    for figure in claim.figures:
        for rates in RATES:
            for panel in rows.panels(figure, rates, claim.methods):
                yield _verdict(claim, figure, rates, panel, _judge_of(claim, figure, rows.results_dir))


def _judge_of(claim: Claim, figure: str, results_dir: Path) -> Judge:
    if claim.number == "5":
        return functools.partial(judges.best_direct, figure=figure)
    if claim.number in _FROM_FILES:
        return functools.partial(_FROM_FILES[claim.number], results_dir=results_dir)
    return _JUDGES[claim.number]


def _verdict(claim: Claim, figure: str, rates: str, panel: Panel, judge_panel: Judge) -> Verdict:
    """Judges a panel if every cell has been run; networks of profile quick are stopped early and decide nothing."""
    found = judge_panel(panel) if panel.ready == 1 else None
    place = claim, figure, panel.data, panel.label, rates
    if found is None:
        missing = f"{panel.found} of {panel.wanted} networks"
        return Verdict(*place, NOT_RUN, missing, missing, 0)
    verdict = NOT_JUDGED if panel.profile == "quick" or found.reason else _word(found)
    n = int(panel.frame.groupby("config_hash").size().min())
    short = found.reason or found.short
    return Verdict(*place, verdict, short, "; ".join(filter(None, (short, found.more))), n)


def _word(found: Finding) -> str:
    if found.in_part:
        return IN_PART
    return {True: REPRODUCED, False: NOT_REPRODUCED, None: UNDECIDED}[found.holds]


def overall(verdicts: Sequence[Verdict]) -> str:
    """One verdict on a claim over its figures, of which it says how many were judged if that is not all."""
    found = [v.verdict for v in verdicts]
    judged = [v.verdict for v in verdicts if v.judged]
    if not judged:
        return NOT_JUDGED if NOT_JUDGED in found else NOT_RUN
    mixed = IN_PART if {REPRODUCED, IN_PART} & set(judged) else NOT_REPRODUCED
    said = judged[0] if len(set(judged)) == 1 else mixed
    return said if len(judged) == len(found) else f"{said} ({len(judged)} of {len(found)} judged)"


def as_json(verdicts: Sequence[Verdict], caveats: dict[str, str]) -> list[dict[str, Any]]:
    """What ``results/claims.json`` holds, one object a claim; ``caveats`` by number with what the controls found."""
    return [
        {
            **{key: getattr(claim, key) for key in ("number", "said", "where", "measures", "rule")},
            "caveat": caveats[number],
            "verdicts": [
                {key: getattr(v, key) for key in ("figure", "data", "rates", "verdict", "measured", "n")}
                for v in verdicts
                if v.claim.number == number
            ],
        }
        for number, claim in CLAIMS.items()
    ]
