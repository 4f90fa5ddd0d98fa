"""The fast passes of ``w_ij = (λin_j − λout_i) φ_ij`` (Eq. 2), which S-SVD and S-QR share."""

import torch
from torch import Tensor

from spectral_repro.layers import EigenvalueLinear, SpectralLinear
from spectral_repro.training.kernels.base import Kernel


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
        self._kept = self.eigenvectors()
        return self._difference(self._kept).mul_(self._kept)

    def weight_backward(self, d_weight: Tensor) -> None:
        phi = self._take()
        scaled = d_weight * phi
        if "eig_in" in self.gradients:
            torch.sum(scaled, -2, out=self.gradients["eig_in"])
        torch.sum(scaled, -1, out=self.gradients["eig_out"]).neg_()
        if self.trains_eigenvectors:
            self.eigenvectors_backward(d_weight * self._difference(phi))

    def _difference(self, phi: Tensor) -> Tensor:
        """``λin_j − λout_i``, laid out in memory as ``φ``."""
        eig_in, eig_out = self.layer.eig_in.detach(), self.layer.eig_out.detach()
        if phi.mT.is_contiguous() and not phi.is_contiguous():
            return (eig_in.unsqueeze(-1) - eig_out.unsqueeze(-2)).mT
        return eig_in.unsqueeze(-2) - eig_out.unsqueeze(-1)

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
        torch.sum(dy * plain, -2, out=self.gradients["eig_out"]).neg_()
        dz = self.through_backward(dy, z, add=False)
        dp = self.through_backward(dy * -self.layer.eig_out.detach().unsqueeze(-2), p, add=True)
        return self.input_gradient(x, dz, dp, input_grad)

    def _product(self, x: Tensor, factor: Tensor | None, product: Tensor | None) -> Tensor:
        """``x F``, unless it is known."""
        if product is not None:
            return product
        return x if factor is None else x @ factor

    def scaled_product(self, x: Tensor, factor: Tensor | None) -> Tensor:
        """``(x ∘ λin) F (R, B, M)``; ``λin`` scales the smaller of both."""
        eig_in = self.layer.eig_in.detach()
        if factor is None:
            return x * eig_in.unsqueeze(-2)
        if factor.shape[-1] < x.shape[-2]:
            return x @ (eig_in.unsqueeze(-1) * factor)
        return (x * eig_in.unsqueeze(-2)) @ factor

    def input_gradient(self, x: Tensor, dz: Tensor, dp: Tensor, input_grad: bool) -> Tensor | None:
        """Writes the gradient of ``λin``, from those of ``(x ∘ λin) F`` and of ``x F``; returns that of ``x``."""
        factor, eig_in = self.frozen_factor(), self.layer.eig_in.detach().unsqueeze(-2)
        trained = self.gradients.get("eig_in")
        if factor is not None and not input_grad and factor.shape[-1] < x.shape[-2]:
            if trained is not None:
                torch.sum((x.mT @ dz) * factor, -1, out=trained)
            return None
        scaled = dz if factor is None else dz @ factor.mT  # the gradient of x ∘ λin
        if trained is not None:
            torch.sum(scaled * x, -2, out=trained)
        if not input_grad:
            return None
        return scaled * eig_in + (dp if factor is None else dp @ factor.mT)


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
