"""Is it better than spending the same number of trained parameters otherwise? (SPEC 9)"""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import Panel, select_panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import leaderboard
from spectral_repro.report.comparisons import gap_text, headed
from spectral_repro.report.conditions import above
from spectral_repro.report.tables import accuracies, accuracy, markdown
from spectral_repro.results.statistics import difference


def budgets(name: str, frame: pd.DataFrame, panels: Sequence[Panel]) -> str:
    """Which method leads at equal numbers of trained parameters."""
    lines, found = [], leaderboard.entries(frame)
    for panel in panels:
        lines += _leads(found, frame, name, panel)
    text = headed(name, panels)
    text += (
        "\n\nFor N2 ≤ N1, `core=full` of S-QR is a dense layer behind a fixed random projection, `φ = Rᵀ Qᵀ`; its "
        "triangle lets neuron i see i projections only. `projection` is such a layer, `W = D Qᵀ`, with fewer "
        "directions and without eigenvalues. S-QR(p) and the controls are trained at N2 = 500 only, where they need "
        "not spend a budget best: low rank within 2,304 parameters has rank 1 there."
    )
    if lines:
        header = ("data", "trained at most", "leads, and those not separated from it", "it is ahead of", "without")
        text += (
            "\n\nWho leads among full-length networks of this comparison, of each method the size of the best "
            "validation accuracy that fits; in brackets what it trains and which part of the budget that is; “without” "
            "are methods of which no network with rows is small enough. Differences are to the first one named, whose "
            "mean is the highest; their intervals are not corrected for that choice, nor for the number of methods.\n\n"
            + markdown(header, lines)
            + "\n\nAll of them, and networks of other depths: [LEADERBOARD.md](LEADERBOARD.md)."
        )
    for panel in panels:
        if panel.found:
            text += f"\n\n{panel.label}:\n\n{accuracies(panel)}"
    return text


def _leads(found: Sequence[leaderboard.Entry], frame: pd.DataFrame, name: str, panel: Panel) -> list[tuple[str, ...]]:
    """One line per budget, of the cells of the experiment at the paper's profile."""
    spec = ALL[name]
    lines: list[tuple[str, ...]] = []
    whole = select_panel(frame, spec.experiment or name, panel.data, "paper", spec.rates)
    mine = {cell.config_hash for cell in whole.cells}
    for budget in leaderboard.BUDGETS:
        ordered = leaderboard.at_budget(found, mine, panel.data, budget)
        if not ordered:
            continue
        gaps = [(e, difference(ordered[0].accuracies, e.accuracies)) for e in ordered]
        behind = [(e, gap) for e, gap in gaps if above(gap, 0)]
        level = [e for e, gap in gaps if not above(gap, 0)]
        ahead = [f"{e.way} ({_used(e, budget)}): {gap_text(gap)}" for e, gap in behind]
        each = [f"{e.way} {accuracy(e.estimate)} (n = {e.estimate.n}, {_used(e, budget)})" for e in level]
        labels = [label_of(method) for method in spec.methods]
        without = [label for label in labels if label not in {e.way for e in ordered}]
        lines.append((panel.label, f"{budget:,}", "; ".join(each), "; ".join(ahead), ", ".join(without)))
    return lines


def _used(entry: leaderboard.Entry, budget: int) -> str:
    """How much of a budget a network trains."""
    return f"{entry.trained:,}, {entry.trained / budget:.0%}"
