"""The learning rates that were found best by validation accuracy, beside the published ones (SPEC 9)."""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.figures.controls import way_of
from spectral_repro.figures.style import label_of
from spectral_repro.report.conditions import above
from spectral_repro.report.tables import accuracy, markdown
from spectral_repro.results.rates import TUNING_SEEDS, Tuning, tunings
from spectral_repro.results.statistics import difference, mean


def rates(frame: pd.DataFrame) -> str:
    """The rate of the best validation accuracy of each method, beside the published one."""
    text, profile = "### Learning rates\n\n", "paper"
    found = tunings(frame)
    if not found:
        found, profile = tunings(frame, "quick"), "quick"
    if not found:
        return text + "Not yet run: `spectral-repro experiment=rates`."
    lines, published = [], [_published_rate(t) for t in found]
    for t, said in zip(found, published, strict=True):
        means = {lr: mean(values) for lr, values in t.validation.items()}
        gaps = {lr: difference(t.validation[t.best], values) for lr, values in t.validation.items() if lr != t.best}
        level = ", ".join(f"{lr:g}" for lr, gap in gaps.items() if above(gap, 0) is not True)
        name = way_of(t.method, t.masking)[0] if t.masking else label_of(t.method)
        edge = " (at the edge)" * (t.best in (min(means), max(means)))
        best = f"{t.best:g}{edge if t.complete else ' (rates missing)'}"
        n = " or ".join(f"{count}" for count in sorted({e.n for e in means.values()}))
        each = "; ".join(f"{lr:g}: {accuracy(e)}" for lr, e in means.items())
        data = plain_composer().whole([f"data={t.data}"])["data"]["label"]
        lines.append((data, name, f"{t.sparsity:g}", best, level or "none", f"{said:g}" if said else "none", n, each))
    header = ("data", "method", "s", "best rate", "not separated from it", "published", "n")
    return (
        f"{text}Validation accuracy of networks on seeds from {TUNING_SEEDS} on, which nothing else uses "
        f"(`spectral-repro experiment=rates profile={profile}`): N2 = 500, rank 8, one trained number per node for "
        "hashed, p = 1, sparse networks at the s of the table with all layers alike. The rate that is best there is "
        "taken for the other sizes, ranks, multiples, shares, sparsities and allocations of the method, too "
        "(`rates=tuned`). Not separated: the 95 % interval of the difference to the best one, paired by seed, holds "
        f"zero, without correction for the choice. {_published_text(found, published)}\n\n"
        + markdown((*header, "validation accuracy by rate"), lines)
    )


def _published_text(found: Sequence[Tuning], published: Sequence[float | None]) -> str:
    """How often the published rate was tried, and how often it came out best."""
    pairs = [(t, rate) for t, rate in zip(found, published, strict=True) if rate]
    tried = [(t, rate) for t, rate in pairs if rate in t.validation]
    best = sum(t.complete and t.best == rate for t, rate in tried)
    return (
        f"{len(pairs)} of the {len(found)} lines have a published rate; of these, {len(tried)} are among those tried, "
        f"and {best} came out best."
    )


def _published_rate(t: Tuning) -> float | None:
    """The rate of the published code, which has none for what the paper does not train."""
    if t.method not in ("direct", "spectral", "ssvd", "sqr") or t.masking not in (None, "cutoff"):
        return None
    job = (f"data={t.data}", f"method={t.method}", f"sparsity={t.sparsity:g}")
    return read_config(plain_composer()(job))[0].trainer["lr"]
