"""A control without a spectrum: a weight of low rank, both factors trained (SPEC 9)."""

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear, draw_normal
from spectral_repro.layers.glorot import glorot_variance


class LowRankLinear(ReparametrizedLinear):
    """``W = A B``; the entries of ``W`` have the variance of Glorot's at the start.

    Parameters (trained): ``a (N_out, r)``, ``b (r, N_in)``, ``bias (N_out)``.

    Args:
        rank: ``r``, at least 1; at most ``min(N_in, N_out)`` of it are used.

    Raises:
        ValueError: if the rank is below 1.
    """

    a: Tensor
    b: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rank: int = 8,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, device, dtype)
        if rank < 1:
            raise ValueError(f"rank={rank}: must be at least 1")
        self.rank = min(rank, in_features, out_features)
        self.initialize(generator)

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        std = (glorot_variance(self.in_features, self.out_features) / self.rank) ** 0.25
        return {
            "a": draw_normal(self.out_features, self.rank, std, generator),
            "b": draw_normal(self.rank, self.in_features, std, generator),
        }

    def dense_weight(self) -> Tensor:
        return self.a @ self.b

    def apply_factored(self, x: Tensor) -> Tensor:
        return (x @ self.b.mT) @ self.a.mT

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rank={self.rank}"
