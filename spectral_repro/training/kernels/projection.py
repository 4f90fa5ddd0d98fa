"""The fast passes of a dense layer behind a fixed random projection: ``W = D Qᵀ``."""

import torch
from torch import Tensor

from spectral_repro.layers import ProjectionLinear
from spectral_repro.training.kernels.base import Kernel


class Projection(Kernel):
    """See :class:`spectral_repro.layers.ProjectionLinear`."""

    layer: ProjectionLinear

    def frozen_factor(self) -> Tensor:
        return self.layer.q

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        self._kept = x @ self.layer.q if product is None else product
        return self._kept @ self.layer.d.detach().mT

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        torch.bmm(dy.mT, self._take(), out=self.gradients["d"])
        return (dy @ self.layer.d.detach()) @ self.layer.q.mT if input_grad else None
