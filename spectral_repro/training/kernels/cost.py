"""Multiply-adds of a training step by both forms of a layer, on which the trainer's choice and estimates rest."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from spectral_repro.layers import (
    DiagonalLinear,
    DirectLinear,
    LowRankLinear,
    ProjectionLinear,
    QRLinear,
    ReparametrizedLinear,
    SpectralLinear,
    SVDLinear,
)
from spectral_repro.layers.projection import rank_like_sqr
from spectral_repro.training.kernels.triangular import block_edges

#: Multiply-adds that one elementwise pass over one number costs (measured on a CPU, weights in cache).
PASS_COST = 6


class Cost(NamedTuple):
    """Multiply-adds of one step (forward and backward) of one network, by the two ways to compute it."""

    explicit: float
    factored: float


class Step(NamedTuple):
    """A layer in a step: its sizes, inputs a network, whether their gradient is needed, whether ``x F`` is known."""

    n_in: int
    n_out: int
    rows: int
    input_grad: bool
    product: bool

    @property
    def weights(self) -> int:
        return self.n_in * self.n_out

    @property
    def dense(self) -> float:
        """Of a layer whose ``W`` is there."""
        return self.rows * self.weights * (2 + self.input_grad)


def step_cost(layer: type[ReparametrizedLinear], step: Step, **options) -> Cost:
    """The cost of a layer class with these options; of one that is not known that of a dense one, explicit."""
    return _COSTS[layer](step, **options) if layer in _COSTS else Cost(step.dense, float("inf"))


def prefers_factors(layer: ReparametrizedLinear, rows: int, input_grad: bool, product: bool) -> bool:
    """Whether the factored form is the cheaper one (never with a cut-off, which needs ``W``)."""
    known = ("core", "rank")
    options = {name: getattr(layer, name) for name in known if hasattr(layer, name)}
    if isinstance(layer, DirectLinear):
        options["train_weight"] = layer.dense.requires_grad
    if isinstance(layer, SpectralLinear):
        options["train_eigenvectors"] = layer.phi.requires_grad
    step = Step(layer.in_features, layer.out_features, rows, input_grad, product)
    cost = step_cost(type(layer), step, **options)
    return layer.sparsity == 0 and cost.factored < cost.explicit


def _direct(step: Step, *, train_weight: bool = True, **_) -> Cost:
    products = step.rows * step.weights * ((not step.product) + step.input_grad)
    return Cost(step.dense, float("inf") if train_weight else products)


def _spectral(step: Step, *, train_eigenvectors: bool = False, **_) -> Cost:
    n_in, n_out, rows, input_grad, product = step
    if train_eigenvectors:  # nothing is saved by parts of which none is frozen
        return Cost(step.dense + PASS_COST * 8 * step.weights, float("inf"))
    products = rows * step.weights * (2 + (not product) + input_grad)
    return Cost(step.dense + PASS_COST * 5 * step.weights, products + PASS_COST * 3 * rows * (n_in + n_out))


def _svd(step: Step, **_) -> Cost:
    n_in, n_out, rows, input_grad, product = step
    rank = min(n_in, n_out)
    build = rank * step.weights  # U Σ Vᵀ, and as much again for the gradient of Σ
    explicit = 2 * build + step.dense + PASS_COST * 6 * step.weights
    products = rows * rank * (n_in * (2 + (not product) + input_grad) + 4 * n_out)
    passes = 3 * n_in * min(rows, rank) + rows * (8 * rank + 3 * n_out)
    return Cost(explicit, products + PASS_COST * passes)


def _qr(step: Step, *, core: str = "triangular", **_) -> Cost:
    n_in, n_out, rows, input_grad, product = step
    wide = n_out > n_in
    if core == "triangular":
        edges = block_edges(min(n_in, n_out))
        r_size = sum(b * (b - a) for a, b in pairwise(edges))  # entries in blocks that are not zero
        rank = min(n_in, n_out)
    else:
        r_size, rank = n_out * min(n_in, n_out), n_out
    build = n_out * r_size if wide else n_in * r_size
    explicit = 2 * build + step.dense + PASS_COST * 6 * step.weights
    through_r = rows * r_size * (5 + input_grad)
    through_q = rows * (n_out * rank * 4 if wide else n_in * rank * (2 + (not product) + input_grad))
    passes = 3 * n_in * min(rows, rank) + rows * (6 * rank + 3 * n_out) + r_size
    return Cost(explicit, through_q + through_r + PASS_COST * passes)


def _lowrank(step: Step, *, rank: int = 8, **_) -> Cost:
    n_in, n_out, rows, input_grad, _known = step
    rank = min(rank, n_in, n_out)
    factored = rows * rank * ((2 + input_grad) * n_in + 3 * n_out) + PASS_COST * rows * (rank + n_out)
    return Cost(3 * rank * step.weights + step.dense, factored)


def _projection(step: Step, *, rank: int | None = None, **_) -> Cost:
    n_in, n_out, rows, input_grad, product = step
    rank = min(rank or rank_like_sqr(n_in, n_out), n_in)
    factored = rows * rank * (n_in * ((not product) + input_grad) + n_out * (2 + input_grad))
    return Cost(2 * rank * step.weights + step.dense, factored)


def _diagonal(step: Step, **_) -> Cost:
    return Cost(step.dense + PASS_COST * 6 * step.weights, float("inf"))


_COSTS: dict[type[ReparametrizedLinear], Callable[..., Cost]] = {
    DirectLinear: _direct,
    SpectralLinear: _spectral,
    SVDLinear: _svd,
    QRLinear: _qr,
    LowRankLinear: _lowrank,
    ProjectionLinear: _projection,
    DiagonalLinear: _diagonal,
}
