"""Training one batch of realizations of a cell, from its checkpoint if it has one."""

import dataclasses
import functools
import itertools
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from spectral_repro.config.cell import import_layer
from spectral_repro.runner.checkpoint import Checkpoint
from spectral_repro.runner.task import Task
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack, trained_parameters
from spectral_repro.training.protocol import Outcome, Progress, Protocol
from spectral_repro.training.shares import Shares, group_size
from spectral_repro.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a batch reached: its outcomes, what each of its networks trained, and the wall time of all together."""

    outcomes: Sequence[Outcome]
    parameters: int
    seconds: float


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


def make_shares(task: Task, seeds: Sequence[int]) -> Trainer | Shares:
    """What trains these realizations: on a CPU a thread for each core, as far as there are realizations."""
    threads = torch.get_num_threads()
    if task.device.type != "cpu" or min(threads, len(seeds)) == 1:
        return make_trainer(task, seeds)
    weights = sum(a * b for a, b in itertools.pairwise(task.sizes))
    size = group_size(weights, len(seeds), threads)
    return Shares(lambda some: make_trainer(task, some), seeds, size, threads)


def train_batch(
    task: Task,
    seeds: Sequence[int],
    watch: Callable[[Progress], None],
    checkpoint: Checkpoint,
    on_stop: Callable[[int, dict[str, Tensor]], None] | None = None,
    follow: bool = False,
) -> Trained:
    """Trains the realizations ``seeds`` as one batched network, from ``checkpoint`` if it holds their state.

    ``on_stop`` is told the seed and the state of each network that stops; with ``follow``, ``watch`` is told details.
    """
    trainer = make_shares(task, seeds)
    one = trainer.trainers[0] if isinstance(trainer, Shares) else trainer
    parameters = trained_parameters(one.network) // len(one.outcomes)
    state, warning = checkpoint.load()
    if warning:
        warnings.warn(warning, stacklevel=2)
    if state:
        try:
            trainer.restore(state)
        except ValueError as unfit:
            warnings.warn(checkpoint.give_up(unfit), stacklevel=2)
            trainer = make_shares(task, seeds)
    trainer.on_stop, trainer.follow = on_stop, follow
    return Trained(trainer.run(watch, checkpoint.save), parameters, trainer.seconds)
