"""Activations of stacks of networks, forward and backward, and the gradient of the loss, by formula."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from spectral_repro.training import fused
from spectral_repro.training.network import ACTIVATIONS

#: ``f'(y)`` from ``y`` and ``f(y)``.
DERIVATIVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda y, h: (h > 0).to(h),
    "tanh": lambda y, h: 1 - h * h,
    "sigmoid": lambda y, h: h * (1 - h),
    "elu": lambda y, h: torch.where(y > 0, 1, h + 1),
    "leaky_relu": lambda y, h: torch.where(y > 0, torch.ones_like(y), 0.01),
    "softplus": lambda y, h: torch.sigmoid(y),
    "silu": lambda y, h: torch.sigmoid(y) + h * (1 - torch.sigmoid(y)),
    "gelu": lambda y, h: (1 + torch.erf(y / math.sqrt(2))) / 2 + y * torch.exp(-y * y / 2) / math.sqrt(2 * math.pi),
}
#: Those that need ``f(y)`` alone, which is written over ``y``.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}


def activate(name: str, y: Tensor, bias: Tensor | None) -> Tensor:
    """``f(y + b)`` for ``y (R, B, N)`` and ``b (R, N)``; ``y`` becomes ``y + b``, or ``f(y + b)`` itself."""
    if name == "relu" and bias is not None and fused.on_cpu(y):
        fused.bias_relu(y.numpy(), bias.detach().numpy())
        return y
    if bias is not None:
        y.add_(bias.unsqueeze(-2))
    return _IN_PLACE[name](y) if name in _IN_PLACE else ACTIVATIONS[name](y)


def activation_backward(name: str, d: Tensor, y: Tensor, h: Tensor, d_bias: Tensor) -> None:
    """``d``, the gradient of ``h = f(y)``, becomes that of ``y (R, B, N)``; its sum over images goes to ``d_bias``."""
    if name in ("relu", "tanh") and fused.on_cpu(d):
        backward = fused.relu_backward if name == "relu" else fused.tanh_backward
        return backward(d.numpy(), h.numpy(), d_bias.numpy())
    d.mul_(DERIVATIVES[name](y, h))
    torch.sum(d, -2, out=d_bias)


def cross_entropy_gradient(logits: Tensor, labels: Tensor, d_bias: Tensor) -> None:
    """``logits (R, B, classes)`` become the gradient of each one's mean cross-entropy; its sum goes to ``d_bias``."""
    if fused.on_cpu(logits):
        return fused.cross_entropy_gradient(logits.numpy(), labels.contiguous().numpy(), d_bias.numpy())
    torch.softmax(logits, -1, out=logits)
    logits.scatter_add_(-1, labels.unsqueeze(-1), logits.new_full((1, 1, 1), -1.0).expand(*labels.shape, 1))
    logits.div_(labels.shape[1])
    torch.sum(logits, -2, out=d_bias)
