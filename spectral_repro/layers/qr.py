"""S-QR: the triangular factor of the eigenvector block is trained too (App. D for ``p < 1``)."""

import math

import torch
from torch import Tensor

from spectral_repro.layers.base import Start, draw_normal
from spectral_repro.layers.spectral import EigenvalueLinear


def _trained_entries(size: int, p: float, generator: torch.Generator | None, device) -> Tensor:
    """Positions in the flattened ``R`` of its diagonal and a share ``p`` of the other upper entries, ascending."""
    rows, columns = torch.triu_indices(size, size, 1, device=device)
    others = rows * size + columns
    if p < 1:
        drawn = torch.randperm(len(others), generator=generator, device=device)
        others = others[drawn[: round(p * len(others))]]
    diagonal = torch.arange(size, device=device) * (size + 1)
    return torch.cat([diagonal, others]).sort().values


class QRLinear(EigenvalueLinear):
    """*S-QR*: ``φ = Q R`` for ``N_out > N_in``, else ``φᵀ = Q R``; ``Q`` is frozen, ``R`` is trained.

    With ``core="triangular"`` (the paper's text) ``R (M, M)``, ``M = min(N_in, N_out)``, is upper triangular;
    its diagonal is always trained, and of the ``M(M−1)/2`` other upper entries ``round(p · M(M−1)/2)``, drawn
    once without replacement (App. D). Trained entries alone are parameters, so nothing else can move. With
    ``core="full"`` (the published code) every entry of ``R`` is trained, and for ``N_out > N_in`` ``Q`` is square
    and ``R (N_out, N_in)``.

    Parameters (trained): ``r``, the trained entries of ``R`` in row-major order (the matrix itself for
    ``core="full"``), ``eig_in (N_in)``, ``eig_out (N_out)``, ``bias (N_out)``.
    Buffers: ``q``; ``r_frozen (M²)``, the other entries of ``R``, and ``r_index``, where the entries of ``r`` go
    (of a stack with ``p = 1`` once for all networks).

    Args:
        p: share of the off-diagonal entries that is trained, in [0, 1]; 1 unless ``core`` is ``triangular``.
        core: ``triangular`` or ``full``.
        phi_std: standard deviation of the entries of the ``φ`` whose QR factors are the start.

    Raises:
        ValueError: if ``p`` or ``core`` is not allowed.
    """

    q: Tensor
    r: Tensor
    r_frozen: Tensor
    r_index: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        p: float = 1.0,
        core: str = "triangular",
        eig_in: Start = (-0.97, 0.97),
        eig_out: Start = (-0.13, 0.13),
        phi_std: float = 0.036,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, eig_in, eig_out, device, dtype)
        if core not in ("triangular", "full"):
            raise ValueError(f"core={core!r}: must be triangular or full")
        if not 0 <= p <= 1:
            raise ValueError(f"p={p}: must be in [0, 1]")
        if core == "full" and p < 1:
            raise ValueError(f"p={p}: must be 1 with core=full, which trains all of R")
        self.p, self.core, self.wide, self.phi_std = float(p), core, out_features > in_features, phi_std
        if p == 1 and core == "triangular":
            self.shared = frozenset({"r_frozen", "r_index"})
        self.initialize(generator, frozen=("q", "r_frozen", "r_index"))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        values = super().start_values(generator)
        phi = draw_normal(self.out_features, self.in_features, self.phi_std, generator)
        index = self._positions(generator, phi.device)
        return {**values, **self._parted(*self._qr(phi), index)}

    def factors_of(self, phi: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """With the diagonal of ``R`` at least 0.

        So both follow from ``phi`` of full rank, whichever library computes them; but what ``core="full"`` has in
        ``Q`` beyond the columns that make up ``phi`` is the library's choice.
        """
        index = self._positions(generator, "cpu")
        q, r = self._qr(phi)
        sign = torch.where(r.diagonal() < 0, -1.0, 1.0)
        q[:, : len(sign)] *= sign
        r[: len(sign)] *= sign.unsqueeze(-1)
        return self._parted(q, r, index)

    def _qr(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        mode = "complete" if self.core == "full" and self.wide else "reduced"
        return torch.linalg.qr(phi if self.wide else phi.mT, mode=mode)

    def _positions(self, generator: torch.Generator | None, device) -> Tensor | None:
        """Of the trained entries of a triangular ``R``, drawn on ``device``; None: all of ``R`` is trained."""
        if self.core == "full":
            return None
        return _trained_entries(min(self.in_features, self.out_features), self.p, generator, device)

    @staticmethod
    def _parted(q: Tensor, r: Tensor, index: Tensor | None) -> dict[str, Tensor]:
        """``Q`` and ``R``, the entries of a triangular ``R`` parted at ``index``."""
        if index is None:
            return {"q": q, "r": r}
        r, index = r.triu().flatten(), index.to(r.device)
        return {"q": q, "r": r[index], "r_frozen": r.index_fill(0, index, 0.0), "r_index": index}

    def r_matrix(self) -> Tensor:
        """``R (…, M, M)``: trained and frozen entries put together."""
        if self.core == "full":
            return self.r
        networks, size = self.r.shape[:-1], math.isqrt(self.r_frozen.shape[-1])
        r = self.r_frozen.expand(*networks, -1).scatter(-1, self.r_index.expand_as(self.r), self.r)
        return r.unflatten(-1, (size, size))

    def eigenvectors(self) -> Tensor:
        phi = self.q @ self.r_matrix()
        return phi if self.wide else phi.mT

    def through_eigenvectors(self, x: Tensor) -> Tensor:
        if self.wide:
            return (x @ self.r_matrix().mT) @ self.q.mT
        return (x @ self.q) @ self.r_matrix()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, core={self.core}, p={self.p:g}"
