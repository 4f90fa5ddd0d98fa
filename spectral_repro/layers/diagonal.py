"""A control without a spectrum: a random matrix between two trained diagonals (SPEC 9)."""

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear, draw_normal
from spectral_repro.layers.glorot import glorot_variance


class DiagonalLinear(ReparametrizedLinear):
    """``W = diag(a) φ diag(b)`` with ``φ`` random and frozen (the form of VeRA); ``a = b = 1`` at the start.

    Parameters (trained): ``a (N_out)``, ``b (N_in)``, ``bias (N_out)``. Buffer: ``phi (N_out, N_in)``, whose entries
    have the variance of Glorot's.
    """

    a: Tensor
    b: Tensor
    phi: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, device, dtype)
        self.initialize(generator, frozen=("phi",))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        std = glorot_variance(self.in_features, self.out_features) ** 0.5
        return {
            "a": torch.ones(self.out_features, dtype=torch.float64),
            "b": torch.ones(self.in_features, dtype=torch.float64),
            "phi": draw_normal(self.out_features, self.in_features, std, generator),
        }

    def dense_weight(self) -> Tensor:
        return self.a.unsqueeze(-1) * self.phi * self.b.unsqueeze(-2)
