"""Layers that drop in for ``nn.Linear``, each with the adaptive cut-off: direct, Spectral, S-SVD, S-QR; controls."""

from spectral_repro.layers.adapters import load_trained, trained_state
from spectral_repro.layers.base import ReparametrizedLinear
from spectral_repro.layers.convert import parametrize_all, replace_linear, restore_linear
from spectral_repro.layers.cutoff import cutoff
from spectral_repro.layers.diagonal import DiagonalLinear
from spectral_repro.layers.direct import DirectLinear
from spectral_repro.layers.hashed import HashedLinear
from spectral_repro.layers.lowrank import LowRankLinear
from spectral_repro.layers.projection import ProjectionLinear
from spectral_repro.layers.qr import QRLinear
from spectral_repro.layers.spectral import EigenvalueLinear, SpectralLinear
from spectral_repro.layers.stack import stack, unstack
from spectral_repro.layers.svd import SVDLinear

__all__ = [
    "DiagonalLinear",
    "DirectLinear",
    "EigenvalueLinear",
    "HashedLinear",
    "LowRankLinear",
    "ProjectionLinear",
    "QRLinear",
    "ReparametrizedLinear",
    "SVDLinear",
    "SpectralLinear",
    "cutoff",
    "load_trained",
    "parametrize_all",
    "replace_linear",
    "restore_linear",
    "stack",
    "trained_state",
    "unstack",
]
