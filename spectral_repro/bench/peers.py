"""Which programs are measured, and how they are called."""

import subprocess
import sys
from pathlib import Path

import torch

from spectral_repro.errors import ConfigError

#: In the table's order; of JAX the faster form is shown.
PROGRAMS = ("ours", "JAX", "plain", "floor")


def python_with_jax(python: str | None) -> str | None:
    """The Python that runs the JAX program: the one that was named, or this one if it can, or None.

    Raises:
        ConfigError: if the one that was named cannot.
    """
    try:
        tried = subprocess.run([python or sys.executable, "-c", "import jax, optax"], capture_output=True)
    except OSError:
        tried = None
    if tried and not tried.returncode:
        return python or sys.executable
    if python:
        raise ConfigError("jax", python, "must be a Python that can import jax and optax")
    return None


def commands(method: str, n2: int, sparsity: float, device: torch.device, jax: str | None) -> dict[str, list[str]]:
    """What is started, by name; JAX by both forms of a dense layer where they differ."""
    cell = [method, str(n2), str(sparsity)]
    found = {
        name: [sys.executable, "-m", f"spectral_repro.bench.{module}", *cell, str(device)]
        for name, module in (("ours", "ours"), ("plain", "plain"))
    }
    if jax:
        program = str(Path(__file__).with_name("peer_jax.py"))
        forms = ["explicit"] if sparsity or method == "direct" else ["explicit", "factored"]
        found |= {f"JAX {form}": [jax, program, *cell, form] for form in forms}
    return found


def best_jax(seconds: dict[str, float]) -> dict[str, float]:
    """The same with the faster of JAX's forms as ``JAX``."""
    forms = [value for name, value in seconds.items() if name.startswith("JAX")]
    return {**seconds, **({"JAX": min(forms)} if forms else {})}
