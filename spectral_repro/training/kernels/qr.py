"""The fast passes of S-QR: ``φ = Q R`` or ``φᵀ = Q R``, without most of the multiplications by zero."""

import numpy as np
import torch
from torch import Tensor

from spectral_repro.layers import QRLinear
from spectral_repro.training import fused
from spectral_repro.training.kernels.multiply import multiply
from spectral_repro.training.kernels.spectral import Eigenvalue, sum_of_products
from spectral_repro.training.kernels.triangular import triangular_gradient, triangular_product


class QR(Eigenvalue):
    """See :class:`spectral_repro.layers.QRLinear`."""

    layer: QRLinear
    _r: Tensor | None = None

    def eigenvectors(self) -> Tensor:
        q, r = self.layer.q, self.r_matrix()
        qr = triangular_product(q, r) if self._triangular else multiply(q, r)
        return qr if self.layer.wide else qr.mT

    def eigenvectors_backward(self, d_phi: Tensor) -> None:
        d_qr = d_phi if self.layer.wide else d_phi.mT
        q = self.layer.q
        self._write_r(triangular_gradient(q, d_qr) if self._triangular else multiply(q.mT, d_qr))

    @property
    def _triangular(self) -> bool:
        return self.layer.core == "triangular"

    def frozen_factor(self) -> Tensor | None:
        return None if self.layer.wide else self.layer.q

    def r_matrix(self) -> Tensor:
        """``R (R, M, M)``: trained and frozen entries put together, in memory that the next call writes over."""
        layer, r = self.layer, self.layer.r.detach()
        if not (self._triangular and fused.on_cpu(r)):
            return layer.r_matrix().detach()
        if self._r is None:
            self._r = layer.r_matrix().detach()
        fused.put(r.numpy(), self._index(), self._r.flatten(1).numpy())
        return self._r

    def _index(self) -> np.ndarray:
        """Where the trained entries are in ``R``: of each network, or once for all."""
        return np.atleast_2d(self.layer.r_index.numpy())

    def _write_r(self, d_r: Tensor) -> None:
        """Writes the gradients of the trained entries of ``R``."""
        out = self.gradients["r"]
        if not self._triangular:
            out.copy_(d_r)
        elif fused.on_cpu(out):
            fused.take(d_r.flatten(1).numpy(), self._index(), out.numpy())
        else:
            torch.gather(d_r.flatten(1), -1, self.layer.r_index.expand(len(d_r), -1), out=out)

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        """Both halves of Eq. (3) go through ``R`` as one product of twice the rows, and so does its gradient."""
        factor, eig_out = self.frozen_factor(), self.layer.eig_out.detach().unsqueeze(-2)
        z, p = self.scaled_product(x, factor), self._product(x, factor, product)
        rows, r = torch.cat([z, p], dim=-2), self.r_matrix()
        scaled, plain = self._through_r(rows, r).chunk(2, dim=-2)
        self._kept = x, rows, r, plain
        return torch.addcmul(scaled, eig_out, plain, value=-1)

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        x, rows, r, plain = self._take()
        sum_of_products(dy, plain, self.gradients["eig_out"]).neg_()
        both = torch.cat([dy, dy * -self.layer.eig_out.detach().unsqueeze(-2)], dim=-2)
        needs_z = input_grad or "eig_in" in self.gradients
        dz, dp = self._through_r_backward(both, rows, r, needs_z, input_grad)
        return self.input_gradient(x, dz, dp, input_grad)

    def _through_r(self, rows: Tensor, r: Tensor) -> Tensor:
        """``(R, 2B, M)`` through ``R``, and for a wide layer through ``Q``, to ``(R, 2B, N_out)``."""
        wide = self.layer.wide
        through = (
            triangular_product(rows, r, transpose=wide) if self._triangular else multiply(rows, r.mT if wide else r)
        )
        return multiply(through, self.layer.q.mT) if wide else through

    def _through_r_backward(
        self, dy: Tensor, rows: Tensor, r: Tensor, needs_z: bool, needs_p: bool
    ) -> tuple[Tensor, Tensor]:
        """Writes the gradient of ``R``; returns those of both halves of ``rows``, as far as they are needed."""
        wide, half = self.layer.wide, dy.shape[-2] // 2
        d = multiply(dy, self.layer.q) if wide else dy
        left, right = (d, rows) if wide else (rows, d)
        self._write_r(triangular_gradient(left, right) if self._triangular else multiply(left.mT, right))
        part = slice(0 if needs_z else half, None if needs_p else half)
        d = d[..., part, :]
        found = triangular_product(d, r, transpose=not wide) if self._triangular else multiply(d, r if wide else r.mT)
        return found[..., :half, :], found[..., half:, :]
