"""Means, spreads and ratios of accuracies, with their uncertainties."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean or ratio ``value``, the ``spread`` of one realization about it (ddof 1), and how many there were."""

    value: float
    spread: float
    n: int

    @property
    def standard_error(self) -> float:
        """Of ``value``: ``spread / √n``."""
        return self.spread / math.sqrt(self.n) if self.n else math.nan

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval for the true value; infinite for fewer than two realizations."""
        if self.n < 2 or not math.isfinite(self.spread):
            return -math.inf, math.inf
        from scipy.stats import t

        half = float(t.ppf(0.5 + confidence / 2, self.n - 1)) * self.standard_error
        return self.value - half, self.value + half


def mean(values: Mapping[int, float]) -> Estimate:
    """Mean and standard deviation (ddof 1; NaN for one value) of accuracies by seed."""
    x = np.fromiter(values.values(), dtype=float)
    if x.size == 0:
        return Estimate(math.nan, math.nan, 0)
    return Estimate(float(x.mean()), float(x.std(ddof=1)) if x.size > 1 else math.nan, x.size)


def ratio(numerator: Mapping[int, float], denominator: Mapping[int, float]) -> Estimate:
    """``q = mean(A)/mean(B)`` with the spread ``q √((s_A/A)² + (s_B/B)² − 2 cov/(A B))`` (SPEC 4).

    ``cov`` is taken over the seeds that both have; with fewer than two of them it is left out. ``n`` is the
    smaller of the two numbers of realizations.
    """
    a, b = mean(numerator), mean(denominator)
    if min(a.n, b.n) == 0 or b.value == 0:
        return Estimate(math.nan, math.nan, 0)
    q = a.value / b.value
    shared = sorted(numerator.keys() & denominator.keys())
    covariance = 0.0
    if len(shared) > 1:
        covariance = float(np.cov([numerator[s] for s in shared], [denominator[s] for s in shared], ddof=1)[0, 1])
    variance = (
        (a.spread / a.value) ** 2 + (b.spread / b.value) ** 2 - 2 * covariance / (a.value * b.value)
        if a.value
        else math.nan
    )
    return Estimate(q, abs(q) * math.sqrt(max(variance, 0.0)) if not math.isnan(variance) else math.nan, min(a.n, b.n))


def linearised_ratio(numerator: Mapping[int, float], denominator: Mapping[int, float]) -> dict[int, float]:
    """By seed that both have, ``q (1 + (a_s − A)/A − (b_s − B)/B)``, for averages of ratios over several cells.

    The mean of the values is ``q = A/B``, and their standard deviation is the spread of :func:`ratio` (to first
    order each is that seed's share of the ratio of the means; the mean of ``a_s/b_s`` would be another quantity).
    """
    shared = sorted(numerator.keys() & denominator.keys())
    if not shared:
        return {}
    a, b = (sum(values[s] for s in shared) / len(shared) for values in (numerator, denominator))
    q = a / b
    return {s: q + (numerator[s] - a) / b - q * (denominator[s] - b) / b for s in shared}


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Estimate:
    """``mean(A) − mean(B)``; paired by seed where the seeds are the same, else with independent spreads."""
    if first.keys() == second.keys() and first:
        return mean({seed: first[seed] - second[seed] for seed in first})
    a, b = mean(first), mean(second)
    if min(a.n, b.n) == 0:
        return Estimate(math.nan, math.nan, 0)
    n = min(a.n, b.n)
    return Estimate(a.value - b.value, math.sqrt(n * (a.spread**2 / a.n + b.spread**2 / b.n)), n)
