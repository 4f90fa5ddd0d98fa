"""What Hydra runs: ``job`` trains one cell; and the arguments in the form that Hydra takes."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from spectral_repro.config.compose import VERSION_BASE, in_containers, plain_compose
from spectral_repro.config.files import config_folder, names_of
from spectral_repro.config.help import GROUPS, completions, help_text
from spectral_repro.config.written import find_config
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.terminal import version_line

#: Ours, with defaults that resume, under the names that users of Hydra's submitit plugin know.
_LAUNCHERS = {"submitit_slurm": "slurm", "submitit_local": "processes"}

#: What is answered without training.
ASKS = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--config-of"}
ASKS |= {"--version"}
#: What is no sweep: that, and other options of Hydra's.
_SINGLE = ASKS | {"--resolve", "--run", "-r"}

#: Keys of Hydra's that could only move or rename what is not written here, and their one value.
_IDLE = {"job.chdir": False, "run.dir": ".", "sweep.dir": ".", "sweep.subdir": ".", "output_subdir": None}
#: Hydra's name of our sweeper.
_SWEEPER = "hydra_plugins.spectral_repro.ResumingSweeper"

try:
    import hydra_plugins.spectral_repro  # noqa: F401 (installed, it is found by every program that uses Hydra)
except ModuleNotFoundError:  # a checkout on PYTHONPATH
    sys.path.append(str(Path(__file__).parent / "plugins"))

#: What ended the jobs of this process.
errors: list[Exception] = []


@hydra.main(config_path=str(config_folder()), config_name="config", **VERSION_BASE)
def job(config: DictConfig):
    """Trains the missing realizations of one cell; an error is returned (to a sweep) and kept (for ``main``).

    What it returns is a number for sweepers that look for the best cell: the mean validation accuracy.
    """
    from spectral_repro.runner.devices import share_of_devices
    from spectral_repro.runner.job import read_job, run_alone, run_in_sweep

    whole: Any = HydraConfig.get()  # a DictConfig, which Hydra calls a HydraConf
    resuming = whole.mode == RunMode.MULTIRUN and whole.sweeper.get("_target_") == _SWEEPER
    try:
        refuse_idle_keys(whole)
        plain = in_containers(config)
        if not resuming:
            refuse_cells(plain)
        cell, options = read_job(plain)
        if OmegaConf.is_missing(whole.job, "num"):
            return run_alone(cell, options)
        device = share_of_devices(options.device, whole.job.num)  # a launcher's job, beside others
        report = run_in_sweep(cell, options.model_copy(update={"device": device}))
        if not resuming:  # which prints lines of its own
            told = f"validation accuracy {float(report):.4f}" if report.rows else f"left to {report.holder}"
            print(f"{' '.join(whole.overrides.task)}: {told} -> {report.path}", flush=True)
        return report
    except Exception as error:  # raised here, Hydra would print lines of its own
        errors.append(error)
        return error


def _refuse_dropped(overrides: Sequence[str]) -> None:
    """Refuses two experiments, of which one would be dropped, and widths that are given in two ways."""
    experiments = [text for text in overrides if text.startswith("experiment=")]
    if len(experiments) > 1:
        names = ",".join(text.partition("=")[2] for text in experiments)
        raise UserError(f"{experiments[1]}: is the second; several are one list: experiment={names}")
    given = {text.partition("=")[0]: text for text in overrides}
    for key in ("n2", "hidden_layers"):
        if key in given and given.get("hidden", "hidden=null") != "hidden=null":
            raise UserError(f"{given[key]}: means nothing beside {given['hidden']}")


def refuse_cells(config: Mapping[str, Any]) -> None:
    """Refuses an experiment that lists cells, of which another sweeper than ours knows nothing.

    Raises:
        ConfigError: naming the experiment.
    """
    if sweep := config.get("sweep"):
        how = "lists cells, which hydra/sweeper=resuming (the default) alone trains"
        raise ConfigError("experiment", sweep.get("name", "…"), how)


def refuse_idle_keys(whole: DictConfig) -> None:
    """Refuses keys of Hydra's that would do nothing here, or put files where no one looks for them.

    Args:
        whole: the part ``hydra`` of a composed configuration.

    Raises:
        ConfigError: naming the key.
    """
    for key, value in _IDLE.items():
        if (given := OmegaConf.select(whole, key)) != value:
            raise _is_idle(key, given)


def _is_idle(key: str, value: object) -> ConfigError:
    return ConfigError(f"hydra.{key}", value, "means nothing here: all files go to results_dir")


def for_hydra(arguments: list[str]) -> list[str]:
    """The arguments in a form that Hydra takes: ``-m`` first, and options of one method kept for its own cells.

    Hydra applies ``method.p=0.5`` of a sweep to its default method first, which may have no ``p``; as a sweep
    of one value it reaches only the cells of the sweep. An experiment is a sweep, with ``-m`` or without, and
    so is what is only planned, and what is for a launcher.
    """
    if "query=bash" in arguments:
        return arguments + _config_folder_of(os.environ.get("COMP_LINE", "").split())
    group, launchers = "hydra/launcher=", _LAUNCHERS
    arguments = [
        group + launchers.get(a.removeprefix(group), a.removeprefix(group)) if a.startswith(group) else a
        for a in arguments
    ]
    arguments = sorted(arguments, key=lambda a: a not in ("-m", "--multirun"))
    if arguments[:1] not in (["-m"], ["--multirun"]):
        sweeps = any(a.startswith(("experiment=", "hydra/launcher=")) or a.lower() == "plan=true" for a in arguments)
        if any(a.partition("=")[0] in _SINGLE for a in arguments) or not sweeps:
            return arguments
        arguments = ["-m", *arguments]
    return [re.sub(r"^((?:method|data)\.\w+)=(?!null$)([\w.-]+)$", r"\1=choice(\2)", a) for a in arguments]


def _config_folder_of(words: list[str]) -> list[str]:
    """``--config-dir`` of a line that a shell completes: its configurations are choices too."""
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, _, value = word.partition("=")
        if name in ("--config-dir", "-cd") and os.path.isdir(folder := os.path.expanduser(value or following)):
            return ["--config-dir", folder]
    return []


def answer(arguments: list[str]) -> str:
    """What is told from the description of the keys: the help, and the values of a key that a shell completes.

    Raises:
        ConfigError: if no composition could: of a group that is null, of a grid without an experiment.
    """
    flags = set(arguments)
    if flags & {"--help", "-h"}:
        return help_text(plain_compose()([]), config_folder())
    if "--version" in flags:
        return version_line("spectral-repro")
    if "--config-of" in arguments[:-1]:
        given = dict(a.split("=", 1) for a in arguments if "=" in a)
        config_hash = arguments[arguments.index("--config-of") + 1]
        return find_config(Path(given.get("results_dir", "results")).expanduser(), config_hash)
    for key, _, value in (a.partition("=") for a in arguments):
        if value == "null" and key in GROUPS:
            raise ConfigError(key, None, f"must be one of {', '.join(names_of(key))}")
        if (idle := key.removeprefix("hydra.")) in _IDLE and (given := yaml.safe_load(value)) != _IDLE[idle]:
            raise _is_idle(idle, given)
    _refuse_dropped([a for a in arguments if not a.startswith("-")])
    grid = next((a for a in arguments if a.startswith("grid.")), None)
    if grid and not any(a.startswith("experiment=") for a in arguments):
        raise ConfigError(*grid.partition("=")[::2], "is read by experiment=… only")
    own = _config_folder_of(arguments)
    sweeper = next((a for a in arguments if a.startswith("hydra/sweeper=") and a != "hydra/sweeper=resuming"), None)
    chosen = [a for a in arguments if a.startswith("experiment=")]
    if sweeper and chosen:
        refuse_cells(plain_compose(*own[1:])(chosen))
    if "--resolve" in flags and arguments[arguments.index("--resolve") - 1] == "job" and len(flags & ASKS) == 1:
        from spectral_repro.config.read import effective

        keys = [a for a in arguments if "=" in a and not a.startswith("-")]
        return OmegaConf.to_yaml(OmegaConf.create(effective(plain_compose(*own[1:])(keys)))).rstrip()
    if "query=bash" in arguments:
        words = os.environ.get("COMP_LINE", "")
        folders = [config_folder(), *map(Path, _config_folder_of(words.split())[1:])]
        return "\n".join(completions(words.rpartition(" ")[2], folders))
    return ""
