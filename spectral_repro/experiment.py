"""One cell from configuration to rows: load the images, train what is missing, write."""

import dataclasses
import datetime
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from spectral_repro import data, provenance, results
from spectral_repro.cell import Cell, Options, import_layer
from spectral_repro.checkpoint import Checkpoint, checkpoint_file, resumable_batches
from spectral_repro.errors import ConfigError
from spectral_repro.files import require_writable
from spectral_repro.network import build_stack, direct_parameters
from spectral_repro.protocol import Outcome, Progress, Protocol
from spectral_repro.train import PRODUCT_BYTES, Trainer

#: What the weights, moments and gradients of a batch may take: on a CPU its weights alone then take 32 MiB, of
#: which the allocator keeps blocks for the next step (see :mod:`spectral_repro.memory`).
_CPU_BATCH_BYTES = 160 * 2**20
_GPU_BATCH_BYTES = 16 * 2**30


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of a cell: its rows (the wanted seeds only), their file, and how many were trained now."""

    rows: list[results.Row]
    path: str
    trained: int


#: Called before each batch with its seeds; returns what watches the epochs.
Watcher = Callable[[Sequence[int]], Callable[[Progress], None]]


def missing_seeds(cell: Cell, options: Options) -> tuple[list[int], list[results.Row], str | None]:
    """Seeds still to train, the rows that are there, and a warning if a damaged file was set aside."""
    rows, warning = results.read_own_rows(results.row_file(options.results_dir, cell), cell.config_hash)
    if options.overwrite:
        return list(options.seeds), [row for row in rows if row.seed not in options.seeds], warning
    done = {row.seed for row in rows}
    if options.degrees:
        done &= {line[0] for line in results.read_degrees(results.degree_file(options.results_dir, cell))}
    return [seed for seed in options.seeds if seed not in done], rows, warning


def run_cell(cell: Cell, options: Options, device_name: str, watcher: Watcher) -> Report:
    """Trains the missing realizations of ``cell`` on a device and writes their rows, batch by batch.

    Raises:
        UserError: if the device, the data or a folder cannot be used, before anything is trained.
    """
    path = results.row_file(options.results_dir, cell)
    require_writable(options.results_dir, "results_dir")
    device = choose_device(device_name)
    seeds, rows, warning = missing_seeds(cell, options)
    if warning:
        warnings.warn(warning, stacklevel=2)
    trained = len(seeds)
    if seeds:
        torch.set_float32_matmul_precision(cell.precision)
        dataset = data.load(cell.data, options.data_dir, device)
        check_against_data(cell, dataset, rows, path.parent)
        size = options.realizations_per_batch or realizations_that_fit(
            direct_parameters(sizes_of(cell, dataset)), device
        )
        for batch in batches(cell, options, seeds, size):
            checkpoint = make_checkpoint(cell, options, dataset, batch, device)
            outcomes, new = train_batch(cell, dataset, batch, watcher(batch), checkpoint)
            if options.degrees:
                results.add_degrees(results.degree_file(options.results_dir, cell), outcomes)
            rows = results.add_rows(path, new)
            checkpoint.remove()
    return Report([row for row in rows if row.seed in options.seeds], str(path), trained)


def batches(cell: Cell, options: Options, seeds: Sequence[int], size: int) -> list[list[int]]:
    """What to train together: batches that were cut off in training first, as they were, then the rest by ``size``."""
    resumed = resumable_batches(options.results_dir, cell, seeds)
    rest = [seed for seed in seeds if not any(seed in batch for batch in resumed)]
    return [*resumed, *(rest[start : start + size] for start in range(0, len(rest), size))]


def make_checkpoint(
    cell: Cell, options: Options, dataset: data.Dataset, batch: Sequence[int], device: torch.device
) -> Checkpoint:
    """Where the state of ``batch`` is kept while it trains, and what must be the same for it to be of use."""
    identity = {
        "config_hash": cell.config_hash,
        "data_digest": dataset.digest,
        "code_version": provenance.code_version(),
        "torch_version": str(torch.__version__),  # a class of torch's own, which is not plain data
        "device": device.type,
    }
    path = checkpoint_file(options.results_dir, cell, batch)
    return Checkpoint(path, identity, 60 * options.checkpoint_minutes)


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: if the device does not exist here.
    """
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    device = torch.device(name)
    count = {"cuda": torch.cuda.device_count(), "mps": int(mps)}.get(device.type, 1)
    if (device.index or 0) >= count:
        here = ", ".join(["auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())), *["mps"] * mps])
        raise ConfigError("device", name, f"there is no such device here; must be one of {here}")
    return device


def check_against_data(cell: Cell, dataset: data.Dataset, rows: list[results.Row], folder: Path) -> None:
    """What can be checked only when the images are known, before training begins.

    Args:
        rows: of the cell, which stay.
        folder: of all cells of these images.
    """
    n = len(dataset.images.train_x)
    held_out = round(cell.trainer["validation_fraction"] * n)
    if not 0 < held_out < n:
        raise ConfigError(
            "trainer.validation_fraction",
            cell.trainer["validation_fraction"],
            f"leaves {held_out} of {n} images to validate on; both parts need at least one",
        )
    if cell.trainer["batch_size"] > n - held_out:
        raise ConfigError(
            "trainer.batch_size", cell.trainer["batch_size"], f"must be at most {n - held_out}, the training images"
        )
    known = rows[0].data_digest if rows else results.first_digest(folder, besides=f"{cell.slug}.csv")
    if known not in (None, dataset.digest):
        raise ConfigError(
            "data.name",
            cell.data["name"],
            "results under this name were made from other images; choose another name or results_dir",
        )


def sizes_of(cell: Cell, dataset: data.Dataset) -> tuple[int, ...]:
    """``(N_1, N_2, …, N_ℓ)``."""
    return (dataset.images.train_x.shape[1], *[cell.n2] * cell.hidden_layers, dataset.classes)


def realizations_that_fit(parameters: int, device: torch.device) -> int:
    """How many networks of so many weights train together by default."""
    each = 4 * 5 * parameters  # weight, frozen part, gradient, two moments
    if device.type == "cpu":
        return max(1, _CPU_BATCH_BYTES // each)
    return max(1, int(_GPU_BATCH_BYTES / (each + PRODUCT_BYTES)))


def make_trainer(
    cell: Cell, dataset: data.Dataset, seeds: list[int], dtype: torch.dtype = torch.float32
) -> tuple[Trainer, list[int]]:
    """A trainer for these realizations, and how many parameters each of them trains."""
    layer = import_layer(cell.layer)
    network, trained = build_stack(
        seeds,
        sizes=sizes_of(cell, dataset),
        layer=functools.partial(layer, **cell.method_options),
        first_layer=functools.partial(layer, **{**cell.method_options, **cell.first_layer}),
        activation=cell.trainer["activation"],
        sparsity=cell.sparsity,
        dtype=dtype,
    )
    protocol = Protocol(**cell.trainer)
    return Trainer(network.to(dataset.images.train_x.device), dataset.images, seeds, protocol), trained


def train_batch(
    cell: Cell,
    dataset: data.Dataset,
    seeds: list[int],
    watch: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[list[Outcome], list[results.Row]]:
    """Trains the realizations ``seeds`` as one batched network, from ``checkpoint`` if it holds their state.

    Returns what they reached, and that as rows.
    """
    trainer, trained = make_trainer(cell, dataset, seeds)
    if checkpoint:
        state, warning = checkpoint.load()
        if warning:
            warnings.warn(warning, stacklevel=2)
        if state:
            try:
                trainer.restore(state)
            except ValueError as unfit:
                warnings.warn(checkpoint.give_up(unfit), stacklevel=2)
                trainer, trained = make_trainer(cell, dataset, seeds)
    outcomes = trainer.run(watch, checkpoint.save if checkpoint else None)
    make_row = functools.partial(_row, cell, dataset, trainer.device, trainer.seconds / len(seeds), len(seeds))
    return outcomes, [make_row(outcome, count) for outcome, count in zip(outcomes, trained, strict=True)]


def _row(
    cell: Cell, dataset: data.Dataset, device: torch.device, seconds: float, batch: int, outcome: Outcome, trained: int
) -> results.Row:
    sizes = sizes_of(cell, dataset)
    direct = direct_parameters(sizes)
    p = cell.method_options.get("p")
    return results.Row(
        data=cell.data["name"],
        method=cell.method,
        hidden_layers=cell.hidden_layers,
        n1=sizes[0],
        n2=cell.n2,
        n_out=sizes[-1],
        sparsity=cell.sparsity,
        p=None if p is None else float(p),
        core=cell.method_options.get("core"),
        seed=outcome.seed,
        test_accuracy=outcome.test_accuracy,
        validation_accuracy=outcome.validation_accuracy,
        epochs=outcome.epochs,
        trained_parameters=trained,
        direct_parameters=direct,
        rho=trained / direct,
        seconds=seconds,
        realizations_in_batch=batch,
        device=provenance.device_name(device),
        precision=cell.precision,
        config_hash=cell.config_hash,
        code_version=provenance.code_version(),
        torch_version=torch.__version__,
        finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        data_digest=dataset.digest,
    )
