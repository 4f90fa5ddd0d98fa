"""The commands that are kept beside rows, and what they tell that the rows have no column for."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from spectral_repro.results.rows import COLUMNS

_BEGIN = "# spectral-repro "
#: Options that have a column; that of ``schedule`` is the learning rate's.
_NAMED = {*COLUMNS} - {"schedule"}


def commands_of(results_dir: Path) -> dict[str, str]:
    """By ``config_hash`` the command that makes the rows: the first line of the YAML beside them, if it is whole."""
    found = {}
    for path in (results_dir / "runs").glob("*/*.yaml"):
        with path.open(encoding="utf-8", errors="replace") as file:
            line = file.readline().strip()
        if line.startswith(_BEGIN):
            found[path.stem.rpartition("-")[2]] = line.removeprefix("# ")
    return found


def options_of(commands: Mapping[str, str]) -> dict[str, str]:
    """By ``config_hash`` the options of method and masking that are no column: ``basis=gaussian basis_std=0.04``."""
    found = {}
    for config_hash, command in commands.items():
        given = [word.lstrip("+").partition(".") for word in _words(command)]
        options = [key for group, _, key in given if group in ("method", "masking") and key]
        found[config_hash] = " ".join(word for word in options if word.partition("=")[0] not in _NAMED)
    return found


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a damaged file, which costs nobody a row
        return []
