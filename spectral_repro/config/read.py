"""From a composed configuration to a checked cell and how to run it; every value is checked before any work."""

import functools
import inspect
import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spectral_repro.config import keys
from spectral_repro.config.cell import LATER, Cell, import_layer, masking_name
from spectral_repro.config.check import check
from spectral_repro.config.tuned import tuned_rate
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.layers import ReparametrizedLinear

#: Which optimizers read which of their keys.
_READ_BY = {
    **dict.fromkeys(("beta1", "beta2", "epsilon"), ("adamax", "adam", "adamw")),
    **{"momentum": ("sgd",), "weight_decay": ("adamw", "sgd")},
}
_OF_RIGL = ("interval", "exchange", "until")
#: The paper's rule, which the layers have themselves.
_CUTOFF = {"schedule": "constant", "allocation": "uniform", "gradient": "survivors", "choice": "magnitude"}


def effective(config: Mapping[str, Any]) -> dict[str, Any]:
    """A composed configuration (plain containers, interpolations resolved) with what follows from it filled in.

    That is what the protocol, the method and the data set say where ``trainer.…`` or ``method.…`` is null.

    Raises:
        ConfigError: naming the key, the value and what is allowed, as far as that decides what follows.
    """
    for key, field in keys.Keys.model_fields.items():
        if key not in config and field.is_required():
            raise ConfigError(key, None, "is needed, and cannot be removed")
    for group in ("method", "data", "masking", "trainer"):
        if not isinstance(config[group], Mapping):
            value = config[group]
            how = f"must be a group of keys; a file chooses by 'defaults: [override /{group}: {value}]'"
            raise ConfigError(group, value, how)
    method, data = config["method"], dict(config["data"])
    check(keys.Method, method, "method.")
    if data.get("source") == "folder" and not data.get("root"):
        raise ConfigError("data.root", data.get("root"), "must name a folder with train/<class>/* and test/<class>/*")
    if data.get("name") is None and data.get("root"):
        data["name"] = re.sub(r"[^A-Za-z0-9_.-]", "_", Path(data["root"]).expanduser().resolve().name)
        data["name"] += f"_{data['resize']}px" if data.get("resize") else ""
    sparse = isinstance(config["sparsity"], float | int) and config["sparsity"] > 0
    chosen = "sparse" if sparse else "dense"
    if isinstance(config["protocol"], str) and config["protocol"] in config["protocols"]:
        chosen = config["protocol"]
    given = {k: v for k, v in config["trainer"].items() if v is not None}
    trainer = {**config["trainer"], **config["protocols"][chosen], **given}
    defaults = method["protocols"].get(chosen)
    if defaults is None:
        raise ConfigError("protocol", chosen, f"method {method['name']} defines {', '.join(method['protocols'])}")
    if "lr" not in given:
        trainer["lr"] = learning_rate(method["name"], defaults or {}, data)
    if "lr" not in given and config["rates"] == "tuned" and isinstance(config["results_dir"], str):
        masking = masking_name(config["masking"]) if sparse else None
        names = data["name"], data.get("lr_as")
        trainer["lr"] = tuned_rate(Path(config["results_dir"]), chosen, *names, method["name"], masking)
    filled = {k: defaults[k] if v is None and k in (defaults or {}) else v for k, v in method.items()}
    return {**config, "method": filled, "data": data, "trainer": trainer}


def read_config(config: Mapping[str, Any]) -> tuple[Cell, keys.Run]:
    """Checks every value of a composed configuration (plain containers, interpolations resolved).

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    config = effective(config)
    method, data = config["method"], config["data"]
    checked = check(keys.Keys, config)
    _check_optimizer(checked.trainer)
    if data.get("resize") and data["source"] != "folder":
        raise ConfigError("data.resize", data["resize"], "goes with data=folder only")
    widths = _widths(method, checked)
    cell = Cell(
        data={k: v for k, v in data.items() if k != "lr" and (k, v) != ("resize", None)},
        method=method["name"],
        layer=method["layer"],
        method_options={k: v for k, v in method.items() if k not in keys.Method.model_fields},
        first_layer=dict(method.get("first_layer") or {}),
        hidden_layers=len(widths),
        n2=widths[0] if widths else 0,
        hidden=widths if len(set(widths)) > 1 else (),
        sparsity=checked.sparsity,
        trainer=checked.trainer.model_dump(exclude={"realizations_per_batch"}),
        precision=checked.precision,
        method_label=method.get("label") or method["name"],
        masking=_masking(checked.masking) if checked.sparsity else {},
    )
    options = json.dumps([dict(cell.method_options), cell.first_layer], sort_keys=True)
    _check_layer(cell.layer, options, cell.method)
    if checked.degrees and cell.sparsity == 0:
        raise ConfigError("degrees", True, "needs sparsity above 0; all nodes of a dense network have the same degree")
    return cell, checked


def require_packages(options: keys.Run) -> None:
    """Of what training needs beyond the base install; who only reads a configuration does without.

    Raises:
        ConfigError: naming the package that is missing.
    """
    wanted: list[tuple[str, object, str]] = []
    if options.weights:
        wanted.append(("weights", True, "safetensors"))
    if options.tracker not in ("none", "csv"):
        wanted.append(("tracker", options.tracker, options.tracker))
    for key, value, package in wanted:
        if find_spec(package) is None:
            raise ConfigError(key, value, f"needs a package: pip install {package}")


def _widths(method: Mapping[str, Any], checked: keys.Keys) -> tuple[int, ...]:
    """Of the hidden layers.

    Raises:
        ConfigError: naming what goes with hidden layers only.
    """
    if method.get("hidden_layers") != 0:
        return tuple(checked.hidden or [checked.n2] * checked.hidden_layers)
    how = f"goes with hidden layers, of which method={method['name']} has none"
    if checked.hidden:
        raise ConfigError("hidden", checked.hidden, how)
    if checked.sparsity and checked.masking.allocation == "dense_output":
        raise ConfigError("masking.allocation", "dense_output", how)
    if checked.degrees:
        raise ConfigError("degrees", True, how)
    return ()


def _check_optimizer(trainer: keys.Trainer) -> None:
    """Refuses what the optimizer does not read: it would change nothing but the name of the results.

    Raises:
        ConfigError: naming the key.
    """
    for key, readers in _READ_BY.items():
        value = getattr(trainer, key)
        if value != LATER[key] and trainer.optimizer not in readers:
            raise ConfigError(f"trainer.{key}", value, f"goes with trainer.optimizer={' or '.join(readers)} only")


def learning_rate(method: str, defaults: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """The data set's own rate for this method if it has one, else the method's for the data set, else its default."""
    own, like = data.get("lr") or {}, data.get("lr_as")
    if not isinstance(own, Mapping):
        raise ConfigError("data.lr", own, "must be learning rates by method, for instance {sqr: 0.004}")
    if not isinstance(like, str | None):
        raise ConfigError("data.lr_as", like, "must be the name of a data set, or null")
    own, rates = own.get(method), defaults.get("lr") or {}
    return own if own is not None else rates.get(like, rates.get("default"))


def _masking(rule: keys.Masking) -> dict[str, Any]:
    """What matters of a rule; nothing of the paper's own.

    Raises:
        ConfigError: if its parts do not go together.
    """
    matters = rule.model_dump(exclude={"name"})
    if rule.choice == "rigl" and (rule.allocation == "global" or rule.schedule == "cubic"):
        key, value, may = "allocation", str(rule.allocation), "uniform or dense_output"
        if rule.schedule == "cubic":
            key, value, may = "schedule", "cubic", "constant"
        raise ConfigError(
            f"masking.{key}", value, f"must be {may} with masking.choice=rigl, which keeps its links' number"
        )
    for unused in [*["ramp"] * (rule.schedule == "constant")] + [*_OF_RIGL] * (rule.choice == "magnitude"):
        del matters[unused]
    return {} if matters == _CUTOFF else matters


@functools.lru_cache(maxsize=4096)
def _check_layer(layer: str, options: str, method: str) -> None:
    """Builds a tiny layer, so that an option that is not allowed is found before any work is done."""
    method_options: dict[str, Any]
    first_layer: dict[str, Any]
    method_options, first_layer = json.loads(options)
    cls = import_layer(layer)
    if not (isinstance(cls, type) and issubclass(cls, ReparametrizedLinear)):
        raise ConfigError("method.layer", layer, "must be a subclass of spectral_repro.layers.ReparametrizedLinear")
    if cls.forward is not ReparametrizedLinear.forward:
        raise ConfigError("method.layer", layer, "defines forward, which is never called: dense_weight says what it is")
    known = set(inspect.signature(cls).parameters) - {
        *("in_features", "out_features", "sparsity", "generator", "device", "dtype")
    }
    for key, value in {**method_options, **first_layer}.items():
        if key not in known:
            has = f"; it has {', '.join(sorted(known))}" if known else ""
            raise ConfigError(f"method.{key}", value, f"method {method} has no such key{has}")
    for extra in ({}, first_layer):
        if cls.__module__.startswith("spectral_repro."):
            check(keys.Options, {**method_options, **extra}, "method.")
        try:
            cls(3, 2, **{**method_options, **extra})
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise _layer_error(method_options, error) from error


def _layer_error(options: Mapping[str, Any], error: Exception) -> UserError:
    """Names the option that the layer class complained about."""
    text = " ".join(str(error).split())
    key, separator, rest = text.partition("=")
    return UserError(f"method.{key}={rest}" if separator and key in options else f"method.{options}: {text}")
