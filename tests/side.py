"""Packages that tests want beside the environment, as other versions or other people's plugins."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

#: By name, what pip installs into a folder of its own. The sweeper of Optuna and joblib's launcher name no upper
#: bound on Hydra: what they bring of their own would be another Hydra than the one that is tested.
SIDE = {
    "hydra-1.4": ["--pre", "hydra-core==1.4.0rc3"],
    "optuna": [
        *("--no-deps", "hydra-optuna-sweeper>=1.2,<2", "optuna>=2.10,<3", "alembic", "cliff", "cmaes", "colorlog"),
        *("sqlalchemy>=2,<3", "Mako", "greenlet"),
    ],
    "joblib": ["--no-deps", "hydra-joblib-launcher>=1.2,<2", "joblib"],
}


def side_folder(name: str) -> str:
    """The folder that goes onto ``PYTHONPATH``; made once for an environment. Skips where pip gets nothing."""
    folder = Path(sys.prefix) / "side" / name
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            begun = folder.with_suffix(".begun")
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", begun, *SIDE[name]]
            done = subprocess.run(command, capture_output=True, text=True, timeout=240)
            if done.returncode:
                pytest.skip(f"{name} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
            begun.rename(folder)
    return str(folder)
