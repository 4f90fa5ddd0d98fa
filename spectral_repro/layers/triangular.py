"""Products with an upper triangular matrix, without most of the multiplications by zero.

The three products of a block triangle, ``x R``, ``x Rᵀ`` and the gradient ``xᵀ y``, are the derivatives of
one another, so that each is differentiable to any order (in forward mode plain products take their place). Results
are written block by block into one tensor, which ``torch.func`` cannot do on its own; hence the rules for ``vmap``.
"""

import functools
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from spectral_repro.layers.gradients import many_at_once, plain_formula

#: Size from which on there are blocks, about their least width, and their greatest number: small ones waste
#: matrix-product speed, large ones multiply zeros.
_LEAST, _WIDTH, _BLOCKS = 256, 100, 5


def triangular_product(x: Tensor, r: Tensor, transpose: bool = False) -> Tensor:
    """``x R`` or ``x Rᵀ`` for upper triangular ``R``, block by block.

    Blocks that are zero are neither multiplied nor, in the backward pass, is their gradient computed:
    the gradient of ``R`` is exact in the upper triangle, which alone means anything, and zero in the blocks
    below the diagonal.

    Args:
        x: ``(M)``, ``(…, M)`` for one ``R``; ``(…, B, M)``, or ``(B, M)`` shared by all, for a stack of them.
        r: ``(M, M)``, or ``(…, M, M)`` with the leading dimensions of ``x``, zero below the diagonal.
    """
    x, r = _of_one_dtype(x, r)
    if plain_formula():
        return x @ (r.mT if transpose else r)
    if r.ndim == 2:
        return _Product.apply(x.reshape(-1, x.shape[-1]), r, transpose).view_as(x)
    if x.ndim == 2:  # shared by the stack
        x = x.expand(*r.shape[:-2], *x.shape)
    return _Product.apply(x.flatten(0, -3), r.flatten(0, -3), transpose).view_as(x)


def block_edges(size: int) -> list[int]:
    """Edges of the blocks of a triangle of ``size`` rows, at multiples of a vector's 16 numbers."""
    size = int(size)  # a tensor while torch.jit traces
    blocks = min(_BLOCKS, round(size / _WIDTH)) if size >= _LEAST else 1
    return [16 * round(size * i / blocks / 16) for i in range(blocks)] + [size]


def _blocks(r: Tensor) -> Iterator[tuple[int, int]]:
    """First and last row of each block; one block on a GPU, where a launch costs more than the zeros."""
    return pairwise(block_edges(r.shape[-1]) if r.device.type == "cpu" else (0, r.shape[-1]))


def _of_one_dtype(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Under autocast they differ, and a product that is written into a tensor does not cast."""
    dtype = functools.reduce(torch.promote_types, (t.dtype for t in tensors))
    return tuple(t.to(dtype) for t in tensors)


def _matmul(a: Tensor, b: Tensor, out: Tensor) -> None:
    (torch.mm if a.ndim == 2 else torch.bmm)(a, b, out=out)


def _product(x: Tensor, r: Tensor, transpose: bool) -> Tensor:
    """``x R`` or ``x Rᵀ`` in a backward pass."""
    return x @ (r.mT if transpose else r) if many_at_once(x, r) else _Product.apply(x, r, transpose)


def _gradient(x: Tensor, y: Tensor) -> Tensor:
    """The upper triangle of ``xᵀ y`` in a backward pass."""
    return x.mT @ y if many_at_once(x, y) else _Gradient.apply(x, y)


class _Product(torch.autograd.Function):
    """``x R`` or ``x Rᵀ``: ``(B, M)`` by ``(M, M)``, or a stack of both."""

    @staticmethod
    def forward(x: Tensor, r: Tensor, transpose: bool) -> Tensor:
        blocks = list(_blocks(r))
        if len(blocks) == 1:
            return x @ (r.mT if transpose else r)
        y = x.new_empty(x.shape)
        for a, b in blocks:
            if transpose:
                _matmul(x[..., a:], r[..., a:b, a:].mT, y[..., a:b])
            else:
                _matmul(x[..., :b], r[..., :b, a:b], y[..., a:b])
        return y

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        x, r, ctx.transpose = inputs
        ctx.save_for_backward(x, r)

    @staticmethod
    def backward(ctx, dy: Tensor):
        x, r, dy = _of_one_dtype(*ctx.saved_tensors, dy)
        left, right = (dy, x) if ctx.transpose else (x, dy)
        return (
            _product(dy, r, not ctx.transpose) if ctx.needs_input_grad[0] else None,
            _gradient(left, right) if ctx.needs_input_grad[1] else None,
            None,
        )

    @staticmethod
    def vmap(info, in_dims, x: Tensor, r: Tensor, transpose: bool):
        if in_dims[1] is None and r.ndim == 2:  # one R for all: more rows
            x = x.movedim(in_dims[0], 0)
            return _Product.apply(x.flatten(0, 1), r, transpose).view_as(x), 0
        x, r = (_batched(t, dim, info.batch_size) for t, dim in zip((x, r), in_dims, strict=False))
        return _Product.apply(x.flatten(0, -3), r.flatten(0, -3), transpose).view_as(x), 0


class _Gradient(torch.autograd.Function):
    """The upper block triangle of ``xᵀ y``, both ``(B, M)`` or stacks of that; zero in the blocks below."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        size = x.shape[-1]
        out = x.new_empty(*x.shape[:-2], size, size)
        for a, b in _blocks(x):
            _matmul(x[..., a:b].mT, y[..., a:], out[..., a:b, a:])
            out[..., a:b, :a].zero_()
        return out

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, d: Tensor):
        x, y, d = _of_one_dtype(*ctx.saved_tensors, d)
        return (
            _product(y, d, True) if ctx.needs_input_grad[0] else None,
            _product(x, d, False) if ctx.needs_input_grad[1] else None,
        )

    @staticmethod
    def vmap(info, in_dims, x: Tensor, y: Tensor):
        x, y = (_batched(t, dim, info.batch_size) for t, dim in zip((x, y), in_dims, strict=True))
        return _Gradient.apply(x.flatten(0, -3), y.flatten(0, -3)).unflatten(0, x.shape[:-2]), 0


def _batched(t: Tensor, dim: int | None, size: int) -> Tensor:
    return t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)


def factored_product(scaled: Tensor, plain: Tensor, r: Tensor, eig_out: Tensor) -> Tensor:
    """``scaled R − λout ∘ (plain R)``, Eq. (3) behind a frozen ``Q``, for upper triangular ``R``.

    Both halves go through ``R`` as one product of twice the rows, and so does the gradient of ``R``.

    Args:
        scaled: ``(x ∘ λin) Q``, ``(B, M)`` or ``(R, B, M)``.
        plain: ``x Q``, of the same shape.
        r: ``(M, M)`` or ``(R, M, M)``.
        eig_out: ``(M)`` or ``(R, M)``.
    """
    return _FactoredProduct.apply(*_of_one_dtype(scaled, plain, r, eig_out))[0]


class _FactoredProduct(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(scaled: Tensor, plain: Tensor, r: Tensor, eig_out: Tensor):
        rows = torch.cat([scaled, plain], dim=-2)
        through_r, plain_r = _Product.apply(rows, r, False).chunk(2, dim=-2)
        return torch.addcmul(through_r, eig_out.unsqueeze(-2), plain_r, value=-1), rows, plain_r

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, rows, plain_r = output
        ctx.mark_non_differentiable(rows, plain_r)
        ctx.set_materialize_grads(False)  # of outputs that have none
        ctx.save_for_backward(*inputs, rows, plain_r)

    @staticmethod
    def backward(ctx, dy: Tensor, *_):
        if dy is None:
            return None, None, None, None
        scaled, plain, r, eig_out, rows, plain_r, dy = _of_one_dtype(*ctx.saved_tensors, dy)
        if torch.is_grad_enabled():  # for second derivatives, as functions of the inputs
            rows, plain_r = torch.cat([scaled, plain], dim=-2), _product(plain, r, False)
        needs_scaled, needs_plain, needs_r, needs_eig = ctx.needs_input_grad
        d_plain_r = dy * -eig_out.unsqueeze(-2)
        return (
            _product(dy, r, True) if needs_scaled else None,
            _product(d_plain_r, r, True) if needs_plain else None,
            _gradient(rows, torch.cat([dy, d_plain_r], dim=-2)) if needs_r else None,
            -(dy * plain_r).sum(-2) if needs_eig else None,
        )
