"""Is it better than spending the same number of trained parameters otherwise? (SPEC 9)"""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import Panel, select_panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import leaderboard
from spectral_repro.report.comparisons import gap_text, headed
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
        "triangle lets neuron i see i projections only. `projection` is that layer without eigenvalues."
    )
    if lines:
        header = ("data", "trained at most", "leads (intervals do not separate them)", "ahead of", "others", "without")
        text += (
            "\n\nWho leads among full-length networks of this comparison, of each method the size of the best "
            "validation accuracy that fits; in brackets what it trains and which part of the budget that is; “without” "
            "are methods of which no network with rows is small enough.\n\n"
            + markdown(header, lines)
            + "\n\nAll of them, and networks of other depths: [LEADERBOARD.md](LEADERBOARD.md)."
        )
    for panel in panels:
        if panel.found:
            text += f"\n\n{panel.label}:\n\n{accuracies(panel)}"
    return text


def _leads(found: Sequence[leaderboard.Entry], frame: pd.DataFrame, name: str, panel: Panel) -> list[tuple[str, ...]]:
    """One line per budget, of the cells of the experiment at the paper's profile."""
    spec, lines = ALL[name], []
    whole = select_panel(frame, spec.experiment or name, panel.data, "paper", spec.rates)
    mine = {cell.config_hash for cell in whole.cells}
    for budget in leaderboard.BUDGETS:
        ordered = leaderboard.at_budget(found, mine, panel.data, budget)
        if not ordered:
            continue
        groups = leaderboard.grouped(ordered)
        first = [e for e, group in zip(ordered, groups, strict=True) if group == 1]
        rest = ordered[len(first) :]
        ahead = ""
        if rest:
            gap = difference(first[0].accuracies, rest[0].accuracies)
            ahead = f"{rest[0].way} ({_used(rest[0], budget)}): {gap_text(gap)}"
        each = [f"{e.way} {accuracy(e.estimate)} (n = {e.estimate.n}, {_used(e, budget)})" for e in first]
        labels = [label_of(method) for method in spec.methods]
        without = [label for label in labels if label not in {e.way for e in ordered}]
        others = [f"{e.way} ({_used(e, budget)})" for e in rest[1:]]
        lines.append((panel.label, f"{budget:,}", "; ".join(each), ahead, ", ".join(others), ", ".join(without)))
    return lines


def _used(entry: leaderboard.Entry, budget: int) -> str:
    """How much of a budget a network trains."""
    return f"{entry.trained:,}, {entry.trained / budget:.0%}"
