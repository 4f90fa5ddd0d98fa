"""Means, spreads and ratios of accuracies, with their uncertainties."""

import collections
import dataclasses
import functools
import math
from collections.abc import Hashable, Mapping, Sequence
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
        return _student(self.value, self.standard_error, self.n - 1, confidence)


def _student(value: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    """``value ± t · error``, infinite where the error is not known."""
    if not math.isfinite(error):
        return -math.inf, math.inf
    from scipy.stats import t

    half = float(t.ppf(0.5 + confidence / 2, freedom)) * error
    return value - half, value + half


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


@dataclasses.dataclass(frozen=True)
class Measured:
    """A number made of the mean accuracies of cells, with its uncertainty to first order (the delta method of SPEC 4).

    Sums, differences and ratios of such are such again. Realizations of two cells that have the same seed vary
    together, as far as they were seen to; others are independent. Cells may have different numbers of realizations.

    Args:
        value: the number.
        slopes: its derivative with respect to the mean of each cell.
        cells: accuracies by seed of each cell.
    """

    value: float
    slopes: Mapping[Hashable, float]
    cells: Mapping[Hashable, Mapping[int, float]]

    @classmethod
    def of(cls, cell: Hashable, accuracies: Mapping[int, float]) -> "Measured":
        """The mean of one cell; ``cell`` tells it from others."""
        return cls(mean(accuracies).value, {cell: 1.0}, {cell: accuracies})

    def __add__(self, other: "Measured") -> "Measured":
        return self._with(other, self.value + other.value, 1, 1)

    def __sub__(self, other: "Measured") -> "Measured":
        return self._with(other, self.value - other.value, 1, -1)

    def __truediv__(self, other: "Measured") -> "Measured":
        if not other.value:  # a mean of zero, or of nothing
            return self._with(other, math.nan, math.nan, math.nan)
        q = self.value / other.value
        return self._with(other, q, 1 / other.value, -q / other.value)

    def _with(self, other: "Measured", value: float, mine: float, theirs: float) -> "Measured":
        slopes = {cell: mine * slope for cell, slope in self.slopes.items()}
        for cell, slope in other.slopes.items():
            slopes[cell] = slopes.get(cell, 0.0) + theirs * slope
        return Measured(value, slopes, {**self.cells, **other.cells})

    @property
    def n(self) -> int:
        """Realizations of the cell that has the fewest."""
        return min((len(values) for values in self.cells.values()), default=0)

    @property
    def standard_error(self) -> float:
        """Of ``value``; NaN if a cell has fewer than two realizations."""
        if self.n < 2:
            return math.nan
        shares: dict[int, float] = collections.defaultdict(float)
        for cell, values in self.cells.items():
            n, centre = len(values), mean(values).value
            for seed, x in values.items():
                shares[seed] += self.slopes[cell] * (x - centre) / math.sqrt(n * (n - 1))
        return math.sqrt(sum(share**2 for share in shares.values()))

    @property
    def freedom(self) -> float:
        """Degrees of freedom: one less than the realizations, averaged over the cells by their part in the error."""
        parts = {k: (self.slopes[k] * mean(values).standard_error) ** 2 for k, values in self.cells.items()}
        total = sum(parts.values())
        if not total > 0:
            return self.n - 1
        return total / sum(part / (len(self.cells[k]) - 1) for k, part in parts.items())

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval for the true value; infinite if a cell has fewer than two realizations."""
        return _student(self.value, self.standard_error, self.freedom, confidence)


def average(values: Sequence[Measured]) -> Measured:
    """The mean of several numbers, each of the same weight."""
    total = functools.reduce(Measured.__add__, values)
    slopes = {cell: slope / len(values) for cell, slope in total.slopes.items()}
    return Measured(total.value / len(values), slopes, total.cells)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Measured:
    """``mean(A) − mean(B)`` of two cells, paired where they share seeds."""
    return Measured.of("first", first) - Measured.of("second", second)
