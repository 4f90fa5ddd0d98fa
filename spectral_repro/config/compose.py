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

#: Groups whose choices do not depend on one another.
_GROUPS = {"method", "masking", "data"}

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


class Reference(NamedTuple):
    """An interpolation: the key that reads, and the key that is read; empty where it cannot be told."""

    where: str
    what: str


class Composed(NamedTuple):
    """A configuration in plain containers, and the interpolations that its values came from."""

    config: dict[str, Any]
    references: Sequence[Reference]

    @classmethod
    def of(cls, config: DictConfig) -> "Composed":
        raw = in_containers(config, resolve=False)
        for unread in ("hydra", "sweep"):  # by the cells
            raw.pop(unread, None)
        return cls(in_containers(config), tuple(_references(raw)))


def _references(value: Any, where: str = "") -> Iterator[Reference]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _references(inner, f"{where}.{key}".strip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, where)
    elif isinstance(value, str):
        for what in re.findall(r"\$\{([^{}]*)\}", value):
            if not what.startswith("oc.env:"):
                yield Reference(where, "" if ":" in what or what.startswith(".") else what.strip())


class Composer:
    """From overrides to plain configurations; ``compose`` (slow, Hydra's) is called once per choice of a group.

    Groups are put together here, and values set, as far as that changes nothing else in the configuration.
    """

    def __init__(self, compose: Callable[[list[str]], DictConfig]) -> None:
        self._compose = functools.lru_cache(maxsize=512)(lambda job: Composed.of(compose(list(job))))
        self._together = functools.lru_cache(maxsize=512)(self._groups)

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
        composed = self._together(tuple(slow))
        keys = [parsed.key_or_group for parsed in plain]
        if not all(_has(composed.config, key) for key in keys):
            return self.whole(job)  # Hydra says what is wrong
        if any(_reads(r.what, key) for r in composed.references for key in keys):
            return self.whole(job)
        config = composed.config
        for parsed in plain:
            config = _with(config, parsed.key_or_group.split("."), parsed.value())
        return config

    def _groups(self, job: Job) -> Composed:
        """As ``compose``, from a composition without the groups and one for each of them."""
        chosen = {text.partition("=")[0]: text for text in job if text.partition("=")[0] in _GROUPS}
        rest = tuple(text for text in job if text.partition("=")[0] not in _GROUPS)
        if len(chosen) < 2 or len(chosen) + len(rest) < len(job):
            return self._compose(job)
        plain = self._compose(rest)
        config, references = dict(plain.config), [r for r in plain.references if _root(r.where) not in chosen]
        for group, text in chosen.items():
            one = self._compose((*rest, text))
            own = [r for r in one.references if _root(r.where) == group]
            changes_more = any(one.config[key] != value for key, value in plain.config.items() if key != group)
            if changes_more or any(not r.what or _root(r.what) in _GROUPS - {group} for r in own):
                return self._compose(job)
            config[group] = one.config[group]
            references += own
        return Composed(config, references)


def _with(config: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy with another value at ``path``: what is kept for other jobs stays as it is."""
    first, *rest = path
    return {**config, first: _with(config[first], rest, value) if rest else value}


def _root(key: str) -> str:
    return key.partition(".")[0]


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
