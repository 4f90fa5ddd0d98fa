"""Composes configurations, many of them fast: a sweep is planned, checked and resumed before it starts."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra import __version__, compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from spectral_repro.config.files import config_folder

#: Hydra 1.3 wants to be told which defaults hold, Hydra 1.4 warns of who tells it.
VERSION_BASE = {"version_base": "1.3"} if __version__.startswith("1.3.") else {}

#: Groups, and keys that others are interpolated from; all other overrides are set without composing anew.
_SLOW_KEYS = {"method", "masking", "data", "profile", "experiment", "data_dir"}

#: One job of a sweep: its overrides, in order.
Job = tuple[str, ...]


@functools.lru_cache(maxsize=4096)
def parse_override(text: str) -> Override:
    """One ``key=value`` as Hydra understands it."""
    hydra = GlobalHydra.instance()  # knows what there is for ``method=glob(*)``
    loader = hydra.config_loader() if hydra.is_initialized() else None
    return OverridesParser.create(loader).parse_overrides([text])[0]


def in_containers(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """A configuration in plain containers, with its interpolations resolved or as they are written."""
    plain: Any = OmegaConf.to_container(config, resolve=resolve)  # of a list it would make one
    return plain


class Composed(NamedTuple):
    """A configuration in plain containers, and the keys that its values were interpolated from."""

    config: dict[str, Any]
    read: frozenset[str]

    @classmethod
    def of(cls, config: DictConfig) -> "Composed":
        raw = in_containers(config, resolve=False)
        for unread in ("hydra", "sweep"):  # by the cells
            raw.pop(unread, None)
        return cls(in_containers(config), frozenset(_interpolated(raw)))


def _interpolated(value: Any) -> Iterator[str]:
    """The keys that are read; an empty one where it cannot be told."""
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _interpolated(inner)
    elif isinstance(value, str):
        for what in re.findall(r"\$\{([^{}]*)\}", value):
            if not what.startswith("oc.env:"):
                yield "" if ":" in what or what.startswith(".") else what.strip()


class Composer:
    """From overrides to plain configurations; ``compose`` (slow, Hydra's) is called once for each choice of groups.

    Other values are set in what it made, as far as that changes nothing else in the configuration.
    """

    def __init__(self, compose: Callable[[list[str]], DictConfig]) -> None:
        self._compose = functools.lru_cache(maxsize=512)(lambda job: Composed.of(compose(list(job))))

    def whole(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Hydra's own composition, kept for the next time: not to be changed."""
        return self._compose(tuple(overrides)).config

    def __call__(self, job: Job) -> dict[str, Any]:
        slow: list[str] = []
        plain: list[Override] = []
        for text in job:
            parsed = parse_override(text)
            key = parsed.key_or_group
            simple = parsed.type.name == "CHANGE" and key not in _SLOW_KEYS and "/" not in key and "${" not in text
            if simple and not isinstance(parsed.value(), Mapping):  # which Hydra merges
                plain.append(parsed)
            else:
                slow.append(text)
        config, read = self._compose(tuple(slow))
        for parsed in plain:
            key = parsed.key_or_group
            if not _has(config, key) or any(_reads(what, key) for what in read):
                return self.whole(job)  # Hydra interpolates, or says what is wrong
            config = _with(config, key.split("."), parsed.value())
        return config


def _with(config: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy with another value at ``path``: what is kept for other jobs stays as it is."""
    first, *rest = path
    return {**config, first: _with(config[first], rest, value) if rest else value}


def _reads(what: str, key: str) -> bool:
    """Whether the interpolation of ``what`` depends on ``key``, as far as it can be told."""
    return not what or what == key or what.startswith(f"{key}.") or key.startswith(f"{what}.")


def _has(config: Mapping[str, Any], key: str) -> bool:
    *parents, last = key.split(".")
    for parent in parents:
        inner = config.get(parent)
        if not isinstance(inner, Mapping):
            return False
        config = inner
    return last in config


@functools.lru_cache(maxsize=8)
def plain_compose(config_dir: str | None = None) -> Callable[[Sequence[str]], dict[str, Any]]:
    """``overrides → plain configuration``, outside of a Hydra run; see :func:`hydra_compose`."""
    return lambda overrides: in_containers(hydra_compose(list(overrides), config_dir))


def hydra_compose(overrides: list[str], config_dir: str | None = None) -> DictConfig:
    """Hydra's own composition, outside of a run of Hydra; ``config_dir`` has configurations of the user's own."""
    own = [f"hydra.searchpath=[file://{Path(config_dir).expanduser().resolve()}]"] if config_dir else []
    with initialize_config_dir(str(config_folder()), **VERSION_BASE):
        return compose("config", [*own, *overrides])


@functools.lru_cache(maxsize=1)
def plain_composer() -> Composer:
    """The one over :func:`hydra_compose`: what it has composed is kept."""
    return Composer(hydra_compose)
