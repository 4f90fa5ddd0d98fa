"""S-QR: the triangular factor of the eigenvector block is trained too (App. D for ``p < 1``)."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from spectral_repro.layers.base import PASS_COST, Cost, Start, draw_normal
from spectral_repro.layers.gradients import minus_scaled, plain_formula, take_gradient_buffer
from spectral_repro.layers.spectral import EigenvalueLinear
from spectral_repro.layers.triangular import block_edges, factored_product, triangular_product


class _Assembled(torch.autograd.Function):
    """``R (…, M, M)`` from its trained entries ``(…, T)`` and the rest ``(…, M²)``; rest and index may be of all."""

    generate_vmap_rule = True

    @staticmethod
    def forward(entries: Tensor, rest: Tensor, index: Tensor, buffer: Tensor | None) -> Tensor:
        return _assembled(entries, rest, index)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, _, index, ctx.buffer = inputs
        ctx.save_for_backward(index)

    @staticmethod
    def backward(ctx, d: Tensor):
        (index,) = ctx.saved_tensors
        d = d.reshape(*d.shape[:-2], -1)
        return torch.gather(d, -1, index.expand(*d.shape[:-1], -1), out=ctx.buffer), None, None, None


def _assembled(entries: Tensor, rest: Tensor, index: Tensor) -> Tensor:
    size, networks = math.isqrt(rest.shape[-1]), entries.shape[:-1]
    return rest.expand(*networks, -1).scatter(-1, index.expand_as(entries), entries).reshape(*networks, size, size)


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
        if plain_formula():
            return _assembled(self.r, self.r_frozen, self.r_index)
        return _Assembled.apply(self.r, self.r_frozen, self.r_index, take_gradient_buffer(self.r))

    def eigenvectors(self) -> Tensor:
        r = self.r_matrix()
        if self.core == "full":
            return self.q @ r if self.wide else (self.q @ r).mT
        qr = triangular_product(self.q, r)
        return qr if self.wide else qr.mT

    def frozen_factor(self) -> Tensor | None:
        return None if self.wide else self.q

    def through_trained(self, z: Tensor) -> Tensor:
        return self._through(z, self.r_matrix())

    def _through(self, z: Tensor, r: Tensor) -> Tensor:
        if self.core == "full":
            return (z @ r.mT) @ self.q.mT if self.wide else z @ r
        if self.wide:
            return triangular_product(z, r, transpose=True) @ self.q.mT
        return triangular_product(z, r)

    def apply_factored(self, x: Tensor, product: Tensor | None) -> Tensor:
        r = self.r_matrix()  # once for both branches
        scaled = self.scaled_through_frozen(x)
        plain = self.through_frozen(x) if product is None else product
        if self.core == "triangular" and not self.wide and x.ndim == r.ndim and not plain_formula():
            return factored_product(scaled, plain, r, self.eig_out)
        scaled, plain = self._through(scaled, r), self._through(plain, r)
        return minus_scaled(scaled, self._per_row(self.eig_out, plain), plain)

    @staticmethod
    def step_cost(
        n_in: int, n_out: int, rows: int, input_grad: bool, product: bool, core: str = "triangular", **options
    ) -> Cost:
        del options
        wide, weights = n_out > n_in, n_in * n_out
        if core == "triangular":
            edges = block_edges(min(n_in, n_out))
            r_size = sum(b * (b - a) for a, b in pairwise(edges))  # entries in blocks that are not zero
            rank = min(n_in, n_out)
        else:
            r_size, rank = n_out * min(n_in, n_out), n_out
        build = n_out * r_size if wide else n_in * r_size
        explicit = 2 * build + rows * weights * (2 + input_grad) + PASS_COST * 6 * weights
        through_r = rows * r_size * (5 + input_grad)
        through_q = rows * (n_out * rank * 4 if wide else n_in * rank * (2 + (not product) + input_grad))
        passes = 3 * n_in * min(rows, rank) + rows * (6 * rank + 3 * n_out) + r_size
        return Cost(explicit, through_q + through_r + PASS_COST * passes)

    def cost(self, rows: int, input_grad: bool, product: bool) -> Cost:
        return self.step_cost(self.in_features, self.out_features, rows, input_grad, product, core=self.core)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, core={self.core}, p={self.p:g}"
