"""Seconds per epoch and network of our trainer and of the plain program, and the floor below both."""

import contextlib
import functools
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from spectral_repro.bench.plain import PlainProgram
from spectral_repro.layers import DirectLinear, QRLinear, SpectralLinear, SVDLinear
from spectral_repro.training import backpropagation
from spectral_repro.training.network import build_stack
from spectral_repro.training.products import find_products
from spectral_repro.training.protocol import Images, Protocol
from spectral_repro.training.trainer import Trainer

LAYERS = {"direct": DirectLinear, "spectral": SpectralLinear, "ssvd": SVDLinear, "sqr": QRLinear}
BATCH, TRAIN_IMAGES, CLASSES = 200, 48_000, 10
STEPS_PER_EPOCH = TRAIN_IMAGES // BATCH

#: How many networks train together.
REALIZATIONS = 10
#: What one measurement of a network does: about a second for ten of them on two cores.
_TURN_MACS = 7e9
#: Elsewhere a measurement is an epoch, and of the plain program, which is slow there, so many steps.
_PLAIN_STEPS = 40


def synthetic_images(n1: int, device: torch.device, n: int = 60_000) -> Images:
    """As many images as MNIST has; timings do not depend on what they show (values are random, not zeros)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, n1, generator=generator).to(device)
    y = torch.randint(CLASSES, (n,), generator=generator).to(device)
    return Images(x, y, x[:1000], y[:1000])


def floor_macs(method: str, sizes: Sequence[int], rows: int = BATCH) -> float:
    """The fewest multiply-adds of one step of one network, over the forms of each layer that we know.

    Frozen first-layer products are free, ``R`` counts half, elementwise work is not counted.
    """
    total = 0.0
    explicit: float
    factored: float
    for k, (a, b) in enumerate(pairwise(sizes)):
        inner, rank, dense = k > 0, min(a, b), rows * a * b * (2 + (k > 0))
        if method in ("direct", "spectral"):
            total += dense
            continue
        if method == "ssvd":
            explicit = 2 * rank * a * b + dense
            factored = rows * rank * (a * (2 + 2 * inner) + 4 * b)
        else:
            triangle = rank * rank / 2
            wide = b > a
            explicit = 2 * triangle * max(a, b) + dense
            through_q = rows * rank * (4 * b if wide else a * (2 + 2 * inner))
            factored = through_q + rows * triangle * (5 + inner)
        total += min(explicit, factored)
    return total


def float32_settings(device: torch.device) -> list[str]:
    """Torch's settings by which products of float32 accuracy are computed here."""
    names = {s: find_products(device, s).name for s in ("highest", "medium")}
    return ["highest", *["medium"] * names["medium"].endswith("float32")]


def product_rate(device: torch.device, n2: int) -> float:
    """Multiply-adds per second that the fastest float32 product of a network with ``n2`` nodes reaches here.

    Over all libraries of float32 accuracy, single products and stacks of them; from 500 nodes on also over a large
    square one.
    """
    before, best = torch.get_float32_matmul_precision(), 0.0
    shapes = [(200, 784, n2), (784, 200, n2), (400, n2, n2), *[(2000, 2000, 2000)] * (n2 >= 500)]
    for setting, (m, k, n) in itertools.product(float32_settings(device), shapes):
        torch.set_float32_matmul_precision(setting)
        for stack in ((), (REALIZATIONS,)) if m < 2000 else ((),):
            a, b = torch.rand(*stack, m, k, device=device), torch.rand(*stack, k, n, device=device)
            macs = math.prod(stack) * m * k * n
            repeat = max(1, int(1e9 / macs))
            seconds = timed(functools.partial(_products, a, b, repeat), device, 3)
            best = max(best, macs * repeat / seconds)
    torch.set_float32_matmul_precision(before)
    return best


def _products(a: Tensor, b: Tensor, count: int) -> list[Tensor]:
    return [a @ b for _ in range(count)]


def timed(action: Callable[[], object], device: torch.device, rounds: int = 3, warm_up: int = 1) -> float:
    """Median seconds of ``action`` after the warm-up, the device's work included."""
    times = []
    for _ in range(warm_up + rounds):
        wait(device)
        started = time.perf_counter()
        action()
        wait(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[warm_up:])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def make_trainer(
    method: str,
    sizes: Sequence[int],
    realizations: int,
    images: Images,
    sparsity: float = 0.0,
) -> Trainer:
    """A trainer of the sizes and protocol of the paper's figures."""
    protocol = Protocol(
        max_epochs=90,
        batch_size=BATCH,
        optimizer="adam" if sparsity else "adamax",
        lr=0.005,
        activation="tanh" if sparsity else "relu",
        validation_fraction=0.2,
        patience=90,
        min_delta=0.0,
    )
    network = build_stack(
        range(realizations),
        sizes=sizes,
        layer=functools.partial(LAYERS[method]),
        activation=protocol.activation,
        sparsity=sparsity,
    )
    network = network.to(images.train_x.device)
    return Trainer(network, images, range(realizations), protocol)


def other_setting(chosen: str) -> str:
    """The one that is compared with the products of training."""
    return "highest" if chosen == "medium" else "medium"


def epoch_seconds(seconds: float, steps: int, networks: int) -> float:
    """From the time of ``steps`` updates of a batch to seconds per epoch of 48,000 images and network."""
    return seconds / steps * STEPS_PER_EPOCH / networks


def compare(
    method: str, n2: int, images: Images, realizations: int, sparsity: float = 0.0, rounds: int = 3
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds per epoch and network of four variants and of the floor, and how a batched step divides.

    ``batched`` and ``other products`` train ``realizations`` networks at once, by the products that training uses
    and by torch's other setting. All are measured in turns, the rate of matrix products too, so that a slow moment
    of the machine hits all alike.
    """
    device = images.train_x.device
    sizes = (images.train_x.shape[1], n2, CLASSES)
    trainer = make_trainer(method, sizes, realizations, images, sparsity)
    again = make_trainer(method, sizes, realizations, images, sparsity)  # a GPU repeats the products it recorded
    single = make_trainer(method, sizes, 1, images, sparsity)
    plain = PlainProgram(method, sizes, images.train_x, images.train_y, BATCH, sparsity)
    chosen = find_products(device, "highest").setting
    macs = floor_macs(method, sizes)
    steps = max(10, min(STEPS_PER_EPOCH, int(_TURN_MACS / macs / (2 if sparsity else 1))))
    few = steps
    if device.type != "cpu":  # the order of an epoch is drawn on the host, which a part of one would not pay for
        steps, few = STEPS_PER_EPOCH, _PLAIN_STEPS
    runs: dict[str, tuple[str, int, int, Callable[[int], object]]] = {
        "batched": (chosen, realizations, steps, trainer.train_epoch),
        "other products": (other_setting(chosen), realizations, steps, again.train_epoch),
        "one at a time": (chosen, 1, steps, single.train_epoch),
        "plain": ("highest", 1, few, plain.steps),
    }
    times: dict[str, list[float]] = {name: [] for name in [*runs, "floor"]}
    for round_ in range(rounds + 1):
        for name, (precision, networks, count, train) in runs.items():
            torch.set_float32_matmul_precision(precision)
            wait(device)
            started = time.perf_counter()
            train(count)
            wait(device)
            if round_:
                times[name].append(epoch_seconds(time.perf_counter() - started, count, networks))
        torch.set_float32_matmul_precision(chosen)
        if round_:
            times["floor"].append(macs * STEPS_PER_EPOCH / product_rate(device, n2))
    seconds = {name: statistics.median(values) for name, values in times.items()}
    return seconds, profile(trainer, min(steps, 40)) if device.type == "cpu" else {}


def profile(trainer: Trainer, steps: int) -> dict[str, float]:
    """Shares of the time of a step on a CPU: products, optimizer, gather, cut-off, and all the rest."""

    def ranged(name: str, function: Callable) -> Callable:
        def call(*arguments):
            with torch.profiler.record_function(name):
                return function(*arguments)

        return call

    optimizer, feed = trainer.updater.optimizer, trainer.feed
    step, gather = optimizer.step, feed.gather
    optimizer.step, feed.gather = ranged("update", step), ranged("gather", gather)  # type: ignore[method-assign]
    cut = {name: getattr(backpropagation, name) for name in ("limits", "survivors")}
    for name, function in cut.items():
        setattr(backpropagation, name, ranged("cut-off", function))
    cpu = [torch.profiler.ProfilerActivity.CPU]
    for _ in range(2):  # what the profiler keeps sits between the blocks of the heap: first let it grow
        with (
            _silence(2),
            torch.profiler.profile(activities=cpu, acc_events=True) as seen,
            torch.profiler.record_function("all"),
        ):
            trainer.train_epoch(steps)
    optimizer.step, feed.gather = step, gather  # type: ignore[method-assign]
    for name, function in cut.items():
        setattr(backpropagation, name, function)
    events = {e.key: e for e in seen.key_averages()}
    wall = events["all"].cpu_time_total
    shares = {
        "products": sum(e.self_cpu_time_total for k, e in events.items() if k in ("aten::bmm", "aten::mm")) / wall,
        "optimizer": events["update"].cpu_time_total / wall,
        "gather": events["gather"].cpu_time_total / wall,
        "cut-off": events["cut-off"].cpu_time_total / wall if "cut-off" in events else 0.0,
    }
    return {**shares, "rest": 1 - sum(shares.values())}


@contextlib.contextmanager
def _silence(descriptor: int) -> Iterator[None]:
    """Drops what is written to a file descriptor: torch's profiler tells when it starts and stops."""
    kept, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)
