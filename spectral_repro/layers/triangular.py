"""Products with an upper triangular matrix, without most of the multiplications by zero."""

from itertools import pairwise

import torch
from torch import Tensor


def triangular_product(x: Tensor, r: Tensor, transpose: bool = False) -> Tensor:
    """``x R`` or ``x Rᵀ`` for upper triangular ``R``, block by block.

    Blocks that are zero are neither multiplied nor, in the backward pass, is their gradient computed:
    the gradient of ``R`` is exact in the upper triangle and zero in the blocks below the diagonal.

    Args:
        x: ``(…, B, M)`` or ``(M)``.
        r: ``(…, M, M)``, zero below the diagonal.
    """
    return _TriangularProduct.apply(x, r, transpose)


def block_edges(size: int) -> list[int]:
    """Edges of the blocks: small blocks waste matrix-product speed, large ones multiply zeros."""
    blocks = 1 if size < 256 else 2 if size < 512 else 4
    return [size * i // blocks for i in range(blocks + 1)]


def _times_upper(x: Tensor, r: Tensor) -> Tensor:
    edges = block_edges(r.shape[-1])
    if len(edges) == 2:
        return x @ r
    return torch.cat([x[..., :b] @ r[..., :b, a:b] for a, b in pairwise(edges)], dim=-1)


def _times_lower(x: Tensor, r: Tensor) -> Tensor:
    """``x Rᵀ``."""
    edges = block_edges(r.shape[-1])
    if len(edges) == 2:
        return x @ r.mT
    return torch.cat([x[..., a:] @ r[..., a:b, a:].mT for a, b in pairwise(edges)], dim=-1)


def _upper_gradient(x: Tensor, dy: Tensor) -> Tensor:
    """The upper block triangle of ``xᵀ dy``."""
    edges = block_edges(x.shape[-1])
    if len(edges) == 2:
        return x.mT @ dy
    size = x.shape[-1]
    columns = (torch.nn.functional.pad(x[..., :b].mT @ dy[..., a:b], (0, 0, 0, size - b)) for a, b in pairwise(edges))
    return torch.cat(list(columns), dim=-1)


class _TriangularProduct(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, r: Tensor, transpose: bool) -> Tensor:
        return _times_lower(x, r) if transpose else _times_upper(x, r)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        x, r, ctx.transpose = inputs
        ctx.save_for_backward(x, r)

    @staticmethod
    def backward(ctx, dy: Tensor):
        x, r = ctx.saved_tensors
        dx = dr = None
        if ctx.needs_input_grad[0]:
            dx = _times_upper(dy, r) if ctx.transpose else _times_lower(dy, r)
        if ctx.needs_input_grad[1]:
            left, right = (dy, x) if ctx.transpose else (x, dy)
            if left.ndim == 1:
                left, right = left.unsqueeze(0), right.unsqueeze(0)
            if r.ndim == 2 and left.ndim > 2:  # one network, inputs (…, B, M)
                left, right = left.flatten(0, -2), right.flatten(0, -2)
            dr = _upper_gradient(left, right)
        return dx, dr, None
