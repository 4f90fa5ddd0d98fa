"""A control without a spectrum: weights share a few trained numbers at random (SPEC 9)."""

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear, draw_normal, on_device_of
from spectral_repro.layers.glorot import glorot_variance


class HashedLinear(ReparametrizedLinear):
    """``w_ij = ξ_ij h[k(i, j)]`` with random, frozen buckets ``k`` and signs ``ξ = ±1`` (Chen et al., HashedNets).

    Parameters (trained): ``h (K)``, ``K = multiple · (N_in + N_out)``, ``bias (N_out)``.
    Buffers: ``bucket (N_out, N_in)``, ``sign (N_out, N_in)``.

    Weights tie, so that a cut-off silences all of a bucket or none: not an exact share.

    Args:
        multiple: of ``N_in + N_out``, above 0; ``K`` is at least 1 and at most ``N_in · N_out``.

    Raises:
        ValueError: if ``multiple`` is not above 0.
    """

    h: Tensor
    bucket: Tensor
    sign: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        multiple: float = 1.0,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, device, dtype)
        if not multiple > 0:
            raise ValueError(f"multiple={multiple}: must be above 0")
        self.buckets = max(1, min(round(multiple * (in_features + out_features)), in_features * out_features))
        self.initialize(generator, frozen=("bucket", "sign"))

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        shape, where = (self.out_features, self.in_features), {"generator": generator, **on_device_of(generator)}
        std = glorot_variance(self.in_features, self.out_features) ** 0.5
        sign = torch.randint(2, shape, dtype=torch.float64, **where)
        return {
            "h": draw_normal(1, self.buckets, std, generator)[0],
            "bucket": torch.randint(self.buckets, shape, **where),
            "sign": 2 * sign - 1,
        }

    def dense_weight(self) -> Tensor:
        return self.h.gather(-1, self.bucket.flatten(-2)).view_as(self.sign) * self.sign

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, buckets={self.buckets}"
