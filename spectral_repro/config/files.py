"""The files of ``conf/``."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def config_folder() -> Path:
    """``conf/`` of the checkout, or the copy inside an installed package."""
    here = Path(__file__).resolve().parents[1]
    beside = here.parent / "conf"
    return beside if (beside / "config.yaml").exists() else here / "conf"


@functools.cache
def conf_file(group: str, name: str) -> Mapping[str, Any]:
    """What a file of ``conf`` says; nothing of a method or a data set of the user's own."""
    path = config_folder() / group / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def names_of(group: str, folder: Path | None = None) -> list[str]:
    """The choices of a group, which are the files of its folder in ``conf/`` or another ``folder``."""
    return sorted(path.stem for path in ((folder or config_folder()) / group).glob("*.yaml"))
