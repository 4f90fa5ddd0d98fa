"""A control without a spectrum: a weight of low rank, both factors trained (SPEC 9)."""

import torch
from torch import Tensor

from spectral_repro.layers.base import PASS_COST, Cost, ReparametrizedLinear, draw_normal
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

    def apply_factored(self, x: Tensor, product: Tensor | None) -> Tensor:
        return (x @ self.b.mT) @ self.a.mT

    @staticmethod
    def step_cost(n_in: int, n_out: int, rows: int, input_grad: bool, product: bool, rank: int = 8, **options) -> Cost:
        del product, options
        rank, weights = min(rank, n_in, n_out), n_in * n_out
        explicit = 3 * rank * weights + rows * weights * (2 + input_grad)
        return Cost(explicit, rows * rank * ((2 + input_grad) * n_in + 3 * n_out) + PASS_COST * rows * (rank + n_out))

    def cost(self, rows: int, input_grad: bool, product: bool) -> Cost:
        return self.step_cost(self.in_features, self.out_features, rows, input_grad, product, rank=self.rank)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rank={self.rank}"
