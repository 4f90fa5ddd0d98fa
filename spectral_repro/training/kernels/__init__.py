"""The fast passes of stacks of networks, forward and backward, first order, for the trainer alone; one file a method.

A method that is not in :data:`KERNELS`, such as one's own, is computed by its layer's plain formula.
"""

from collections.abc import Mapping

from torch import Tensor

from spectral_repro.layers import (
    DirectLinear,
    ProjectionLinear,
    QRLinear,
    ReparametrizedLinear,
    SpectralLinear,
    SVDLinear,
)
from spectral_repro.training.kernels.base import Kernel
from spectral_repro.training.kernels.direct import Direct
from spectral_repro.training.kernels.projection import Projection
from spectral_repro.training.kernels.qr import QR
from spectral_repro.training.kernels.spectral import Spectral
from spectral_repro.training.kernels.svd import SVD

#: By layer class; a class that derives from one of them may make other weights of the same numbers.
KERNELS: dict[type[ReparametrizedLinear], type[Kernel]] = {
    DirectLinear: Direct,
    SpectralLinear: Spectral,
    SVDLinear: SVD,
    QRLinear: QR,
    ProjectionLinear: Projection,
}


def kernel_of(layer: ReparametrizedLinear, gradients: Mapping[str, Tensor]) -> Kernel:
    """The kernel of a stacked layer; ``gradients`` says by parameter where its gradient is written."""
    return KERNELS.get(type(layer), Kernel)(layer, gradients)
