"""The adaptive cut-off of sparse training (Figs. 2 and 10): silence the smallest weights at every step."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from spectral_repro.layers.gradients import many_at_once, plain_formula, take_gradient_buffer

#: Below this size one selection is faster than sampling a bracket first.
_SMALL = 20_000
_SAMPLE = 8192
#: So many threads of torch leave no core to others: its own wait for the next operation at full speed.
_BUSY_THREADS = 2


def cutoff(weight: Tensor, sparsity: float) -> Tensor:
    """``W ⊙ [|W| ≥ C]`` with ``C`` the ``sparsity``-quantile of ``|W|``, for each network of a stack on its own.

    The ``round(sparsity · n)`` smallest of the ``n`` entries become zero (exactly so many unless entries tie
    at ``C``, and never all); gradients flow through the survivors only, and none flows through ``C``.

    Args:
        weight: ``(…, N_out, N_in)``.
        sparsity: in [0, 1); 0 returns ``weight`` itself.

    Raises:
        ValueError: if it is not.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity={sparsity}: must be in [0, 1)")
    if sparsity == 0:
        return weight
    entries = int(weight.shape[-1]) * int(weight.shape[-2])  # tensors while torch.jit traces
    silenced = min(round(sparsity * entries), entries - 1)
    if silenced == 0:
        return weight
    if weight.ndim == 3 and weight.device.type == "cpu" and not plain_formula():
        return _StackCutoff.apply(weight, silenced, take_gradient_buffer(weight))[0]
    magnitude = weight.detach().abs()
    flat = magnitude.flatten(-2)
    if weight.device.type != "cpu" or torch.compiler.is_exporting():  # an exported program has no operators of ours
        return weight * (magnitude >= selected(flat, silenced)[..., None, None])
    threshold = kth_smallest(flat, silenced)
    kept = torch.where(threshold.isnan(), threshold, 1.0)  # of a network that has diverged no weight is known
    return weight * ((magnitude >= threshold[..., None, None]) * kept[..., None, None])


class _StackCutoff(torch.autograd.Function):
    """The cut-off of a stack on a CPU, without masks in memory: one pass per network, and one for the gradient.

    Besides the sparse weights it returns ``limits (R)``, the greatest numbers below the thresholds.
    """

    @staticmethod
    def forward(weight: Tensor, k: int, buffer: Tensor | None) -> tuple[Tensor, Tensor]:
        rows = (weight.mT if weight.mT.is_contiguous() else weight).flatten(1)  # in the order of memory
        threshold = kth_smallest(rows, k)
        limit = torch.nextafter(threshold, torch.zeros_like(threshold))
        limit = limit.where(threshold != 0, -1.0)  # nothing is below zero
        return _survivors(weight, weight, limit), limit

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.buffer = inputs[2]
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx, d: Tensor | None, _):
        weight, limit = ctx.saved_tensors
        if d is None or torch.is_grad_enabled() or many_at_once(d):
            return None if d is None else d * (weight.abs() > limit[:, None, None]), None, None
        return _survivors(d, weight, limit, ctx.buffer), None, None

    @staticmethod
    def vmap(info, in_dims, weight: Tensor, k: int, buffer: Tensor | None):
        del info, buffer
        weight = weight.movedim(in_dims[0], 0)
        sparse, limit = _StackCutoff.apply(weight.flatten(0, 1), k, None)
        return (sparse.view_as(weight), limit.view(weight.shape[:2])), (0, 0)


def _survivors(values: Tensor, weight: Tensor, limit: Tensor, out: Tensor | None = None) -> Tensor:
    """``values (R, …)`` where ``|weight| > limit (R)``, else 0, laid out as ``weight``; NaN where the limit is."""
    out = torch.empty_like(weight) if out is None else out
    for v, w, at, o in zip(values, weight, limit.tolist(), out, strict=True):
        if at != at:
            torch.mul(v, float("nan"), out=o)  # a network that has diverged; hardshrink would hide it
        else:
            torch.ops.aten.hardshrink_backward.grad_input(v, w, at, grad_input=o)
    return out


def selected(values: Tensor, k: int) -> Tensor:
    """As :func:`kth_smallest`, for devices where ``kthvalue`` has one block of threads per row: by ``topk``.

    Nothing makes the host wait. A row with NaN gives NaN, or its entry of rank ``k`` among the others.
    """
    n = values.shape[-1]
    if 2 * k < n:
        return values.topk(k + 1, largest=False, sorted=False).values.amax(-1)
    return values.topk(n - k, sorted=False).values.amin(-1)


@torch.library.custom_op("spectral_repro::kth_smallest", mutates_args=())
def kth_smallest(values: Tensor, k: int) -> Tensor:
    """The magnitude of rank ``k`` (0-based, ascending), exactly, in each row of ``values (…, n)``.

    A row with NaN gives NaN. On a CPU a sample brackets it, so that only a few candidates are sorted; the count of
    entries below the bracket makes the result exact.
    """
    if values.device.type != "cpu" or values.dtype not in (torch.float32, torch.float64):
        found = values.abs().kthvalue(k + 1, dim=-1).values
        return found.where(~values.isnan().any(-1), float("nan"))
    rows = values.detach().reshape(-1, values.shape[-1]).numpy()
    select = functools.partial(_select, k=k)
    threads = min(len(rows), torch.get_num_threads())
    spread = threads > _BUSY_THREADS and rows.shape[1] > _SMALL
    of_rows = list(_pool(os.getpid(), threads).map(select, rows) if spread else map(select, rows))
    return torch.from_numpy(np.array(of_rows, rows.dtype)).reshape(values.shape[:-1])


@kth_smallest.register_fake
def _(values: Tensor, k: int) -> Tensor:
    return values.new_empty(values.shape[:-1])


@kth_smallest.register_vmap
def _(info, in_dims, values: Tensor, k: int):
    del info
    return kth_smallest(values.movedim(in_dims[0], 0), k), 0


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    del process  # a forked process has none of the threads
    return ThreadPoolExecutor(threads)


def _select(row: np.ndarray, k: int) -> np.generic:
    """Floyd and Rivest's idea: order statistics of a sample bracket the wanted one; verify, else select at full."""
    row = np.abs(row)
    n = row.size
    if n > _SMALL:
        # Entries at a golden-ratio stride: no alignment with the rows of the weight matrix.
        sample = np.sort(row[_sample_positions(n)])
        share = k / n
        centre, margin = share * _SAMPLE, 3 * np.sqrt(_SAMPLE * share * (1 - share)) + 2
        first, last = int(centre - margin), int(centre + margin) + 1
        outside = row < sample[first] if first > 0 else np.zeros(n, bool)
        below = int(np.count_nonzero(outside))
        if last < _SAMPLE:
            outside |= row > sample[last]
        candidates = row[np.flatnonzero(~outside)]  # NaN is among them, as it compares with nothing
        if 0 <= k - below < candidates.size:
            return _of_rank(candidates, k - below)
    return _of_rank(row, k)


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
