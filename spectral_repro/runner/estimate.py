"""How long a sweep will take, from the layers' cost model and the speed of rows that this device has made."""

import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import torch

from spectral_repro.config.cell import Cell, import_layer
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device

#: Epochs that a run is assumed to last where no row tells: the median of the first hundred of the full protocol.
TYPICAL_EPOCHS = 30
#: Share of the speed of one matrix product that training reaches, where no row tells.
_EFFICIENCY = 0.5
#: Elementwise passes over the weights that the cut-off and the optimizer take.
_CUTOFF_PASSES, _UPDATE_PASSES = 20, 8


def work(cell: Cell) -> float | None:
    """Multiply-adds of one epoch of one network; None if the size of the data set is not known beforehand."""
    shape = cell.data.get("shape")
    if not shape:
        return None
    rows = cell.trainer["batch_size"]
    sizes = (shape["n1"], *[cell.n2] * cell.hidden_layers, shape["classes"])
    step = step_work(import_layer(cell.layer), sizes, rows, cell.sparsity, **cell.method_options)
    return step * shape["train_images"] * (1 - cell.trainer["validation_fraction"]) / rows


def step_work(layer: type, sizes: Sequence[int], rows: int, sparsity: float, **options) -> float:
    """Multiply-adds of one step of one network on ``rows`` inputs, elementwise passes counted as such."""
    step = 0.0
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        cost, weights = layer.step_cost(n_in, n_out, rows, k > 0, k == 0, **options), n_in * n_out
        step += cost.explicit + 6 * _CUTOFF_PASSES * weights if sparsity else min(cost)
        step += 6 * _UPDATE_PASSES * weights
    return step


def seconds(planned: Sequence) -> float | None:
    """Wall time of what is missing of these planned cells (see :mod:`spectral_repro.runner.plan`), or None.

    The speed is that of the plan's own finished cells on this device; without any, that of one matrix product.
    """
    works = [work(p.cell) for p in planned]
    if None in works:
        return None
    device = choose_device(planned[0].options.device)
    name = provenance.device_name(device)
    rates, epochs = [], []
    for p, w in zip(planned, works, strict=True):
        rows = [r for r in p.rows if r.device == name]
        rates += [w * r.epochs / r.seconds for r in rows]
        epochs += [r.epochs for r in rows]
    rate = median(rates) if rates else _EFFICIENCY * _product_rate(device)
    lasts = median(epochs) if epochs else TYPICAL_EPOCHS
    return sum(
        p.missing * min(p.cell.trainer["max_epochs"], lasts) * w / rate for p, w in zip(planned, works, strict=True)
    )


def _product_rate(device: torch.device) -> float:
    """Multiply-adds per second of a matrix product of typical size, measured in a few milliseconds."""
    x, w = torch.rand(200, 784, device=device), torch.rand(784, 500, device=device)
    times = []
    for _ in range(6):
        started = time.perf_counter()
        (x @ w).sum().item()
        times.append(time.perf_counter() - started)
    return 200 * 784 * 500 / median(times[1:])


def readable(duration: float) -> str:
    """``95`` seconds as ``2 min``."""
    if duration < 90:
        return f"{max(1, round(duration))} s"
    return f"{round(duration / 60)} min" if duration < 5400 else f"{duration / 3600:.1f} h"
