"""``python -m spectral_repro``: the same as ``spectral-repro``."""

from spectral_repro.cli import main

main()
