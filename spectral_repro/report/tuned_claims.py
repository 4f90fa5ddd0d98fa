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
    lines = []
    for was, at in _pairs(published, tuned):
        place = str(at.number), FIGURES[at.figure].short
        lines.append((*place, at.measured, at.verdict, at.runs, was.measured, was.verdict, was.runs))
    header = ("#", "figure", "tuned rates", "which would be", "runs", "published rates", "which is", "runs")
    names = [name for name, spec in TUNED.items() if spec.experiment in FIGURES and name in panels]
    parts = [
        "### The paper's claims (tuned rates)",
        "The paper's rates are those of its code, and most differ from what validation prefers. Here each method has "
        "the rate that was best at N2 = 500 with one hidden layer, which for some is the highest one tried (see "
        "“Learning rates”), and the claims are judged by the same rules; those on networks whose rates stay the same "
        "are left out. The verdicts on the paper are those at its own rates.",
        markdown(header, lines),
        *(text for name in names for text in _figure(name, panels[name])),
    ]
    return "\n\n".join(parts)


def _figure(name: str, panels: Sequence[Panel]) -> Iterator[str]:
    yield headed(name, panels)
    yield from (accuracies(panel) for panel in panels if panel.found)


def _pairs(published: Sequence[Verdict], tuned: Sequence[Verdict]) -> Iterator[tuple[Verdict, Verdict]]:
    """Each verdict at tuned rates beside the one on the same claim and figure at the published ones."""
    paper = {(v.number, v.figure, v.data): v for v in published}
    for at in tuned:
        if was := paper.get((at.number, at.figure, at.data)):
            yield was, at


def other_verdicts(published: Sequence[Verdict], tuned: Sequence[Verdict]) -> str:
    """Where a verdict on the paper turns into its contrary at tuned rates; nothing as long as none can be judged.

    Those that the rows of one of the two leave undecided are named apart: the rates need not be the reason.
    """
    judged = [(was, at) for was, at in _pairs(published, tuned) if was.judged and at.judged]
    if not judged:
        return ""
    other = [(was, at) for was, at in judged if was.verdict != at.verdict]
    turned = [pair for pair in other if claims.UNDECIDED not in (v.verdict for v in pair)]
    open_ = [pair for pair in other if pair not in turned]
    head = (
        "At the learning rates that validation prefers for each method (see “Beyond the paper”), "
        f"{len(turned)} of {len(judged)} verdicts would be the contrary"
    )
    text = "\n".join([f"{head}:", "", *map(_turned, turned)]) if turned else f"{head}."
    if open_:
        text += (
            "\n\nUndecided at one of the two kinds of rates, of which fewer networks may be the reason as well as the "
            "rates:\n\n" + "\n".join(map(_turned, open_))
        )
    return text


def _turned(pair: tuple[Verdict, Verdict]) -> str:
    was, at = pair
    return (
        f"- claim {at.number}, {FIGURES[at.figure].short}: {at.measured}: {at.verdict} ({at.runs}); at the published "
        f"rates {was.measured}: {was.verdict} ({was.runs})"
    )
