"""Training in direct space: the gradient of ``W`` is the parameter's own."""

from torch import Tensor

from spectral_repro.layers import DirectLinear
from spectral_repro.training.kernels.base import Kernel


class Direct(Kernel):
    """See :class:`spectral_repro.layers.DirectLinear`."""

    layer: DirectLinear

    @property
    def entries(self) -> Tensor:
        return self.gradients["dense"]

    def weight(self) -> Tensor:
        return self.layer.dense.detach()

    def weight_backward(self, d_weight: Tensor) -> None:
        if d_weight.data_ptr() != self.entries.data_ptr():
            self.entries.copy_(d_weight)
