"""The adaptive cut-off of sparse training (Figs. 2 and 10): silence the smallest weights at every step."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

#: Below this size one selection is faster than sampling a bracket first.
_SMALL = 20_000
_SAMPLE = 4096


def cutoff(weight: Tensor, sparsity: float) -> Tensor:
    """``W ⊙ [|W| ≥ C]`` with ``C`` the ``sparsity``-quantile of ``|W|``, for each network of a stack on its own.

    The ``round(sparsity · n)`` smallest of the ``n`` entries become zero (exactly so many unless entries tie
    at ``C``, and never all); gradients flow through the survivors only, and none flows through ``C``.

    Args:
        weight: ``(…, N_out, N_in)``.
        sparsity: in [0, 1); 0 returns ``weight`` itself.
    """
    entries = weight.shape[-1] * weight.shape[-2]
    silenced = min(round(sparsity * entries), entries - 1)
    return _silence(weight, silenced)[0] if silenced else weight


# Custom operators, because torch.compile and vmap cannot see through NumPy and loops over values.


@torch.library.custom_op("spectral_repro::silence", mutates_args=())
def _silence(weight: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """``W`` without what is below its magnitude of rank ``k``; and ``(…)`` limits, the greatest numbers below it."""
    networks = weight.reshape(-1, *weight.shape[-2:])
    rows = networks.mT if networks.mT.is_contiguous() else networks  # in the order of memory
    threshold = kth_smallest(rows.abs().flatten(1), k)
    below = torch.nextafter(threshold, torch.zeros_like(threshold))
    limit = torch.where(threshold > 0, below, -1.0)  # nothing is below zero
    return _survivors(networks, networks, limit).view(weight.shape), limit.view(weight.shape[:-2])


@torch.library.custom_op("spectral_repro::silence_gradient", mutates_args=())
def _silence_gradient(d: Tensor, weight: Tensor, limit: Tensor) -> Tensor:
    """``d`` where ``|W|`` is above the limit of its network, else 0."""
    shape = weight.shape
    return _survivors(d.reshape(-1, *shape[-2:]), weight.reshape(-1, *shape[-2:]), limit.flatten()).view(shape)


def _survivors(values: Tensor, weight: Tensor, limit: Tensor) -> Tensor:
    """``values (R, …)`` where ``|weight| > limit (R)``, else 0, laid out as ``weight``."""
    if values.device.type != "cpu":
        return values * (weight.abs() > limit[:, None, None])
    out = torch.empty_like(weight)
    for v, w, at, o in zip(values, weight, limit.tolist(), out, strict=True):  # one pass each, and no mask
        torch.ops.aten.hardshrink_backward.grad_input(v, w, at, grad_input=o)
    return out


@_silence.register_fake
def _(weight: Tensor, k: int):
    return torch.empty_like(weight), weight.new_empty(weight.shape[:-2])


@_silence_gradient.register_fake
def _(d: Tensor, weight: Tensor, limit: Tensor):
    return torch.empty_like(weight)


def _save_for_gradient(ctx, inputs, output) -> None:
    ctx.save_for_backward(inputs[0], output[1])
    ctx.mark_non_differentiable(output[1])


def _gradient(ctx, d: Tensor, _):
    return _silence_gradient(d, *ctx.saved_tensors), None


def _save_for_second(ctx, inputs, output) -> None:
    del output
    ctx.save_for_backward(*inputs[1:])


_silence.register_autograd(_gradient, setup_context=_save_for_gradient)
_silence_gradient.register_autograd(
    lambda ctx, d: (_silence_gradient(d, *ctx.saved_tensors), None, None), setup_context=_save_for_second
)


@_silence.register_vmap
def _(info, in_dims, weight: Tensor, k: int):
    del info
    return _silence(weight.movedim(in_dims[0], 0), k), (0, 0)


@_silence_gradient.register_vmap
def _(info, in_dims, *tensors: Tensor):
    batched = (
        t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
        for t, dim in zip(tensors, in_dims, strict=True)
    )
    return _silence_gradient(*batched), 0


def kth_smallest(values: Tensor, k: int) -> Tensor:
    """The entry of rank ``k`` (0-based, ascending), exactly, of each row of ``values (…, n)``, which are ≥ 0.

    On a CPU a random sample brackets the entry, so that only a few candidates are sorted; the count of
    entries below the bracket makes the result exact. Elsewhere it is ``torch.kthvalue``, which does not
    make the host wait.
    """
    if values.device.type != "cpu" or values.dtype not in (torch.float32, torch.float64):
        return values.kthvalue(k + 1, dim=-1).values
    rows = values.reshape(-1, values.shape[-1]).numpy()
    select = functools.partial(_select, k=k)
    threads = min(len(rows), torch.get_num_threads()) if rows.shape[1] > _SMALL else 1
    found = list(_pool(os.getpid(), threads).map(select, rows) if threads > 1 else map(select, rows))
    return torch.from_numpy(np.array(found, rows.dtype)).reshape(values.shape[:-1])


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    del process  # a forked process has none of the threads
    return ThreadPoolExecutor(threads)


def _select(row: np.ndarray, k: int) -> np.generic:
    """Floyd and Rivest's idea: order statistics of a sample bracket the wanted one; verify, else select at full."""
    n = row.size
    if n > _SMALL:
        # Entries at a golden-ratio stride: no alignment with the rows of the weight matrix.
        sample = np.sort(row[_sample_positions(n)])
        share = k / n
        centre, margin = share * _SAMPLE, 4 * np.sqrt(_SAMPLE * share * (1 - share)) + 2
        low = sample[max(0, int(centre - margin))] if centre > margin else row.dtype.type(0)
        top = int(centre + margin) + 1
        inside = row >= low
        below = n - np.count_nonzero(inside)
        if top < _SAMPLE:
            inside &= row <= sample[top]
        candidates = row[inside]
        if 0 <= k - below < candidates.size:
            return np.partition(candidates, k - below)[k - below]
    return np.partition(row, k)[k]


_positions: dict[int, np.ndarray] = {}


def _sample_positions(n: int) -> np.ndarray:
    if n not in _positions:
        _positions[n] = (np.arange(_SAMPLE) * 0.6180339887498949 % 1 * n).astype(np.int64)
    return _positions[n]
