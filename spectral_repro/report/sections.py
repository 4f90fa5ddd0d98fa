"""The tables of ``REPORT.md``, as Markdown."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from spectral_repro.claims import CLAIMS
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.controls import ALLOCATIONS
from spectral_repro.figures.style import label_of
from spectral_repro.report import budgets, learning_rates, sparse
from spectral_repro.report.formats import interval, listed, markdown
from spectral_repro.report.panels import RATES
from spectral_repro.report.verdicts import Verdict, overall


def claims(verdicts: Sequence[Verdict]) -> str:
    """One line a claim: the paper's words, what is measured by which rule, and the verdicts at both kinds of rates."""
    lines = []
    for number, claim in CLAIMS.items():
        mine = [v for v in verdicts if v.claim.number == number]
        cells = [_verdicts([v for v in mine if v.rates == rates]) for rates in RATES]
        said = f"“{claim.said}” ({claim.where})"
        lines.append((number, said, f"{_upper(claim.measures)}. *{_upper(claim.rule)}.*", *cells))
    header = ("#", "the paper says", "we measure; *our rule*", "published rates", "tuned rates")
    return markdown(header, lines)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _verdicts(mine: Sequence[Verdict]) -> str:
    if not mine:
        return "–"
    alike = len({v.verdict for v in mine}) == 1
    each = (f"{_place(v)}: {v.short}" + f", {v.verdict}" * (not alike) for v in mine)
    return "<br>".join([f"**{overall(mine)}**", *each])


def _place(v: Verdict) -> str:
    """Where it was measured: ``Fig. 2 MNIST``."""
    if v.figure not in FIGURES:
        return v.label
    spec = FIGURES[v.figure]
    return spec.short + f" {v.label}" * (len(spec.datasets) > 1)


def sparse_table(found: Mapping[str, Sequence[sparse.Place]]) -> str:
    """S-QR's leads at the lowest and the highest sparsity; published and tuned rates side by side."""
    tuned = {_where(p): p for p in found["tuned"]}
    ends = {extreme((p.sparsity for p in found["published"]), default=0) for extreme in (min, max)}
    lines = []
    for p in found["published"]:
        if p.sparsity in ends:
            place = (p.panel.label, ALLOCATIONS[p.allocation], f"{p.sparsity:g}", f"{p.links:,}")
            pair = (p, tuned.get(_where(p)))
            leads = (interval(q.leads[r], "+.3f") if q and r in q.leads else "" for q in pair for r in sparse.RIVALS)
            lines.append((*place, *leads))
    names = [f"{rates}: {name}" for rates in RATES for name in ("cut-off", "straight-through", "best")]
    return markdown(("data", "layers", "s", "links", *names), lines)


def _where(p: sparse.Place) -> tuple[str, str, float]:
    return p.panel.data, p.allocation, p.sparsity


def sparse_counts(found: Mapping[str, Sequence[sparse.Place]]) -> str:
    """One line a rival: in how many comparisons S-QR leads it, and is behind."""
    lines = [
        (
            sparse.said(rival),
            rates,
            c.of,
            *(f"{n} ({sure})" for n, sure in zip((c.first, c.second), c.sure, strict=True)),
        )
        for rates, places in found.items()
        for rival, c in sparse.counts(places).items()
    ]
    header = ("S-QR beside", "rates", "comparisons", "leads (corrected)", "is behind (corrected)")
    return markdown(header, [tuple(map(str, line)) for line in lines])


def best_training(found: Sequence[sparse.Place]) -> str:
    """How long the best of direct trains: what S-QR is behind is that, too."""
    best = sparse.training_of_best(found)
    if not best:
        return ""
    each = ", ".join(f"{name} in {n} places ({epochs:.0f} epochs)" for name, (n, epochs) in best.items())
    own = [p.epochs[sparse.SQR] for p in found if p.best]
    return f"At published rates the best of direct is {each}; S-QR trains for {sum(own) / len(own):.0f} epochs."


#: The methods whose distance from the first is shown; those of the others are in ``tables/leaderboard.csv``.
_COMPARED = ("direct", "sqr")


def budgets_table(found: Mapping[str, Sequence[budgets.Lead]]) -> str:
    """Who is first at each budget, and what the paper's methods are above that."""
    labels = [label_of(method) for method in _COMPARED]
    lines = [line for rates, leads in found.items() for line in _budget_lines(rates, leads, labels)]
    header = ("data", "at most", "rates", "first", "not separated", *labels)
    return markdown(header, lines)


def _budget_lines(rates: str, leads: Sequence[budgets.Lead], labels: Sequence[str]) -> Iterator[Sequence[str]]:
    for line in leads:
        first = f"{line.first.way} {line.first.estimate.value:.4f}"
        near = listed(e.way for e in line.near[1:])
        others = (_beside(line, label) for label in labels)
        yield line.panel.label, f"{line.budget:,}", rates, first, near, *others


def _beside(line: budgets.Lead, label: str) -> str:
    if label == line.first.way:
        return "first"
    return interval(line.gaps[label], "+.3f") if label in line.gaps else "none fits"


def rates_table(found: Sequence[learning_rates.Line]) -> str:
    """One line a method, one column a data set: the best rate, and what else is known of it."""
    data = list(dict.fromkeys(line.data for line in found))
    methods = list(dict.fromkeys(_method(line) for line in found))
    usual = usual_n(found)
    cells = {(_method(line), line.data): _rate(line, usual) for line in found}
    return markdown(("method", *data), [(m, *(cells.get((m, d), "") for d in data)) for m in methods])


def _method(line: learning_rates.Line) -> str:
    return line.label + f" (s = {line.tuning.sparsity:g})" * bool(line.tuning.sparsity)


def usual_n(found: Sequence[learning_rates.Line]) -> str:
    """How many networks each rate has in most lines."""
    return statistics.mode(line.n for line in found) if found else ""


def _rate(line: learning_rates.Line, usual: str) -> str:
    t = line.tuning
    end = ("<" if t.best == min(t.validation) else ">") * line.edge
    near = f"; {listed(line.near)}" * bool(line.near)
    published = f" ({line.published:g})" if line.published else ""
    return f"**{t.best:g}**{end}{'' if t.complete else '?'}{published}{near}" + f"; n = {line.n}" * (line.n != usual)
