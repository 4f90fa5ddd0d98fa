"""The fast passes of ``w_ij = (λin_j − λout_i) φ_ij`` (Eq. 2), which S-SVD and S-QR share."""

import numpy as np
import torch
from torch import Tensor

from spectral_repro.layers import EigenvalueLinear, SpectralLinear
from spectral_repro.training import fused
from spectral_repro.training.kernels.base import Kernel
from spectral_repro.training.kernels.multiply import multiply


class Eigenvalue(Kernel):
    """A subclass says what ``φ`` is, and how what is applied in factored form goes through its trained part."""

    layer: EigenvalueLinear

    def eigenvectors(self) -> Tensor:
        """``φ (R, N_out, N_in)``, in any layout."""
        raise TypeError(f"{type(self).__name__} does not define eigenvectors")

    def eigenvectors_backward(self, d_phi: Tensor) -> None:
        """Writes the gradients of what is trained of ``φ``; called where ``trains_eigenvectors``."""
        raise TypeError(f"{type(self).__name__} does not define eigenvectors_backward")

    @property
    def trains_eigenvectors(self) -> bool:
        """Whether anything of ``φ`` is trained."""
        return True

    def weight(self) -> Tensor:
        phi = self._kept = self.eigenvectors()
        if not fused.on_cpu(phi):
            return self._difference().mul_(phi)
        out = torch.empty_like(phi)
        fused.difference_product(_as_laid_out(phi), *self._eigenvalues(phi), _as_laid_out(out))
        return out

    def weight_backward(self, d_weight: Tensor) -> None:
        phi = self._take()
        d_out = self.gradients["eig_out"]
        d_in = self.gradients.get("eig_in", torch.empty_like(self.layer.eig_in))
        if fused.on_cpu(phi):
            sums = (d_out, d_in) if phi.is_contiguous() else (d_in, d_out)
            values, both = self._eigenvalues(phi), (_as_laid_out(d_weight), _as_laid_out(phi))
            fused.difference_product_backward(*both, *values, *(t.numpy() for t in sums))
        else:
            scaled = d_weight * phi
            torch.sum(scaled, -2, out=d_in)
            torch.sum(scaled, -1, out=d_out).neg_()
            d_weight = d_weight * self._difference()
        if self.trains_eigenvectors:
            self.eigenvectors_backward(d_weight)

    def _difference(self) -> Tensor:
        """``λin_j − λout_i (R, N_out, N_in)``."""
        return self.layer.eig_in.detach().unsqueeze(-2) - self.layer.eig_out.detach().unsqueeze(-1)

    def _eigenvalues(self, phi: Tensor) -> tuple[np.ndarray, np.ndarray, int]:
        """Those of the rows and of the columns of ``φ`` as it lies in memory, and the sign of their difference."""
        eig_in, eig_out = self.layer.eig_in.detach().numpy(), self.layer.eig_out.detach().numpy()
        return (eig_out, eig_in, 1) if phi.is_contiguous() else (eig_in, eig_out, -1)

    def through(self, z: Tensor) -> Tensor:
        """The trained part of ``x φᵀ``: ``(R, B, M)`` to ``(R, B, N_out)``; the identity where all is frozen."""
        return z

    def through_backward(self, dy: Tensor, z: Tensor, add: bool) -> Tensor:
        """The gradient of ``z``; writes those of the trained part, or adds to them."""
        return dy

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        factor, eig_out = self.frozen_factor(), self.layer.eig_out.detach().unsqueeze(-2)
        z, p = self.scaled_product(x, factor), self._product(x, factor, product)
        plain = self.through(p)
        self._kept = x, z, p, plain
        return torch.addcmul(self.through(z), eig_out, plain, value=-1)

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        x, z, p, plain = self._take()
        sum_of_products(dy, plain, self.gradients["eig_out"]).neg_()
        dz = self.through_backward(dy, z, add=False)
        dp = self.through_backward(dy * -self.layer.eig_out.detach().unsqueeze(-2), p, add=True)
        return self.input_gradient(x, dz, dp, input_grad)

    def _product(self, x: Tensor, factor: Tensor | None, product: Tensor | None) -> Tensor:
        """``x F``, unless it is known."""
        if product is not None:
            return product
        return x if factor is None else multiply(x, factor)

    def scaled_product(self, x: Tensor, factor: Tensor | None) -> Tensor:
        """``(x ∘ λin) F (R, B, M)``; ``λin`` scales the smaller of both."""
        eig_in = self.layer.eig_in.detach()
        if factor is None:
            return x * eig_in.unsqueeze(-2)
        if factor.shape[-1] < x.shape[-2]:
            return multiply(x, eig_in.unsqueeze(-1) * factor)
        return multiply(x * eig_in.unsqueeze(-2), factor)

    def input_gradient(self, x: Tensor, dz: Tensor, dp: Tensor, input_grad: bool) -> Tensor | None:
        """Writes the gradient of ``λin``, from those of ``(x ∘ λin) F`` and of ``x F``; returns that of ``x``."""
        factor, eig_in = self.frozen_factor(), self.layer.eig_in.detach().unsqueeze(-2)
        trained = self.gradients.get("eig_in")
        if factor is not None and not input_grad and factor.shape[-1] < x.shape[-2]:
            if trained is not None:
                torch.sum(multiply(x.mT, dz) * factor, -1, out=trained)
            return None
        scaled = dz if factor is None else multiply(dz, factor.mT)  # the gradient of x ∘ λin
        if trained is not None:
            sum_of_products(scaled, x, trained)
        if not input_grad:
            return None
        return scaled * eig_in + (dp if factor is None else multiply(dp, factor.mT))


class Spectral(Eigenvalue):
    """See :class:`spectral_repro.layers.SpectralLinear`."""

    layer: SpectralLinear

    @property
    def trains_eigenvectors(self) -> bool:
        return "phi" in self.gradients

    def eigenvectors(self) -> Tensor:
        return self.layer.phi.detach()

    def eigenvectors_backward(self, d_phi: Tensor) -> None:
        self.gradients["phi"].copy_(d_phi)

    def frozen_factor(self) -> Tensor | None:
        return None if self.trains_eigenvectors else self.layer.phi.detach().mT


def sum_of_products(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """``Σ_B a b (R, N)`` into ``out``, of ``a, b (R, B, N)``."""
    if not fused.on_cpu(a):
        return torch.sum(a * b, -2, out=out)
    fused.column_dots(a.numpy(), b.numpy(), out.numpy())
    return out


def _as_laid_out(matrices: Tensor) -> np.ndarray:
    """A stack of matrices, or of their transposes if those are what is contiguous."""
    return (matrices if matrices.is_contiguous() else matrices.mT).numpy()
