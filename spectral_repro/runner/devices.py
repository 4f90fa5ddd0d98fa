"""What a process may use of the machine: its device, its threads, and how many networks fit at once."""

import os

import torch

from spectral_repro.errors import ConfigError
from spectral_repro.training.feed import PRODUCT_BYTES

#: What the weights, moments and gradients of a batch may take: on a CPU its weights alone then take 32 MiB, of
#: which the allocator keeps blocks for the next step (see :mod:`spectral_repro.runner.memory`).
_CPU_BATCH_BYTES = 160 * 2**20
#: Share of a GPU's free memory that a batch is planned for; the rest is for activations and what torch keeps.
_GPU_SHARE = 0.6


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: if the device does not exist here.
    """
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(mps)}.get(kind, 0)
    if int(index or 0) >= count:
        here = ", ".join(["auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())), *["mps"] * mps])
        raise ConfigError("device", name, f"there is no such device here; must be one of {here}")
    return torch.device(name)


def realizations_that_fit(parameters: int, device: torch.device) -> int:
    """How many networks of so many weights train together by default."""
    each = 4 * 5 * parameters  # weight, frozen part, gradient, two moments
    if device.type == "cpu":
        return max(1, _CPU_BATCH_BYTES // each)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else torch.mps.recommended_max_memory()
    return max(1, int(_GPU_SHARE * free / (each + PRODUCT_BYTES)))


def share_of_devices(device: str, turn: int) -> str:
    """Of the GPUs that this process sees, the one whose turn it is in a sweep of several processes."""
    count = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return f"cuda:{turn % count}" if count > 1 else device


def share_of_threads(threads: int | str) -> int | None:
    """What the user asks for; of ``auto`` what the scheduler granted, else None: torch's own choice."""
    if threads != "auto":
        return int(threads)
    return None if "OMP_NUM_THREADS" in os.environ else _granted()


def training_processes(device: str) -> int:
    """How many processes train at a time by default: one for each GPU, or on a CPU one for two cores, at least two."""
    if choose_device(device).type == "cpu":
        return max(2, cores() // 2)
    return max(1, torch.cuda.device_count()) if device in ("auto", "cuda") else 1


def cores() -> int:
    """How many CPU cores this process may use, of those that a scheduler has granted."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(here, _granted() or here)


def _granted() -> int | None:
    """How many cores Slurm has granted, if this is a job of its."""
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return int(granted) if granted.isdigit() else None
