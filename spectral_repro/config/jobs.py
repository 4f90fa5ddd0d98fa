"""The jobs of a sweep or an experiment, and the cells that they are."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from spectral_repro.config.cell import Cell
from spectral_repro.config.compose import Job, parse_override, plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.errors import ConfigError


def expand_sweep(cells: Sequence[Mapping[str, Any]], overrides: Sequence[str]) -> Iterator[Job]:
    """The jobs of an experiment: the union of the products of its ``sweep.cells``.

    Values given on the command line win: a key that some of the products sweep is replaced there, any
    other key applies to all of them.
    """
    given = {parse_override(text).key_or_group: text for text in overrides}
    cells = [dict(_flat(cell)) for cell in cells]
    swept = {key for cell in cells for key in cell}
    seen: set[Job] = set()
    for cell in cells:
        keys = {key: given[key] if key in given else as_sweep(key, value) for key, value in cell.items()}
        keys.update({key: text for key, text in given.items() if key not in swept})
        for job in expand(list(keys.values())):
            if job not in seen:
                seen.add(job)
                yield job


def _flat(cell: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``trainer: {lr: 0.1}`` as ``trainer.lr``."""
    for key, value in cell.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def as_sweep(key: str, value: Any) -> str:
    """An override from a file: a list is a sweep, but of ``hidden``, where one of numbers is a value."""
    widths = key == "hidden" and isinstance(value, list | tuple) and all(isinstance(v, int) for v in value)
    values = value if isinstance(value, list | tuple) and not widths else [value]
    return f"{key}=" + ",".join("null" if v is None else str(v) for v in values)


def expand(overrides: Sequence[str]) -> Iterator[Job]:
    """All combinations of ``key=a,b,…``, as Hydra's basic sweeper has them."""
    choices = []
    for text in overrides:
        parsed = parse_override(text)
        if parsed.is_sweep_override():
            choices.append([f"{parsed.get_key_element()}={value}" for value in parsed.sweep_string_iterator()])
        else:
            choices.append([text])
    return itertools.product(*choices)


def figure_jobs(compose: Callable[[list[str]], dict[str, Any]], overrides: Sequence[str]) -> list[Job]:
    """The jobs that ``spectral-repro <overrides>`` runs, for one or several experiments or a plain sweep.

    An experiment is the union of its ``sweep.cells``, or without any the product of its ``hydra.sweeper.params``, or
    one cell. What else it says, for instance of ``trainer``, holds for all of them: it is then one of their overrides.
    """
    parsed = [parse_override(text) for text in overrides]
    jobs: dict[Job, None] = {}
    experiments = [text for text, p in zip(overrides, parsed, strict=True) if p.key_or_group == "experiment"]
    profiles = [text for text, p in zip(overrides, parsed, strict=True) if p.key_or_group == "profile"]
    rest = [t for t, p in zip(overrides, parsed, strict=True) if p.key_or_group not in ("experiment", "profile")]
    for choice in expand(experiments + profiles):
        experiment = next((t for t in choice if parse_override(t).key_or_group == "experiment"), None)
        profile = [t for t in choice if parse_override(t).key_or_group == "profile"]
        if experiment is None or parse_override(experiment).value() is None:
            jobs.update(dict.fromkeys(expand([*profile, *rest])))
            continue
        name, base = parse_override(experiment).value(), [experiment, *profile]
        others = [text for text in rest if not parse_override(text).is_sweep_override()]
        values = [text for text in others if not text.startswith(("method.", "data."))]  # which the cells' own may have
        sweep = _checked_sweep(name, compose([*base, *values]))
        for text in values:
            _check_grid(compose, name, base, text)
        more = base if _says_more(compose(base), compose(profile)) else profile
        if "cells" in sweep:
            found = expand_sweep(sweep["cells"], rest)
        else:
            given = {parse_override(text).key_or_group for text in rest}
            params = [as_sweep(k, v) for k, v in sweep.get("params", {}).items() if k not in given]
            found = expand([*params, *rest])
        jobs.update(dict.fromkeys((*more, *job) for job in found))
    return list(jobs)


def _checked_sweep(name: object, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sweep of an experiment; nothing of one that has none.

    Raises:
        ConfigError: if the file of the experiment does not say what it means.
    """
    if isinstance(config.get("experiment"), Mapping):
        raise ConfigError("experiment", name, "its file must begin with the line '# @package _global_'")
    sweep = config.get("sweep") or {}
    if not isinstance(sweep, Mapping) or sweep.keys() - {"name", "cells", "params"}:
        raise ConfigError("experiment", name, "sweep may have name and cells, and no other key")
    cells = sweep.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise ConfigError(
            "experiment", name, "sweep.cells must be a list of groups of keys, {method: sqr, n2: [20, 50]}"
        )
    return sweep


def _says_more(config: Mapping[str, Any], without: Mapping[str, Any]) -> bool:
    """Whether an experiment changes what its cells do not say: ``config`` is composed with it."""
    return any(config[key] != without.get(key) for key in config.keys() - {"sweep", "grid"})


def _check_grid(compose: Callable[[list[str]], dict[str, Any]], experiment: object, base: list[str], text: str) -> None:
    """Refuses ``grid.…=`` that the experiment does not read: another value would give the same sweep."""
    given = parse_override(text)
    if not given.key_or_group.startswith("grid."):
        return
    plain = compose(base)

    def reads(key: str) -> bool:
        return compose([*base, f"{key}=[-1]"])["sweep"] != plain["sweep"]

    if not reads(given.key_or_group):
        names = ", ".join(filter(reads, (f"grid.{k}" for k in plain["grid"]))) or "no grid"
        raise ConfigError(given.key_or_group, given.value(), f"experiment={experiment} does not read it, but {names}")


@functools.lru_cache(maxsize=256)
def cells_of(
    experiment: str, profile: str, data: str | None = None, others: tuple[str, ...] = ()
) -> tuple[tuple[Cell, range], ...]:
    """The cells of an experiment with the seeds that its profile asks for, each once; ``others`` are more overrides."""
    overrides = [f"experiment={experiment}", f"profile={profile}", *([f"data={data}"] if data else []), *others]
    found = {}
    for job in figure_jobs(plain_composer().whole, overrides):
        cell, options = read_config(plain_composer()(job))
        found[cell.config_hash] = (cell, options.seeds)
    return tuple(found.values())
