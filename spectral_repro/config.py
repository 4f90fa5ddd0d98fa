"""From a composed configuration to a checked cell and its options; every value is checked before any work."""

import difflib
import functools
import importlib.util
import inspect
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectral_repro.cell import Cell, Options, import_layer
from spectral_repro.errors import ConfigError, UserError

#: Keys of a method's file that are not options of its layer class.
_METHOD_KEYS = {"name", "label", "layer", "first_layer", "protocols"}
_PROTOCOL_KEYS = (
    "max_epochs",
    "batch_size",
    "optimizer",
    "lr",
    "activation",
    "validation_fraction",
    "patience",
    "min_delta",
)
_TOP_KEYS = {
    *("n2", "hidden_layers", "sparsity", "realizations", "seed", "device", "precision", "data_dir", "results_dir"),
    *("overwrite", "degrees", "protocol", "protocols", "trainer", "sweep", "grid", "method", "data", "tracker"),
    *("checkpoint_minutes", "threads"),
}
#: Reaches the results as a folder and file name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def read_config(config: Mapping[str, Any]) -> tuple[Cell, Options]:
    """Checks every value of a composed configuration (plain containers, interpolations resolved).

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    for key in config:
        if key not in _TOP_KEYS:
            raise ConfigError(key, config[key], f"no such key{did_you_mean(key, _TOP_KEYS)}")
    method, data, trainer = config["method"], dict(config["data"]), config["trainer"]
    sparsity = float(_number(config, "sparsity", "must be in [0, 1)", lambda v: 0 <= v < 1))
    protocol_name = _choice(config, "protocol", ("auto", *config["protocols"]))
    if protocol_name == "auto":
        protocol_name = "sparse" if sparsity > 0 else "dense"
    if data.get("name") is None and data.get("root"):
        data["name"] = re.sub(r"[^A-Za-z0-9_.-]", "_", Path(data["root"]).expanduser().resolve().name)
    if data.get("source") == "folder" and not data.get("root"):
        raise ConfigError("data.root", data.get("root"), "must name a folder with train/<class>/* and test/<class>/*")
    for key, value in (("data.name", data.get("name")), ("method.name", method.get("name"))):
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ConfigError(key, value, "must be letters, digits, '_', '.' or '-', at most 64")
    protocol = {**config["protocols"][protocol_name], **{k: v for k, v in trainer.items() if v is not None}}
    options = _method_options(method, protocol_name)
    if protocol.get("lr") is None:
        protocol["lr"] = _learning_rate(method, data, protocol_name)
    cell = Cell(
        data={k: v for k, v in data.items() if k != "lr"},
        method=method["name"],
        layer=method["layer"],
        method_options=options,
        first_layer=dict(method.get("first_layer") or {}),
        hidden_layers=_whole(config, "hidden_layers"),
        n2=_whole(config, "n2"),
        sparsity=sparsity,
        trainer=_check_protocol(protocol),
        precision=_choice(config, "precision", ("highest", "high", "medium")),
        method_label=method.get("label") or method["name"],
    )
    check_layer(cell)
    options = _read_options(config)
    if options.degrees and sparsity == 0:
        raise ConfigError("degrees", True, "needs sparsity above 0; all nodes of a dense network have the same degree")
    return cell, options


def _read_options(config: Mapping[str, Any]) -> Options:
    for key in ("overwrite", "degrees"):
        if not isinstance(config[key], bool):
            raise ConfigError(key, config[key], "must be true or false")
    for key in ("data_dir", "results_dir"):
        if not isinstance(config[key], str) or not config[key]:
            raise ConfigError(key, config[key], "must name a folder")
    if config["tracker"] == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("tracker", "tensorboard", "needs a package: pip install 'spectral-repro[tensorboard]'")
    per_batch = config["trainer"].get("realizations_per_batch", "auto")
    if per_batch != "auto":
        per_batch = _whole(config["trainer"], "realizations_per_batch", prefix="trainer.")
    return Options(
        realizations=_whole(config, "realizations"),
        seed=_whole(config, "seed", least=0),
        device=check_device_name(config["device"]),
        data_dir=Path(config["data_dir"]).expanduser(),
        results_dir=Path(config["results_dir"]).expanduser(),
        overwrite=config["overwrite"],
        degrees=config["degrees"],
        realizations_per_batch=None if per_batch == "auto" else per_batch,
        checkpoint_minutes=float(_number(config, "checkpoint_minutes", "must be at least 0", lambda v: v >= 0)),
        tracker=_choice(config, "tracker", ("none", "tensorboard")),
        threads=None if config["threads"] == "auto" else _whole(config, "threads"),
    )


def check_device_name(name: Any) -> str:
    """``name``, if it is one that a device can have; whether the device exists, ``choose_device`` says.

    Raises:
        ConfigError: if it is not.
    """
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ConfigError("device", name, "must be auto, cpu, cuda, cuda:N or mps")
    return name


def _check_protocol(p: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "trainer."
    fraction = _number(
        p, "validation_fraction", "must be in (0, 1): early stopping needs it", lambda v: 0 < v < 1, prefix
    )
    return {
        "max_epochs": _whole(p, "max_epochs", prefix=prefix),
        "batch_size": _whole(p, "batch_size", prefix=prefix),
        "optimizer": _choice(p, "optimizer", ("adamax", "adam"), prefix),
        "lr": float(_number(p, "lr", "must be above 0", lambda v: v > 0, prefix)),
        "activation": _choice(p, "activation", ("relu", "tanh"), prefix),
        "validation_fraction": float(fraction),
        "patience": _whole(p, "patience", prefix=prefix),
        "min_delta": float(_number(p, "min_delta", "must be in [0, 1)", lambda v: 0 <= v < 1, prefix)),
        "beta1": float(_number(p, "beta1", "must be in [0, 1)", lambda v: 0 <= v < 1, prefix)),
        "beta2": float(_number(p, "beta2", "must be in [0, 1)", lambda v: 0 <= v < 1, prefix)),
        "epsilon": float(_number(p, "epsilon", "must be above 0", lambda v: v > 0, prefix)),
    }


def _method_options(method: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """Options of the layer class; null stands for the protocol's value."""
    if protocol not in method["protocols"]:
        raise ConfigError("protocol", protocol, f"method {method['name']} defines {', '.join(method['protocols'])}")
    default = method["protocols"][protocol]
    return {k: default.get(k) if v is None else v for k, v in method.items() if k not in _METHOD_KEYS}


def _learning_rate(method: Mapping[str, Any], data: Mapping[str, Any], protocol: str) -> Any:
    """The data set's own rate for this method if it has one, else the method's for the data set, else its default."""
    own = (data.get("lr") or {}).get(method["name"])
    if own is not None:
        return own
    rates = method["protocols"][protocol]["lr"]
    return rates.get(data.get("lr_as"), rates.get("default"))


def check_layer(cell: Cell) -> None:
    """Builds a tiny layer, so that an option that is not allowed is found before any work is done."""
    _check_layer(
        cell.layer, json.dumps([dict(cell.method_options), dict(cell.first_layer)], sort_keys=True), cell.method
    )


@functools.lru_cache(maxsize=4096)
def _check_layer(layer: str, options: str, method: str) -> None:
    method_options, first_layer = json.loads(options)
    cls = import_layer(layer)
    known = set(inspect.signature(cls).parameters) - {
        *("in_features", "out_features", "bias", "sparsity", "generator", "device", "dtype")
    }
    for key, value in {**method_options, **first_layer}.items():
        if key not in known:
            allowed = f"; it has {', '.join(sorted(known))}" if known else ""
            raise ConfigError(f"method.{key}", value, f"method {method} has no such key{allowed}")
    for extra in ({}, first_layer):
        try:
            cls(3, 2, **{**method_options, **extra})
        except (TypeError, ValueError, RuntimeError) as error:
            raise _layer_error(method_options, error) from error


def _layer_error(options: Mapping[str, Any], error: Exception) -> UserError:
    """Names the option that the layer class complained about."""
    text = " ".join(str(error).split())
    key, separator, rest = text.partition("=")
    if separator and key in options:
        return UserError(f"method.{key}={rest}")
    for key, value in options.items():
        if text.startswith(f"{value!r}: "):
            return UserError(f"method.{key}={text}")
    return UserError(f"method.{options}: {text}")


def did_you_mean(key: str, known) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _whole(config: Mapping[str, Any], key: str, least: int = 1, prefix: str = "") -> int:
    value = config[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(prefix + key, value, f"must be a whole number, at least {least}")
    return value


def _number(config: Mapping[str, Any], key: str, allowed: str, test, prefix: str = "") -> float:
    value = config[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not test(value):
        raise ConfigError(prefix + key, value, allowed)
    return value


def _choice(config: Mapping[str, Any], key: str, allowed: tuple[str, ...], prefix: str = "") -> str:
    if config[key] not in allowed:
        raise ConfigError(prefix + key, config[key], f"must be {', '.join(allowed[:-1])} or {allowed[-1]}")
    return config[key]
