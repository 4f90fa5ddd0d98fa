"""What the parts beyond the paper share: a head with its figure, differences, and how often which leads."""

from collections.abc import Iterable, Sequence

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import Panel
from spectral_repro.report.conditions import above
from spectral_repro.report.tables import interval, protocol
from spectral_repro.results.statistics import Measured


def headed(name: str, panels: Sequence[Panel]) -> str:
    """A title, the figure, its captions, and the commands of what is missing."""
    captions = "\n\n".join(
        f"{p.caption}. {protocol(p)}" + f" To run: `{p.command}`." * (p.found < p.wanted) for p in panels
    )
    if any(p.profile == "quick" and p.found for p in panels):
        captions += "\n\nNetworks of profile quick were stopped early: nothing follows from their intervals."
    title = ALL[name].title
    return f"### {title}\n\n![{title}](figures/{name}.png)\n\n{captions}"


def gap_text(e: Measured) -> str:
    """A difference with its interval; nothing of no networks."""
    if not e.n:
        return ""
    return interval(e, "+.4f") if e.n > 1 else "not yet run"


def counted(comparisons: Iterable[tuple[str, Sequence[Measured]]]) -> str:
    """How often which leads, of comparisons of full-length rows: each for itself, and all of a line together."""
    said = []
    for what, gaps in comparisons:
        if gaps:
            first, second = _leads(gaps, 0.95)
            sure = _leads(gaps, 1 - 0.05 / len(gaps))
            said.append(
                f"- {what}: {len(gaps)} comparisons; the first leads in {first}, the second in {second}, in "
                f"{len(gaps) - first - second} the interval holds zero (Bonferroni: {sure[0]}, {sure[1]}, "
                f"{len(gaps) - sum(sure)})"
            )
    head = "Of full-length rows, by 95 % intervals each; in brackets by intervals of 95 % for all of a line together:"
    return f"\n\n{head}\n\n" + "\n".join(said) if said else ""


def _leads(gaps: Sequence[Measured], confidence: float) -> tuple[int, int]:
    """How many differences are above zero, and below."""
    signs = [above(e, 0, confidence) for e in gaps]
    return signs.count(True), signs.count(False)
