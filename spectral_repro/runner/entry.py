"""What Hydra runs: ``job`` trains one cell; and the arguments in the form that Hydra takes."""

import os
import re
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from spectral_repro.config.compose import config_folder, plain_compose
from spectral_repro.config.help import GROUPS, completions, help_text, names_of
from spectral_repro.config.written import find_config
from spectral_repro.errors import ConfigError

#: Ours, with defaults that resume, under the names that users of Hydra's submitit plugin know.
_LAUNCHERS = {"submitit_slurm": "slurm", "submitit_local": "processes"}

#: What is answered without training.
ASKS = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--config-of"}
#: What is no sweep: that, and other options of Hydra's.
_SINGLE = ASKS | {"--version", "--resolve", "--run", "-r"}

#: What ended the jobs of this process.
errors: list[Exception] = []


@hydra.main(config_path=str(config_folder()), config_name="config", version_base="1.3")
def job(config: DictConfig):
    """Trains the missing realizations of one cell; an error is returned (to a sweep) and kept (for ``main``)."""
    from spectral_repro.runner.devices import share_of_devices
    from spectral_repro.runner.job import run_job

    try:
        plain, hydra_job = OmegaConf.to_container(config, resolve=True), HydraConfig.get().job
        if OmegaConf.is_missing(hydra_job, "num"):
            return run_job(plain)
        plain["device"] = share_of_devices(plain["device"], hydra_job.num)  # a launcher's job, beside others
        return run_job(plain, hydra_job.num)
    except Exception as error:  # raised here, Hydra would print lines of its own
        errors.append(error)
        return error


def for_hydra(arguments: list[str]) -> list[str]:
    """The arguments in a form that Hydra takes: ``-m`` first, and options of one method kept for its own cells.

    Hydra applies ``method.p=0.5`` of a sweep to its default method first, which may have no ``p``; as a sweep
    of one value it reaches only the cells of the sweep. An experiment is a sweep, with ``-m`` or without, and
    so is what is only planned.
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
        sweeps = any(a.startswith("experiment=") or a.lower() == "plan=true" for a in arguments)
        if any(a.partition("=")[0] in _SINGLE for a in arguments) or not sweeps:
            return arguments
        arguments = ["-m", *arguments]
    return [re.sub(r"^((?:method|data)\.\w+)=(?!null$)([\w.-]+)$", r"\1=choice(\2)", a) for a in arguments]


def _config_folder_of(words: list[str]) -> list[str]:
    """``--config-dir`` of a line that a shell completes: its configurations are choices too."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, _, value = word.partition("=")
        if name in ("--config-dir", "-cd") and os.path.isdir(folder := os.path.expanduser(value or following)):
            return ["--config-dir", folder]
    return []


def answer(arguments: list[str]) -> str:
    """What is told from the description of the keys: the help, and the values of a key that a shell completes.

    Raises:
        ConfigError: if no composition could: of a group that is null, of a grid without an experiment.
    """
    if {"--help", "-h"} & set(arguments):
        return help_text(plain_compose()([]), config_folder())
    if "--config-of" in arguments[:-1]:
        given = dict(a.split("=", 1) for a in arguments if "=" in a)
        config_hash = arguments[arguments.index("--config-of") + 1]
        return find_config(Path(given.get("results_dir", "results")).expanduser(), config_hash)
    for group, _, value in (a.partition("=") for a in arguments):
        if value == "null" and group in GROUPS:
            raise ConfigError(group, None, f"must be one of {', '.join(names_of(config_folder(), group))}")
    grid = next((a for a in arguments if a.startswith("grid.")), None)
    if grid and not any(a.startswith("experiment=") for a in arguments):
        raise ConfigError(*grid.partition("=")[::2], "is read by experiment=… only")
    if "query=bash" in arguments:
        return "\n".join(completions(os.environ.get("COMP_LINE", "").rpartition(" ")[2]))
    return ""
