"""Training in direct space: every weight is a parameter."""

import math

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear, draw_start


class DirectLinear(ReparametrizedLinear):
    """``nn.Linear`` with the adaptive cut-off and Glorot-uniform start values (Keras' default).

    A silenced weight gets no gradient: it can come back only on the optimizer's momentum.

    Parameters (trained): ``dense (N_out, N_in)``, ``bias (N_out)``.

    Args:
        train_weight: whether the layer is trained; if not, ``dense`` is a buffer, and there is no bias (SPEC 9: random
            features).
    """

    dense: Tensor
    entries = "dense"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        train_weight: bool = True,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias and train_weight, sparsity, device, dtype)
        self.initialize(generator, frozen=() if train_weight else ("dense",))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        bound = math.sqrt(6 / (self.in_features + self.out_features))
        entries = draw_start((-bound, bound), self.in_features * self.out_features, generator)
        return {"dense": entries.view(self.out_features, self.in_features)}

    def dense_weight(self) -> Tensor:
        return self.dense
