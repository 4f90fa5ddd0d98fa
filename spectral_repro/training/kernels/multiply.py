"""Products of stacks of matrices."""

import torch
from torch import Tensor


def multiply(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """``a b (R, m, n)`` for ``a (R, m, k)`` and ``b (R, k, n)``; a stack of one goes as two matrices.

    Of a stack of one, torch's own would copy a transposed factor.
    """
    if len(a) > 1:
        return torch.bmm(a, b, out=out)
    if out is None:
        return torch.mm(a[0], b[0]).unsqueeze(0)
    torch.mm(a[0], b[0], out=out[0])
    return out
