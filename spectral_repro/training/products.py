"""Which library multiplies float32 matrices on a device, and how exactly: found out by measuring (SPEC 8)."""

import functools
import time
from typing import NamedTuple

import torch
from torch import Tensor

#: Rows, inner and outer size of the probe: a batch of MNIST through a first layer.
_SHAPE = (200, 784, 500)
#: A product is float32 if its largest error is at most so many times that of torch's most exact one.
_SLACK = 8
#: Largest error of products of normal numbers, of that shape, if the inputs are rounded to TF32; bf16 is above.
_TF32 = 0.1
#: The fast library is taken unless it is slower than this: no machine sits there, so that the choice is the same
#: in every run.
_LEAST_SPEED = 0.8
_ROUNDS = 7


class Products(NamedTuple):
    """Torch's setting, and for instance ``MKL float32`` or ``cuBLAS TF32``."""

    setting: str
    name: str


def use_products(device: torch.device, precision: str) -> str:
    """Has torch multiply by :func:`find_products` from now on; their name."""
    products = find_products(device, precision)
    torch.set_float32_matmul_precision(products.setting)
    return products.name


@functools.lru_cache(maxsize=16)
def find_products(device: torch.device, precision: str) -> Products:
    """How to multiply at this precision.

    ``highest`` asks for float32 accuracy, not for one library: on a CPU torch's ``medium`` is the full-width float32
    of another library where the processor has AVX-512 but no AMX, and rounds to bf16 where it has. So both are
    tried, and the fast one is used if it is as exact.

    Args:
        device: the probe takes some 50 ms on a CPU, and nothing is timed elsewhere.
        precision: ``highest``, ``high`` or ``medium``.
    """
    before = torch.get_float32_matmul_precision()
    try:
        return _probe(device, precision)
    finally:
        torch.set_float32_matmul_precision(before)


def _probe(device: torch.device, precision: str) -> Products:
    """Of a setting that gives the very bits of ``highest`` it is known that the library is the same."""
    plain, exact = _Try(device, "highest"), _exact()
    other = _Try(device, "medium" if precision == "highest" else precision)
    same = all(torch.equal(a, b) for a, b in zip(plain.results, other.results, strict=True))
    accuracy = _accuracy(other.error(exact), plain.error(exact))
    if precision != "highest":
        return Products(precision, f"{_library(device, fast=not same)} {accuracy}")
    if device.type == "cpu" and not same and accuracy == "float32" and _speed(other, plain) > _LEAST_SPEED:
        return Products("medium", f"{_library(device, fast=True)} float32")
    return Products("highest", f"{_library(device, fast=False)} float32")


class _Try:
    """The products of a training step under one setting: forward, and backward to the weights and to the input."""

    def __init__(self, device: torch.device, setting: str) -> None:
        self.setting = setting
        self.operands = [(a.to(device), b.to(device)) for a, b in _operands()]
        self.results = self()

    def __call__(self) -> list[Tensor]:
        torch.set_float32_matmul_precision(self.setting)
        return [a @ b for a, b in self.operands]

    def error(self, exact: list[Tensor]) -> float:
        """The largest of any entry."""
        return max((r.cpu().double() - e).abs().max().item() for r, e in zip(self.results, exact, strict=True))


def _operands() -> list[tuple[Tensor, Tensor]]:
    rows, inner, outer = _SHAPE
    generator = torch.Generator().manual_seed(0)
    x, w, dy = (torch.randn(*s, generator=generator) for s in ((rows, inner), (outer, inner), (rows, outer)))
    stacks = [t.unflatten(0, (2, -1))[:, :50].contiguous() for t in (x, w, dy)]  # a stack of two small products
    xs, ws, dys = stacks[0], stacks[1], stacks[2][..., :50].contiguous()
    return [(x, w.mT), (xs, ws.mT), (dys.mT, xs), (dys, ws)]


@functools.cache
def _exact() -> list[Tensor]:
    return [a.double() @ b.double() for a, b in _operands()]


def _accuracy(error: float, plain: float) -> str:
    if error <= _SLACK * plain:
        return "float32"
    return "TF32" if error < _TF32 else "bf16"


def _library(device: torch.device, fast: bool) -> str:
    if device.type == "cpu":
        return "oneDNN" if fast else "MKL" if torch.backends.mkl.is_available() else "BLAS"
    return {"cuda": "rocBLAS" if torch.version.hip else "cuBLAS", "mps": "MPS"}.get(device.type, device.type)


def _speed(one: _Try, other: _Try) -> float:
    """How many times as fast the first is, both at their best of several turns.

    In processor time of one core, which a busy neighbour does not change: the choice is to be the same in every run.
    """
    best, threads = dict.fromkeys((one, other), float("inf")), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(_ROUNDS):
            for each in best:
                started = time.thread_time()
                each()
                best[each] = min(best[each], time.thread_time() - started)
    finally:
        torch.set_num_threads(threads)
    return best[other] / best[one]
