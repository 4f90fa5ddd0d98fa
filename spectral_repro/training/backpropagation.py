"""The gradients of a stack of networks, layer by layer, from the kernels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spectral_repro.training.activations import activate, activation_backward, cross_entropy_gradient
from spectral_repro.training.feed import Batch
from spectral_repro.training.kernels import Kernel, kernel_of
from spectral_repro.training.kernels.cutoff import limits, survivors
from spectral_repro.training.kernels.multiply import multiply
from spectral_repro.training.masking import Masking
from spectral_repro.training.network import Network

#: ``(W, b)`` of a layer, after the cut-off.
Map = tuple[Tensor, Tensor | None]


class Backpropagation:
    """Forward and backward passes of ``R`` networks at once.

    Args:
        network: the stack; its parameters may be other tensors of the same shapes later.
        gradients: of its trained parameters in their order, where they are written.
    """

    def __init__(self, network: Network, gradients: Sequence[Tensor]) -> None:
        self.network = network
        trained = [name for name, p in network.named_parameters() if p.requires_grad]
        named = dict(zip(trained, gradients, strict=True))
        self.kernels: list[Kernel] = []
        for k, layer in enumerate(network.layers):
            prefix = f"layers.{k}."
            own = {n.removeprefix(prefix): g for n, g in named.items() if n.startswith(prefix)}
            self.kernels.append(kernel_of(layer, own))

    @torch.no_grad()
    def maps(self) -> list[Map]:
        """``(W, b)`` of every layer, after the cut-off: all that evaluation needs."""
        weights, masking = [kernel.weight() for kernel in self.kernels], self.network.masking_in_training
        if masking:
            weights = masking.weights(weights)
        else:
            weights = [_silenced(w, kernel) for w, kernel in zip(weights, self.kernels, strict=True)]
        return [(w, k.layer.bias) for w, k in zip(weights, self.kernels, strict=True)]

    @torch.no_grad()
    def find(self, batch: Batch, keep_logits: bool = False) -> Tensor | None:
        """Writes the gradients of the summed losses of a batch; returns the logits ``(R, B, N_ℓ)`` if they are kept."""
        name, masking = self.network.activation, self.network.masking_in_training
        products = [batch.product, *[None] * (len(self.kernels) - 1)]
        steps = [_Step(kernel, k, products[k]) for k, kernel in enumerate(self.kernels)]
        if masking:
            dense = [step.kernel.weight() for step in steps]
            for step, weight, effective in zip(steps, dense, masking.weights(dense), strict=True):
                step.dense, step.weight = weight, effective
        x, last = batch.x, steps[-1]
        for step in steps:
            step.y = step.forward(x, build=masking is not None)
            if step is not last:
                x = step.activated = activate(name, step.y, step.kernel.layer.bias)
        if last.kernel.layer.bias is not None:
            last.y.add_(last.kernel.layer.bias.unsqueeze(-2))
        logits = last.y.clone() if keep_logits else None
        d = last.y
        cross_entropy_gradient(d, batch.labels, last.bias_gradient(d))
        for step, below in zip(steps[::-1], [*steps[-2::-1], None], strict=True):
            dx = step.backward(d, masking)
            if below and dx is not None:
                activation_backward(name, d := dx, below.y, below.activated, below.bias_gradient(dx))
        return logits


class _Step:
    """One layer in one step: what its backward pass needs of its forward pass."""

    def __init__(self, kernel: Kernel, k: int, product: Tensor | None) -> None:
        self.kernel, self.k, self.product = kernel, k, product
        self.dense: Tensor | None = None
        self.weight: Tensor | None = None
        self.y: Tensor
        self.activated: Tensor

    def forward(self, x: Tensor, build: bool) -> Tensor:
        """``x Wᵀ``; with ``build`` from the ``weight`` that is there."""
        self.x = x
        if not build and not self.kernel.prefers_factors(x.shape[-2], self.k > 0, self.product is not None):
            self.dense = self.kernel.weight()
            self.weight = _silenced(self.dense, self.kernel)
        return self.kernel.factored(x, self.product, self.k > 0) if self.weight is None else multiply(x, self.weight.mT)

    def bias_gradient(self, d: Tensor) -> Tensor:
        """Where the gradient of the bias is written, used or not."""
        found = self.kernel.gradients.get("bias")
        return d.new_empty(len(d), d.shape[-1]) if found is None else found

    def backward(self, dy: Tensor, masking: Masking | None) -> Tensor | None:
        """Writes the gradients of all but the bias; returns that of ``x``, but of a first layer."""
        kernel = self.kernel
        if self.weight is None or self.dense is None:
            return kernel.factored_backward(dy, self.k > 0)
        dx = multiply(dy, self.weight) if self.k else None
        d = _weight_gradient(self.x, dy, self.weight, kernel.entries)
        if masking:
            d = masking.gradient(self.k, d, self.dense)
        elif kernel.limit is not None:
            survivors(d, self.dense, kernel.limit, d)
        kernel.weight_backward(d)
        return dx


def _silenced(weight: Tensor, kernel: Kernel) -> Tensor:
    """After the layer's own cut-off, whose limit the kernel keeps."""
    kernel.limit = limits(weight, kernel.layer.sparsity, kernel.limit)
    return weight if kernel.limit is None else survivors(weight, weight, kernel.limit)


def _weight_gradient(x: Tensor, dy: Tensor, weight: Tensor, out: Tensor | None) -> Tensor:
    """``dyᵀ x (R, N_out, N_in)``, laid out as the weight; into ``out`` if there is one."""
    if weight.mT.is_contiguous():
        return multiply(x.mT, dy).mT
    return multiply(dy.mT, x, out)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over the networks of each one's mean cross-entropy: ``(R, B, classes)`` and ``(R, B)``."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / labels.shape[1]
