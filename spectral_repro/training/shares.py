"""A batch of realizations on several cores of a CPU: in small groups, each trained by a thread of one core.

Threads that share nothing lose to a busy neighbour only what that takes, while those of one product wait for the
slowest of them at each. A thread goes through an epoch of one group, then of the next that waits, so that what a group
needs stays in the cache. Numbers do not depend on how realizations are dealt.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from spectral_repro.training.protocol import Outcome, Progress
from spectral_repro.training.trainer import Trainer

#: Weights of the networks of a group: so many, with moments and gradients, fit a core's part of the cache, and networks
#: much smaller are worth going through a step together.
_WEIGHTS = 400_000


def group_size(weights: int, realizations: int, threads: int) -> int:
    """How many networks of so many weights train together, so that every thread has some."""
    return max(1, min(_WEIGHTS // weights, -(-realizations // threads)))


def deal(
    build: Callable[[Sequence[int]], Trainer], seeds: Sequence[int], sizes: Sequence[int], device: torch.device
) -> "Trainer | Shares":
    """What trains these realizations: on a CPU a thread for each core, as far as there are realizations.

    Args:
        build: makes the trainer of some seeds.
        seeds: of all realizations.
        sizes: ``(N_1, …, N_ℓ)`` of each network.
        device: on which they are trained.
    """
    threads = torch.get_num_threads()
    size = group_size(sum(a * b for a, b in itertools.pairwise(sizes)), len(seeds), threads)
    if device.type != "cpu" or size == len(seeds):
        return build(seeds)
    return Shares(build, seeds, size, threads)


class Shares:
    """Several trainers as one, which go through the epochs side by side.

    Args:
        build: makes the trainer of some seeds.
        seeds: of all realizations.
        size: how many realizations a trainer has, at most.
        threads: of torch, for all of them together.
    """

    def __init__(self, build: Callable[[Sequence[int]], Trainer], seeds: Sequence[int], size: int, threads: int):
        count = -(-len(seeds) // size)
        edges = [round(i * len(seeds) / count) for i in range(count + 1)]
        self.trainers = [build(seeds[a:b]) for a, b in itertools.pairwise(edges)]
        self.threads, self.at_once = threads, min(threads, count)
        self.seconds = 0.0
        #: See :class:`Trainer`.
        self.on_stop: Callable[[int, dict[str, Tensor]], None] | None = None
        self.follow = False

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for trainer in self.trainers for outcome in trainer.outcomes]

    @property
    def running(self) -> list[Outcome]:
        return [outcome for trainer in self.trainers for outcome in trainer.running]

    def run(
        self, watch: Callable[[Progress], None] | None = None, save: Callable[["Shares"], None] | None = None
    ) -> list[Outcome]:
        """As :meth:`Trainer.run`: trains until every realization has stopped."""
        stopped: list[tuple[int, dict[str, Tensor]]] = []
        on_stop = self.on_stop
        for trainer in self.trainers:
            trainer.follow = self.follow
            trainer.on_stop = (lambda *told: stopped.append(told)) if on_stop else None
        torch.set_num_threads(self.threads // self.at_once)  # what a thread takes over with its first operation
        try:
            with ThreadPoolExecutor(self.at_once) as pool:
                while self.running:
                    started, before = time.perf_counter(), self.running
                    parts = self._advance(pool)
                    self.seconds += time.perf_counter() - started
                    while on_stop and stopped:
                        on_stop(*stopped.pop(0))  # in this thread, as it writes files
                    if watch:
                        watch(self._together(parts, len(before) - len(self.running)))
                    if save and self.running:
                        save(self)
        finally:
            torch.set_num_threads(self.threads)
        return self.outcomes

    def _advance(self, pool: ThreadPoolExecutor) -> list[Progress]:
        """One epoch of all that go on."""
        futures = [pool.submit(trainer.advance) for trainer in self.trainers if trainer.running]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for trainer in self.trainers:
                trainer.interrupted = True  # who waits for the threads waits for one step
            raise

    def _together(self, parts: Sequence[Progress], stopped: int) -> Progress:
        accuracies = {o.seed: o.validation_accuracy for o in self.outcomes}
        details = {seed: detail for part in parts for seed, detail in part.details.items()}
        return Progress(parts[0].epoch, accuracies, frozenset(o.seed for o in self.running), stopped, details)

    def state(self) -> dict[str, Any]:
        """As :meth:`Trainer.state` of one trainer of all realizations, so that they can be dealt in another way."""
        states = [trainer.state() for trainer in self.trainers]
        offsets = itertools.accumulate((len(s["outcomes"]) for s in states), initial=0)
        live = [s for s in states if s["running"]]
        first, *masks = zip(*(s["masking"] for s in live), strict=True) if live[0]["masking"] else ((),)
        return {
            "epoch": live[0]["epoch"],
            "seconds": self.seconds,
            "running": [i + at for s, at in zip(states, offsets, strict=False) for i in s["running"]],
            "stopping": [rule for s in live for rule in s["stopping"]],
            "outcomes": [outcome for s in states for outcome in s["outcomes"]],
            "steps": live[0]["steps"],
            "moments": [torch.cat(parts) for parts in zip(*(s["moments"] for s in live), strict=True)],
            "masking": [*first[:1], *map(torch.cat, masks)],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """As :meth:`Trainer.restore`.

        Raises:
            ValueError: if the state is that of other networks; these trainers are of no use then.
        """
        if [values[0] for values in state["outcomes"]] != [o.seed for o in self.outcomes]:
            raise ValueError("the state is that of other realizations")
        self.seconds, at = state["seconds"], 0
        for trainer in self.trainers:
            mine = range(at, at := at + len(trainer.outcomes))
            rows = [row for row, i in enumerate(state["running"]) if i in mine]
            trainer.restore(
                {
                    **state,
                    "running": [state["running"][row] - mine.start for row in rows],
                    "stopping": [state["stopping"][row] for row in rows],
                    "outcomes": [state["outcomes"][i] for i in mine],
                    "moments": [t[rows] for t in state["moments"]],
                    "masking": [*state["masking"][:1], *(m[rows] for m in state["masking"][1:])],
                }
            )
