"""Is it the spectrum, or that silenced weights return? S-QR beside direct with four ways to silence (SPEC 9)."""

import collections
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from spectral_repro.figures import curves
from spectral_repro.figures.controls import ALLOCATIONS, way_of, ways
from spectral_repro.figures.select import ENOUGH, Panel
from spectral_repro.figures.style import WAYS
from spectral_repro.report.comparisons import counted, gap_text, headed
from spectral_repro.report.conditions import above
from spectral_repro.report.leaderboard import links
from spectral_repro.report.tables import accuracies, accuracy, markdown
from spectral_repro.results.statistics import Measured, difference, mean

#: Stands for the way to silence direct that has the best validation accuracy.
_BEST = ("direct", "best")
#: What the ways to silence are compared for: the paper's lead; whether weights that return make it; the best there is.
_PAIRS = (
    (("sqr", "cutoff"), ("direct", "cutoff")),
    (("direct", "straight_through"), ("direct", "cutoff")),
    (("direct", "gradual"), ("direct", "cutoff")),
    (("direct", "rigl"), ("direct", "cutoff")),
    (("sqr", "cutoff"), ("direct", "straight_through")),
    (("sqr", "cutoff"), _BEST),
)


def sparse(name: str, panels: Sequence[Panel]) -> str:
    """S-QR against direct with four ways to silence: the paper explains its lead by silenced weights that return."""
    lines, gaps, leading, names = [], [], collections.defaultdict(list), []
    for panel, allocation, s, at in _places(panels):
        names += [way_of(*key)[0] for key in at if way_of(*key)[0] not in names]
        line = {way_of(*key)[0]: accuracy(mean(curves.accuracies(rows))) for key, rows in at.items()}
        where = (panel.label, ALLOCATIONS[allocation], f"{s:g}")
        lines.append(((*where, f"{links(next(iter(at.values())).iloc[0]):,}"), line))
        leads = {pair: _lead(at, *pair) for pair in _PAIRS}
        gaps.append((*where, *map(gap_text, leads.values())))
        for pair, e in leads.items():
            if _counts(panel, e):
                leading[pair].append(e)
    text = headed(name, panels)
    if not lines:
        return text
    place = ("data", "where", "s")
    table = [(*where, *(line.get(name, "") for name in names)) for where, line in lines]
    text += (
        "\n\nIn one line all ways have the same number of links when they are tested; where the last layer stays "
        "dense, s is of the others, and there are more. Patience counts from the start for the cut-off and "
        "straight-through, from the end of the ramp for gradual, from the last exchange of links for RigL: these two "
        "train longer than S-QR (epochs below), the other two by the same rule.\n\n"
        + markdown((*place, "links", *names), table)
        + "\n\nDifferences, with 95 % intervals, paired by seed; the best of direct is the way of the highest "
        "validation accuracy, once all have rows.\n\n"
        + markdown((*place, *(f"{_said(a)} − {_said(b)}" for a, b in _PAIRS)), gaps)
    )
    text += counted([(f"{_said(a)} against {_said(b)}", leading[a, b]) for a, b in _PAIRS])
    return text + "".join(f"\n\n{panel.label}:\n\n{accuracies(panel)}" for panel in panels if panel.found)


def returning(panels: Sequence[Panel]) -> str:
    """What the control says of claim 7: S-QR beside direct whose silenced weights return, too."""
    there = [(p, s, _lead(at, ("sqr", "cutoff"), ("direct", "straight_through"))) for p, _, s, at in _places(panels)]
    there = [(panel, s, e) for panel, s, e in there if _counts(panel, e)]
    if not there:
        return ""
    signs = [above(e, 0) for _, _, e in there]
    data = ", ".join(dict.fromkeys(panel.label for panel, _, _ in there))
    low, high = min(s for _, s, _ in there), max(s for _, s, _ in there)
    return (
        "Claim 7 compares S-QR with direct under the paper's cut-off, where the silenced weights of direct get no "
        "gradient. Beside direct with straight-through gradients, whose silenced weights return too, S-QR is ahead in "
        f"{signs.count(True)} of {len(there)} comparisons and behind in {signs.count(False)} (95 % intervals of one "
        f"comparison each; {data}, s from {low:g} to {high:g}; see “Beyond the paper”)."
    )


def last_layer(panels: Sequence[Panel]) -> str:
    """What the control says of claim 7: S-QR's lead at the highest sparsity with and without the last layer's part."""
    leads: dict[str, dict[str, tuple[float, Measured]]] = collections.defaultdict(dict)
    for panel, allocation, s, at in _places(panels):
        lead = _lead(at, ("sqr", "cutoff"), ("direct", "cutoff"))
        if _counts(panel, lead):
            leads[panel.label][allocation] = s, lead  # sparsities come in ascending order
            row = at["sqr", "cutoff"].iloc[0]
            entries = int(row["n2"] * row["n_out"])
    pairs = {k: (v["uniform"], v["dense_output"]) for k, v in leads.items() if v.keys() >= {"uniform", "dense_output"}}
    pairs = {label: (a, b) for label, (a, b) in pairs.items() if a[0] == b[0]}
    if not pairs:
        return ""
    (s, _), _ = next(iter(pairs.values()))
    alike, dense = (", ".join(f"{gap_text(pair[k][1])} on {x}" for x, pair in pairs.items()) for k in (0, 1))
    return (
        f"The paper's cut-off silences all layers alike: at s = {s:g} it leaves {entries - round(s * entries)} of the "
        f"{entries:,} links into the classes. There S-QR is above direct by {alike}; with the last layer left dense by "
        f"{dense}."
    )


def _counts(panel: Panel, e: Measured) -> bool:
    """Whether something follows from a difference: of networks trained to their end, and of enough of them."""
    return panel.profile == "paper" and e.n >= ENOUGH


def _places(panels: Sequence[Panel]) -> Iterator[tuple[Panel, str, float, dict[tuple[str, str], pd.DataFrame]]]:
    """Panel, allocation and sparsity, and the rows there by method and masking."""
    for panel in panels:
        for allocation in ALLOCATIONS:
            found = ways(panel, allocation)
            for s in sorted({s for rows in found.values() for s in rows["sparsity"]}):
                at = {key: rows[rows["sparsity"] == s] for key, rows in found.items()}
                yield panel, allocation, s, {key: rows for key, rows in at.items() if len(rows)}


def _said(way: tuple[str, str]) -> str:
    return "the best of direct" if way == _BEST else way_of(*way)[0]


def _lead(at: Mapping[tuple[str, str], pd.DataFrame], first: tuple[str, str], second: tuple[str, str]) -> Measured:
    """How much more accurate the first way is; of no networks where one of them, or of the best any, has no rows."""
    if second == _BEST and all(("direct", masking) in at for masking in WAYS):
        second = max((k for k in at if k[0] == "direct"), key=lambda k: at[k]["validation_accuracy"].mean())
    if not at.keys() >= {first, second}:
        return difference({}, {})
    return difference(curves.accuracies(at[first]), curves.accuracies(at[second]))
