"""Spectral training of dense and sparse networks: Chicchi et al., Phys. Rev. E 104, 054312 (2021)."""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``load_network`` and ``prune``, imported when they are asked for."""
    if name == "load_network":
        from spectral_repro.results.weights import load_network

        return load_network
    if name == "prune":
        from spectral_repro.training.pruning import prune

        return prune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
