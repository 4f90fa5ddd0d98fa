"""Axes: sizes, links, shares p, and what happens near 1 of sparsities and of accuracies. They end with the data."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

#: Where the axis of accuracies may be marked, and where it may if that were fewer than :data:`_MARKS` marks.
_ACCURACIES = (
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 0.995),
    tuple(round(0.01 * i, 2) for i in range(1, 100)),
    tuple(round(0.005 * i, 3) for i in range(1, 200)),
    tuple(round(0.001 * i, 3) for i in range(1, 1000)),
)
_MARKS = 4
#: What an axis goes on beyond its data, as a share of it.
_ROOM = 0.06


def end_with(ax: Axes, values: Sequence[float]) -> None:
    """The axis of x from the least to the largest of ``values``, and a little more, on the scale that it has."""
    scale = ax.xaxis.get_transform()
    low, high = scale.transform(np.array([min(values), max(values)], dtype=float))
    room = _ROOM * ((high - low) or 1.0)
    left, right = scale.inverted().transform(np.array([low - room, high + room]))
    ax.set_xlim(left, right)


def scale_log(ax: Axes, values: Sequence[float], ticks: Sequence[float]) -> None:
    """Logarithmic, with those of ``ticks`` that lie among ``values``."""
    ax.set_xscale("log")
    end_with(ax, values)
    low, high = ax.get_xlim()
    mark(ax, [tick for tick in ticks if low <= tick <= high])


def scale_sparsity(ax: Axes, values: Sequence[float], ticks: Sequence[float]) -> None:
    """Equal steps of log(1 − s)."""
    ax.set_xscale("function", functions=_TOWARDS_ONE)
    end_with(ax, values)
    mark(ax, [tick for tick in ticks if min(values) <= tick <= max(values)])


def scale_share(ax: Axes, values: Sequence[float]) -> None:
    """Logarithmic from 0.01 on, linear below."""
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.5)
    end_with(ax, values)
    mark(ax, values)


def mark(ax: Axes, ticks: Sequence[float]) -> None:
    """Marks the axis of x at ``ticks`` alone."""
    ax.set_xticks(ticks, [_short(tick) for tick in ticks])
    ax.set_xticks([], minor=True)


def _short(tick: float) -> str:
    """1000 as 1k, 1000000 as 1M."""
    if tick >= 1_000_000:
        return f"{tick / 1_000_000:g}M"
    return f"{tick / 1000:g}k" if tick >= 1000 else f"{tick:g}"


def scale_accuracy(*axes: Axes) -> None:
    """Equal steps of log(1 − accuracy), so that one network far below the others does not press them together.

    Several axes get the same limits.
    """
    for ax in axes:
        ax.set_yscale("function", functions=_TOWARDS_ONE)
        ax.autoscale_view()
    ends = min(ax.get_ylim()[0] for ax in axes), max(ax.get_ylim()[1] for ax in axes)
    ticks = _accuracies(*_towards_one(ends))
    for ax in axes:
        ax.set_ylim(*ends)
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_yticks([], minor=True)


def _accuracies(low: float, high: float) -> list[float]:
    """Where to mark an axis of accuracies, whose ends are given as −log₁₀(1 − accuracy)."""
    ticks: list[float] = []
    for marks in _ACCURACIES:
        ticks = []
        for tick, at in zip(marks, _towards_one(marks), strict=True):
            if low <= at <= high and (not ticks or at - _towards_one(ticks[-1]) > 0.08 * (high - low)):
                ticks.append(tick)
        if len(ticks) >= _MARKS:
            break
    return ticks


def _towards_one(s: ArrayLike) -> np.ndarray:
    """The axis of sparsity, and of accuracy: −log₁₀(1 − s)."""
    return -np.log10(np.clip(1 - np.asarray(s), 1e-6, None))


_TOWARDS_ONE = (_towards_one, lambda u: 1 - 10**-u)
