"""The training loop, for all realizations of a cell at once (SPEC 3)."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from spectral_repro.training.evaluation import degrees, judge_test, judge_validation
from spectral_repro.training.feed import PRODUCT_BYTES, Feed
from spectral_repro.training.masking import Masking, MaskingRule
from spectral_repro.training.network import Network
from spectral_repro.training.protocol import Detail, EarlyStopping, Images, Outcome, Progress, Protocol
from spectral_repro.training.replay import CudaGraphs, FixedSteps, Recorder
from spectral_repro.training.updater import Updater


class Trainer:
    """Trains a stack of networks, one per seed, in step; each stops early on its own and then costs nothing.

    Args:
        network: a stack (parameters ``(R, …)``) from :func:`spectral_repro.training.network.build_stack`, on the
            device of ``images``.
        images: the data set.
        seeds: one per network; each decides that network's validation split and batch order.
        protocol: how to train.
        masking: how to silence weights, and which fraction, if the layers' own cut-off does not.
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
        masking: tuple[MaskingRule, float] | None = None,
    ) -> None:
        self.network, self.protocol = network, protocol
        self.outcomes = [Outcome(seed) for seed in seeds]
        self.running = list(self.outcomes)
        self.stopping = [EarlyStopping(protocol.patience, protocol.min_delta) for _ in seeds]
        self.epoch, self.seconds = 0, 0.0
        #: Told the seed and the state of each network that stops.
        self.on_stop: Callable[[int, dict[str, Tensor]], None] | None = None
        #: Whether whoever watches is told details, too.
        self.follow = False
        #: Set by another thread to end the epoch after the step at hand; this trainer is of no use then.
        self.interrupted = False
        self.feed = Feed(images, seeds, protocol.validation_fraction)
        steps = protocol.max_epochs * -(-self.feed.train_rows.shape[1] // protocol.batch_size)
        self.updater = Updater(network, protocol, steps)
        if masking:
            shapes = [(layer.out_features, layer.in_features) for layer in network.layers]
            network.masking = Masking(*masking, steps, shapes, seeds, self.feed.device)
        else:
            first = self.updater.backpropagation.kernels[0]
            self.feed.keep_products(first, protocol.batch_size, product_bytes)
        self.fixed = self._fixed_steps(self._recorder())

    def _fixed_steps(self, recorder: Recorder | None) -> FixedSteps | None:
        """On a device where launches cost more than on a CPU, unless the steps differ in more than their numbers."""
        masking = self.network.masking_in_training
        if self.feed.device.type == "cpu" or (masking and not masking.constant):
            return None
        return FixedSteps(self.updater, self.feed, self.protocol.batch_size, recorder)

    def _recorder(self) -> Recorder | None:
        """None where a layer is somebody's own, whose code may do something else at each step."""
        ours = all(type(layer).__module__.startswith("spectral_repro.") for layer in self.network.layers)
        return CudaGraphs(self.feed.device) if ours and self.feed.device.type == "cuda" else None

    def run(
        self, watch: Callable[[Progress], None] | None = None, save: Callable[["Trainer"], None] | None = None
    ) -> list[Outcome]:
        """Trains until every realization has stopped; with ``max_epochs`` of 0 they are judged as they are.

        After every epoch ``watch`` is told how far it is and, while any goes on, ``save`` may take :meth:`state`.
        ``seconds`` adds up the wall time of training; reading the accuracies waits for the device's work.
        """
        if self.protocol.max_epochs == 0:
            self.validate()
        while self.running:
            progress = self.advance()
            if watch:
                watch(progress)
            if save and self.running:
                save(self)
        return self.outcomes

    def advance(self) -> Progress:
        """One epoch, and what it came to."""
        started, before = time.perf_counter(), len(self.running)
        if self.follow:
            self.updater.follow()
        self.train_epoch()
        details = self._details() if self.follow else {}
        self.validate()
        self.seconds += time.perf_counter() - started
        running = frozenset(o.seed for o in self.running)
        accuracies = {o.seed: o.validation_accuracy for o in self.outcomes}
        return Progress(self.epoch, accuracies, running, before - len(running), details)

    def train_epoch(self, steps: int | None = None) -> None:
        """One pass over the training rows; ``steps`` ends it after so many batches, to measure speed."""
        if self.fixed:
            self.fixed.epoch(self.epoch, steps)
        else:
            for batch in self.feed.epoch(self.epoch, self.protocol.batch_size, steps):
                self.updater.step(batch)
                if self.interrupted:
                    return
        self.epoch += 1

    def _details(self) -> dict[int, Detail]:
        if self.updater.losses is None:
            return {}
        losses = (self.updater.losses / max(1, self.updater.seen)).tolist()
        named = self.network.named_parameters()
        vectors = {name: p.detach().cpu() for name, p in named if p.ndim == 2 and not name.endswith("bias")}
        return {
            outcome.seed: Detail(loss, self.updater.last_lr, {name: v[i] for name, v in vectors.items()})
            for i, (outcome, loss) in enumerate(zip(self.running, losses, strict=True))
        }

    def validate(self) -> None:
        """Judges the epoch; whoever stops (or reached the last epoch) is tested and leaves the batch."""
        maps = self.updater.backpropagation.maps()
        accuracies = judge_validation(self.network, maps, self.feed)
        masking = self.network.masking_in_training
        stays, settled = [], masking is None or masking.settled
        for outcome, rule, accuracy in zip(self.running, self.stopping, accuracies, strict=True):
            outcome.validation_accuracy, outcome.epochs = accuracy, self.epoch
            stops = settled and rule.should_stop(accuracy)
            stays.append(not stops and self.epoch < self.protocol.max_epochs)
        if all(stays):
            return
        tested = judge_test(self.network, maps, self.feed)
        finite = self.updater.finite()
        links = degrees(maps) if self.network.sparse else []
        for i, (outcome, stay, accuracy) in enumerate(zip(self.running, stays, tested, strict=True)):
            if not stay:
                outcome.test_accuracy, outcome.diverged = accuracy, not finite[i]
                outcome.degrees = [(into[i], out_of[i]) for into, out_of in links]
                if self.on_stop:
                    self.on_stop(outcome.seed, self.network.state_of(i, maps))
        self._keep([i for i, stay in enumerate(stays) if stay])

    def _keep(self, stays: list[int]) -> None:
        self.running = [self.running[i] for i in stays]
        self.stopping = [self.stopping[i] for i in stays]
        if stays:
            self.feed.keep(stays)
            self.updater.keep(stays)
            self.fixed = self._fixed_steps(self.fixed.recorder if self.fixed else None)

    def state(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, between two epochs: tensors, numbers, strings and lists of them.

        Splits, batch orders and frozen factors follow from the seeds and are not part of it.
        """
        masking = self.network.masking_in_training
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "running": [self.outcomes.index(o) for o in self.running],
            "stopping": [(rule.best, rule.waited) for rule in self.stopping],
            "outcomes": [dataclasses.astuple(o) for o in self.outcomes],
            "steps": self.updater.optimizer.steps,
            "moments": [t.cpu() for t in self.updater.tensors()],
            "masking": [masking.step, *(m.cpu() for m in masking.masks)] if masking else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from the :meth:`state` of a trainer that was built with the same arguments.

        Raises:
            ValueError: if the state is that of other networks; this trainer is of no use then.
        """
        outcomes = [Outcome(*values) for values in state["outcomes"]]
        if [o.seed for o in outcomes] != [o.seed for o in self.outcomes]:
            raise ValueError("the state is that of other realizations")
        self.outcomes = self.running = outcomes
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self._keep(state["running"])
        if not self.running:
            return
        for rule, (best, waited) in zip(self.stopping, state["stopping"], strict=True):
            rule.best, rule.waited = best, waited
        self.updater.restore(state["moments"], state["steps"])
        if masking := self.network.masking_in_training:
            step, *masks = state["masking"]
            masking.restore(step, masks)
