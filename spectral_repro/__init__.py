"""Spectral training of dense and sparse networks: Chicchi et al., Phys. Rev. E 104, 054312 (2021)."""

__version__ = "0.1.0"
