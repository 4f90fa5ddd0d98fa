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
    blocks = min(4, max(1, round(size / 150)))
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
    rows = [torch.nn.functional.pad(x[..., a:b].mT @ dy[..., a:], (a, 0)) for a, b in pairwise(edges)]
    return torch.cat(rows, dim=-2)


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


def factored_product(scaled: Tensor, plain: Tensor, r: Tensor, eig_out: Tensor) -> Tensor:
    """``scaled R − λout ∘ (plain R)``, Eq. (3) behind a frozen ``Q``, for upper triangular ``R``.

    Both halves go through ``R`` as one product of twice the rows, and so does the gradient of ``R``.

    Args:
        scaled: ``(x ∘ λin) Q (…, B, M)``.
        plain: ``x Q (…, B, M)``.
        r: ``(…, M, M)``.
        eig_out: ``(…, M)``.
    """
    return _FactoredProduct.apply(scaled, plain, r, eig_out)[0]


class _FactoredProduct(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(scaled: Tensor, plain: Tensor, r: Tensor, eig_out: Tensor):
        rows = torch.cat([scaled, plain], dim=-2)
        through_r, plain_r = _times_upper(rows, r).chunk(2, dim=-2)
        return torch.addcmul(through_r, eig_out.unsqueeze(-2), plain_r, value=-1), rows, plain_r

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, _, r, eig_out = inputs
        _, rows, plain_r = output
        ctx.mark_non_differentiable(rows, plain_r)
        ctx.save_for_backward(rows, plain_r, r, eig_out)

    @staticmethod
    def backward(ctx, dy: Tensor, *_):
        rows, plain_r, r, eig_out = ctx.saved_tensors
        needs_scaled, needs_plain, needs_r, needs_eig = ctx.needs_input_grad
        d_plain_r = dy * -eig_out.unsqueeze(-2)
        return (
            _times_lower(dy, r) if needs_scaled else None,
            _times_lower(d_plain_r, r) if needs_plain else None,
            _upper_gradient(rows, torch.cat([dy, d_plain_r], dim=-2)) if needs_r else None,
            -(dy * plain_r).sum(-2) if needs_eig else None,
        )
