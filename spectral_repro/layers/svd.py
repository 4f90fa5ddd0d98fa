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

    s: Tensor
    u: Tensor
    v: Tensor

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
        super().__init__(in_features, out_features, bias, sparsity, eig_in, eig_out, device, dtype)
        if basis not in ("orthogonal", "gaussian"):
            raise ValueError(f"basis={basis!r}: must be orthogonal or gaussian")
        self.basis, self.basis_std, self.singular_values = basis, basis_std, singular_values
        self.initialize(generator, frozen=("u", "v"))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        values, rank = super().start_values(generator), min(self.in_features, self.out_features)
        for name, rows in (("u", self.out_features), ("v", self.in_features)):
            if self.basis == "orthogonal":
                values[name] = draw_orthonormal(rows, rank, generator)
            else:
                values[name] = draw_normal(rows, rank, self.basis_std, generator)
        return {**values, "s": draw_start(self.singular_values, rank, generator)}

    def factors_of(self, phi: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        del generator
        u, s, vh = torch.linalg.svd(phi, full_matrices=False)
        return {"u": u, "s": s, "v": vh.mT}

    def eigenvectors(self) -> Tensor:
        return (self.u * self.s.unsqueeze(-2)) @ self.v.mT

    def frozen_factor(self) -> Tensor:
        return self.v

    def through_trained(self, z: Tensor) -> Tensor:
        return (z * self._per_row(self.s, z)) @ self.u.mT

    @staticmethod
    def step_cost(n_in: int, n_out: int, rows: int, input_grad: bool, product: bool, **options) -> Cost:
        del options
        rank, weights = min(n_in, n_out), n_in * n_out
        build = rank * weights  # U Σ Vᵀ, and as much again for the gradient of Σ
        explicit = 2 * build + rows * weights * (2 + input_grad) + PASS_COST * 6 * weights
        products = rows * rank * (n_in * (2 + (not product) + input_grad) + 4 * n_out)
        passes = 3 * n_in * min(rows, rank) + rows * (8 * rank + 3 * n_out)
        return Cost(explicit, products + PASS_COST * passes)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, basis={self.basis}"
