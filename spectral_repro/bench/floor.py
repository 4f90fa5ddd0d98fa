"""The floor: the fewest operations of a step that we know, at the rate of the machine's fastest float32 product."""

import functools
import itertools
import math
import statistics
import time
from collections.abc import Callable

import torch

from spectral_repro.bench.turns import BATCH, CLASSES, N1, REALIZATIONS
from spectral_repro.training.products import find_products


def floor_macs(method: str, n2: int, rows: int = BATCH) -> float:
    """Multiply-adds of one step of one network, over the forms of each layer.

    Frozen first-layer products are free, ``R`` counts half, elementwise work is not counted.
    """
    total = 0.0
    for a, b, inner in ((N1, n2, False), (n2, CLASSES, True)):
        rank, dense = min(a, b), float(rows * a * b * (2 + inner))
        if method in ("direct", "spectral"):
            total += dense
        elif method == "ssvd":
            total += min(2 * rank * a * b + dense, rows * rank * (a * (2 + 2 * inner) + 4 * b))
        else:
            triangle, wide = rank * rank / 2, b > a
            through_q = rows * rank * (4 * b if wide else a * (2 + 2 * inner))
            total += min(2 * triangle * max(a, b) + dense, through_q + rows * triangle * (5 + inner))
    return total


def floor_seconds(method: str, n2: int, device: torch.device) -> float:
    """Of an epoch of 48,000 images and one network, on all cores."""
    return floor_macs(method, n2) * 48_000 / BATCH / product_rate(device, n2)


def product_rate(device: torch.device, n2: int) -> float:
    """Multiply-adds per second that the fastest float32 product of a network with ``n2`` nodes reaches here.

    Over all libraries of float32 accuracy, single products and stacks of them; from 500 nodes on also over a large
    square one.
    """
    names = {s: find_products(device, s).name for s in ("highest", "medium")}
    settings = ["highest", *["medium"] * names["medium"].endswith("float32")]
    before, best = torch.get_float32_matmul_precision(), 0.0
    shapes = [(BATCH, N1, n2), (N1, BATCH, n2), (2 * BATCH, n2, n2), *[(2000, 2000, 2000)] * (n2 >= 500)]
    for setting, (m, k, n) in itertools.product(settings, shapes):
        torch.set_float32_matmul_precision(setting)
        for stack in ((), (REALIZATIONS,)) if m < 2000 else ((),):
            a, b = torch.rand(*stack, m, k, device=device), torch.rand(*stack, k, n, device=device)
            macs = math.prod(stack) * m * k * n
            repeat = max(1, int(1e9 / macs))
            best = max(best, macs * repeat / timed(functools.partial(_multiply, a, b, repeat), device))
    torch.set_float32_matmul_precision(before)
    return best


def _multiply(a: torch.Tensor, b: torch.Tensor, count: int) -> None:
    for _ in range(count):
        a @ b


def timed(action: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """Median seconds of ``action`` after one to warm up, the device's work included."""
    times = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])
