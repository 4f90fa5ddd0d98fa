"""Spectral training of dense and sparse networks: Chicchi et al., Phys. Rev. E 104, 054312 (2021)."""

import importlib
from typing import TYPE_CHECKING, Any

from spectral_repro.version import __version__ as __version__

__all__ = ["load_network", "prune", "run"]

#: Where the names are that are imported when they are asked for, as torch takes seconds.
_MODULES = {
    "load_network": "spectral_repro.results.weights",
    "prune": "spectral_repro.training.pruning",
    "run": "spectral_repro.runner.python",
}

if TYPE_CHECKING:
    from spectral_repro.results.weights import load_network
    from spectral_repro.runner.python import run
    from spectral_repro.training.pruning import prune
else:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
