"""Layers that drop in for ``nn.Linear``: direct, Spectral, S-SVD and S-QR, each with the adaptive cut-off."""

from spectral_repro.layers.base import Cost, ReparametrizedLinear
from spectral_repro.layers.cutoff import cutoff
from spectral_repro.layers.direct import DirectLinear
from spectral_repro.layers.qr import QRLinear
from spectral_repro.layers.spectral import EigenvalueLinear, SpectralLinear
from spectral_repro.layers.stack import stack
from spectral_repro.layers.svd import SVDLinear

__all__ = [
    "Cost",
    "DirectLinear",
    "EigenvalueLinear",
    "QRLinear",
    "ReparametrizedLinear",
    "SVDLinear",
    "SpectralLinear",
    "cutoff",
    "stack",
]
