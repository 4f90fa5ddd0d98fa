"""How networks are trained, as ``conf/`` has it."""

from collections.abc import Mapping
from typing import Any

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.files import conf_file
from spectral_repro.figures.style import label_of
from spectral_repro.report.formats import signed

METHODS = ("direct", "spectral", "ssvd", "sqr")
DATA = ("mnist", "fashion_mnist", "cifar10")
#: Keys of ``conf/method`` that are start values, and how they are written.
_STARTS = {"eig_in": "λin", "eig_out": "λout", "phi_std": "standard deviation of φ", "singular_values": "Σ"}


def protocols() -> dict[str, Mapping[str, Any]]:
    """``dense`` and ``sparse``: their values, by method the start values, and the learning rates by method and data."""
    found = plain_composer().whole([])["protocols"]
    names = {name: [m for m in METHODS if name == "dense" or m in ("direct", "sqr")] for name in ("dense", "sparse")}
    return {
        name: {
            **found[name],
            "starts": {label_of(m): _starts(m, name) for m in METHODS},
            "rates": "; ".join(_rates(m, name) for m in methods),
        }
        for name, methods in names.items()
    }


def _starts(method: str, protocol: str) -> str:
    conf = conf_file("method", method)
    own = {**conf, **conf["protocols"][protocol]}
    return ", ".join(f"{name} {_drawn(own[key])}" for key, name in _STARTS.items() if own.get(key) is not None)


def _drawn(value: Any) -> str:
    return signed(f"~ U({value[0]:g}, {value[1]:g})" if isinstance(value, list) else f"= {value:g}")


def _rates(method: str, protocol: str) -> str:
    rates = conf_file("method", method)["protocols"][protocol]["lr"]
    each = [f"{rates.get(data, rates['default']):g}" for data in DATA]
    return f"{label_of(method)} {each[0] if len(set(each)) == 1 else ' / '.join(each)}"
