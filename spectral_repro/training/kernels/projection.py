"""The fast passes of a dense layer behind a fixed random projection: ``W = D Qᵀ``."""

from torch import Tensor

from spectral_repro.layers import ProjectionLinear
from spectral_repro.training.kernels.base import Kernel
from spectral_repro.training.kernels.multiply import multiply


class Projection(Kernel):
    """See :class:`spectral_repro.layers.ProjectionLinear`."""

    layer: ProjectionLinear

    def frozen_factor(self) -> Tensor:
        return self.layer.q

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        self._kept = multiply(x, self.layer.q) if product is None else product
        return multiply(self._kept, self.layer.d.detach().mT)

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        multiply(dy.mT, self._take(), out=self.gradients["d"])
        return multiply(multiply(dy, self.layer.d.detach()), self.layer.q.mT) if input_grad else None
