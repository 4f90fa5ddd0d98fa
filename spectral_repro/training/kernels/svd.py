"""The fast passes of S-SVD: ``φ = U Σ Vᵀ``."""

import torch
from torch import Tensor

from spectral_repro.layers import SVDLinear
from spectral_repro.training.kernels.multiply import multiply
from spectral_repro.training.kernels.spectral import Eigenvalue, sum_of_products


class SVD(Eigenvalue):
    """See :class:`spectral_repro.layers.SVDLinear`."""

    layer: SVDLinear

    def eigenvectors(self) -> Tensor:
        return multiply(self.layer.u * self.layer.s.detach().unsqueeze(-2), self.layer.v.mT)

    def eigenvectors_backward(self, d_phi: Tensor) -> None:
        torch.sum(multiply(d_phi, self.layer.v) * self.layer.u, -2, out=self.gradients["s"])

    def frozen_factor(self) -> Tensor:
        return self.layer.v

    def through(self, z: Tensor) -> Tensor:
        return multiply(z * self.layer.s.detach().unsqueeze(-2), self.layer.u.mT)

    def through_backward(self, dy: Tensor, z: Tensor, add: bool) -> Tensor:
        scaled = multiply(dy, self.layer.u)
        d_s = sum_of_products(scaled, z, torch.empty_like(self.layer.s) if add else self.gradients["s"])
        if add:
            self.gradients["s"].add_(d_s)
        return scaled * self.layer.s.detach().unsqueeze(-2)
