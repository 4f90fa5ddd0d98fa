"""How long a sweep will take, from the kernels' cost model and the speed of rows that this device has made."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from spectral_repro.config.cell import Cell, import_layer, masking_name
from spectral_repro.layers import ReparametrizedLinear
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device
from spectral_repro.training.kernels.cost import PASS_COST, Step, step_cost
from spectral_repro.training.masking import MaskingRule

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
    sizes = (shape["n1"], *cell.widths, shape["classes"])
    step = step_work(import_layer(cell.layer), sizes, rows, cell.sparsity, cell.first_layer, **cell.method_options)
    return step * shape["train_images"] * (1 - cell.trainer["validation_fraction"]) / rows


def step_work(
    layer: type[ReparametrizedLinear],
    sizes: Sequence[int],
    rows: int,
    sparsity: float,
    first: Mapping[str, Any],
    **options,
) -> float:
    """Multiply-adds of one step of one network on ``rows`` inputs, elementwise passes counted as such.

    ``first`` are the options of the first layer that differ from the others'.
    """
    step = 0.0
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        mine = {**options, **first} if k == 0 else options
        cost, weights = step_cost(layer, Step(n_in, n_out, rows, k > 0, k == 0), **mine), n_in * n_out
        step += cost.explicit + PASS_COST * _CUTOFF_PASSES * weights if sparsity else min(cost)
        step += PASS_COST * _UPDATE_PASSES * weights
    return step


def seconds(planned: Sequence) -> list[float | None]:
    """Of each planned cell (see :mod:`spectral_repro.runner.plan`), how long what is missing takes; None: not known.

    Speed and number of epochs are those of the finished cell that is most like it, of any size; the speed grows
    with the work of an epoch as the cost model says. Without any finished cell the speed is that of one product.
    """
    works = [work(p.cell) for p in planned]
    name = re.sub(r", \d+ threads\)$", "", provenance.device_name(choose_device(planned[0].options.device)))
    done = _finished(planned, works, name) or _finished(planned, works, name.partition(" ")[0])
    rate = None if done else _EFFICIENCY * _product_rate(choose_device(planned[0].options.device))
    return [None if w is None else _one(p.cell, p.missing, w, done, rate) for p, w in zip(planned, works, strict=True)]


def _finished(planned: Sequence, works: Sequence[float | None], device: str) -> list[tuple]:
    """Cells with rows of a device whose name begins so: cell, work, seconds per epoch, epochs."""
    return [
        (p.cell, w, median(r.seconds / r.epochs for r in p.rows), median(r.epochs for r in p.rows))
        for p, w in zip(planned, works, strict=True)
        if w and p.rows and all(r.device.startswith(device) for r in p.rows)
    ]


def _one(cell: Cell, missing: int, w: float, done: Sequence, rate: float | None) -> float:
    if not missing:
        return 0.0
    if rate:
        epoch, lasts = w / rate, TYPICAL_EPOCHS
    else:
        near = sorted(done, key=lambda other: _difference(cell, w, *other[:2]))
        epoch, lasts = near[0][2] * w / near[0][1], median(n[3] for n in near[:3])
    if cell.trainer["patience"] >= cell.trainer["max_epochs"]:
        lasts = cell.trainer["max_epochs"]  # none stops early
    if cell.masking:
        settled = MaskingRule.of(cell.masking).settled_share * cell.trainer["max_epochs"]
        lasts = max(lasts, settled + cell.trainer["patience"])
    return missing * min(cell.trainer["max_epochs"], lasts) * epoch


def _difference(cell: Cell, w: float, other: Cell, other_w: float) -> float:
    """How unlike two cells are, for the time they take; one factor of two in work counts 1."""
    kind = 3 * (cell.method != other.method) + 2 * (cell.data["name"] != other.data["name"])
    kind += 2 * (masking_name(cell.masking) != masking_name(other.masking))
    return kind + 4 * ((cell.sparsity > 0) != (other.sparsity > 0)) + abs(math.log2(w / other_w))


def together(times: Sequence[float | None], at_once: int) -> float | None:
    """Wall time of cells of which ``at_once`` run at the same time."""
    known = [t for t in times if t is not None]
    if not known or len(known) < len(times):
        return None
    return max(sum(known) / max(1, at_once), *known)


def _product_rate(device: torch.device) -> float:
    """Multiply-adds per second of a matrix product of typical size, measured in a few milliseconds."""
    x, w = torch.rand(200, 784, device=device), torch.rand(784, 500, device=device)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        (x @ w).sum().item()
        times.append(time.perf_counter() - started)
    return 200 * 784 * 500 / min(times)  # others may use the machine just now


def readable(duration: float) -> str:
    """``95`` seconds as ``2 min``."""
    if duration < 90:
        return f"{max(1, round(duration))} s"
    return f"{round(duration / 60)} min" if duration < 5400 else f"{duration / 3600:.1f} h"
