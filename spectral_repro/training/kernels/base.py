"""What a kernel is; by itself it computes by the layer's plain formula and torch's autograd."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from spectral_repro.layers import ReparametrizedLinear
from spectral_repro.training.kernels.cost import prefers_factors


class Kernel:
    """One layer of a stack of ``R`` networks in training: what is computed forward is kept until it went backward.

    Either ``W`` is built (``weight``, ``weight_backward``), or the layer is applied in factored form (Eq. 3) where
    that costs less (``factored``, ``factored_backward``). Neither knows the bias.

    Args:
        layer: of a stack, its parameters ``(R, …)``.
        gradients: by name of a trained parameter, where its gradient is written.
    """

    def __init__(self, layer: ReparametrizedLinear, gradients: Mapping[str, Tensor]) -> None:
        self.layer, self.gradients = layer, gradients
        self._forms: dict[tuple[int, bool, bool], bool] = {}
        self._kept: Any = None
        #: Of the last cut-off ``(R)``, or None if it silenced nothing.
        self.limit: Tensor | None = None

    @property
    def entries(self) -> Tensor | None:
        """Where the gradient of ``W`` itself may be written, if its entries are the parameter."""
        return None

    def frozen_factor(self) -> Tensor | None:
        """``F (R, N_in, M)`` of which ``x F`` never changes during training, or None if there is none."""
        return None

    def prefers_factors(self, rows: int, input_grad: bool, product: bool) -> bool:
        """Whether the factored form is the cheaper one for ``rows`` inputs a network."""
        form = rows, input_grad, product
        if form not in self._forms:
            self._forms[form] = prefers_factors(self.layer, *form)
        return self._forms[form]

    def weight(self) -> Tensor:
        """``W (R, N_out, N_in)`` before any cut-off."""
        with torch.enable_grad():
            self._kept = self.layer.dense_weight()
        return self._kept.detach()

    def weight_backward(self, d_weight: Tensor) -> None:
        """Writes the gradients of all parameters but the bias, from that of ``W``."""
        self._write(torch.autograd.grad(self._take(), self._leaves(), d_weight))

    def factored(self, x: Tensor, product: Tensor | None, input_grad: bool) -> Tensor:
        """``x Wᵀ (R, B, N_out)`` in memory of its own for ``x (R, B, N_in)``; ``product`` is ``x F`` if known."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(input_grad)
            self._kept = x, self.layer.apply_factored(x)
        return self._kept[1].detach().clone(memory_format=torch.contiguous_format)  # which the caller writes over

    def factored_backward(self, dy: Tensor, input_grad: bool) -> Tensor | None:
        """Writes the gradients as ``weight_backward`` does, and returns that of ``x`` if it is needed."""
        x, y = self._take()
        leaves = self._leaves()
        found = torch.autograd.grad(y, [*leaves, *[x] * input_grad], dy)
        self._write(found[: len(leaves)])
        return found[-1].contiguous() if input_grad else None

    def _take(self) -> Any:
        """What was kept, which is no longer."""
        kept, self._kept = self._kept, None
        return kept

    def _leaves(self) -> list[Tensor]:
        parameters = dict(self.layer.named_parameters())
        return [parameters[name] for name in self.gradients if name != "bias"]

    def _write(self, found: Sequence[Tensor]) -> None:
        for name, value in zip((n for n in self.gradients if n != "bias"), found, strict=True):
            self.gradients[name].copy_(value)
