"""The training loop, for all realizations of a cell at once (SPEC 3)."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spectral_repro.layers import cutoff
from spectral_repro.network import Network
from spectral_repro.optimizers import OPTIMIZERS
from spectral_repro.protocol import EarlyStopping, Images, Outcome, Progress, Protocol
from spectral_repro.random import stream

#: Rows that are evaluated at a time: large enough to be efficient, small enough for the cache.
_EVALUATION_ROWS = 2048


#: Memory for the frozen products of one network: 48,000 images at N2 = 2000.
PRODUCT_BYTES = 4e8


class Trainer:
    """Trains a stack of networks, one per seed, in step; each stops early on its own and then costs nothing.

    Args:
        network: a stack (parameters ``(R, …)``) from :func:`spectral_repro.network.build_stack`, on the
            device of ``images``.
        images: the data set.
        seeds: one per network; each decides that network's validation split and batch order.
        protocol: how to train.
        product_bytes: memory that the frozen first-layer products of one network may take; they are used where
            they fit, which does not depend on who else is in the batch.
    """

    def __init__(
        self,
        network: Network,
        images: Images,
        seeds: Sequence[int],
        protocol: Protocol,
        product_bytes: float = PRODUCT_BYTES,
    ) -> None:
        self.network, self.images, self.protocol = network, images, protocol
        self.device = images.train_x.device
        self.outcomes = [Outcome(seed) for seed in seeds]
        self.running = list(self.outcomes)
        self.stopping = [EarlyStopping(protocol.patience, protocol.min_delta) for _ in seeds]
        self.epoch, self.seconds = 0, 0.0
        self._gathered: dict[str, Tensor] = {}
        p = protocol
        leaves = [q for q in network.parameters() if q.requires_grad]
        self.optimizer = OPTIMIZERS[p.optimizer](leaves, p.beta1, p.beta2, p.epsilon)
        self._bind_parameters()
        n = len(images.train_x)
        held_out = round(protocol.validation_fraction * n)
        splits = torch.stack([torch.randperm(n, generator=stream(seed, "split")) for seed in seeds])
        self.train_rows = splits[:, : n - held_out].to(self.device)
        self.validation_rows = splits[:, n - held_out :].to(self.device)
        self.products = self._frozen_products(product_bytes)
        if network.layers[0].sparsity:
            cutoff(torch.ones(1, 2, 2), 0.5)  # torch sets up a custom operator at its first call: a second

    def _bind_parameters(self) -> None:
        """Lets the modules hold the optimizer's tensors as their parameters."""
        self.leaves, values = [], iter(self.optimizer.parameters)
        for module in self.network.modules():
            for key, value in module._parameters.items():
                if value is not None and value.requires_grad:
                    module._parameters[key] = nn.Parameter(next(values))
                    self.leaves.append(module._parameters[key])

    @torch.no_grad()
    def _frozen_products(self, product_bytes: float) -> Tensor | None:
        """``(R, n_train, M)``: the first layer's ``x F`` in the order of ``train_rows``, if it pays and fits."""
        first, x = self.network.layers[0], self.images.train_x
        rows = self.train_rows
        if not first.prefers_factors(self.protocol.batch_size, False, True):
            return None
        factor = first.frozen_factor()
        if factor is None or rows.shape[1] * factor.shape[-1] * factor.element_size() > product_bytes:
            return None
        return torch.stack([x[r] @ f for r, f in zip(rows, factor, strict=True)])

    def train_epoch(self, steps: int | None = None) -> None:
        """One pass over the training rows of every running realization, each in its own order.

        ``steps`` ends it after so many batches, to measure speed.
        """
        orders = torch.stack(
            [
                torch.randperm(self.train_rows.shape[1], generator=stream(o.seed, "order", self.epoch))
                for o in self.running
            ]
        ).to(self.device)
        realizations, n = orders.shape
        rows = self.train_rows.gather(1, orders)
        labels = self.images.train_y[rows]
        if self.products is not None:
            offsets = torch.arange(realizations, device=self.device).unsqueeze(1) * n
            orders += offsets  # positions in the flattened products
            products = self.products.flatten(0, 1)
        for start in itertools.islice(range(0, n, self.protocol.batch_size), steps):
            stop = min(start + self.protocol.batch_size, n)
            batch = rows[:, start:stop]
            x = self._gather(self.images.train_x, batch, "x")
            product = None
            if self.products is not None:
                product = self._gather(products, orders[:, start:stop], "product")
            self._step(x, labels[:, start:stop], product)
        self.epoch += 1

    def _gather(self, source: Tensor, rows: Tensor, use: str) -> Tensor:
        """``source[rows]``, in memory that the next call for the same ``use`` writes over."""
        buffer = self._gathered.get(use)
        if buffer is None or len(buffer) < rows.numel():
            buffer = self._gathered[use] = source.new_empty(rows.numel(), source.shape[1])
        out = buffer[: rows.numel()]
        torch.index_select(source, 0, rows.flatten(), out=out)
        return out.view(*rows.shape, -1)

    def _step(self, x: Tensor, labels: Tensor, product: Tensor | None) -> None:
        """One update from the batch ``x (R, B, N_1)``, ``labels (R, B)``; realizations do not mix."""
        for leaf, gradient in zip(self.leaves, self.optimizer.gradients, strict=True):
            leaf.gradient_buffer = gradient
        logits = self.network(x, product)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / labels.shape[1]
        gradients = torch.autograd.grad(loss, self.leaves)
        for leaf in self.leaves:
            leaf.gradient_buffer = None
        self.optimizer.take(gradients)
        self.optimizer.step(self.protocol.lr)

    @torch.no_grad()
    def accuracy(self, x: Tensor, y: Tensor, rows: Tensor | None = None) -> list[float]:
        """Fractions of right answers on ``x[rows]``, ``rows (R, n)``, or on all of ``x`` for everyone."""
        maps = self.network.effective_maps()
        n = len(x) if rows is None else rows.shape[1]
        right = torch.zeros(len(self.running), dtype=torch.int64, device=self.device)
        for start in range(0, n, _EVALUATION_ROWS):
            part = slice(start, min(start + _EVALUATION_ROWS, n))
            if rows is None:
                chunk, labels = x[part], y[part]
            else:
                index = rows[:, part]
                chunk, labels = self._gather(x, index, "evaluation"), y[index]
            right += (self.network.apply_maps(maps, chunk).argmax(-1) == labels).sum(-1)
        return [count / n for count in right.tolist()]

    def validate(self) -> None:
        """Judges the epoch; whoever stops (or reached the last epoch) is tested and leaves the batch."""
        accuracies = self.accuracy(self.images.train_x, self.images.train_y, self.validation_rows)
        stays = []
        for outcome, rule, accuracy in zip(self.running, self.stopping, accuracies, strict=True):
            outcome.validation_accuracy, outcome.epochs = accuracy, self.epoch
            stays.append(not rule.should_stop(accuracy) and self.epoch < self.protocol.max_epochs)
        if all(stays):
            return
        tested = self.accuracy(self.images.test_x, self.images.test_y)
        degrees = self._degrees() if self.network.layers[0].sparsity else []
        for i, (outcome, stay, accuracy) in enumerate(zip(self.running, stays, tested, strict=True)):
            if not stay:
                outcome.test_accuracy = accuracy
                outcome.degrees = [(into[i], out_of[i]) for into, out_of in degrees]
        self._keep([i for i, stay in enumerate(stays) if stay])

    def _degrees(self) -> list[tuple[Tensor, Tensor]]:
        links = [weight != 0 for weight, _ in self.network.effective_maps()]  # (R, N_out, N_in)
        return [(a.sum(-1).cpu(), b.sum(-2).cpu()) for a, b in itertools.pairwise(links)]

    def _keep(self, stays: list[int]) -> None:
        self.running = [self.running[i] for i in stays]
        self.stopping = [self.stopping[i] for i in stays]
        if not stays:
            return
        index = torch.tensor(stays, device=self.device)
        self.train_rows, self.validation_rows = self.train_rows[index], self.validation_rows[index]
        if self.products is not None:
            self.products = self.products[index]
        for module in self.network.modules():
            for key, value in module._buffers.items():
                if value is not None:
                    module._buffers[key] = value[index]
        self.optimizer.keep(index)
        self._bind_parameters()

    def run(
        self, watch: Callable[[Progress], None] | None = None, save: Callable[["Trainer"], None] | None = None
    ) -> list[Outcome]:
        """Trains until every realization has stopped.

        After every epoch ``watch`` is told how far it is and, while any goes on, ``save`` may take :meth:`state`.
        ``seconds`` adds up the wall time of training; reading the accuracies waits for the device's work.
        """
        while self.running:
            started, before = time.perf_counter(), len(self.running)
            self.train_epoch()
            self.validate()
            self.seconds += time.perf_counter() - started
            if watch:
                accuracies = {o.seed: o.validation_accuracy for o in self.outcomes}
                running = frozenset(o.seed for o in self.running)
                watch(Progress(self.epoch, accuracies, running, before - len(running)))
            if save and self.running:
                save(self)
        return self.outcomes

    def state(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, between two epochs: tensors, numbers, strings and lists of them.

        Splits, batch orders and frozen factors follow from the seeds and are not part of it.
        """
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "running": [self.outcomes.index(o) for o in self.running],
            "stopping": [(rule.best, rule.waited) for rule in self.stopping],
            "outcomes": [dataclasses.astuple(o) for o in self.outcomes],
            "steps": self.optimizer.steps,
            "moments": [t.cpu() for t in self._moments()],
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from the :meth:`state` of a trainer that was built with the same arguments.

        Raises:
            ValueError: if the state is that of other networks; this trainer is of no use then.
        """
        outcomes = [Outcome(*values) for values in state["outcomes"]]
        if [o.seed for o in outcomes] != [o.seed for o in self.outcomes]:
            raise ValueError("the state is that of other realizations")
        self.outcomes = self.running = outcomes
        self._keep(state["running"])
        for rule, (best, waited) in zip(self.stopping, state["stopping"], strict=True):
            rule.best, rule.waited = best, waited
        for here, there in zip(self._moments(), state["moments"], strict=True):
            if here.shape != there.shape or here.dtype != there.dtype:
                raise ValueError(f"the state has {tuple(there.shape)} numbers, this trainer {tuple(here.shape)}")
            here.copy_(there)
        self.optimizer.steps, self.epoch, self.seconds = state["steps"], state["epoch"], state["seconds"]

    def _moments(self) -> list[Tensor]:
        optimizer = self.optimizer
        return [*optimizer.parameters, *optimizer.first, *optimizer.second]
