"""S-SVD: the singular values of the eigenvector block are trained too."""

import torch
from torch import Tensor

from spectral_repro.layers.base import PASS_COST, Cost, Start, draw_normal, draw_orthonormal, draw_start
from spectral_repro.layers.spectral import EigenvalueLinear


class SVDLinear(EigenvalueLinear):
    """*S-SVD*: ``φ = U Σ Vᵀ`` with ``U``, ``V`` frozen and the ``M = min(N_in, N_out)`` singular values trained.

    Parameters (trained): ``s (M)``, ``eig_in (N_in)``, ``eig_out (N_out)``, ``bias (N_out)``.
    Buffers: ``u (N_out, M)`` and ``v (N_in, M)``, the columns of ``U`` and ``V`` that ``Σ`` reaches.

    Args:
        singular_values: their start, a number or ``[low, high]``.
        basis: ``orthogonal``, Haar-random ``U`` and ``V`` as the paper's text asks, or ``gaussian``,
            independent ``N(0, basis_std²)`` entries as in the published code.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        eig_in: Start = 0.0,
        eig_out: Start = 1.0,
        singular_values: Start = (0.0, 3.0),
        basis: str = "orthogonal",
        basis_std: float = 0.04,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, eig_in, eig_out, True, generator, device, dtype)
        rank = min(in_features, out_features)
        if basis == "orthogonal":
            u, v = (draw_orthonormal(n, rank, generator) for n in (out_features, in_features))
        elif basis == "gaussian":
            u, v = (draw_normal(n, rank, basis_std, generator) for n in (out_features, in_features))
        else:
            raise ValueError(f"basis={basis!r}: must be orthogonal or gaussian")
        self.basis = basis
        self.s = self._trained(draw_start(singular_values, rank, generator))
        self._frozen("u", u)
        self._frozen("v", v)

    def eigenvectors(self) -> Tensor:
        return (self.u * self.s.unsqueeze(-2)) @ self.v.mT

    def frozen_factor(self) -> Tensor:
        return self.v

    def through_trained(self, z: Tensor) -> Tensor:
        return (z * self._per_row(self.s, z)) @ self.u.mT

    def cost(self, rows: int, input_grad: bool, product: bool) -> Cost:
        rank = min(self.in_features, self.out_features)
        weights = self.in_features * self.out_features
        build = rank * weights  # U Σ Vᵀ, and as much again for the gradient of Σ
        explicit = 2 * build + rows * weights * (2 + input_grad) + PASS_COST * 6 * weights
        through_v, through_u = rows * self.in_features * rank, rows * rank * self.out_features
        products = through_v * (2 + (not product) + input_grad) + 4 * through_u
        return Cost(explicit, products + PASS_COST * rows * (3 * self.in_features + 8 * rank + 3 * self.out_features))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, basis={self.basis}"
