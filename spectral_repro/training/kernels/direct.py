"""Training in direct space: the gradient of ``W`` is the parameter's own; a frozen layer is its own factor."""

from torch import Tensor

from spectral_repro.layers import DirectLinear
from spectral_repro.training.kernels.base import Kernel
from spectral_repro.training.kernels.multiply import multiply


class Direct(Kernel):
    """See :class:`spectral_repro.layers.DirectLinear`."""

    layer: DirectLinear

    @property
    def entries(self) -> Tensor | None:
        return self.gradients.get("dense")

    def frozen_factor(self) -> Tensor | None:
        return None if self.gradients else self.layer.dense.mT

    def weight(self) -> Tensor:
        return self.layer.dense.detach()

    def weight_backward(self, d_weight: Tensor) -> None:
        if self.entries is not None and d_weight.data_ptr() != self.entries.data_ptr():
            self.entries.copy_(d_weight)

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        return multiply(x, self.layer.dense.mT) if product is None else product

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        return multiply(dy, self.layer.dense) if input_grad else None
