"""A control without a spectrum: a dense layer behind a fixed random projection (SPEC 9)."""

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear, draw_normal, draw_orthonormal
from spectral_repro.layers.glorot import glorot_variance


class ProjectionLinear(ReparametrizedLinear):
    """``W = D Qᵀ`` with ``Q (N_in, r)`` random, orthonormal and frozen, and ``D (N_out, r)`` trained.

    For ``N_out ≤ N_in`` S-QR with ``core="full"`` is such a layer (and two diagonals), with ``r = N_out``.

    Parameters (trained): ``d (N_out, r)``, ``bias (N_out)``. Buffer: ``q``.

    Args:
        rank: ``r``, at least 1, at most ``N_in`` of it are used; None: as many parameters as S-QR trains.

    Raises:
        ValueError: if the rank is below 1.
    """

    d: Tensor
    q: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rank: int | None = None,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, device, dtype)
        if rank is None:
            rank = rank_like_sqr(in_features, out_features)
        if rank < 1:
            raise ValueError(f"rank={rank}: must be at least 1")
        self.rank = min(rank, in_features)
        self.initialize(generator, frozen=("q",))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        std = (glorot_variance(self.in_features, self.out_features) * self.in_features / self.rank) ** 0.5
        return {
            "d": draw_normal(self.out_features, self.rank, std, generator),
            "q": draw_orthonormal(self.in_features, self.rank, generator),
        }

    def dense_weight(self) -> Tensor:
        return self.d @ self.q.mT

    def apply_factored(self, x: Tensor) -> Tensor:
        return (x @ self.q) @ self.d.mT

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rank={self.rank}"


def rank_like_sqr(n_in: int, n_out: int) -> int:
    """``r`` for which ``N_out r`` is nearest to what S-QR trains: a triangle of ``min(N_in, N_out)``, two vectors."""
    m = min(n_in, n_out)
    return max(1, round((m * (m + 1) / 2 + n_in + n_out) / n_out))
