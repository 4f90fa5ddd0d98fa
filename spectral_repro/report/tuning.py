"""The learning rates that were found best by validation accuracy, beside the published ones (SPEC 9)."""

import pandas as pd

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.figures.controls import way_of
from spectral_repro.figures.style import label_of
from spectral_repro.report.tables import accuracy, markdown
from spectral_repro.results.rates import TUNING_SEEDS, Tuning, tunings
from spectral_repro.results.statistics import Estimate


def rates(frame: pd.DataFrame) -> str:
    """The rate of the best validation accuracy of each method, beside the published one."""
    text, profile = "### Learning rates\n\n", "paper"
    found = tunings(frame)
    if not found:
        found, profile = tunings(frame, "quick"), "quick"
    if not found:
        return text + "Not yet run: `spectral-repro experiment=rates`."
    lines, among, best_of_all = [], 0, 0
    for t in found:
        published = _published_rate(t)
        among += published in t.validation.index
        best_of_all += t.complete and t.best == published
        each = "; ".join(
            f"{lr:g}: {accuracy(Estimate(row['mean'], row['std'], int(row['size'])))}"
            for lr, row in t.validation.iterrows()
        )
        name = way_of(t.method, t.masking)[0] if t.masking else label_of(t.method)
        edge = " (at the edge)" * (t.best in (t.validation.index[0], t.validation.index[-1]))
        best = f"{t.best:g}{edge if t.complete else ' (rates missing)'}"
        n = f"{int(t.validation['size'].min())}"
        lines.append((t.data, name, f"{t.sparsity:g}", best, f"{published:g}" if published else "none", n, each))
    some = sum(line[4] != "none" for line in lines)
    return (
        f"{text}Validation accuracy of networks on seeds from {TUNING_SEEDS} on, which nothing else uses "
        f"(`spectral-repro experiment=rates profile={profile}`): N2 = 500, rank 8, one trained number per node for "
        "hashed, p = 1, sparse networks at the s of the table with all layers alike; others take the same "
        f"rate. {some} of {len(lines)} cases have a published rate, which is one of these in {among} and the best "
        f"of them in {best_of_all}. `rates=tuned` trains with the best ones.\n\n"
        + markdown(("data", "method", "s", "best rate", "published", "n", "validation accuracy by rate"), lines)
    )


def _published_rate(t: Tuning) -> float | None:
    """The rate of the published code, which has none for what the paper does not train."""
    if t.method not in ("direct", "spectral", "ssvd", "sqr") or t.masking not in (None, "cutoff"):
        return None
    job = (f"data={t.data}", f"method={t.method}", f"sparsity={t.sparsity:g}")
    return read_config(plain_composer()(job))[0].trainer["lr"]
