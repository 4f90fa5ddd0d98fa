"""How networks are trained, as ``conf/`` has it."""

from collections.abc import Mapping
from typing import Any

import yaml

from spectral_repro.config.compose import config_folder, plain_composer
from spectral_repro.figures.style import label_of
from spectral_repro.report.formats import signed

METHODS = ("direct", "spectral", "ssvd", "sqr")
DATA = ("mnist", "fashion_mnist", "cifar10")


def protocols() -> Mapping[str, Mapping[str, Any]]:
    """``dense`` and ``sparse``, without what is the same for all rows."""
    return plain_composer().whole([])["protocols"]


def start_values(protocol: str) -> list[str]:
    """One phrase a method, in the order of :data:`METHODS`."""
    said = []
    for method in METHODS:
        conf = _method(method)
        own = {**conf, **{k: v for k, v in conf["protocols"][protocol].items() if k != "lr"}}
        parts = [f"{name} {_drawn(own[key])}" for key, name in _STARTS.items() if own.get(key) is not None]
        parts += [f"φ ~ N(0, {own['phi_std']:g}²)"] if "phi_std" in own else []
        parts += ["Q, R of its QR factorization"] * (method == "sqr") + ["U, V random orthogonal"] * (method == "ssvd")
        said.append(", ".join(parts) or "Glorot uniform")
    return said


#: Keys of ``conf/method`` that are start values, and how they are written.
_STARTS = {"eig_in": "λin", "eig_out": "λout", "singular_values": "Σ"}


def _drawn(value: Any) -> str:
    return signed(f"~ U({value[0]:g}, {value[1]:g})" if isinstance(value, list) else f"= {value:g}")


def learning_rates(protocol: str) -> list[str]:
    """One phrase a method: the rates of MNIST, Fashion-MNIST and CIFAR-10."""
    said = []
    for method in METHODS if protocol == "dense" else ("direct", "sqr"):
        rates = _method(method)["protocols"][protocol]["lr"]
        each = [f"{rates.get(data, rates['default']):g}" for data in DATA]
        said.append(f"{label_of(method)} {each[0] if len(set(each)) == 1 else ' / '.join(each)}")
    return said


def _method(name: str) -> dict[str, Any]:
    path = config_folder() / "method" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
