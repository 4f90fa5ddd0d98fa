"""The paper's claims again, where each method has the rate of its best validation accuracy (SPEC 9)."""

from collections.abc import Iterator, Mapping, Sequence

from spectral_repro.figures.catalogue import FIGURES, TUNED
from spectral_repro.figures.select import Panel
from spectral_repro.report import claims
from spectral_repro.report.claims import Verdict
from spectral_repro.report.comparisons import headed
from spectral_repro.report.tables import accuracies, markdown


def tuned_claims(panels: Mapping[str, Sequence[Panel]], published: Sequence[Verdict], tuned: Sequence[Verdict]) -> str:
    """A table of what was measured at both rates, and the figures at tuned ones; nothing where none were chosen.

    Args:
        panels: by name of the figure.
        published: the verdicts on the paper's claims.
        tuned: from :func:`spectral_repro.report.claims.judge_tuned`.
    """
    if not tuned:
        return ""
    lines = [
        (str(at.number), FIGURES[at.figure].short, at.measured, at.verdict, was.measured, was.verdict, at.runs)
        for was, at in _pairs(published, tuned)
    ]
    header = ("#", "figure", "tuned rates", "which would be", "published rates", "which is", "runs at tuned rates")
    names = [name for name, spec in TUNED.items() if spec.experiment in FIGURES and name in panels]
    parts = [
        "### The paper's claims (tuned rates)",
        "The paper's rates are those of its code, and differ from what validation prefers (see “Learning rates”). Here "
        "each method has the rate that was best at N2 = 500 with one hidden layer, and the claims are judged by the "
        "same rules. The verdicts on the paper stay those at its own rates.",
        markdown(header, lines),
        *(text for name in names for text in _figure(name, panels[name])),
    ]
    return "\n\n".join(parts)


def _figure(name: str, panels: Sequence[Panel]) -> Iterator[str]:
    yield headed(name, panels)
    yield from (accuracies(panel) for panel in panels if panel.found)


def _pairs(published: Sequence[Verdict], tuned: Sequence[Verdict]) -> Iterator[tuple[Verdict, Verdict]]:
    """Each verdict at tuned rates beside the one on the same claim and figure at the published ones."""
    paper = {(v.number, v.figure): v for v in published}
    for at in tuned:
        if was := paper.get((at.number, at.figure)):
            yield was, at


def other_verdicts(published: Sequence[Verdict], tuned: Sequence[Verdict]) -> str:
    """Where the learning rates decide about a claim of the paper; nothing as long as none can be judged."""
    decided = (claims.REPRODUCED, claims.NOT_REPRODUCED, claims.UNDECIDED)
    judged = [pair for pair in _pairs(published, tuned) if all(v.verdict in decided for v in pair)]
    if not judged:
        return ""
    said = [
        f"- claim {at.number}, {FIGURES[at.figure].short}: {at.measured}; {was.verdict} at the published rates, which "
        f"would be {at.verdict} at these ({at.runs})"
        for was, at in judged
        if was.verdict != at.verdict
    ]
    head = (
        f"At the learning rates that validation prefers for each method (see “Beyond the paper”), {len(said)} of the "
        f"verdicts would be another, of {len(judged)} that there are rows for"
    )
    return "\n".join([f"{head}:", "", *said]) if said else f"{head}."
