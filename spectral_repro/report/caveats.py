"""What one has to know beside a verdict, with the numbers that the controls and the figures have for it."""

from collections.abc import Callable

from spectral_repro.claims import ABOUT_NINETY, CLAIMS, EQUAL
from spectral_repro.figures.select import Panel
from spectral_repro.report import budgets, cost, sparse
from spectral_repro.report.conditions import above, within
from spectral_repro.report.formats import interval, listed
from spectral_repro.report.hubs import Hubs
from spectral_repro.report.measures import relative_by_size, shares
from spectral_repro.report.panels import RATES, Rows, short_of
from spectral_repro.results.statistics import average

#: Networks whose hubs a referee asks for, beside direct and S-QR.
_OTHER_HUBS = {"direct straight_through": "direct with straight-through gradients", "sqr full": "S-QR with all of R"}


def caveats(rows: Rows) -> dict[str, str]:
    """By number of the claim: its caveat, and what the rows say of it."""
    found = {number: _FROM_ROWS[number](rows) if number in _FROM_ROWS else "" for number in CLAIMS}
    return {number: " ".join(filter(None, [CLAIMS[number].caveat, said])) for number, said in found.items()}


def _wide_networks(rows: Rows) -> str:
    """Claim 1 at the sizes where the number of parameters is a small share."""
    for panel in rows.whole("fig01", methods=CLAIMS["1"].methods):
        wide = panel.frame[(panel.frame["method"] == "spectral") & (panel.frame["n2"] >= 500)]
        if len(wide):
            q = average(list(relative_by_size(panel.frame, "spectral", 500).values()))
            alone = {True: "reproduced", False: "not reproduced", None: "undecided"}[within(q, *ABOUT_NINETY)]
            return (
                f"Over N2 ≥ 500, where ρ is at most {wide['rho'].max():.4f}, it is {interval(q)}: "
                f"by that alone the verdict would be “{alone}”."
            )
    return ""


def _small_networks(rows: Rows) -> str:
    """Claim 4 by size, and under the protocol of the sparse figures."""
    said = []
    for figure in CLAIMS["4"].figures:
        for panel in rows.whole(figure, methods=CLAIMS["4"].methods):
            curve = {n2: e.value for n2, e in sorted(relative_by_size(panel.frame, "sqr").items())}
            near = [n2 for n2 in curve if all(curve[other] > EQUAL for other in curve if other >= n2)]
            since = f"from N2 = {near[0]} on" if near else "at no N2 up to the largest"
            said.append(f"{since} ({short_of(figure)})")
    other = [
        f"{interval(e)} on {panel.label}"
        for panel in rows.whole("fig02")
        for e in relative_by_size(panel.frame[panel.frame["sparsity"] == 0], "sqr").values()
    ]
    text = f"At the published rates the ratio is above {EQUAL} {', '.join(said)}." if said else ""
    protocol = "Under the protocol of the sparse figures, without sparsity (N2 = 500), it is"
    return text + (f" {protocol} {', '.join(other)}." if other else "")


def _where_below(rows: Rows) -> str:
    """Claim 6: how near S-SVD is itself, and where S-QR(p) lies below it."""
    levels, below = [], []
    for figure in CLAIMS["6"].figures:
        for panel in rows.whole(figure):
            if found := shares(panel):
                levels.append(f"{interval(found.ssvd)} ({short_of(figure)})")
                lower = [p for p, e in found.gaps.items() if above(e, 0) is False]
                below += [f"p = {listed(lower)} ({short_of(figure)})"] * bool(lower)
    text = f"It is at {', '.join(levels)}." if levels else ""
    return text + (f" S-QR(p) is below it at {', '.join(below)}; at p = 0 both train as many." if below else "")


def _what_returns(rows: Rows) -> str:
    """Claim 7 beside direct whose silenced weights return, and without the last layer's part."""
    text = ""
    for rates in RATES:
        found = sparse.places(rows.panels("control_sparse", rates))
        if count := sparse.counts(found).get(sparse.RETURNING):
            dense = sparse.at_highest(found).items()
            each = ", ".join(f"{interval(leads['dense_output'], '+.4f')} on {label}" for label, leads in dense)
            text += (
                f" At {rates} rates S-QR leads such direct training in {count.first} of {count.of} comparisons and is "
                f"behind in {count.second}."
                + (f" With the last layer dense, S-QR's lead over direct at the highest s is {each}." if each else "")
            )
    return f"Straight-through gradients let those of direct return, too.{text}" if text else ""


def _other_hubs(rows: Rows) -> str:
    """Claim 8 beside networks that could tell what makes the hubs."""
    panels = rows.whole("hubs")
    if not panels:
        return ""
    hubs = Hubs.read(rows.results_dir, panels)
    said = f"Of the hidden nodes of S-QR {100 * (1 - hubs.live_share('sqr')):.0f} % have no input."
    more = {kind: hubs.measured(kind, "in") - hubs.measured("direct", "in") for kind in _OTHER_HUBS}
    said += " Hubs need neither the triangle nor the spectrum." * all(above(e, 0) is True for e in more.values())
    said += " Their share of the in-links, less that of direct, is "
    said += listed(f"{interval(e, '+.3f')} in {_OTHER_HUBS[kind]}" for kind, e in more.items())
    places = {"S-QR": "sqr", **{name: kind for kind, name in _OTHER_HUBS.items()}}
    each = listed(f"{interval(hubs.place(kind), '.2f')} in {name}" for name, kind in places.items())
    return f"{said}. By index (0 the first node, 1 the last) the hubs lie on average at {each}."


def _size_and_time(rows: Rows) -> str:
    """Claim 9: the trained network, and seconds of an epoch."""
    text = ""
    for panel in rows.whole("fig01", methods=CLAIMS["9"].methods):
        sqr = panel.frame[(panel.frame["method"] == "sqr") & (panel.frame["n2"] == 500)]
        if len(sqr):
            text = f"At N2 = 500 on MNIST every method has {cost.links(sqr.iloc[0]):,} weights to multiply by."
    if epochs := [ratio for (_, n2), ratio in cost.epoch_seconds(rows.results_dir, "sqr").items() if n2 == 500]:
        text += f" An epoch of S-QR then takes {min(epochs):.1f} to {max(epochs):.1f} times as long as one of direct."
    return text.strip()


def _spent_otherwise(rows: Rows) -> str:
    """Claim 10 beside other ways to spend as many parameters."""
    said = []
    for panel in rows.panels("control_budget"):
        if _has_spectral(panel):
            found = budgets.beside_spectral(rows.entries, panel, ("hashed", "lowrank"))
            each = (f"{label} {e if isinstance(e, str) else interval(e, '+.3f')}" for label, e in found.items())
            said.append(f"on {panel.label} {', '.join(each)}")
    return f"Others with at most as many parameters, less Spectral: {'; '.join(said)}." if said else ""


def _has_spectral(panel: Panel) -> bool:
    mine = panel.frame[(panel.frame["method"] == "spectral") & (panel.frame["n2"] == 500)]
    return panel.profile == "paper" and len(mine) > 0


_FROM_ROWS: dict[str, Callable[[Rows], str]] = {
    "1": _wide_networks,
    "4": _small_networks,
    "6": _where_below,
    "7": _what_returns,
    "8": _other_hubs,
    "9": _size_and_time,
    "10": _spent_otherwise,
}
