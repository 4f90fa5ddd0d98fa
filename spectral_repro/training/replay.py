"""Steps with fixed addresses, which a GPU records once as a CUDA graph and replays: one launch instead of hundreds."""

import warnings
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from spectral_repro.training.feed import Feed, Order
from spectral_repro.training.updater import Updater

#: Steps that are launched one by one before one is recorded, as CUDA's libraries set themselves up in the first.
_WARM = 3


class Recorder(Protocol):
    """How steps are recorded on a device."""

    def beside(self, step: Callable[[], None]) -> None:
        """Runs a step before any is recorded."""

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        """Records a step, which does not run meanwhile; returns what repeats it."""


class FixedSteps:
    """The steps of a stack of networks as a function without arguments that always reads and writes the same memory.

    What differs from step to step (which images, which rate) is found by a counter on the device in tables of the
    epoch. The results are those of :meth:`Updater.step` for each batch in turn.

    Args:
        updater: of the networks, of which none may be dropped while this is in use.
        feed: their images.
        batch_size: images of one step.
        recorder: of the device; None: each step is launched anew.
    """

    def __init__(
        self,
        updater: Updater,
        feed: Feed,
        batch_size: int,
        recorder: Recorder | None = None,
    ) -> None:
        self.updater, self.feed, self.batch_size, self.recorder = updater, feed, batch_size, recorder
        self.columns = torch.arange(batch_size, device=feed.device)
        self.at, self.number = (torch.zeros(1, dtype=torch.long, device=feed.device) for _ in range(2))
        #: Of the epoch: who sees which images, and the scales of every update.
        self.order: Order | None = None
        self.scales: Tensor | None = None
        self._repeat: Callable[[], None] | None = None
        self._before = 0

    def epoch(self, number: int, steps: int | None = None) -> None:
        """One pass over the training rows; ``steps`` ends it after so many batches."""
        order, n = self.feed.order(number), self.feed.train_rows.shape[1]
        whole = n // self.batch_size
        last = n % self.batch_size and (steps is None or steps > whole)
        count = whole if steps is None else min(whole, steps)
        self._load(order, count)
        for _ in range(count):
            if masking := self.updater.network.masking_in_training:
                masking.advance()
            self.updater.count(self.batch_size)
            self.updater.optimizer.steps += 1
            self._launch()
        if last:
            rest = slice(whole * self.batch_size, n)
            self.updater.step(self.feed.batch(*order.part(rest)))

    def _load(self, order: Order, steps: int) -> None:
        """The tables of an epoch: everyone's order, and the scales of every update."""
        done, optimizer, like = self.updater.optimizer.steps, self.updater.optimizer, self.updater.leaves[0]
        scales = [optimizer.scales(self.updater.lr_after(done + i), done + i + 1) for i in range(steps)]
        table = torch.tensor(scales, dtype=like.dtype).to(like.device)
        if self.order is None or self.scales is None or len(table) > len(self.scales):
            self.order, self.scales = order, table
            self._repeat, self._before = None, 0  # what was recorded reads elsewhere
        else:
            for here, new in zip((*self.order, self.scales[: len(table)]), (*order, table), strict=True):
                if here is not None and new is not None:
                    here.copy_(new)
        self.at.zero_()
        self.number.zero_()

    def step(self) -> None:
        """One update of every network; nothing on the host changes, and nothing waits for the device."""
        if self.order is None or self.scales is None:
            raise RuntimeError("no epoch has begun")
        self.updater.find_gradients(self.feed.batch(*self.order.part(self.columns + self.at)))
        self.updater.optimizer.update(*self.scales[self.number].squeeze(0).unbind())
        self.at += self.batch_size
        self.number += 1

    def _launch(self) -> None:
        """Takes a step, from a recording as soon as there is one."""
        if self._repeat:
            return self._repeat()
        if self.recorder is None:
            return self.step()
        self._before += 1
        if self._before <= _WARM:
            return self.recorder.beside(self.step)
        done = int(self.number)
        try:
            self._repeat = self.recorder.record(self.step)
            if int(self.number) != done:
                raise RuntimeError("the step ran while it was to be recorded")
            self._repeat()
            if int(self.number) != done + 1:
                raise RuntimeError("what was recorded does not repeat the step")
        except RuntimeError as error:
            why = " ".join(str(error).split())[:200]
            warnings.warn(f"the steps cannot be recorded ({why}); they are launched one by one", stacklevel=2)
            self._repeat = self.recorder = None
            if int(self.number) == done:
                self.step()


class CudaGraphs:
    """Records steps as graphs of one CUDA device, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        with torch.cuda.device(device):
            self.stream = torch.cuda.Stream()

    def beside(self, step: Callable[[], None]) -> None:
        with torch.cuda.device(self.device):
            before = torch.cuda.current_stream()
            self.stream.wait_stream(before)
            with torch.cuda.stream(self.stream):
                step()
            before.wait_stream(self.stream)

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        with torch.cuda.device(self.device):
            before, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, stream=self.stream):
                    step()
            finally:
                torch.cuda.set_stream(before)  # which a recording that failed does not do

        def repeat() -> None:
            with torch.cuda.device(self.device):
                graph.replay()

        return repeat
