"""Which code, on which device, made a row."""

import functools
import hashlib
import platform
import subprocess
from pathlib import Path

import torch

from spectral_repro.version import __version__

_CODE = ("spectral_repro", "conf")


@functools.cache
def code_version() -> str:
    """``<version>+g<commit>``, with ``.dirty<hash>`` if code or configuration differ from it.

    Of an installed package it is the version alone; of a checkout where git does not answer, ``+unknown`` follows.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return __version__
    try:
        commit = _git(root, "rev-parse", "--short=10", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", *_CODE)
    except (OSError, subprocess.SubprocessError):
        return f"{__version__}+unknown"
    if not changed:
        return f"{__version__}+g{commit}"
    change = _git(root, "diff", "HEAD", "--", *_CODE) + changed
    return f"{__version__}+g{commit}.dirty{hashlib.sha256(change.encode()).hexdigest()[:8]}"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def device_name(device: torch.device) -> str:
    """For instance ``cuda (NVIDIA H100)`` or ``cpu (AMD EPYC, family 25 model 17, 2 threads)``."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({_processor()}, {torch.get_num_threads()} threads)"


@functools.cache
def _processor() -> str:
    """Name, family and model: virtual machines tell no more of AMD's generations in the name than that it is EPYC."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
        said = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in first.splitlines())}
        if "cpu family" in said:
            return f"{said['model name']}, family {said['cpu family']} model {said['model']}"
        if "model name" in said:
            return said["model name"]
    except (OSError, KeyError):
        pass
    return platform.processor() or platform.machine()
