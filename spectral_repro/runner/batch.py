"""Training or pruning one batch of realizations of a cell, from its checkpoint if it has one."""

import collections
import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from spectral_repro.config.cell import import_layer
from spectral_repro.layers import stack
from spectral_repro.runner.checkpoint import Checkpoint
from spectral_repro.runner.task import Task
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import Network, build_stack, trained_parameters
from spectral_repro.training.protocol import Outcome, Progress, Protocol
from spectral_repro.training.pruning import prune
from spectral_repro.training.shares import Shares
from spectral_repro.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a batch reached: outcomes, what each network trained, the wall time of all together, hidden widths."""

    outcomes: Sequence[Outcome]
    parameters: int
    seconds: float
    widths: Sequence[int]


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
    return Shares(lambda some: make_trainer(task, some), seeds, threads, threads)


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
    return _train(lambda: make_shares(task, seeds), task.cell.widths, watch, checkpoint, on_stop, follow)


def prune_batch(
    task: Task,
    networks: Mapping[int, Network],
    watcher: Callable[[Sequence[int]], Callable[[Progress], None]],
    checkpoint: Callable[[Sequence[int]], Checkpoint],
    on_stop: Callable[[int, dict[str, Tensor]], None] | None = None,
    follow: bool = False,
) -> list[Trained]:
    """Prunes trained networks, given by seed, and trains what is left on; those of equal widths as one batch.

    ``watcher`` and ``checkpoint`` are called with the seeds of each such batch.
    """
    cell = task.cell
    groups: dict[tuple[int, ...], list[tuple[int, Network]]] = collections.defaultdict(list)
    learn = True if cell.pruning["epochs"] else None
    for seed, network in networks.items():
        smaller = prune(network, cell.pruning["share"], cell.pruning["by"], train_eigenvectors=learn)
        groups[tuple(layer.out_features for layer in smaller.layers[:-1])].append((seed, smaller))
    protocol = Protocol(**{**cell.trainer, "max_epochs": cell.pruning["epochs"]})
    found = []
    for widths, members in groups.items():
        seeds, pruned = zip(*members, strict=True)

        def build(seeds: Sequence[int] = seeds, pruned: Sequence[Network] = pruned) -> Trainer:
            return Trainer(stack(pruned).to(task.device), task.dataset.images, seeds, protocol)

        found.append(_train(build, widths, watcher(seeds), checkpoint(seeds), on_stop, follow))
    return found


def _train(
    build: Callable[[], Trainer | Shares],
    widths: Sequence[int],
    watch: Callable[[Progress], None],
    checkpoint: Checkpoint,
    on_stop: Callable[[int, dict[str, Tensor]], None] | None,
    follow: bool,
) -> Trained:
    trainer = build()
    parameters = parameters_of(trainer)
    state, warning = checkpoint.load()
    if warning:
        warnings.warn(warning, stacklevel=3)
    if state:
        try:
            trainer.restore(state)
        except ValueError as unfit:
            warnings.warn(checkpoint.give_up(unfit), stacklevel=3)
            trainer = build()
    trainer.on_stop, trainer.follow = on_stop, follow
    return Trained(trainer.run(watch, checkpoint.save), parameters, trainer.seconds, widths)


def parameters_of(trainer: Trainer | Shares) -> int:
    """How many numbers each of the networks trains."""
    one = trainer.trainers[0] if isinstance(trainer, Shares) else trainer
    return trained_parameters(one.network) // len(one.outcomes)
