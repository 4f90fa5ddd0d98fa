"""The learning rates that were found best by validation accuracy, beside the published ones (SPEC 9)."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.files import conf_file
from spectral_repro.config.read import read_config
from spectral_repro.figures.style import way_of
from spectral_repro.report.conditions import above
from spectral_repro.results.rates import Tuning, tunings
from spectral_repro.results.statistics import difference, mean


class Line(NamedTuple):
    """Of one method on one data set."""

    tuning: Tuning
    data: str
    label: str
    #: The best rate lies at the end of those that were tried.
    edge: bool
    #: Rates that the seeds do not separate from it.
    near: Sequence[float]
    published: float | None

    @property
    def n(self) -> str:
        return " or ".join(map(str, sorted({len(values) for values in self.tuning.validation.values()})))


def lines(frame: pd.DataFrame, profile: str = "paper") -> list[Line]:
    """All that have rows of ``experiment=rates``."""
    return [_line(t) for t in tunings(frame, profile)]


def _line(t: Tuning) -> Line:
    others = {lr: difference(t.validation[t.best], v) for lr, v in t.validation.items() if lr != t.best}
    return Line(
        tuning=t,
        data=conf_file("data", t.data)["label"],
        label=way_of(t.method, t.masking)[0],
        edge=t.best in (min(t.validation), max(t.validation)),
        near=[lr for lr, gap in others.items() if above(gap, 0) is not True],
        published=_published(t),
    )


def _published(t: Tuning) -> float | None:
    """The rate of the published code, which has none for what the paper does not train."""
    if t.method not in ("direct", "spectral", "ssvd", "sqr") or t.masking not in (None, "cutoff"):
        return None
    job = (f"data={t.data}", f"method={t.method}", f"sparsity={t.sparsity:g}")
    return read_config(plain_composer()(job))[0].trainer["lr"]


def table(found: Sequence[Line]) -> pd.DataFrame:
    """Validation accuracy by rate, one line a rate."""
    lines = []
    for line in found:
        t = line.tuning
        for lr, values in t.validation.items():
            e = mean(values)
            lines.append((t.data, t.method, t.masking, t.sparsity, lr, e.value, e.spread, e.n, lr == t.best))
    columns = ["data", "method", "masking", "sparsity", "lr", "validation_accuracy", "sd", "n", "best"]
    return pd.DataFrame(lines, columns=columns)
