"""An estimate, from the cost model alone, of how long the paper profile of all figures takes on a device."""

from spectral_repro.bench.measure import BATCH, CLASSES, LAYERS, STEPS_PER_EPOCH
from spectral_repro.estimate import TYPICAL_EPOCHS, step_work, work
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import cells_of

#: Assumed of an H100, for want of one: multiply-adds per second that small float32 products sustain (a third of
#: its 33.5e12), and seconds in which Python and PyTorch queue the kernels of one step.
H100_RATE, H100_STEP = 1.1e13, 1e-3


def epoch_work(method: str, n1: int, n2: int, hidden_layers: int, sparsity: float) -> float:
    """Multiply-adds of an epoch of one network of the bench, by the cost model."""
    sizes = (n1, *[n2] * hidden_layers, CLASSES)
    return STEPS_PER_EPOCH * step_work(LAYERS[method], sizes, BATCH, sparsity)


def paper_profile(rate: float, step: float = 0.0) -> tuple[float, int]:
    """Seconds and number of networks of Figs. 1 to 10 at ``profile=paper``, each cell once.

    Args:
        rate: multiply-adds per second; elementwise passes count as such (see the layers' cost model).
        step: least seconds of a step of a batch of realizations, whatever its size.
    """
    cells = {}
    for name in FIGURES:
        for cell, seeds in cells_of(name, "paper"):
            _, known = cells.get(cell.config_hash, (cell, ()))
            cells[cell.config_hash] = cell, max(known, seeds, key=len)
    total, networks = 0.0, 0
    for cell, seeds in cells.values():
        images = cell.data["shape"]["train_images"] * (1 - cell.trainer["validation_fraction"])
        steps = images / cell.trainer["batch_size"]
        epoch = max(work(cell) * len(seeds) / rate, step * steps)
        total += min(cell.trainer["max_epochs"], TYPICAL_EPOCHS) * epoch
        networks += len(seeds)
    return total, networks
