"""Beyond the paper (SPEC 9): the controls, in tables and sentences that the intervals support."""

import collections
from collections.abc import Mapping, Sequence

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.config.compose import cells_of
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.controls import ALLOCATIONS, way_of, ways
from spectral_repro.figures.pruning import WAYS, by_place
from spectral_repro.figures.select import Panel, select_panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import leaderboard
from spectral_repro.report.tables import accuracies, accuracy, interval, markdown
from spectral_repro.results.rates import tunings
from spectral_repro.results.statistics import Measured, difference, mean


def beyond(frame: pd.DataFrame, panels: Mapping[str, list[Panel]]) -> str:
    """The part of the report; of what has no rows it says which command makes them."""
    parts = [
        "## Beyond the paper",
        *(_sparse(name, panels[name]) for name in ("control_sparse", "control_sparse_tuned") if name in panels),
        *(_budgets(name, frame, panels[name]) for name in ("control_budget", "control_budget_tuned") if name in panels),
        _pruning(panels["pruning"]),
        _rates(frame),
    ]
    return "\n\n".join(parts)


def _figure(name: str, panels: Sequence[Panel]) -> str:
    captions = "\n\n".join(f"{p.caption}." + f" To run: `{p.command}`." * (p.found < p.wanted) for p in panels)
    title = ALL[name].title
    return f"### {title}\n\n![{title}](figures/{name}.png)\n\n{captions}"


def _gap(e: Measured) -> str:
    return interval(e, "+.4f") if e.n > 1 else "not yet run"


def _sparse(name: str, panels: Sequence[Panel]) -> str:
    """S-QR against direct with four ways to silence: the paper explains its lead by silenced weights that return."""
    lines, outcomes = [], collections.Counter()
    names: list[str] = []
    for panel in panels:
        for allocation in ALLOCATIONS:
            found = ways(panel, allocation)
            for s in sorted({s for rows in found.values() for s in rows["sparsity"]}):
                at = {key: rows[rows["sparsity"] == s] for key, rows in found.items()}
                at = {key: rows for key, rows in at.items() if len(rows)}
                names += [way_of(*key)[0] for key in at if way_of(*key)[0] not in names]
                direct = {key: rows for key, rows in at.items() if key[0] == "direct"}
                sqr = next((rows for key, rows in at.items() if key[0] == "sqr"), None)
                line = {way_of(*key)[0]: accuracy(mean(curves.accuracies(rows))) for key, rows in at.items()}
                gap = difference({}, {})
                if sqr is not None and direct:
                    best = max(direct, key=lambda key: direct[key]["validation_accuracy"].mean())
                    gap = difference(curves.accuracies(sqr), curves.accuracies(direct[best]))
                    if panel.profile == "paper" and min(map(len, direct.values())) > 1 and len(direct) == 4:
                        low, high = gap.interval()
                        outcomes["S-QR" if low > 0 else way_of(*best)[0] if high < 0 else "neither"] += 1
                where = (panel.label, ALLOCATIONS[allocation], f"{s:g}")
                lines.append((where, line, _gap(gap)))
    text = _figure(name, panels)
    if not lines:
        return text
    several = sum(name.startswith("direct") for name in names) > 1
    header = ("data", "where", "s", *names, "S-QR − best of direct" if several else "S-QR − direct")
    table = [(*where, *(line.get(name, "") for name in names), gap) for where, line, gap in lines]
    best = "The best of direct is that of the highest validation accuracy; brackets" if several else "Brackets"
    text += f"\n\n{best} are 95 % intervals, paired by seed.\n\n" + markdown(header, table)
    if outcomes:
        said = ", ".join(f"{who} in {count}" for who, count in outcomes.most_common())
        text += f"\n\nOf {outcomes.total()} comparisons that are decided by full-length rows, the lead is of: {said}."
    return text


def _budgets(name: str, frame: pd.DataFrame, panels: Sequence[Panel]) -> str:
    """Which method leads at equal numbers of trained parameters."""
    lines, found = [], leaderboard.entries(frame)
    for panel in panels:
        lines += _leads(found, frame, name, panel)
    text = _figure(name, panels)
    text += (
        "\n\nFor N2 ≤ N1, `core=full` of S-QR is a dense layer behind a fixed random projection, `φ = Rᵀ Qᵀ`; its "
        "triangle lets neuron i see i projections only. `projection` is that layer without eigenvalues."
    )
    if lines:
        header = ("data", "trained at most", "leads (intervals do not separate them)", "ahead of", "others", "without")
        text += (
            "\n\nWho leads among full-length networks of this comparison, of each method the size of the best "
            "validation accuracy that fits; “without” are methods of which no network with rows is small enough.\n\n"
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
        ahead = f"{rest[0].way}: {_gap(difference(first[0].accuracies, rest[0].accuracies))}" if rest else ""
        each = [f"{e.way} {accuracy(e.estimate)} ({e.trained:,}, n = {e.estimate.n})" for e in first]
        labels = [label_of(method) for method in spec.methods]
        without = [label for label in labels if label not in {e.way for e in ordered}]
        others = [e.way for e in rest[1:]]
        lines.append((panel.label, f"{budget:,}", "; ".join(each), ahead, ", ".join(others), ", ".join(without)))
    return lines


def _pruning(panels: Sequence[Panel]) -> str:
    """Hidden nodes removed by eigenvalue and by connectivity, and networks that were narrow from the start."""
    lines, gaps = [], collections.defaultdict(collections.Counter)
    shown = [way for way in WAYS if any(way in found for p in panels for found in by_place(p).values())]
    for panel in panels:
        for (layers, activation), found in by_place(panel).items():
            for share in sorted({share for points in found.values() for share in points}):
                at = {way: points[share] for way, points in found.items() if share in points}
                lead = {}
                for pair in (("post", "connectivity"), ("pre", "connectivity retrained"), ("pre", "narrow")):
                    lead[pair] = difference({}, {})
                    if share and at.keys() >= set(pair):
                        lead[pair] = difference(*(at[way] for way in pair))
                        low, high = lead[pair].interval()
                        if panel.profile == "paper":
                            gaps[layers > 1, pair]["first" if low > 0 else "second" if high < 0 else "neither"] += 1
                values = [accuracy(mean(at[way])) if way in at else "" for way in shown]
                said = [_gap(e) if e.n else "" for e in lead.values()]
                lines.append((panel.label, str(layers), activation, f"{share:g}", *values, *said))
    text = _figure("pruning", panels)
    if not lines:
        return text
    header = ("data", "hidden layers", "activation", "removed", *(WAYS[way][0] for way in shown))
    header += ("|λ| − Σ|w|", "|λ| − Σ|w|, retrained", "|λ| − narrow")
    text += (
        "\n\nA node is ranked by the size of its eigenvalue (`W = −diag(λ) φ`, no bias) or by the sum of its weights' "
        "sizes. “after λ and φ”: both were trained before nodes were removed, and what is left is tested as it is. "
        "“before φ”: λ alone was trained, nodes were removed, then λ and φ were trained. “retrained”: trained on after "
        "nodes were removed. “narrow from the start”: trained at that size. Brackets are 95 % intervals, paired by "
        "seed.\n\n" + markdown(header, lines)
    )
    for (deep, pair), counts in sorted(gaps.items()):
        first, second = (WAYS[way][0] for way in pair)
        where = "several hidden layers" if deep else "one hidden layer"
        text += (
            f"\n\n“{first}” against “{second}”, {where}, {counts.total()} comparisons of full-length rows: the first "
            f"leads in {counts['first']}, the second in {counts['second']}; in {counts['neither']} the interval holds "
            "zero."
        )
    if any(line[1] != "1" for line in lines):
        text += (
            "\n\nOver several hidden layers one percentile of Σ|w|, as in the published code, compares sums over 784 "
            "inputs with sums over 500: the deeper layers are emptied first. Eigenvalues have one scale in all layers."
        )
    return text


def _rates(frame: pd.DataFrame) -> str:
    """The rate of the best validation accuracy of each method, beside the published one."""
    text, profile = "### Learning rates\n\n", "paper"
    found = tunings(frame)
    if not found:
        found, profile = tunings(frame, "quick"), "quick"
    if not found:
        return text + "Not yet run: `spectral-repro experiment=rates`."
    published = {(c.data["name"], c.method, bool(c.sparsity)): c.trainer["lr"] for c in _published()}
    lines, among, best_of_all = [], 0, 0
    for t in found:
        published_rate = published[t.data, t.method, bool(t.sparsity)]
        among += published_rate in t.validation.index
        best_of_all += t.complete and t.best == published_rate
        each = "; ".join(f"{lr:g}: {row['mean']:.4f} ± {row['std']:.4f}" for lr, row in t.validation.iterrows())
        name = label_of(t.method) + f", {t.masking}" * bool(t.masking and t.masking != "cutoff")
        best = f"{t.best:g}" if t.complete else f"{t.best:g} (rates missing)"
        n = f"{int(t.validation['size'].min())}"
        lines.append((t.data, name, f"{t.sparsity:g}", best, f"{published_rate:g}", n, each))
    return (
        f"{text}Validation accuracy of networks on seeds from {leaderboard.TUNING_SEEDS} on, which nothing else uses "
        f"(`spectral-repro experiment=rates profile={profile}`). The published rate is one of these in "
        f"{among} of {len(lines)} cases, and the best of them in {best_of_all}. `rates=tuned` trains with the best "
        "ones.\n\n"
        + markdown(("data", "method", "s", "best rate", "published", "n", "validation accuracy by rate"), lines)
    )


def _published() -> list[Cell]:
    """Cells with the published rate of every method that has been tuned."""
    cells = [c for name in ("control_budget", "control_sparse") for c, _ in cells_of(name, "paper")]
    return [c for c in cells if c.n2 == 500]
