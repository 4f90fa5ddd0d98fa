"""One cell from Python: the same checks and the same rows as the command."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.messages import one_line
from spectral_repro.errors import ConfigError, UserError, as_typed
from spectral_repro.results.frame import to_frame
from spectral_repro.runner.entry import answer
from spectral_repro.runner.job import read_job, run_cell


def run(*overrides: str, config_dir: str | Path | None = None, **keys: Any) -> pd.DataFrame:
    """Trains the missing realizations of one cell, and returns the rows of all that were asked for.

    ``run(method="sqr", data="mnist5k", n2=50)`` is ``spectral-repro method=sqr data=mnist5k n2=50``: the same keys,
    checks and files. A bar shows the epochs on a terminal and in a notebook; nothing else is printed. torch's number
    of threads and precision of products are afterwards as they were.

    Args:
        overrides: keys with a dot as on the command line, ``"method.p=0.2"``.
        config_dir: a folder with configurations of one's own, as ``--config-dir``.
        keys: all others; a mapping is a group of keys, ``trainer={"lr": 0.01}``.

    Returns:
        A table of one line per realization with the columns of :class:`spectral_repro.results.rows.Row`.

    Raises:
        UserError: naming the key, its value and what is allowed, before anything is trained.
    """
    given = [*_overrides(keys), *overrides]
    if config_dir is not None and not Path(config_dir).expanduser().is_dir():
        raise UserError(f"config_dir={config_dir}: is not a folder")
    for text in given:
        if not isinstance(text, str):
            raise UserError(f"run({text!r}): must be text such as 'method.p=0.2'; other keys are named, n2=50")
        if text.lstrip("+~").startswith("hydra"):
            raise UserError(f"{text}: run trains one cell in this process, and has no use for keys of Hydra's")
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        answer(given)  # refuses what the command does
        config = plain_compose(config_dir and str(config_dir))(given)
        if config["sweep"]:
            raise ConfigError("experiment", config["sweep"].get("name"), "is a sweep; run trains one cell")
        report = run_cell(*read_job(config))
    except (UserError, HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error, given)) from error
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
    return to_frame(report.rows)


def _overrides(keys: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in keys.items():
        if isinstance(value, Mapping):
            yield from _overrides(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={as_typed(value, quoted=True)}"
