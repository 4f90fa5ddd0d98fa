"""What ``spectral-repro --help`` says, and the values that a shell completes: from the description of the keys."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectral_repro.config.check import allowed, choices
from spectral_repro.config.files import names_of
from spectral_repro.config.keys import described

_HEAD = """\
spectral-repro [flags] key=value ...
Trains one cell: one configuration (a data set, a method, a size, a sparsity),
as several realizations: networks that differ in their seed only. With -m a
sweep: every combination of key=a,b,c. A finished realization is not trained
again. The results, one row a network, go to results_dir/runs.

Flags:"""
#: What Hydra and we take beside ``key=value``, and what each does.
FLAGS = {
    "-m": "train a sweep",
    "--multirun": "the same as -m",
    "--help": "print this text",
    "--version": "print the versions of this program, torch, Hydra, Python",
    "--config-dir DIR": "also read files of your own: DIR/method, DIR/data, DIR/masking, DIR/experiment",
    "--cfg job --resolve": "print the configuration that a run would use; nothing is trained",
    "--config-of HASH": "print the configuration and the command of the cell with this config_hash",
    "--info": "print where Hydra found each part of the configuration",
    "--shell-completion": "install=bash prints a script for eval; then TAB completes keys, values and flags",
}
_KEYS = """\
Keys, each with its default, its meaning (and what it may be). Of two defaults
the first is for dense networks, the second for sparse ones."""
_COMMANDS = {
    "spectral-repro-status": "say what is finished, running, failed",
    "spectral-repro-collect": "join all rows in one table, results.csv",
    "spectral-repro-plot": "draw the paper's figures, or one of your own sweep",
    "spectral-repro-report": "judge the paper's claims from the rows",
}
_FOOT = """
The files of conf/method have the default options and learning rates of each
method. Examples:
  spectral-repro method=sqr data=cifar10 n2=700
  spectral-repro -m method=direct,spectral,ssvd,sqr n2=50,100,200
  spectral-repro experiment=fig04 profile=quick
  spectral-repro data=folder data.root=my_images method=sqr method.p=0.2
  spectral-repro -m method=sqr n2=50,100 hydra/launcher=processes
An error is told in one line; HYDRA_FULL_ERROR=1 shows its whole trace."""


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
        values = [p[name] for p in config["protocols"].values() if name in p and group == "trainer"]
    shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in values if group not in ("method", "data")]
    return " or ".join(dict.fromkeys(shown)).replace("False", "false")


def help_text(config: Mapping[str, Any], folder: Path) -> str:
    """The whole text, at most 80 columns wide; the folders of ``folder``, ``conf/``, are the groups."""
    groups = {name: ", ".join(names_of(name, folder)) for name in (*GROUPS, "hydra/launcher")}
    keys = [
        f"  {key}{f' = {default}' if default else ''}\n{_wrapped(f'{meaning} ({may})', 6)}"
        for key, meaning, may, default in table(config)
    ]
    parts = [
        _HEAD,
        *_columns(FLAGS),
        "",
        "Groups (group=name):",
        *(_wrapped(f"{k}: {v}", 2) for k, v in groups.items()),
    ]
    parts += ["", _KEYS, *keys, "", "Other commands:"]
    return "\n".join([*parts, *_columns(_COMMANDS), _FOOT])


def _wrapped(text: str, indent: int) -> str:
    first, rest = " " * indent, " " * (indent + 2)
    return textwrap.fill(text, 80, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _columns(lines: Mapping[str, str]) -> list[str]:
    width = max(map(len, lines)) + 4
    return [
        textwrap.fill(meaning, 80, initial_indent=f"  {name}".ljust(width), subsequent_indent=" " * width)
        for name, meaning in lines.items()
    ]


def completions(word: str, folders: Sequence[Path] = ()) -> list[str]:
    """What ``word`` may become: flags, or ``key=value`` for each value that goes on from what is there.

    After a comma, the values that are not named yet; ``folders``, such as ``conf/``, have the groups' choices.
    """
    if word.startswith("-"):
        return [flag for name in FLAGS if (flag := name.partition(" ")[0]).startswith(word)]
    key, _, begun = word.partition("=")
    head, comma, last = begun.rpartition(",")
    field = described().get(key)
    values = choices(field) if field else []
    if comma and not field:
        values = sorted({name for folder in folders for name in names_of(key, folder)})
    left = [value for value in values if value.startswith(last) and value not in head.split(",")]
    return [f"{key}={head}{comma}{value}" for value in left]
