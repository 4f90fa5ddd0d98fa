"""A cell: one combination of settings, and the name under which its results are kept."""

import dataclasses
import functools
import hashlib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectral_repro.errors import ConfigError
from spectral_repro.training.protocol import Protocol

#: Bumped when the same configuration comes to mean other mathematics.
HASH_VERSION = 1

#: Part of the hash only where they differ from these defaults, of which the first rows knew nothing else.
LATER = {f.name: f.default for f in dataclasses.fields(Protocol) if f.default is not dataclasses.MISSING}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination of settings; everything here, and nothing else, decides what is computed.

    ``method_options`` and ``first_layer`` are keyword arguments of the layer class ``layer``;
    ``trainer`` holds the fields of :class:`spectral_repro.training.protocol.Protocol`, ``masking`` those of
    :class:`spectral_repro.training.masking.MaskingRule` that matter, and nothing for the paper's cut-off;
    ``hidden`` the widths of the hidden layers, if they differ; ``n2`` is the first of them.
    """

    data: Mapping[str, Any]
    method: str
    layer: str
    method_options: Mapping[str, Any]
    first_layer: Mapping[str, Any]
    hidden_layers: int
    n2: int
    sparsity: float
    trainer: Mapping[str, Any]
    precision: str
    method_label: str = ""
    masking: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hidden: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """``(N_2, …, N_{ℓ−1})``."""
        return self.hidden or (self.n2,) * self.hidden_layers

    @functools.cached_property
    def config_hash(self) -> str:
        """``c`` and 12 hex digits over what changes the mathematics or the protocol; no tool reads it as a number."""
        identity = {
            "version": HASH_VERSION,
            "data": {k: v for k, v in self.data.items() if k not in ("label", "root", "lr_as", "shape")},
            "method": [self.method, self.layer, dict(self.method_options), dict(self.first_layer)],
            "network": [self.hidden_layers, list(self.hidden) or self.n2, self.sparsity],
            "trainer": {k: v for k, v in self.trainer.items() if LATER.get(k) != v},
            "precision": self.precision,
        }
        if self.layer == "spectral_repro.layers.QRLinear" and 0 < self.method_options.get("p", 1) < 1:
            identity["trained entries"] = "an exact share"  # the first rows drew each with probability p
        if self.masking:
            identity["masking"] = dict(self.masking)
            if self.masking["choice"] == "rigl":
                identity["stops"] = "after the last exchange"  # at first whenever patience was over
        if source := source_of_others(self.layer):
            identity["source"] = source
        return "c" + hashlib.sha256(json.dumps(_canonical(identity), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def slug(self) -> str:
        """File name without suffix: readable first, the hash last."""
        p, widths = self.method_options.get("p"), "_".join(map(str, self.hidden or [self.n2]))
        parts = [self.method, *[f"n2_{widths}"] * bool(self.widths), f"h{self.hidden_layers}", f"s{self.sparsity:g}"]
        parts += [f"p_{p:g}"] if isinstance(p, int | float) else []
        parts += [str(self.method_options[k]) for k in ("core",) if k in self.method_options]
        parts += filter(None, self.masking_names) if self.masking else []
        return "-".join([*parts, self.config_hash])

    @property
    def size(self) -> str:
        """Of the hidden layers: ``500``, ``500 x2``, ``500-200``, ``none``."""
        if not self.widths:
            return "none"
        return "-".join(map(str, self.hidden)) or f"{self.n2}" + f" x{self.hidden_layers}" * (self.hidden_layers > 1)

    @property
    def label(self) -> str:
        """In short: ``S-QR mnist N2=500 s=0.9``."""
        parts = [self.method_label, self.data["name"], *[f"N2={self.size}"] * bool(self.widths)]
        return " ".join([*parts, *[f"s={self.sparsity:g}"] * (self.sparsity > 0)])

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides its numbers, images apart, by key of the command line."""
        size = {"n2": self.n2, "hidden_layers": self.hidden_layers} if self.widths else {}
        masking = {"masking": masking_name(self.masking).partition("+")[0]} if self.masking else {}
        return {
            "method": self.method,
            **{f"method.{key}": value for key, value in self.method_options.items()},
            **({"hidden": self.hidden} if self.hidden else size),
            "sparsity": self.sparsity,
            **masking,
            **{f"masking.{key}": value for key, value in self.masking.items()},
            **{f"trainer.{key}": value for key, value in self.trainer.items()},
            "precision": self.precision,
        }

    @property
    def masking_names(self) -> tuple[str | None, str | None]:
        """How a sparse network is silenced and where, for instance ``cutoff`` and ``uniform``; None of a dense one."""
        if not self.sparsity:
            return None, None
        return masking_name(self.masking), self.masking.get("allocation", "uniform")


def variants(cells: Sequence[Cell]) -> list[str]:
    """Of each cell what tells it from others of its method, data, size, sparsity and p: ``basis=gaussian lr=0.01``."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    found = []
    for cell in cells:
        same = cell.method, cell.data["name"], cell.widths, cell.sparsity, str(cell.method_options.get("p"))
        told = {k: v for k, v in cell.settings.items() if k.startswith(("method.", "trainer.", "precision"))}
        told |= dict(zip(("masking", "allocation"), cell.masking_names, strict=True))
        groups.setdefault(same, []).append(told)
        found.append((told, groups[same]))
    return [
        " ".join(f"{k.rpartition('.')[2]}={v}" for k, v in told.items() if any(o.get(k) != v for o in others))
        for told, others in found
    ]


def masking_names(self) -> tuple[str | None, str | None]:
    """How a sparse network is silenced and where, for instance ``cutoff`` and ``uniform``; None of a dense one."""
    if not self.sparsity:
        return None, None
    return masking_name(self.masking), self.masking.get("allocation", "uniform")


def masking_name(rule: Mapping[str, Any]) -> str:
    """What a rule is called: by what it does, whatever the file is called that it comes from.

    ``cutoff``, ``straight_through``, ``gradual``, ``rigl``, or two of them: ``gradual+straight_through``.
    """
    parts = ["gradual"] * (rule.get("schedule") == "cubic") + ["rigl"] * (rule.get("choice") == "rigl")
    parts += ["straight_through"] * (rule.get("gradient") == "all")
    return "+".join(parts) or "cutoff"


@functools.lru_cache(maxsize=64)
def source_of_others(layer: str) -> str | None:
    """SHA-256 of the files that define a layer class and its bases as far as they are not ours; None without any."""
    ours = ("spectral_repro", "torch", "builtins")
    classes = [c for c in import_layer(layer).__mro__ if c.__module__.partition(".")[0] not in ours]
    files = sorted({inspect.getfile(c) for c in classes})
    return hashlib.sha256(b"".join(Path(f).read_bytes() for f in files)).hexdigest() if files else None


def _canonical(value: Any) -> Any:
    """Whole numbers among the options as floats, so that ``p=1`` and ``p=1.0`` are one cell."""
    if isinstance(value, Mapping):
        return {k: v if k in ("version", "network", "trainer") else _canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def import_layer(path: str) -> type:
    """The class that ``layer:`` of a file of ``conf/method`` names.

    Raises:
        ConfigError: if it cannot be imported.
    """
    module, _, name = path.rpartition(".")
    if os.getcwd() not in sys.path:  # a script has its own folder there instead
        sys.path.append(os.getcwd())
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("method.layer", path, f"cannot be imported ({error})") from error
