"""The command ``spectral-repro``: Hydra composes, ``job`` trains one cell, ``main`` reports errors in one line."""

import os
import re
import signal
import sys
from pathlib import Path

# OpenMP threads that sleep between the short products of small networks cost a third of the time.
os.environ.setdefault("GOMP_SPINCOUNT", "100000")

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from spectral_repro.config.compose import config_folder, plain_compose
from spectral_repro.config.help import completions, help_text
from spectral_repro.config.written import find_config

#: Ours, with defaults that resume, under the names that users of Hydra's submitit plugin know.
_LAUNCHERS = {"submitit_slurm": "slurm", "submitit_local": "processes"}

_errors: list[Exception] = []


@hydra.main(config_path=str(config_folder()), config_name="config", version_base="1.3")
def job(config: DictConfig):
    """Trains the missing realizations of one cell; an error is returned (to a sweep) and kept (for ``main``)."""
    from spectral_repro.runner.job import run_job

    try:
        hydra_job = HydraConfig.get().job
        number = None if OmegaConf.is_missing(hydra_job, "num") else hydra_job.num  # of a launcher's job
        return run_job(OmegaConf.to_container(config, resolve=True), number, beside_others=number is not None)
    except Exception as error:  # raised here, Hydra would print lines of its own
        _errors.append(error)
        return error


def for_hydra(arguments: list[str]) -> list[str]:
    """The arguments in a form that Hydra takes: ``-m`` first, and options of one method kept for its own cells.

    Hydra applies ``method.p=0.5`` of a sweep to its default method first, which may have no ``p``; as a sweep
    of one value it reaches only the cells of the sweep. An experiment is a sweep, with ``-m`` or without.
    """
    group, launchers = "hydra/launcher=", _LAUNCHERS
    arguments = [
        group + launchers.get(a.removeprefix(group), a.removeprefix(group)) if a.startswith(group) else a
        for a in arguments
    ]
    arguments = sorted(arguments, key=lambda a: a not in ("-m", "--multirun"))
    if arguments[:1] not in (["-m"], ["--multirun"]):
        if any(a.startswith("-") for a in arguments) or not any(a.startswith("experiment=") for a in arguments):
            return arguments
        arguments = ["-m", *arguments]
    return [re.sub(r"^((?:method|data)\.\w+)=([\w.-]+)$", r"\1=choice(\2)", a) for a in arguments]


def _answer(arguments: list[str]) -> str:
    """What is told from the description of the keys: the help, and the values of a key that a shell completes."""
    if {"--help", "-h"} & set(arguments):
        return help_text(plain_compose()([]), config_folder())
    if "--config-of" in arguments[:-1]:
        given = dict(a.split("=", 1) for a in arguments if "=" in a)
        config_hash = arguments[arguments.index("--config-of") + 1]
        return find_config(Path(given.get("results_dir", "results")).expanduser(), config_hash)
    if "query=bash" in arguments:
        return "\n".join(completions(os.environ.get("COMP_LINE", "").rpartition(" ")[2]))
    return ""


def main() -> None:
    """Entry point: exit code 2 for what the user can mend, 1 if cells of a sweep failed, 130 or 143 if interrupted."""
    from spectral_repro.config.messages import one_line
    from spectral_repro.runner.plugins import register

    register()
    arguments = sys.argv[1:]
    sys.argv[1:] = for_hydra(sys.argv[1:])
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra is to raise, not to print
    _errors.clear()
    ended_by = [signal.SIGINT]

    def end(number: int, _) -> None:
        ended_by[0] = number
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    if hasattr(signal, "SIGPIPE") and any(a.startswith(("--cfg", "--info", "--hydra-help")) for a in sys.argv):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader like head has seen enough
    try:
        answer = _answer(arguments)
        print(answer, flush=True) if answer else job()
        if _errors:
            raise _errors[0]
    except KeyboardInterrupt:
        code = 128 + ended_by[0]
        sys.exit(_say("interrupted; finished realizations are kept, the same command goes on from there", code))
    except BrokenPipeError:  # a reader like head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if wants_trace:
            raise
        sys.exit(_say(one_line(error), getattr(error, "exit_code", 2)))


def _say(message: str, code: int) -> int:
    print(f"\nspectral-repro: {message}" if code > 128 else f"spectral-repro: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
