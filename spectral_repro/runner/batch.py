"""One batch of realizations of a cell: trained together, from its checkpoint if it has one, and told as rows."""

import dataclasses
import datetime
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from spectral_repro.config.cell import Cell, import_layer
from spectral_repro.config.keys import Run
from spectral_repro.results import provenance
from spectral_repro.results.rows import Row, hidden_column
from spectral_repro.results.weights import save_network, weights_file
from spectral_repro.runner.checkpoint import Checkpoint, checkpoint_file
from spectral_repro.runner.task import Task
from spectral_repro.terminal import counted
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack, direct_parameters, trained_parameters
from spectral_repro.training.products import find_products
from spectral_repro.training.protocol import Outcome, Progress, Protocol
from spectral_repro.training.shares import Shares, deal
from spectral_repro.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a batch reached: its outcomes, what each of its networks trained, and the wall time of all together."""

    outcomes: Sequence[Outcome]
    parameters: int
    seconds: float


def train_batch(
    task: Task,
    options: Run,
    seeds: Sequence[int],
    checkpoint: Checkpoint,
    watchers: Sequence[Callable[[Progress], None]] = (),
) -> Trained:
    """Trains the realizations ``seeds`` as one batched network, from ``checkpoint`` if it holds their state."""

    def watch(progress: Progress) -> None:
        for each in watchers:
            each(progress)

    def start() -> Trainer | Shares:
        return deal(functools.partial(make_trainer, task), seeds, task.sizes, task.device)

    trainer = start()
    one = trainer.trainers[0] if isinstance(trainer, Shares) else trainer
    parameters = trained_parameters(one.network) // len(one.outcomes)
    if state := checkpoint.load():
        try:
            trainer.restore(state)
        except ValueError as unfit:
            checkpoint.give_up(unfit)
            trainer = start()
    trainer.on_stop = functools.partial(_keep_weights, task, options) if options.weights else None
    trainer.follow = options.tracker != "none"
    return Trained(trainer.run(watch, checkpoint.save), parameters, trainer.seconds)


def make_trainer(task: Task, seeds: Sequence[int], dtype: torch.dtype = torch.float32) -> Trainer:
    """A trainer for these realizations."""
    cell = task.cell
    layer = import_layer(cell.layer)
    network = build_stack(
        seeds,
        sizes=task.sizes,
        layer=functools.partial(layer, **cell.method_options),
        first_layer=functools.partial(layer, **{**cell.method_options, **cell.first_layer}),
        activation=cell.trainer["activation"],
        sparsity=0.0 if cell.masking else cell.sparsity,
        dtype=dtype,
    )
    masking = (MaskingRule.of(cell.masking), cell.sparsity) if cell.masking else None
    protocol = Protocol(**cell.trainer)
    return Trainer(network.to(task.device), task.dataset.images, seeds, protocol, masking=masking)


def _keep_weights(task: Task, options: Run, seed: int, state: dict[str, Tensor]) -> None:
    save_network(weights_file(options.results_dir, task.cell, seed), task.cell, task.sizes, state)


def make_checkpoint(task: Task, options: Run, seeds: Sequence[int]) -> Checkpoint:
    """Where the state of a batch is kept while it trains, and what must be the same for it to be of use."""
    identity = {
        "config_hash": task.cell.config_hash,
        "data_digest": task.dataset.digest,
        "code_version": provenance.code_version(),
        "torch_version": str(torch.__version__),  # a class of torch's own, which is not plain data
        "products": find_products(task.device, task.cell.precision).name,
        "device": task.device.type,
        "weights": str(options.weights),  # of those that have stopped the state has none
    }
    path = checkpoint_file(options.results_dir, task.cell, seeds)
    return Checkpoint(path, identity, 60 * options.checkpoint_minutes)


def make_rows(task: Task, trained: Trained) -> list[Row]:
    """One row per realization of a batch."""
    cell, sizes, n = task.cell, task.sizes, len(trained.outcomes)
    shared = {
        "data": cell.data["name"],
        "method": cell.method,
        "hidden_layers": cell.hidden_layers,
        "n1": sizes[0],
        "n2": cell.n2,
        "n_out": sizes[-1],
        "sparsity": cell.sparsity,
        "p": _option(cell, "p", int | float),
        "core": _option(cell, "core", str),
        "rank": _option(cell, "rank", int),
        "multiple": _option(cell, "multiple", int | float),
        "trained_parameters": trained.parameters,
        "direct_parameters": direct_parameters(sizes),
        "rho": trained.parameters / direct_parameters(sizes),
        "seconds": trained.seconds / n,
        "realizations_in_batch": n,
        "device": provenance.device_name(task.device),
        "precision": cell.precision,
        "config_hash": cell.config_hash,
        "code_version": provenance.code_version(),
        "torch_version": torch.__version__,
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data_digest": task.dataset.digest,
        "products": find_products(task.device, cell.precision).name,
        "masking": cell.masking_names[0],
        "allocation": cell.masking_names[1],
        "hidden": hidden_column(cell.widths),
        **cell.trainer,
    }
    own = ("seed", "test_accuracy", "validation_accuracy", "epochs", "diverged")
    return [Row(**shared, **{key: getattr(outcome, key) for key in own}) for outcome in trained.outcomes]


def _option(cell: Cell, key: str, kind: Any) -> Any:
    """An option of the method that has a column; a class of one's own may have others under the same name."""
    value = cell.method_options.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def say_what_failed(task: Task, outcomes: Sequence[Outcome]) -> None:
    """Warns of networks whose weights are not finite, and of others that answer no better than by chance."""
    y = task.dataset.images.test_y
    often = y.bincount().max().item() / len(y)  # right answers of one that always gives the most frequent label
    chance = often + 3 * (often * (1 - often) / len(y)) ** 0.5
    diverged = [o.seed for o in outcomes if o.diverged]
    guessing = [o.seed for o in outcomes if o.test_accuracy <= chance and not o.diverged]
    for seeds, what in ((diverged, "weights that are not finite"), (guessing, "no better than chance")):
        if seeds:
            cause = f"trainer.lr={task.cell.trainer['lr']:g} may be too high"
            who = f"{what}: {len(seeds)} of {counted(len(outcomes), 'network')} (seed {', '.join(map(str, seeds))})"
            warnings.warn(f"{task.cell.slug}: {who}; {cause}", stacklevel=2)
