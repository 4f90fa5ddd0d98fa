"""Axes that show what happens near 1: of sparsities, and of accuracies."""

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


def scale_sparsity(ax: Axes, ticks: Sequence[float]) -> None:
    """Shows what happens near 1."""
    ax.set_xscale("function", functions=_TOWARDS_ONE)
    ax.set_xticks(ticks, [f"{s:g}" for s in ticks])
    ax.set_xticks([], minor=True)


def scale_accuracy(ax: Axes) -> None:
    """Equal steps of log(1 − accuracy), so that one network far below the others does not press them together."""
    ax.set_yscale("function", functions=_TOWARDS_ONE)
    ax.autoscale_view()
    low, high = _towards_one(ax.get_ylim())
    for marks in _ACCURACIES:
        ticks: list[float] = []
        for tick, at in zip(marks, _towards_one(marks), strict=True):
            if low <= at <= high and (not ticks or at - _towards_one(ticks[-1]) > 0.08 * (high - low)):
                ticks.append(tick)
        if len(ticks) >= _MARKS:
            break
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylabel("accuracy")


def _towards_one(s: ArrayLike) -> np.ndarray:
    """The axis of sparsity, and of accuracy: −log₁₀(1 − s)."""
    return -np.log10(np.clip(1 - np.asarray(s), 1e-6, None))


_TOWARDS_ONE = (_towards_one, lambda u: 1 - 10**-u)
