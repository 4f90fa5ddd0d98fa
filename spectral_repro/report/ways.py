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
    lines, gaps, leading, names, longest = [], [], collections.defaultdict(list), [], collections.defaultdict(list)
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
        if _counts(panel, leads[_PAIRS[-1]]):
            for key in (_best(at), ("sqr", "cutoff")):
                longest[key].append(at[key]["epochs"].mean())
    text = headed(name, panels)
    if not lines:
        return text
    place = ("data", "where", "s")
    table = [(*where, *(line.get(name, "") for name in names)) for where, line in lines]
    text += (
        "\n\nIn one line all ways have the same number of links when they are tested; where the last layer stays "
        "dense, s is of the others, and there are more. Patience counts from the start for the cut-off and "
        "straight-through, from the end of the ramp for gradual, from the last exchange of links for RigL: these two "
        "train longer than S-QR (epochs below), the other two by the same rule. For orientation, of 784–300–100–10 on "
        "MNIST others report 0.985 at s = 0.95, 0.982 at 0.98, 0.975 at 0.99 (sparse momentum, Dettmers and "
        "Zettlemoyer, arXiv:1907.04840).\n\n"
        + markdown((*place, "links", *names), table)
        + "\n\nDifferences, with 95 % intervals, paired by seed; the best of direct is the way of the highest "
        "validation accuracy, once all have rows.\n\n"
        + markdown((*place, *(f"{_said(a)} − {_said(b)}" for a, b in _PAIRS)), gaps)
    )
    text += counted([(f"{_said(a)} against {_said(b)}", leading[a, b]) for a, b in _PAIRS]) + _training_of_best(longest)
    return text + "".join(f"\n\n{panel.label}:\n\n{accuracies(panel)}" for panel in panels if panel.found)


def _training_of_best(epochs: Mapping[tuple[str, str], Sequence[float]]) -> str:
    """Which ways are the best of direct, and how long they train: what S-QR is behind is that, too."""
    sqr = epochs.get(("sqr", "cutoff"), ())
    best = {key: values for key, values in epochs.items() if key[0] == "direct"}
    if not best:
        return ""
    each = [f"{_said(key)} in {len(values)} ({_mean_epochs(values)})" for key, values in sorted(best.items())]
    return f"\n\nThe best of direct is {', '.join(each)}; S-QR trains for {_mean_epochs(sqr)}."


def _mean_epochs(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.0f} epochs on average"


def returning(panels: Sequence[Panel], tuned: Sequence[Panel] = ()) -> str:
    """What the control says of claim 7: S-QR beside direct whose silenced weights return; at tuned rates too."""
    if not (there := _leads_at(panels, ("direct", "straight_through"))):
        return ""
    text = (
        "Claim 7 compares S-QR with direct under the paper's cut-off, where the silenced weights of direct get no "
        "gradient. Beside direct with straight-through gradients, whose silenced weights return too, S-QR is "
        f"{_ahead_and_behind(there)}; see “Beyond the paper”)."
    )
    if also := _leads_at(tuned, ("direct", "straight_through")):
        text += f" At the learning rates that validation prefers it is {_ahead_and_behind(also)})."
    return text


def _leads_at(panels: Sequence[Panel], other: tuple[str, str]) -> list[tuple[Panel, float, Measured]]:
    """Panel, sparsity and S-QR's lead over another way, of full-length networks."""
    there = [(panel, s, _lead(at, ("sqr", "cutoff"), other)) for panel, _, s, at in _places(panels)]
    return [(panel, s, e) for panel, s, e in there if _counts(panel, e)]


def _ahead_and_behind(there: Sequence[tuple[Panel, float, Measured]]) -> str:
    signs = [above(e, 0) for _, _, e in there]
    data = ", ".join(dict.fromkeys(panel.label for panel, _, _ in there))
    low, high = min(s for _, s, _ in there), max(s for _, s, _ in there)
    counts = {e.n for _, _, e in there}
    n = f"n {'=' if len(counts) == 1 else '≥'} {min(counts)}"
    return (
        f"ahead in {signs.count(True)} of {len(there)} comparisons and behind in {signs.count(False)} (95 % intervals "
        f"of one comparison each, {n}; {data}, s from {low:g} to {high:g}"
    )


def last_layer(panels: Sequence[Panel], tuned: Sequence[Panel] = ()) -> str:
    """What the control says of claim 7: S-QR's lead at the highest sparsity with and without the last layer's part."""
    if not (leads := _with_and_without(panels)):
        return ""
    shown = next(p for p in panels if p.found)
    s, entries = shown.frame["sparsity"].max(), int(shown.cells[0].n2 * shown.frame["n_out"].iloc[0])
    text = (
        f"The paper's cut-off silences all layers alike: at s = {s:g} it leaves {entries - round(s * entries)} of the "
        f"{entries:,} links into the classes. There S-QR differs from direct by {leads['uniform']}; with the last "
        f"layer left dense by {leads['dense_output']}."
    )
    if also := _with_and_without(tuned):
        text += (
            f" At the learning rates that validation prefers: by {also['uniform']}; with the last layer left dense by "
            f"{also['dense_output']}."
        )
    return text


def _with_and_without(panels: Sequence[Panel]) -> dict[str, str]:
    """By allocation S-QR's leads over direct under the cut-off at the highest sparsity, of panels that have both."""
    said: dict[str, list[str]] = collections.defaultdict(list)
    for panel in panels:
        top = panel.frame["sparsity"].max()
        leads = {
            allocation: lead
            for _, allocation, s, at in _places([panel])
            if s == top and _counts(panel, lead := _lead(at, ("sqr", "cutoff"), ("direct", "cutoff")))
        }
        if leads.keys() >= {"uniform", "dense_output"}:
            for allocation, lead in leads.items():
                said[allocation].append(f"{gap_text(lead)} on {panel.label}")
    return {allocation: ", ".join(texts) for allocation, texts in said.items()}


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
    second = _best(at) if second == _BEST else second
    if not at.keys() >= {first, second}:
        return difference({}, {})
    return difference(curves.accuracies(at[first]), curves.accuracies(at[second]))


def _best(at: Mapping[tuple[str, str], pd.DataFrame]) -> tuple[str, str]:
    """The way to silence direct with the highest validation accuracy, once all have rows."""
    if not all(("direct", masking) in at for masking in WAYS):
        return _BEST
    return max((k for k in at if k[0] == "direct"), key=lambda k: at[k]["validation_accuracy"].mean())
