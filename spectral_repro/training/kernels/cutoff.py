"""The adaptive cut-off of stacks of networks, exact and without masks in memory; the paper's formula is the layers'."""

import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from spectral_repro.layers.cutoff import selected
from spectral_repro.training import fused

#: Below this size one selection is faster than sampling a bracket first.
_SMALL = 20_000
_SAMPLE = 8192
#: How far from the last result the next one is looked for, relative to it; and of how many entries one is a candidate.
_WIDTHS, _MOST = (0.002, 0.02), 8
#: Every magnitude is above it.
_BELOW = np.float32(-1)
#: So many threads of torch leave no core to others: its own wait for the next operation at full speed.
_BUSY_THREADS = 2


def limits(weight: Tensor, sparsity: float, near: Tensor | None = None) -> Tensor | None:
    """``(R)``: of each network of ``weight (R, …)`` the greatest number below which ``sparsity`` of its ``|w|`` lie.

    None where nothing is silenced: ``round(sparsity · n)`` of ``n`` entries are, and never all. ``near`` are the
    limits of the step before, from which these are found faster.
    """
    entries = weight[0].numel()
    silenced = min(round(sparsity * entries), entries - 1)
    if not silenced:
        return None
    if weight.device.type == "cpu":
        rows = (weight.mT if weight.ndim == 3 and weight.mT.is_contiguous() else weight).flatten(1)
        found = kth_smallest(rows, silenced, near).numpy()  # in the order of memory
        return torch.from_numpy(np.where(found != 0, np.nextafter(found, found.dtype.type(0)), _BELOW))
    threshold = selected(weight.abs().flatten(1), silenced)
    below = torch.nextafter(threshold, torch.zeros_like(threshold))
    return below.where(threshold != 0, -1.0)  # nothing is below zero


def survivors(values: Tensor, weight: Tensor, limit: Tensor, out: Tensor | None = None) -> Tensor:
    """``values (R, …)`` where ``|weight| > limit (R)``, else 0, laid out as ``weight``; NaN where the limit is."""
    if weight.device.type != "cpu":
        return torch.mul(values, weight.abs() > limit.view(-1, *[1] * (weight.ndim - 1)), out=out)
    out = torch.empty_like(weight) if out is None else out
    for v, w, at, o in zip(values, weight, limit.tolist(), out, strict=True):
        if at != at:
            torch.mul(v, float("nan"), out=o)  # a network that has diverged; hardshrink would hide it
        else:
            torch.ops.aten.hardshrink_backward.grad_input(v, w, at, grad_input=o)
    return out


def kth_smallest(values: Tensor, k: int, near: Tensor | None = None) -> Tensor:
    """The magnitude of rank ``k`` (0-based, ascending), exactly, in each row of ``values (R, n)`` on a CPU.

    A row with NaN gives NaN. What is ``near`` it, or else a sample, brackets it, so that only a few candidates are
    sorted; the count of entries below the bracket makes the result exact.
    """
    rows = values.numpy()
    hints = [0.0] * len(rows) if near is None or len(near) != len(rows) else near.tolist()
    select = functools.partial(_select, k=k)
    threads = min(len(rows), torch.get_num_threads())
    spread = threads > _BUSY_THREADS and rows.shape[1] > _SMALL
    found = list(_pool(os.getpid(), threads).map(select, rows, hints) if spread else map(select, rows, hints))
    return torch.from_numpy(np.array(found, rows.dtype))


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    del process  # a forked process has none of the threads
    return ThreadPoolExecutor(threads)


def _select(row: np.ndarray, near: float, k: int) -> np.generic:
    """Tries brackets until one holds the wanted entry, then selects among its candidates; at last among all."""
    for low, high in _brackets(row, near, k):
        candidates = np.empty(row.size // _MOST, row.dtype)
        below, count = fused.between(row, low, high, candidates)
        if 0 <= k - below < count:
            return _of_rank(candidates[:count], k - below)
    return _of_rank(np.abs(row), k)


def _brackets(row: np.ndarray, near: float, k: int) -> Iterator[tuple[np.generic, np.generic]]:
    """Around what was the result before; around order statistics of a sample, which is Floyd and Rivest's idea."""
    kind, n = row.dtype.type, row.size
    if near > 0:
        yield from ((kind(near * (1 - width)), kind(near * (1 + width))) for width in _WIDTHS)
    if n > _SMALL:
        # Entries at a golden-ratio stride: no alignment with the rows of the weight matrix.
        sample = np.sort(np.abs(row[_sample_positions(n)]))
        share = k / n
        centre, margin = share * _SAMPLE, 3 * np.sqrt(_SAMPLE * share * (1 - share)) + 2
        first, last = int(centre - margin), int(centre + margin) + 1
        yield sample[first] if first > 0 else kind(0), sample[last] if last < _SAMPLE else kind(np.inf)


def _of_rank(values: np.ndarray, k: int) -> np.generic:
    """The entry of rank ``k``, or NaN if there is one; reorders ``values``."""
    values.partition(k)
    rest = values[k:]  # NaN sorts last
    return rest.dtype.type(np.nan) if np.isnan(rest).any() else rest[0]


_positions: dict[int, np.ndarray] = {}


def _sample_positions(n: int) -> np.ndarray:
    if n not in _positions:
        _positions[n] = (np.arange(_SAMPLE) * 0.6180339887498949 % 1 * n).astype(np.int64)
    return _positions[n]
