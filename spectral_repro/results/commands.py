"""The commands that are kept beside rows, and what they tell that the rows have no column for."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from spectral_repro.results.rows import COLUMNS


def commands_of(results_dir: Path) -> dict[str, str]:
    """By ``config_hash`` the command that makes the rows: the first line of the YAML beside them."""
    found = {}
    for path in (results_dir / "runs").glob("*/*.yaml"):
        with path.open(encoding="utf-8", errors="replace") as file:
            found[path.stem.rpartition("-")[2]] = file.readline().strip().removeprefix("# ")
    return found


def options_of(commands: Mapping[str, str]) -> dict[str, str]:
    """By ``config_hash`` the options of its method that are no column: ``basis=orthogonal basis_std=0.04``."""
    found = {}
    for config_hash, command in commands.items():
        given = [word.lstrip("+") for word in _words(command)]
        options = [word.removeprefix("method.") for word in given if word.startswith("method.")]
        found[config_hash] = " ".join(word for word in options if word.partition("=")[0] not in COLUMNS)
    return found


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a damaged file, which costs nobody a row
        return []
