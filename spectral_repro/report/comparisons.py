"""What the parts beyond the paper share: a head with its figure, differences, and how often which leads."""

from collections.abc import Iterable, Mapping, Sequence

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import Panel
from spectral_repro.report.tables import interval
from spectral_repro.results.statistics import Measured


def headed(name: str, panels: Sequence[Panel]) -> str:
    """A title, the figure, its captions, and the commands of what is missing."""
    captions = "\n\n".join(f"{p.caption}." + f" To run: `{p.command}`." * (p.found < p.wanted) for p in panels)
    title = ALL[name].title
    return f"### {title}\n\n![{title}](figures/{name}.png)\n\n{captions}"


def gap_text(e: Measured) -> str:
    """A difference with its interval; nothing of no networks."""
    if not e.n:
        return ""
    return interval(e, "+.4f") if e.n > 1 else "not yet run"


def sign(e: Measured) -> str:
    """Which of the two leads, as far as the interval tells."""
    low, high = e.interval()
    return "first" if low > 0 else "second" if high < 0 else "neither"


def counted(comparisons: Iterable[tuple[str, Mapping[str, int]]]) -> str:
    """How often which leads, of comparisons of full-length rows."""
    said = [
        f"- {what}: {sum(counts.values())} comparisons; the first leads in {counts['first']}, the second in "
        f"{counts['second']}, in {counts['neither']} the interval holds zero"
        for what, counts in comparisons
        if sum(counts.values())
    ]
    return "\n\nOf full-length rows:\n\n" + "\n".join(said) if said else ""
