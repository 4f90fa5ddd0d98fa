"""Adamax and Adam in Keras' form, AdamW and SGD, for a batch of realizations that advance in step.

Parameters, gradients and moments are one flat tensor each, parameter after parameter. On a CPU one pass over memory
updates them all.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from spectral_repro.training import fused

Array = np.ndarray

#: Every parameter starts at a multiple of so many numbers, a cache line, as a tensor of its own would.
_ALIGNMENT = 16


class _Optimizer:
    """Holds the parameters ``(R, …)`` of ``R`` networks and their moments; a subclass updates them.

    ``parameters`` and ``gradients`` are lists of contiguous views, in the order of ``leaves``, whose values
    are the start.
    """

    #: From parameters, first and second moment, gradient (flat), and the scales.
    _update: Callable[..., None]
    #: The same of arrays, in one pass.
    _one_pass: Callable[..., None] | None = None

    def __init__(
        self,
        leaves: Sequence[Tensor],
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-7,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.beta1, self.beta2, self.epsilon, self.steps = beta1, beta2, epsilon, 0
        self.momentum, self.weight_decay = momentum, weight_decay
        self._bind([t.detach() for t in leaves], *([torch.zeros_like(t) for t in leaves] for _ in range(2)))

    def _bind(self, parameters: Sequence[Tensor], first: Sequence[Tensor], second: Sequence[Tensor]) -> None:
        """Takes over the values of lists of tensors ``(R, …)``."""
        self._shapes = [t.shape for t in parameters]
        size = sum(_aligned(shape.numel()) for shape in self._shapes)
        flat = [parameters[0].new_zeros(size) for _ in range(4)]
        views = [self._views(f) for f in flat]
        for to, values in zip(views, (parameters, first, second), strict=False):
            for view, value in zip(to, values, strict=True):
                view.copy_(value)
        self.parameters, self.first, self.second, self.gradients = views
        self._flat = flat
        self._arrays = [f.numpy() for f in flat] if fused.on_cpu(flat[0]) else None

    def _views(self, flat: Tensor) -> list[Tensor]:
        views, at = [], 0
        for shape in self._shapes:
            views.append(flat[at : at + shape.numel()].view(shape))
            at += _aligned(shape.numel())
        return views

    def keep(self, rows: Tensor) -> None:
        """Drops all realizations but ``rows``."""
        self._bind(*([t[rows] for t in tensors] for tensors in (self.parameters, self.first, self.second)))

    def step(self, learning_rate: float) -> None:
        """One update of ``parameters`` from ``gradients``, which it overwrites."""
        self.steps += 1
        self.update(*self.scales(learning_rate, self.steps))

    def scales(self, learning_rate: float, step: int) -> tuple[float, ...]:
        """The numbers of update ``step``, from 1 on, that are not the same in each."""
        raise TypeError(f"{type(self).__name__} does not define scales")

    @torch.no_grad()
    def update(self, *scales: float | Tensor) -> None:
        """The update with these :meth:`scales`: numbers, or tensors without dimensions that are read when it runs."""
        if self._one_pass and self._arrays and not isinstance(scales[0], Tensor):
            self._one_pass(*self._arrays, *scales)
        else:
            self._update(*self._flat, *scales)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _move(theta: Tensor, m: Tensor, denominator: Tensor, scale: float | Tensor) -> None:
    """``θ ← θ − scale · m / denominator``."""
    if isinstance(scale, Tensor):
        theta.addcdiv_(m * -scale, denominator)
    else:
        theta.addcdiv_(m, denominator, value=-scale)


class Adamax(_Optimizer):
    """``m ← β₁m + (1−β₁)g``, ``u ← max(β₂u, |g|)``, ``θ ← θ − lr/(1−β₁ᵗ) · m/(u+ε)`` (Kingma and Ba, Sec. 7.1)."""

    def scales(self, learning_rate: float, step: int) -> tuple[float, ...]:
        return (learning_rate / (1 - self.beta1**step),)

    def _one_pass(self, theta: Array, m: Array, u: Array, g: Array, scale: float) -> None:
        fused.adamax(theta, m, u, g, self.beta1, self.beta2, self.epsilon, scale)

    def _update(self, theta: Tensor, m: Tensor, u: Tensor, g: Tensor, scale: float | Tensor) -> None:
        m.lerp_(g, 1 - self.beta1)
        torch.maximum(u.mul_(self.beta2), g.abs_(), out=u)
        _move(theta, m, torch.add(u, self.epsilon, out=g), scale)


class Adam(_Optimizer):
    """``θ ← θ − lr √(1−β₂ᵗ)/(1−β₁ᵗ) · m/(√v+ε)``, with ``v ← β₂v + (1−β₂)g²`` (Kingma and Ba, Sec. 2)."""

    def scales(self, learning_rate: float, step: int) -> tuple[float, ...]:
        return (learning_rate * (1 - self.beta2**step) ** 0.5 / (1 - self.beta1**step),)

    def _one_pass(self, theta: Array, m: Array, v: Array, g: Array, scale: float, decay: float = 1.0) -> None:
        fused.adam(theta, m, v, g, self.beta1, self.beta2, self.epsilon, scale, decay)

    def _update(self, theta: Tensor, m: Tensor, v: Tensor, g: Tensor, scale: float | Tensor) -> None:
        m.lerp_(g, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(g, g, value=1 - self.beta2)
        _move(theta, m, torch.sqrt(v, out=g).add_(self.epsilon), scale)


class AdamW(Adam):
    """Adam after ``θ ← θ − lr · weight_decay · θ`` (Loshchilov and Hutter)."""

    def scales(self, learning_rate: float, step: int) -> tuple[float, ...]:
        return *super().scales(learning_rate, step), 1 - learning_rate * self.weight_decay

    def _update(
        self, theta: Tensor, m: Tensor, v: Tensor, g: Tensor, scale: float | Tensor, decay: float | Tensor = 1.0
    ) -> None:
        theta.mul_(decay)
        super()._update(theta, m, v, g, scale)


class SGD(_Optimizer):
    """``m ← momentum · m + g + weight_decay · θ``, ``θ ← θ − lr · m``, as in torch."""

    def scales(self, learning_rate: float, step: int) -> tuple[float, ...]:
        return (learning_rate,)

    def _update(self, theta: Tensor, m: Tensor, u: Tensor, g: Tensor, scale: float | Tensor) -> None:
        del u
        m.mul_(self.momentum).add_(g).add_(theta, alpha=self.weight_decay)
        if isinstance(scale, Tensor):
            theta.addcmul_(m, -scale)
        else:
            theta.add_(m, alpha=-scale)


OPTIMIZERS: dict[str, type[_Optimizer]] = {"adamax": Adamax, "adam": Adam, "adamw": AdamW, "sgd": SGD}
