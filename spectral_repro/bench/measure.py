"""Seconds per epoch and network of our trainer and of the plain program, and the floor below both."""

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

from spectral_repro.bench.plain import PlainProgram
from spectral_repro.layers import DirectLinear, QRLinear, SpectralLinear, SVDLinear
from spectral_repro.network import build_stack
from spectral_repro.protocol import Images, Protocol
from spectral_repro.train import Trainer

LAYERS = {"direct": DirectLinear, "spectral": SpectralLinear, "ssvd": SVDLinear, "sqr": QRLinear}
BATCH, TRAIN_IMAGES, CLASSES = 200, 48_000, 10
STEPS_PER_EPOCH = TRAIN_IMAGES // BATCH


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
            factored = through_q + rows * triangle * (5 + (inner or wide))
        total += min(explicit, factored)
    return total


def product_rate(device: torch.device) -> float:
    """Multiply-adds per second of the best of a few matrix products, in float32 at the present precision."""
    best = 0.0
    for m, k, n in ((2000, 2000, 2000), (200, 784, 1000), (784, 200, 1000), (400, 500, 500)):
        a, b = torch.rand(m, k, device=device), torch.rand(k, n, device=device)
        repeat = max(1, int(2e9 / (m * k * n)))
        best = max(best, m * k * n * repeat / timed(lambda a=a, b=b, n=repeat: [a @ b for _ in range(n)], device, 5))
    return best


def timed(action: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """Median seconds of ``action`` after one warm-up, the device's work included."""
    times = []
    for _ in range(rounds + 1):
        wait(device)
        started = time.perf_counter()
        action()
        wait(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def make_trainer(
    method: str, sizes: Sequence[int], realizations: int, images: Images, sparsity: float = 0.0
) -> Trainer:
    """A trainer of the sizes and protocol of the paper's figures."""
    sparse = {"optimizer": "adam", "activation": "tanh"} if sparsity else {"optimizer": "adamax", "activation": "relu"}
    protocol = Protocol(
        max_epochs=90, batch_size=BATCH, lr=0.005, validation_fraction=0.2, patience=90, min_delta=0.0, **sparse
    )
    network, _ = build_stack(
        range(realizations),
        sizes=sizes,
        layer=functools.partial(LAYERS[method]),
        activation=protocol.activation,
        sparsity=sparsity,
    )
    network = network.to(images.train_x.device)
    return Trainer(network, images, range(realizations), protocol)


def epoch_seconds(seconds: float, steps: int, networks: int) -> float:
    """From the time of ``steps`` updates of a batch to seconds per epoch of 48,000 images and network."""
    return seconds / steps * STEPS_PER_EPOCH / networks


def compare(
    method: str, n2: int, images: Images, realizations: int, batch: int, sparsity: float = 0.0, rounds: int = 3
) -> dict[str, float]:
    """Seconds per epoch and network of four variants, measured in turns so that a slow moment hits all alike.

    ``batched`` and ``medium`` train ``realizations`` networks, ``batch`` at a time, as the command line does.
    """
    device = images.train_x.device
    sizes = (images.train_x.shape[1], n2, CLASSES)
    trainer = make_trainer(method, sizes, min(batch, realizations), images, sparsity)
    single = make_trainer(method, sizes, 1, images, sparsity)
    plain = PlainProgram(method, sizes, images.train_x, images.train_y, BATCH, sparsity)
    steps = max(3, min(40, int(4e9 / floor_macs(method, sizes) / (3 if sparsity else 1))))
    runs = {
        "batched": ("highest", len(trainer.running), lambda: trainer.train_epoch(steps)),
        "medium": ("medium", len(trainer.running), lambda: trainer.train_epoch(steps)),
        "one at a time": ("highest", 1, lambda: single.train_epoch(steps)),
        "plain": ("highest", 1, lambda: plain.steps(steps)),
    }
    times = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, (precision, networks, action) in runs.items():
            torch.set_float32_matmul_precision(precision)
            wait(device)
            started = time.perf_counter()
            action()
            wait(device)
            if round_:
                times[name].append(epoch_seconds(time.perf_counter() - started, steps, networks))
    torch.set_float32_matmul_precision("highest")
    return {name: statistics.median(values) for name, values in times.items()}
