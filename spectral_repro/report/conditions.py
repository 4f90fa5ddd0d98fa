"""Conditions on measured numbers: they hold, they do not, or the interval leaves them open (None)."""

from spectral_repro.results.statistics import Measured

Holds = bool | None


def above(e: Measured, limit: float, confidence: float = 0.95) -> Holds:
    """Whether the whole interval lies above ``limit``, or the whole of it below."""
    low, high = e.interval(confidence)
    return True if low > limit else False if high < limit else None


def within(e: Measured, low: float, high: float) -> Holds:
    """Whether the interval lies between two limits."""
    return all_(above(e, low), not_(above(e, high)))


def not_(holds: Holds) -> Holds:
    """The contrary."""
    return None if holds is None else not holds


def all_(*conditions: Holds) -> Holds:
    """One that does not hold decides."""
    return False if False in conditions else None if None in conditions else True


def any_(*conditions: Holds) -> Holds:
    """One that holds decides."""
    return True if True in conditions else None if None in conditions else False
