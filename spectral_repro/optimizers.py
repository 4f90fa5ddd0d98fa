"""Adamax and Adam in Keras' form, for a batch of realizations that advance in step.

State and parameters are flat ``(R, P)`` tensors, updated piece by piece so that on a CPU a piece stays in
the cache for all the passes of one update.
"""

import torch
from torch import Tensor

#: Numbers per piece on a CPU: four arrays of it fit a 2 MiB cache several times over.
_PIECE = 1 << 18


class _Optimizer:
    """Keeps the two moments of ``parameters (R, P)``; a subclass says how one piece is updated."""

    def __init__(self, parameters: Tensor, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-7) -> None:
        self.beta1, self.beta2, self.epsilon, self.steps = beta1, beta2, epsilon, 0
        self.bind(parameters, torch.zeros_like(parameters), torch.zeros_like(parameters))

    def bind(self, parameters: Tensor, first: Tensor, second: Tensor) -> None:
        """Goes on with these tensors, all ``(R, P)``."""
        self.parameters, self.first, self.second = parameters, first, second
        self.gradient = torch.empty_like(parameters)
        size = _PIECE if parameters.device.type == "cpu" else max(1, parameters.numel())
        flat = (t.view(-1).split(size) for t in (parameters, first, second, self.gradient))
        self._pieces = list(zip(*flat, strict=True))

    def keep(self, rows: Tensor) -> None:
        """Drops all realizations but ``rows``."""
        self.bind(self.parameters[rows], self.first[rows], self.second[rows])

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update of ``parameters`` from ``gradient``, which it overwrites."""
        self.steps += 1
        for piece in self._pieces:
            self._update(*piece, learning_rate)


class Adamax(_Optimizer):
    """``m ← β₁m + (1−β₁)g``, ``u ← max(β₂u, |g|)``, ``θ ← θ − lr/(1−β₁ᵗ) · m/(u+ε)`` (Kingma and Ba, Sec. 7.1)."""

    def _update(self, theta: Tensor, m: Tensor, u: Tensor, g: Tensor, learning_rate: float) -> None:
        m.lerp_(g, 1 - self.beta1)
        torch.maximum(u.mul_(self.beta2), g.abs_(), out=u)
        theta.addcdiv_(m, torch.add(u, self.epsilon, out=g), value=-learning_rate / (1 - self.beta1**self.steps))


class Adam(_Optimizer):
    """``θ ← θ − lr √(1−β₂ᵗ)/(1−β₁ᵗ) · m/(√v+ε)``, with ``v ← β₂v + (1−β₂)g²`` (Kingma and Ba, Sec. 2)."""

    def _update(self, theta: Tensor, m: Tensor, v: Tensor, g: Tensor, learning_rate: float) -> None:
        m.lerp_(g, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(g, g, value=1 - self.beta2)
        rate = learning_rate * (1 - self.beta2**self.steps) ** 0.5 / (1 - self.beta1**self.steps)
        theta.addcdiv_(m, torch.sqrt(v, out=g).add_(self.epsilon), value=-rate)


OPTIMIZERS: dict[str, type[_Optimizer]] = {"adamax": Adamax, "adam": Adam}
