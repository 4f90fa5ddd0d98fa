"""What ``spectral-repro --help`` says, and the values that a shell completes: from the description of the keys."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectral_repro.config.keys import allowed, choices, described

_HEAD = """\
spectral-repro [-m] key=value ...
Trains one cell (a data set, a method, a size, a sparsity) for several realizations, or with -m a
sweep: key=a,b,c. Finished realizations are never trained again. Rows go to results_dir/runs.

Groups (group=name):"""
_FOOT = """
Options and learning rates of each method: conf/method. Examples:
  spectral-repro method=sqr data=cifar10 n2=700
  spectral-repro -m method=direct,spectral,ssvd,sqr n2=50,100,200
  spectral-repro experiment=fig04 profile=quick
  spectral-repro data=folder data.root=my_images method=sqr method.p=0.2
  spectral-repro -m method=sqr n2=50,100,200 hydra/launcher=processes   # or slurm: conf/hydra/launcher

eval "$(spectral-repro --shell-completion install=bash)" completes keys and values in this shell.
spectral-repro --cfg job shows a composed configuration; HYDRA_FULL_ERROR=1 shows traces.
spectral-repro --config-of HASH [results_dir=…] shows what the rows with that config_hash were made with."""


#: Of which a value is the name of a file.
GROUPS = ("method", "masking", "data", "experiment", "profile")


def table(config: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """``key, meaning, what is allowed, default`` of every key; defaults from a composed configuration."""
    return [
        (key, field.description or "", re.sub("must (be|name) ", "", allowed(field)), _default(config, key))
        for key, field in described().items()
    ]


def _default(config: Mapping[str, Any], key: str) -> str:
    """As it is written on a command line; of the protocols where they decide; none of what methods or data decide."""
    group, _, name = key.rpartition(".")
    values = [(config[group] if group else config).get(name)]
    if values == [None]:
        protocols = [config["protocols"][p] for p in ("dense", "sparse")]
        values = [p[name] for p in protocols if name in p and group == "trainer"]
    shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in values if group not in ("method", "data")]
    return " or ".join(dict.fromkeys(shown)).replace("False", "false")


def names_of(folder: Path, group: str) -> list[str]:
    """The choices of a group, which are the files of its folder."""
    return sorted(path.stem for path in (folder / group).glob("*.yaml"))


def help_text(config: Mapping[str, Any], folder: Path) -> str:
    """The whole text; the folders of ``folder``, ``conf/``, are the groups."""
    names = [f"  {group}: {', '.join(names_of(folder, group))}" for group in (*GROUPS, "hydra/launcher")]
    keys = [
        f"  {key}{f' = {default}' if default else ''}\n      {meaning} ({may})"
        for key, meaning, may, default in table(config)
    ]
    return "\n".join([_HEAD, *names, "", "Keys, their defaults, meaning, and what they may be:", *keys, _FOOT])


def completions(word: str) -> list[str]:
    """``key=value`` for each value that the key of ``word`` may have and that begins as it does."""
    key, _, begun = word.partition("=")
    field = described().get(key)
    return [f"{key}={value}" for value in choices(field) if value.startswith(begun)] if field else []
