"""S-SVD: the singular values of the eigenvector block are trained too."""

import torch
from torch import Tensor

from spectral_repro.layers.base import Start, draw_normal, draw_orthonormal, draw_start
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

    def through_eigenvectors(self, x: Tensor) -> Tensor:
        return ((x @ self.v) * self._per_row(self.s, x)) @ self.u.mT

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, basis={self.basis}"
