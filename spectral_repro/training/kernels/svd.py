"""The fast passes of S-SVD: ``φ = U Σ Vᵀ``."""

import torch
from torch import Tensor

from spectral_repro.layers import SVDLinear
from spectral_repro.training.kernels.spectral import Eigenvalue


class SVD(Eigenvalue):
    """See :class:`spectral_repro.layers.SVDLinear`."""

    layer: SVDLinear

    def eigenvectors(self) -> Tensor:
        return (self.layer.u * self.layer.s.detach().unsqueeze(-2)) @ self.layer.v.mT

    def eigenvectors_backward(self, d_phi: Tensor) -> None:
        torch.sum((d_phi @ self.layer.v) * self.layer.u, -2, out=self.gradients["s"])

    def frozen_factor(self) -> Tensor:
        return self.layer.v

    def through(self, z: Tensor) -> Tensor:
        return (z * self.layer.s.detach().unsqueeze(-2)) @ self.layer.u.mT

    def through_backward(self, dy: Tensor, z: Tensor, add: bool) -> Tensor:
        scaled = dy @ self.layer.u
        d_s = (scaled * z).sum(-2)
        self.gradients["s"].add_(d_s) if add else self.gradients["s"].copy_(d_s)
        return scaled * self.layer.s.detach().unsqueeze(-2)
