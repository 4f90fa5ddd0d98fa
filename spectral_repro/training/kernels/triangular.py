"""Products of stacks with an upper triangular matrix, block by block: blocks that are zero are not multiplied."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from spectral_repro.training.kernels.multiply import multiply

#: Size from which on there are blocks, about their least width, and their greatest number: small ones waste
#: matrix-product speed, large ones multiply zeros.
_LEAST, _WIDTH, _BLOCKS = 256, 100, 5


def block_edges(size: int) -> list[int]:
    """Edges of the blocks of a triangle of ``size`` rows, at multiples of a vector's 16 numbers."""
    blocks = min(_BLOCKS, round(size / _WIDTH)) if size >= _LEAST else 1
    return [16 * round(size * i / blocks / 16) for i in range(blocks)] + [size]


def _blocks(r: Tensor) -> Iterator[tuple[int, int]]:
    """First and last row of each block; one block on a GPU, where a launch costs more than the zeros."""
    return pairwise(block_edges(r.shape[-1]) if r.device.type == "cpu" else (0, r.shape[-1]))


def triangular_product(x: Tensor, r: Tensor, transpose: bool = False) -> Tensor:
    """``x R`` or ``x Rᵀ`` for ``x (R, B, M)`` and upper triangular ``R (R, M, M)``."""
    blocks = list(_blocks(r))
    if len(blocks) == 1:
        return multiply(x, r.mT if transpose else r)
    y = x.new_empty(x.shape)
    for a, b in blocks:
        if transpose:
            multiply(x[..., a:], r[..., a:b, a:].mT, out=y[..., a:b])
        else:
            multiply(x[..., :b], r[..., :b, a:b], out=y[..., a:b])
    return y


def triangular_gradient(x: Tensor, y: Tensor) -> Tensor:
    """The upper block triangle of ``xᵀ y (R, M, M)``, which alone means anything; zero in the blocks below."""
    size = x.shape[-1]
    out = x.new_empty(*x.shape[:-2], size, size)
    for a, b in _blocks(x):
        multiply(x[..., a:b].mT, y[..., a:], out=out[..., a:b, a:])
        out[..., a:b, :a].zero_()
    return out
